"""The two services of the demo, each in a process session of its own, so that it can be ended whole."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

_BIN = Path(sys.executable).parent
_GRACE_SECONDS = (
    5  # longer than Airflow's parts take; its parent process waits for them in vain and is killed
)


class DemoError(RuntimeError):
    """The demo cannot go on; the message says why and what to do."""


@dataclass
class Service:
    """A started program; its process session holds every child it made."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def require_alive(self) -> None:
        """:raises DemoError: with the end of its log when it has ended."""
        if self.process.poll() is not None:
            raise DemoError(
                f"{self.name} ended with exit code {self.process.returncode}. The end of {self.log}:\n"
                + _tail(self.log)
            )

    def stop(self) -> None:
        """End the whole session: politely, then for good."""
        stop_session(self.process.pid)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=1)


def start(name: str, command: list[str], *, log: Path, environment: Mapping[str, str]) -> Service:
    """Start ``command`` in a new process session, its output in ``log``."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**_inherited(), **environment},
            start_new_session=True,
        )
    return Service(name, process, log)


def _inherited() -> dict[str, str]:
    """This process's environment without anything that could lead the demo to a real X or a real Airflow."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW", "X_", "TWITTER_"))
    }
    # Airflow starts its components by name.
    return {**kept, "PATH": os.pathsep.join([str(_BIN), kept.get("PATH", "")])}


def session_members(session: int) -> list[int]:
    """The living processes of a session."""
    return [pid for pid in psutil.pids() if _is_member(pid, session)]


def writes_to(pid: int, log: Path) -> bool:
    """Whether a process has ``log`` open."""
    try:
        return any(Path(file.path) == log for file in psutil.Process(pid).open_files())
    except (psutil.Error, OSError):
        return False


def stop_session(session: int) -> None:
    """Send every process of the session SIGTERM, and SIGKILL to what is left after a while."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in session_members(session):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        deadline = time.monotonic() + _GRACE_SECONDS
        while session_members(session):
            if time.monotonic() > deadline:
                break
            time.sleep(0.1)
        else:
            return


@contextlib.contextmanager
def uninterrupted(*signals: signal.Signals) -> Iterator[None]:
    """Let what begins here come to its end: an interruption waits until then.

    The signals are not blocked, which a started service would inherit.

    :raises KeyboardInterrupt: at the end, when one of the signals came meanwhile.
    """
    came: list[int] = []
    previous = {
        number: signal.signal(number, lambda number, _frame: came.append(number)) for number in signals
    }
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt


def wait_until(
    condition: Callable[[], bool], *, seconds: float, what: str, services: list[Service], every: float = 0.2
) -> None:
    """Wait for a condition while the services live.

    :raises DemoError: when a service ends, or after ``seconds``.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        for service in services:
            service.require_alive()
        if time.monotonic() > deadline:
            logs = "\n".join(f"--- {service.log}:\n{_tail(service.log)}" for service in services)
            raise DemoError(f"waited {seconds:.0f} s in vain: {what}.\n{logs}")
        time.sleep(every)


def free_port(preferred: int | None = None) -> int:
    """``preferred`` if nobody listens there, else any free port."""
    for port in (preferred, 0):
        if port is None:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            number: int = probe.getsockname()[1]
            return number
    raise DemoError("no free port on 127.0.0.1; close what is listening and try again")


def tool(name: str) -> str:
    """A console script of the environment this runs in."""
    return str(_BIN / name)


def _is_member(pid: int, session: int) -> bool:
    try:
        return os.getsid(pid) == session and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):
        return False


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
