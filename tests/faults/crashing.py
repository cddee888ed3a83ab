"""Processes that die at a chosen step: a server that has imported everything forks one for each, in milliseconds."""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from worldclock import GONE, RUNNING, SharedTime, WorldClock

IN_AIRFLOW = ("trigger", "work")
"""Lives that need Airflow, whose import takes seconds."""
LONGEST_SECONDS = 60.0
"""A process that takes longer hangs."""


@dataclass(frozen=True)
class Life:
    """One process to be started.

    :param do: ``run_dag``, ``hand_over``, ``fire_all`` or ``burst`` of the sender; ``trigger`` or ``work`` in
        Airflow, by the machine's clock.
    :param name: the DAG run it works for; for ``fire_all`` the seed of its order, for ``burst`` that of its end.
    :param act: what happens at step ``at``: ``kill``; ``pause`` until all others have ended; or ``cut``, an
        outage by whoever listens at ``world["outage"]``.
    :param named: count only the steps whose name begins so.
    :param but: leave the step of this name out.
    :param kinds: count only steps of these kinds; all when empty.
    :param kill_after: seconds after which it is killed, wherever it is.
    :param skew: seconds by which its clock is ahead of the others'.
    :param delay: seconds of head start that the others get.
    :param after_pause: whether it begins only when all others are paused or gone.
    """

    do: str = "run_dag"
    name: str = "run"
    act: str = "kill"
    at: int | None = None
    named: str = ""
    but: str = ""
    kinds: Sequence[str] = ()
    kill_after: float | None = None
    skew: float = 0.0
    delay: float = 0.0
    after_pause: bool = False


@dataclass
class Death:
    """How a process ended.

    :param how: ``done``, ``killed``, ``failed`` (an exception left it) or ``hung``.
    :param step: the name of the step at which it was killed, paused or cut off.
    :param steps: the names of all steps it counted, unless it was killed.
    :param error: the traceback of a failure.
    """

    how: str
    step: str = ""
    steps: list[str] = field(default_factory=list)
    error: str = ""


class ForkServer:
    """The client's side: starts the server and hands it lives to run.

    :param airflow_home: an Airflow home of the server's and its children's own.
    :param errors: where their standard error goes, and what they print.
    """

    def __init__(self, airflow_home: Path, errors: IO[str] | int = subprocess.DEVNULL) -> None:
        settings = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__))],
            env={**settings, "AIRFLOW_HOME": str(airflow_home)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )

    def get_ready(self, *lives: Life) -> None:
        """Import what these lives need, which may take longer than the posts have time."""
        if any(life.do in IN_AIRFLOW for life in lives):
            self._ask({"import_airflow": True})

    def new_world(self) -> None:
        """Set the world's time back to the machine's."""
        self._ask({"new_world": True})

    def run(self, world: dict[str, Any], *lives: Life) -> list[Death]:
        """Run some processes at once, until all have ended."""
        answer = self._ask({"world": world, "lives": [asdict(life) for life in lives]})
        return [Death(**death) for death in answer]

    def close(self) -> None:
        """End the server."""
        with suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]
        self._process.wait(timeout=10)

    def _ask(self, request: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the fork server ended with status {self._process.wait()}")
        return json.loads(answer)


class _Server:
    """The server's side; it holds no connection, so that none crosses a fork."""

    def __init__(self) -> None:
        # Whatever a child needs is imported here, once; what the product imports late is most of a child's work.
        import psycopg  # noqa: F401
        import requests_oauthlib  # noqa: F401
        import sender  # noqa: F401
        import sqlalchemy.dialects.postgresql.psycopg
        import sqlalchemy.dialects.sqlite.pysqlite  # noqa: F401

        from x_provider.text.entities import twitter_text

        twitter_text()
        self._time = SharedTime()
        # What Airflow prints must not stand among the answers.
        self._answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        gc.freeze()

    def serve(self) -> None:
        # readline, since iterating would read ahead into what the children inherit.
        while line := sys.stdin.readline():
            request = json.loads(line)
            answer: Any = True
            if "import_airflow" in request:
                import in_airflow  # noqa: F401

                gc.freeze()
            elif "new_world" in request:
                self._time.reset()
            else:
                answer = self._run(request["world"], [Life(**life) for life in request["lives"]])
            print(json.dumps(answer), file=self._answers, flush=True)

    def _run(self, world: dict[str, Any], lives: list[Life]) -> list[dict[str, Any]]:
        self._time.enter(len(lives))
        selector = selectors.DefaultSelector()
        children: list[_Child] = []

        def start(slot: int, life: Life) -> None:
            self._time.set(slot, RUNNING)
            children.append(_Child(slot, life, world, self._time))
            selector.register(children[-1].pipe, selectors.EVENT_READ, children[-1])

        later = [(slot, life) for slot, life in enumerate(lives) if life.after_pause]
        for slot, life in enumerate(lives):
            if not life.after_pause:
                start(slot, life)
        for slot, _ in later:
            self._time.set(slot, GONE)
        deadline = time.monotonic() + LONGEST_SECONDS
        while (alive := [child for child in children if child.death is None]) or later:
            if all(child.paused for child in alive):
                if later:
                    start(*later.pop())
                    continue
                alive[0].resume()
            for key, _ in selector.select(_until_next_kill(alive)):
                if key.data.hear():
                    selector.unregister(key.data.pipe)
                    self._time.set(key.data.slot, GONE)
            now = time.monotonic()
            for child in alive:
                if child.kill_at is not None and child.kill_at <= now:
                    child.kill("killed")
                elif now > deadline:
                    child.kill("hung")
        selector.close()
        in_order = sorted(children, key=lambda child: child.slot)
        return [asdict(child.death) for child in in_order if child.death is not None]


def _until_next_kill(alive: list[_Child]) -> float:
    instants = [child.kill_at for child in alive if child.kill_at is not None]
    return max(0.0, min(instants) - time.monotonic()) if instants else 1.0


class _Child:
    """A process that was forked, as the server sees it."""

    def __init__(self, slot: int, life: Life, world: dict[str, Any], shared: Any) -> None:
        self.slot = slot
        self.death: Death | None = None
        self.paused = False
        self.kill_at = None if life.kill_after is None else time.monotonic() + life.kill_after
        self._step = ""
        self._last: dict[str, Any] = {}
        self._killed = "killed"
        self._heard = b""
        reading, writing = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(reading)
            _live(life, world, shared, slot, writing)
        os.close(writing)
        self.pipe = reading

    def hear(self) -> bool:
        """Read what the child says; True when it has ended."""
        said = os.read(self.pipe, 1 << 16)
        self._heard += said
        *lines, self._heard = self._heard.split(b"\n")
        for line in lines:
            self._last = json.loads(line)
            self._step = self._last.get("step", self._step)
            if self._last.get("paused"):
                os.waitpid(self._pid, os.WUNTRACED)
                self.paused = True
        if said:
            return False
        os.close(self.pipe)
        _, status = os.waitpid(self._pid, 0)
        killed = os.WIFSIGNALED(status)
        if killed:
            self.death = Death(self._killed, self._step)
        else:
            self.death = Death(
                self._last.get("how", "failed"),
                self._step,
                self._last.get("steps", []),
                self._last.get("error", ""),
            )
        return True

    def kill(self, how: str) -> None:
        """End it where it is."""
        self._killed = how
        self.kill_at = None
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)

    def resume(self) -> None:
        """Let it go on after its pause."""
        self.paused = False
        os.kill(self._pid, signal.SIGCONT)


def _live(life: Life, world: dict[str, Any], shared: Any, slot: int, pipe: int) -> None:
    """The child's whole life."""
    from boundaries import KINDS, Boundaries
    from sender import Sender

    def say(**words: Any) -> None:
        os.write(pipe, json.dumps(words).encode() + b"\n")

    def kill(step: str) -> None:
        say(step=step)
        os.kill(os.getpid(), signal.SIGKILL)
        signal.pause()

    def pause(step: str) -> None:
        shared.set(slot, GONE)
        say(step=step, paused=True)
        os.kill(os.getpid(), signal.SIGSTOP)
        shared.set(slot, RUNNING)

    def cut(step: str) -> None:
        say(step=step)
        with socket.create_connection(("127.0.0.1", world["outage"])) as outage:
            outage.recv(1)  # the outage has begun

    # What the ledger is asked to do in vain ends soon enough for a test.
    _shorten_waits(world)
    steps = Boundaries(
        {"kill": kill, "pause": pause, "cut": cut}[life.act],
        at=life.at,
        named=life.named,
        but=life.but,
        kinds=tuple(life.kinds) or KINDS,
        creating=shared.creating,
    )
    try:
        clock = WorldClock(
            shared, slot, world["x"], skew=life.skew, x_skew=world["x_skew"], patience=world["patience"]
        )
        time.sleep(life.delay)
        steps.watch()
        if life.do in IN_AIRFLOW:
            import in_airflow

            in_airflow.LIVES[life.do](world)
        else:
            getattr(Sender(world, clock), life.do)(life.name)
        say(how="done", steps=steps.names)
    except BaseException:
        say(how="failed", error=traceback.format_exc()[-6000:])
    finally:
        os._exit(0)


def _shorten_waits(world: dict[str, Any]) -> None:
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    if world["lock_timeout"] is None:
        return

    @event.listens_for(Engine, "do_connect")
    def connecting(dialect: Any, _record: Any, _arguments: Any, parameters: dict[str, Any]) -> None:
        if dialect.name == "sqlite":
            parameters["timeout"] = world["lock_timeout"]


if __name__ == "__main__":
    _Server().serve()
