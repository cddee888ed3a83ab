"""What decoders do at their worst; the tests have child processes do it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def crash(path: Path) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def never_end(path: Path) -> None:
    while True:
        pass


def fill(path: Path, *, mebibytes: int) -> int:
    return len(bytearray(mebibytes << 20))


def write(path: Path, *, size: int) -> int:
    return path.write_bytes(bytes(size))


def environment(path: Path) -> dict[str, str]:
    return dict(os.environ)


def length(path: Path, *, of: str) -> int:
    return len(of)


def say_and_wait(path: Path) -> None:
    with path.open("w") as said:
        said.write(f"{os.getpid()}\n")
        said.flush()
        time.sleep(100)
