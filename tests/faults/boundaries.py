"""The steps of a process: each SQL statement, commit and stretch of an HTTP exchange, in order and with a name.

Between two neighbouring steps a process does nothing that anybody outside it could see, so that dying before each
of them, and after the last, is dying everywhere.
"""

from __future__ import annotations

import os
import re
import select
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy.engine
import urllib3.connection
from sqlalchemy import event
from sqlalchemy.engine.default import DefaultDialect

KINDS = ("statement", "commit", "committed", "http")
OUTSIDE = ("committed", "http")
"""Between two of these nothing changes that outlives the process: statements vanish with it unless committed."""

_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE)\s+(\w+)", re.IGNORECASE)
_IDS = re.compile(r"/\d{5,}")
_LEDGER = f"{Path('x_provider', 'ledger')}/"
_ANSWER_SECONDS = 5.0


class Boundaries:
    """Counts what this process does to the world and calls ``act`` once, at one of those steps.

    :param at: act at the at-th step, from 1; None never acts.
    :param named: count only the steps whose name begins so.
    :param but: leave the step of this name out.
    :param kinds: count only steps of these ``KINDS``.
    :param act: told the step's name.
    :param creating: told when the request that creates a post is about to leave.
    """

    def __init__(
        self,
        act: Callable[[str], None],
        *,
        at: int | None = None,
        named: str = "",
        but: str = "",
        kinds: tuple[str, ...] = KINDS,
        creating: Callable[[], None] = lambda: None,
    ) -> None:
        self.names: list[str] = []
        self._act = act
        self._at = at
        self._named = named
        self._but = but
        self._kinds = kinds
        self._creating = creating
        self._lock = threading.Lock()

    def reach(self, kind: str, name: str, *, first: Callable[[], Any] | None = None) -> None:
        """Be at a step; ``first`` is done before acting there."""
        with self._lock:
            if kind not in self._kinds or not name.startswith(self._named) or name == self._but:
                return
            self.names.append(name)
            if len(self.names) == self._at:
                if first is not None:
                    first()
                self._act(name)

    def watch(self) -> None:
        """Count from now on, for as long as the process lives."""
        self._watch_sql()
        self._watch_http()

    def _watch_sql(self) -> None:
        engine = sqlalchemy.engine.Engine
        do_commit = DefaultDialect.do_commit

        @event.listens_for(engine, "before_cursor_execute")
        def before(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            self.reach("statement", f"before {_statement(statement)}")

        def commit(dialect: DefaultDialect, connection: Any) -> None:
            self.reach("commit", f"before the commit of {_move()}")
            do_commit(dialect, connection)
            self.reach("committed", f"after the commit of {_move()}")

        DefaultDialect.do_commit = commit  # type: ignore[method-assign]
        to_disk = "fdatasync" if hasattr(os, "fdatasync") else "fsync"
        flush = getattr(os, to_disk)

        def flushing(file: int) -> None:
            self.reach("statement", f"before the flush of {_move()}")
            flush(file)

        setattr(os, to_disk, flushing)

    def _watch_http(self) -> None:
        http: Any = urllib3.connection.HTTPConnection
        putrequest, connect, send, getresponse = http.putrequest, http.connect, http.send, http.getresponse

        def remembering(connection: Any, method: str, url: str, *rest: Any, **more: Any) -> None:
            connection.line = f"{method} {_IDS.sub('/{id}', url.partition('?')[0])}"
            connection.sends = 0
            putrequest(connection, method, url, *rest, **more)

        def connecting(connection: Any) -> None:
            self.reach("http", f"before connecting for {getattr(connection, 'line', 'later')}")
            connect(connection)

        def sending(connection: Any, content: Any) -> None:
            if connection.line == "POST /2/tweets":
                self._creating()
            piece = "body" if connection.sends else "head"
            connection.sends += 1
            self.reach("http", f"before the {piece} leaves: {connection.line}")
            send(connection, content)

        def answering(connection: Any) -> Any:
            self.reach("http", f"request sent: {connection.line}")
            self.reach(
                "http",
                f"answer arrived, not read: {connection.line}",
                first=lambda: select.select([connection.sock], [], [], _ANSWER_SECONDS),
            )
            answer = getresponse(connection)
            self.reach("http", f"answer read: {connection.line}")
            return answer

        http.putrequest, http.connect, http.send, http.getresponse = (
            remembering,
            connecting,
            sending,
            answering,
        )


def _statement(statement: str) -> str:
    table = _TABLE.search(statement)
    words = statement.split(None, 1)[0] if table else " ".join(statement.split()[:2])
    return f"{words}{f' {table.group(1)}' if table else ''} in {_move()}"


def _move() -> str:
    """The ledger's method that was called, as ``file.method``, and for how many others it is done in one go."""
    called, others = "the ledger", 0
    frame = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if _LEDGER in code.co_filename and not code.co_filename.endswith("database.py"):
            called = f"{Path(code.co_filename).stem}.{code.co_name}"
            if called == "together._write_all":
                others = len(frame.f_locals["taken"]) - 1
        frame = frame.f_back  # type: ignore[assignment]
    return f"{called} with {others} others" if others > 0 else called
