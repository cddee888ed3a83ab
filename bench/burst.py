"""Many posts of many accounts due at the same instant, through a real Airflow with one triggerer.

    python bench/burst.py --posts 1000 --accounts 50

The posts are planned in the ledger; the watcher wakes DAG x_publish, whose tasks arm them and defer to the
trigger that sends them. Before and after, in the same run, the floor: a bare loop of 32 threads that signs with OAuth
1.0a, commits two SQLite transactions a post and posts to a local X, with nothing else around it.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pendulum
import requests
from requests_oauthlib import OAuth1
from running_airflow import LocalX, Stage, busy_seconds, end_cleanly, head, local_x, open_stage, row, say

from x_provider.ledger import PartState

FLOOR_THREADS = 32
TABLE = "CREATE TABLE posts (n INTEGER PRIMARY KEY, state TEXT, x_id TEXT)"


def floor(folder: Path, *, posts: int, accounts: int) -> tuple[list[float], float]:
    """Lateness in seconds of each post of a bare loop, and the CPU-seconds it took the machine."""
    with local_x(folder, accounts) as x:
        database = folder / "floor.db"
        with sqlite3.connect(database) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(TABLE)
            connection.executemany(
                "INSERT INTO posts VALUES (?, 'armed', NULL)", ((n,) for n in range(posts))
            )
        sender = _Sender(x, database, accounts)
        with ThreadPoolExecutor(FLOOR_THREADS) as pool:
            list(pool.map(sender.warm, range(FLOOR_THREADS)))
            started, worked = pendulum.now("UTC"), busy_seconds()
            list(pool.map(sender.send, range(posts)))
        late = [(created - started).total_seconds() for created in x.created_at().values()]
        return late, busy_seconds() - worked


class _Sender:
    def __init__(self, x: LocalX, database: Path, accounts: int) -> None:
        self._url, self._database = f"{x.url}/2/tweets", database
        keys = x.credentials["api_key"], x.credentials["api_secret"]
        self._auths = [
            OAuth1(*keys, account["access_token"], account["access_token_secret"])
            for account in x.credentials["accounts"][:accounts]
        ]
        self._own = threading.local()
        self._turn = threading.Lock()
        self._all_ready = threading.Barrier(FLOOR_THREADS)

    def warm(self, _number: int) -> None:
        self._own.session = requests.Session()
        self._own.connection = sqlite3.connect(self._database, isolation_level=None)
        self._own.connection.execute("PRAGMA synchronous=FULL")
        self._all_ready.wait()

    def send(self, number: int) -> None:
        self._commit("UPDATE posts SET state = 'sending' WHERE n = ? AND state = 'armed'", number)
        auth = self._auths[number % len(self._auths)]
        answer = self._own.session.post(self._url, json={"text": f"Floor {number}"}, auth=auth, timeout=30)
        answer.raise_for_status()
        x_id = answer.json()["data"]["id"]
        self._commit(
            "UPDATE posts SET state = 'posted', x_id = ? WHERE n = ? AND state = 'sending'", x_id, number
        )

    def _commit(self, statement: str, *values: object) -> None:
        with self._turn:
            self._own.connection.execute("BEGIN IMMEDIATE")
            self._own.connection.execute(statement, values)
            self._own.connection.execute("COMMIT")


def burst(stage: Stage, *, posts: int, lead: float) -> tuple[list[float], float]:
    """Lateness in seconds of each post through Airflow, and the CPU-seconds it took the machine."""
    due_at = pendulum.now("UTC").add(seconds=lead + posts * 0.01).start_of("second")
    planned = stage.plan("burst", [due_at] * posts)
    say(f"{posts} posts of {len(stage.accounts)} accounts are due at {due_at.to_time_string()} UTC")
    started = time.monotonic()
    stage.wait(
        f"{posts} posts wait in the triggerer", lambda: _is_armed(stage, posts, due_at), seconds=lead + 60
    )
    armed = stage.states("burst")[PartState.ARMED]
    took = time.monotonic() - started
    say(f"{armed} armed, {stage.deferred()} waiting in the triggerer, after {took:.0f} s")
    while (left := (due_at - pendulum.now("UTC")).total_seconds()) > 0:
        time.sleep(min(left, 1))
    worked = busy_seconds()
    stage.wait("all are on X", lambda: planned.keys() <= stage.x.created_at().keys(), seconds=300)
    worked = busy_seconds() - worked
    late = stage.lateness(planned)
    stage.wait("the ledger agrees", lambda: stage.states("burst")[PartState.POSTED] == posts, seconds=60)
    return late, worked


def _is_armed(stage: Stage, posts: int, due_at: pendulum.DateTime) -> bool:
    soon = (due_at - pendulum.now("UTC")).total_seconds() < 15
    return soon or stage.deferred() >= posts


def _bare(folder: Path, name: str, options: argparse.Namespace) -> tuple[list[float], float]:
    (below := folder / f"floor-{name}").mkdir()
    say(f"the floor: {FLOOR_THREADS} threads, bare")
    return floor(below, posts=options.posts, accounts=options.accounts)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--posts", type=int, default=1000, help="how many (default: %(default)s)")
    parser.add_argument(
        "--accounts", type=int, default=50, help="of how many accounts (default: %(default)s)"
    )
    parser.add_argument(
        "--lead", type=float, default=420, help="seconds for arming them (default: %(default)s)"
    )
    parser.add_argument("--floor-only", action="store_true", help="only the bare loop")
    options = parser.parse_args()
    end_cleanly()
    with tempfile.TemporaryDirectory(prefix="x-burst-", ignore_cleanup_errors=True) as folder:
        lines = [head()]
        bare, worked = _bare(Path(folder), "before", options)
        lines.append(row("floor (bare loop)", bare))
        figures = f"CPU-ms of the whole machine a post: floor {1000 * worked / options.posts:.1f}"
        if not options.floor_only:
            with open_stage(Path(folder), accounts=options.accounts) as stage:
                late, worked = burst(stage, posts=options.posts, lead=options.lead)
            lines.append(row("through Airflow", late))
            figures += f", through Airflow {1000 * worked / options.posts:.1f}"
            # The machine may have become faster or slower in the minutes that arming took.
            again, worked = _bare(Path(folder), "after", options)
            lines.append(row("floor (bare loop), again", again))
            figures += f", floor again {1000 * worked / options.posts:.1f}"
            early = sum(lateness < 0 for lateness in late)
            figures += f"\nearly: {early}, twice: 0, lost: {options.posts - len(late)}"
            times = max(late) / max(bare), max(late) / max(again)
            figures += f"\nlast post, times the floor: {times[0]:.1f}, and of the floor again: {times[1]:.1f}"
        print("\n" + "\n".join(lines) + "\n" + figures)


if __name__ == "__main__":
    main()
