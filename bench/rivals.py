"""Same posts, same faults, same sandbox: scripts with tweepy and Airflow's retries beside this provider's engine.

    python bench/rivals.py --posts 200

Half of the posts are texts, half are threads of three. While a post is sent one fault strikes, drawn from a seeded
list: the same for everybody. Two tables: once X refuses the same text a second time, as X usually does, and once it
does not, since X promises neither how long nor by what it compares.

How it is run: every try is a process of its own, forked as Airflow's LocalExecutor does; a kill is a SIGKILL. Airflow
itself is left out, its retries are a plain loop: after a failed or killed try the scripts are tried again, three
times at most, a second later. The engine is fired again when it says so, or at once in a new process after a kill, as
a second triggerer would. Its long waits (10 s until a dead sender's post is looked for, 180 s until one that is not
there counts as absent, 15 min until an account that could not log in is tried again) are not waited out: its clock
is set ahead, after the sandbox has finished what it was doing; the column "skipped" is the most that one post
skipped, in seconds. Everybody times out after two seconds instead of half a minute. The scripts (rival_scripts.py)
have no media, and none is sent.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pendulum
import rival_scripts
import tweepy
from rival_faults import (
    DELAY_SECONDS,
    FAULTS,
    TIMEOUT_SECONDS,
    Ended,
    Post,
    arm,
    draw,
    try_once,
)
from sandbox_server import SandboxServer, start_sandbox

from x_provider.client import OAuth1, Timeouts, XClient
from x_provider.ledger import Ledger, PartState
from x_provider.publishing import Publisher

from drafting import plan_post  # isort: skip

RETRIES = 3
RETRY_DELAY_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 3.0
"""What is longer the engine's clock skips."""
MOST_TRIES = 40


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--posts", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--accounts", type=int, default=8, help="sending side by side (default: %(default)s)")
    options = parser.parse_args()
    posts = draw(options.posts, options.seed)
    logging.getLogger("tweepy").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="tweepy")
    parts = sum(len(post.texts) for post in posts)
    print(f"{len(posts)} posts ({parts} parts), seed {options.seed}, a fault each:\n  {', '.join(FAULTS)}")
    with tempfile.TemporaryDirectory(prefix="x-rivals-") as name:
        sandbox = start_sandbox(Path(name), "--accounts", str(options.accounts))
        try:
            for refuses in (True, False):
                folders = [Path(name) / f"{number}-{refuses}" for number in range(4)]
                for folder in folders:
                    folder.mkdir()
                table(
                    "X refuses the same text a second time" if refuses else "X takes the same text twice",
                    [
                        compete(contestant, sandbox, posts, refuses=refuses)
                        for contestant in contestants(folders)
                    ],
                )
        finally:
            sandbox.stop()


def contestants(folders: Sequence[Path]) -> list[Contestant]:
    """Everybody, each with a folder of their own."""
    return [
        Script("tweepy, retries=3", rival_scripts.plain, folders[0]),
        Script("… and a file of sent ids", rival_scripts.with_state, folders[1]),
        Script("… and a look when X says duplicate", rival_scripts.with_state_and_look, folders[2]),
        Engine("airflow-provider-x", folders[3]),
    ]


def table(title: str, rows: Sequence[Sequence[Any]]) -> None:
    """Print it."""
    heads = ("posts", "faults", "duplicates", "lost", "out of order", "wrong receipts", "seconds", "skipped")
    print(f"\n{title:<40}" + "  ".join(heads))
    for name, *cells in rows:
        print(
            f"{name:<40}" + "  ".join(f"{cell:>{len(head)}}" for head, cell in zip(heads, cells, strict=True))
        )


def compete(
    contestant: Contestant, sandbox: SandboxServer, posts: Sequence[Post], *, refuses: bool
) -> list[Any]:
    """One row of the table: everything of one contestant, the accounts side by side."""
    sandbox.reset()
    sandbox.settings(rate_limits=False, duplicate_window_seconds=86_400 if refuses else 0)
    contestant.prepare(sandbox, posts)
    accounts = len(sandbox.accounts)
    fork = multiprocessing.get_context("fork")
    started = time.monotonic()
    ends = []
    for account in range(accounts):
        ours, theirs = fork.Pipe()
        mine = posts[account::accounts]
        worker = fork.Process(target=_worker, args=(theirs, contestant, sandbox, account, mine))
        worker.start()
        theirs.close()
        ends.append((ours, worker))
    results: dict[int, Any] = {}
    struck, skipped = 0, 0.0
    for ours, worker in ends:
        sent: Sent = ours.recv()
        worker.join()
        results |= sent.results
        struck += sent.struck
        skipped = max(skipped, sent.skipped)
    seconds = time.monotonic() - started
    time.sleep(DELAY_SECONDS)  # what the sandbox may still be doing counts, too
    counts = count(posts, sandbox.posts(), contestant.receipts(posts, results))
    row = [len(posts), struck, counts.duplicates, counts.lost, counts.out_of_order, counts.wrong_receipts]
    return [contestant.name, *row, f"{seconds:.0f}", f"{skipped:.0f}"]


def _worker(
    answer: Connection, contestant: Contestant, sandbox: SandboxServer, account: int, posts: Sequence[Post]
) -> None:
    answer.send(send(contestant, sandbox, account, posts))


@dataclass
class Sent:
    """One worker's report."""

    results: dict[int, Any] = field(default_factory=dict)
    struck: int = 0
    skipped: float = 0.0


def send(contestant: Contestant, sandbox: SandboxServer, account: int, posts: Sequence[Post]) -> Sent:
    """Send an account's posts one after the other, each with its fault."""
    sent = Sent()
    for post in posts:
        fault = arm(sandbox, account, post)
        tries, ahead, struck = 0, 0.0, False
        while True:
            tries += 1
            attempt = partial(contestant.attempt, sandbox, account, post, ahead)
            ended = try_once(attempt, None if struck else fault)
            struck = struck or fault.has_struck(ended)
            again_in = contestant.again_in(ended, tries)
            if again_in is None:
                break
            if again_in > LONGEST_WAIT_SECONDS:
                # What the sandbox was asked must be done before the clock may say that time has passed.
                time.sleep(0 if ahead else DELAY_SECONDS)
                ahead += again_in
            else:
                time.sleep(again_in)
        sent.struck += struck
        sent.results[post.number] = ended.result
        sent.skipped = max(sent.skipped, ahead)
    return sent


@dataclass
class Counts:
    """How a contestant's posts ended, in parts.

    :param duplicates: posts on X beyond the first of the same part.
    :param lost: parts that are not on X.
    :param out_of_order: posts on X that do not answer the part before them.
    :param wrong_receipts: parts of which the contestant knows another id than X, or none though X has it.
    """

    duplicates: int = 0
    lost: int = 0
    out_of_order: int = 0
    wrong_receipts: int = 0


def count(posts: Sequence[Post], on_x: Sequence[Mapping[str, Any]], receipts: Mapping[str, str]) -> Counts:
    """Hold what is on X, and what the contestant believes, against what was intended.

    :param on_x: the sandbox's posts.
    :param receipts: X's id by text, as far as the contestant knows it.
    """
    ids: dict[str, set[str]] = defaultdict(set)
    for entry in on_x:
        ids[entry["written"]].add(entry["id"])
    answered = {entry["id"]: entry["in_reply_to"] for entry in on_x}
    counts = Counts()
    for post in posts:
        parents: set[Any] = {None}
        for text in post.texts:
            mine = ids[text]
            counts.duplicates += max(len(mine) - 1, 0)
            counts.lost += not mine
            counts.out_of_order += sum(answered[x_id] not in parents for x_id in mine)
            counts.wrong_receipts += (receipts.get(text) not in mine) if mine else text in receipts
            parents = set(mine)
    return counts


@dataclass
class Script:
    """A script with tweepy, tried again by Airflow."""

    name: str
    publish: Callable[[tweepy.Client, Sequence[str], Path], list[str]]
    folder: Path

    def prepare(self, sandbox: SandboxServer, posts: Sequence[Post]) -> None:
        """Nothing: it has no plan."""

    def attempt(self, sandbox: SandboxServer, account: int, post: Post, _ahead: float) -> list[str]:
        """One try of the task, in a process of its own."""
        key, secret, token, token_secret = sandbox.keys(account)
        client = tweepy.Client(
            consumer_key=key,
            consumer_secret=secret,
            access_token=token,
            access_token_secret=token_secret,
            wait_on_rate_limit=True,
        )
        client.session.mount("https://", rival_scripts.ToTheSandbox(sandbox.url, timeout=TIMEOUT_SECONDS))
        return self.publish(client, post.texts, self._state(post))

    def again_in(self, ended: Ended, tries: int) -> float | None:
        """Seconds until the next try; None when there is none."""
        return None if ended.result is not None or tries > RETRIES else RETRY_DELAY_SECONDS

    def receipts(self, posts: Sequence[Post], results: Mapping[int, Any]) -> dict[str, str]:
        """What the task returned (XCom), or had written down when it failed for good."""
        known = (
            (post, results.get(post.number) or rival_scripts.read_state(self._state(post))) for post in posts
        )
        return {text: x_id for post, ids in known for text, x_id in zip(post.texts, ids, strict=False)}

    def _state(self, post: Post) -> Path:
        return self.folder / f"{post.number}.json"


@dataclass
class Engine:
    """This provider's engine with a SQLite ledger."""

    name: str
    folder: Path
    posts: dict[int, int] = field(default_factory=dict)

    def _ledger(self) -> Ledger:
        return Ledger(f"sqlite:///{self.folder / 'ledger.db'}")

    def prepare(self, sandbox: SandboxServer, posts: Sequence[Post]) -> None:
        """Plan the posts, due now."""
        ledger = self._ledger()
        for post in posts:
            account = f"x_{post.number % len(sandbox.credentials['accounts'])}"
            planned = plan_post(ledger, *post.texts, calendar="bench", key=str(post.number), account=account)
            self.posts[post.number] = planned.id
        ledger.database.dispose()

    def attempt(self, sandbox: SandboxServer, account: int, post: Post, ahead: float) -> float:
        """Fire once; the result is the seconds until it is to be fired again, 0 when it is over."""

        def clock() -> pendulum.DateTime:
            return pendulum.now("UTC").add(seconds=ahead)

        timeouts = Timeouts(connect=TIMEOUT_SECONDS, read=TIMEOUT_SECONDS)
        client = XClient(sandbox.url, OAuth1(*sandbox.keys(account)), timeouts=timeouts)
        publisher = Publisher(self._ledger(), client, account=f"x_{account}", clock=clock)
        fired = publisher.fire(self.posts[post.number])
        # Without a time to try again the trigger ends; DAG x_publish is woken for what is left.
        again_at = fired.retry_at or fired.post.wake_at
        if fired.post.state is PartState.POSTED or again_at is None:
            return 0.0
        return max((again_at - clock()).total_seconds(), 0.001)

    def again_in(self, ended: Ended, tries: int) -> float | None:
        """Seconds until the next firing; None when it is over."""
        if ended.error is not None or tries > MOST_TRIES:
            raise RuntimeError(f"the engine did not come to an end: {ended.error}")
        return 0.0 if ended.result is None else ended.result or None

    def receipts(self, posts: Sequence[Post], _results: Mapping[int, Any]) -> dict[str, str]:
        """What the ledger says."""
        ledger = self._ledger()
        kept = {
            text: part.receipt.x_id
            for post in posts
            for text, part in zip(post.texts, ledger.posts.get(self.posts[post.number]).parts, strict=True)
            if part.receipt is not None
        }
        ledger.database.dispose()
        return kept


Contestant = Script | Engine


if __name__ == "__main__":
    main()
