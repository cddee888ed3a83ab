"""Faults, one a post, and the processes they strike: the common ground of ``rivals.py``."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "harness"))

from sandbox_server import SandboxServer

TIMEOUT_SECONDS = 2.0
DELAY_SECONDS = 2.8

FAULTS: Mapping[str, Mapping[str, Any]] = {
    "dropped before the commit": {"kind": "drop_before_commit"},
    "dropped after the commit": {"kind": "drop_after_commit"},
    "503 after the commit": {"kind": "status_after_commit", "status": 503},
    "answered after the time-out": {"kind": "delay_after", "seconds": DELAY_SECONDS},
    "done after the time-out": {"kind": "delay_before", "seconds": DELAY_SECONDS},
    "429": {"kind": "status", "status": 429},
    "401 for a moment": {"kind": "outage_401"},
    "killed before the request": {"kill": "before"},
    "killed during the request": {"kind": "delay_after", "seconds": DELAY_SECONDS, "kill": "during"},
    "killed before the receipt": {"kill": "after"},
}


@dataclass(frozen=True)
class Post:
    """One text or a thread, and what goes wrong while it is sent.

    :param part: the part, from 0, that the fault strikes.
    """

    number: int
    texts: tuple[str, ...]
    fault: str
    part: int


def draw(number: int, seed: int) -> list[Post]:
    """The posts and their faults: texts and threads of three by turns, every fault as often as every other."""
    chance = random.Random(seed)
    faults = list(itertools.islice(itertools.cycle(FAULTS), number))
    chance.shuffle(faults)
    posts = []
    for index, fault in enumerate(faults):
        parts = 3 if chance.random() < 0.5 else 1
        texts = tuple(f"Post {index}, part {part + 1} of {parts}" for part in range(parts))
        posts.append(Post(index, texts, fault, chance.randrange(parts)))
    return posts


@dataclass(frozen=True)
class Ended:
    """How one try ended: with a result, with an error, or (both None) killed."""

    result: Any = None
    error: str | None = None


@dataclass(frozen=True)
class Armed:
    """A post's fault, waiting for its request.

    :param kill: when the process is killed, if it is: ``before``, ``during`` or ``after`` the request.
    :param id: the sandbox's fault, if there is one.
    """

    sandbox: SandboxServer
    kill: str | None
    part: int
    id: str | None

    def is_applied(self) -> bool:
        """Whether the sandbox has met it."""
        known = self.sandbox.get("/_sandbox/faults")["faults"]
        return any(fault["id"] == self.id and fault["applied"] for fault in known)

    def has_struck(self, ended: Ended) -> bool:
        """Whether it happened, in this try or before."""
        return ended == Ended() if self.kill else self.is_applied()


def arm(sandbox: SandboxServer, account: int, post: Post) -> Armed:
    """Let the post's fault wait for its part's first request."""
    described = {name: value for name, value in FAULTS[post.fault].items() if name != "kill"}
    if described.get("status") == 429:
        reset = str(int(time.time()) + 2)
        window = {"limit": "100", "remaining": "0", "reset": reset}
        described["headers"] = {f"x-rate-limit-{name}": value for name, value in window.items()}
    fault = None
    if described:
        user = sandbox.accounts[account]["username"]
        which = {"account": user, "method": "POST", "path": "/2/tweets", "skip": post.part}
        fault = sandbox.post("/_sandbox/faults", {**described, **which})["id"]
    return Armed(sandbox, FAULTS[post.fault].get("kill"), post.part, fault)


def try_once(attempt: Callable[[], Any], fault: Armed | None) -> Ended:
    """One try in a process of its own, which the fault may kill."""
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe()
    process = fork.Process(target=_child, args=(theirs, attempt, fault))
    process.start()
    theirs.close()
    if fault and fault.kill == "during":
        while process.is_alive() and not fault.is_applied():
            time.sleep(0.01)
        process.kill()
    try:
        ended: Ended = ours.recv()
    except EOFError:
        ended = Ended()
    process.join()
    return ended


def _child(answer: Connection, attempt: Callable[[], Any], fault: Armed | None) -> None:
    if fault and fault.kill in ("before", "after"):
        _die(fault.kill, fault.part)
    try:
        ended = Ended(attempt())
    except Exception as error:
        ended = Ended(error=f"{type(error).__name__}: {error}")
    answer.send(ended)


def _die(moment: str, part: int) -> None:
    """Kill this process before its create of that part leaves, or when it is answered; all use ``requests``."""
    untouched, creates = HTTPAdapter.send, itertools.count()

    def deadly(adapter: HTTPAdapter, request: Any, **options: Any) -> Any:
        is_create = (request.method, urlsplit(request.url).path) == ("POST", "/2/tweets")
        is_last = is_create and next(creates) == part
        if is_last and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        response = untouched(adapter, request, **options)
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)
        return response

    HTTPAdapter.send = deadly  # type: ignore[method-assign, assignment]
