"""Which demo runs in a directory, and what a killed one left running there."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from x_demo.services import DemoError, Service, session_members, stop_session, writes_to


@dataclass
class RunningDemo:
    """The one demo that may run in ``directory``; a context in which no other can.

    The lock tells whether a demo lives, and dies with it; the record tells what it started.

    :param directory: where each demo keeps its data and logs.
    """

    directory: Path
    _lock: int = field(init=False, repr=False)

    def __enter__(self) -> RunningDemo:
        """:raises DemoError: when another demo runs here, which is left alone."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise DemoError(self._occupied()) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._record.unlink()
        os.close(self._lock)

    def remember(self, services: list[Service], links: list[str]) -> None:
        """Write down what runs, for the next demo should this one be killed, and for whoever starts a second."""
        fresh = self._record.with_suffix(".new")
        fresh.touch(mode=0o600)  # the links have the password in them
        fresh.write_text(
            json.dumps(
                {
                    "pid": os.getpid(),
                    "links": links,
                    "services": [
                        {"name": service.name, "session": service.process.pid, "log": str(service.log)}
                        for service in services
                    ],
                },
                indent=2,
            )
        )
        fresh.replace(self._record)

    def stop_leftovers(self) -> list[str]:
        """End the services of a demo that was killed before it could end them itself.

        :returns: the names of what was still running.
        """
        ended = []
        for left in self._read().get("services", []):
            with contextlib.suppress(KeyError, TypeError, ValueError):
                name, session, log = str(left["name"]), int(left["session"]), Path(left["log"])
                # The number may have been given to somebody else since: only who writes to the demo's log is its.
                if any(writes_to(pid, log) for pid in session_members(session)):
                    stop_session(session)
                    ended.append(name)
        return ended

    @property
    def _record(self) -> Path:
        return self.directory / "running.json"

    def _read(self) -> dict[str, list[dict[str, object]]]:
        try:
            found = json.loads(self._record.read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) and isinstance(found.get("services"), list) else {}

    def _occupied(self) -> str:
        found = self._read()
        links = "".join(f"\n  {link}" for link in found.get("links", []))
        return (
            f"another demo runs in {self.directory} (process {found.get('pid', 'unknown')}).{links}\n"
            "End it with Ctrl-C in its terminal, or give this one a --directory of its own"
        )
