"""Processes that refresh one account's tokens, forked from one that has imported everything; run as a script.

It reads a line of JSON for each group of processes and answers with what became of each: its token and state.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "faults"))

import pendulum
import psycopg  # noqa: F401  # whatever a child needs is imported here, once
import sqlalchemy.dialects.postgresql.psycopg
import sqlalchemy.dialects.sqlite.pysqlite  # noqa: F401
from boundaries import Boundaries

from x_provider.accounts import Seed, TokenKeeper
from x_provider.client import OAuth2User, XClient, transport  # noqa: F401  (as above)
from x_provider.client.oauth2 import OAuth2App
from x_provider.ledger import Ledger, Sealer


def keeper_of(world: dict[str, Any]) -> TokenKeeper:
    """The keeper that a process of this world has, by a clock that is ``ahead`` seconds ahead.

    Its connection may hold a ``seed``.
    """
    return TokenKeeper(
        Ledger(world["ledger"]),
        Sealer([world["key"]], name="the test"),
        OAuth2App(*world["client"], base_url=world["x"]),
        account=world["account"],
        clock=lambda: pendulum.now("UTC").add(seconds=world["ahead"]),
        seed=Seed(world["seed"]) if "seed" in world else None,
    )


def live(world: dict[str, Any], start: int, pipe: int) -> None:
    """One process: wait for the start, then act on X; killed at step ``at``, if it is given one.

    One that ``stays`` is there when the account is logged out, and X refuses it its token then.
    """

    def die(step: str) -> None:
        os.write(pipe, json.dumps({"killed": step}).encode())
        os.kill(os.getpid(), signal.SIGKILL)
        signal.pause()

    steps = Boundaries(die, at=world.get("at"))
    try:
        keeper = keeper_of(world)
        select.select([start], [], [])
        steps.watch()
        begun = time.monotonic()
        token = keeper.access()
        seconds = time.monotonic() - begun
        answer: dict[str, Any] = {"token": token, "seconds": seconds, "steps": steps.names}
        if world.get("acts"):
            client = XClient(world["x"], OAuth2User(keeper.access, identity=keeper.identity))
            answer["user"] = client.me().username
        if world.get("stays"):
            ledger = Ledger(world["ledger"])
            while ledger.tokens.find(world["account"]) is not None:
                time.sleep(0.02)
            keeper.renew(token)
    except BaseException as error:
        answer = {"error": type(error).__name__, "words": str(error)}
    os.write(pipe, json.dumps(answer).encode())
    os._exit(0)


def run(world: dict[str, Any]) -> list[dict[str, Any]]:
    """So many processes at once; what each said last."""
    start, go = os.pipe()
    children = []
    for _ in range(world.get("count", 1)):
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            os.close(go)
            live(world, start, writing)
        os.close(writing)
        children.append((pid, reading))
    os.close(start)
    os.close(go)  # all of them see that end
    answers = []
    for pid, reading in children:
        said = b""
        while piece := os.read(reading, 1 << 16):
            said += piece
        os.close(reading)
        os.waitpid(pid, 0)
        answers.append(json.loads(said))
    return answers


if __name__ == "__main__":
    while line := sys.stdin.readline():
        sys.stdout.write(json.dumps(run(json.loads(line))) + "\n")
        sys.stdout.flush()
