"""What one process of the system does: takes what is due and brings it to X, as DAG x_publish and its trigger do."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from functools import partial
from itertools import count
from random import Random
from typing import Any

import pendulum

from x_provider.client import OAuth1, Repeats, Timeouts, XClient, XError, XRefused
from x_provider.ledger import Ledger, LedgerError, PartState, Post
from x_provider.publishing import (
    MediaUnusableError,
    PostedTwiceError,
    Publisher,
    ReceiptNotStoredError,
    keep_evidence,
    take_due,
)
from x_provider.publishing.firing import FiringPool

from worldclock import WorldClock  # isort: skip

ACCOUNT = "x_default"
_FOREVER = pendulum.datetime(9000, 1, 1)
_TASK_RETRY_SECONDS = 60.0
_MOST_ROUNDS = 200
_BURST_AHEAD_SECONDS = 0.05
_BURST_SECONDS = 0.3


class NeverEndsError(RuntimeError):
    """The process went on for longer than any post may take."""


class Sender:
    """One process with its own connections to the ledger and to X.

    :param world: where the ledger and X are, and the accounts' keys.
    """

    def __init__(self, world: dict[str, Any], clock: WorldClock) -> None:
        self.clock = clock
        self.ledger = Ledger(world["ledger"])
        self._said = "nothing"
        self.publishers = {
            account: Publisher(
                self.ledger,
                XClient(
                    world["x"],
                    OAuth1(*keys),
                    timeouts=Timeouts(connect=2, read=world["read_timeout"]),
                    repeats=Repeats(attempts=3, first_pause=0.02),
                ),
                account=account,
                clock=clock,
                report=self._hear,
            )
            for account, keys in world["keys"].items()
        }

    def run_dag(self, taker: str) -> None:
        """Take on what is due, run after run, until no post needs anybody.

        :param taker: the first run; a process with the same one is that run's task, tried again.
        """
        runs = 0
        for _ in self._rounds():
            with self._task_retries():
                due = take_due(self.ledger, now=self.clock(), taker=f"{taker} {runs}")
                for post in due:
                    self.bring(post)
                runs += 1
                if not due:
                    waiting = self.ledger.posts.due(_FOREVER, limit=1)
                    if not waiting:
                        return
                    self.clock.sleep_until(waiting[0].wake_at)

    def hand_over(self, taker: str) -> None:
        """Take on what is due, upload and arm it: what tasks do before it is a trigger's turn."""
        for post in take_due(self.ledger, now=self.clock(), taker=taker):
            self.publishers[post.account].prepare(post.id)
            self.publishers[post.account].arm(post.id)

    def fire_all(self, seed: str) -> None:
        """Bring every post to X, whoever else does, in an order of its own."""
        shuffled = Random(seed)
        for _ in self._rounds():
            with self._task_retries():
                posts = [post for post in self.ledger.posts.all() if post.state is not PartState.POSTED]
                if not posts:
                    return
                shuffled.shuffle(posts)
                for post in posts:
                    self.bring(post)

    def burst(self, seed: str) -> None:
        """Fire every post once, all of them at their instant and in many threads, as a triggerer does.

        :param seed: with one, chance kills this process in the time that the posts take.
        """
        pool = FiringPool(clock=lambda: self.clock().timestamp())
        posts = [post for post in self.ledger.posts.all() if post.state is not PartState.POSTED]
        for post in posts:
            self.publishers[post.account].arm(post.id)
            self.publishers[post.account].look_ahead(post.id)
            self.publishers[post.account].client.warm(at_most=pool.per_account)
        due_at = max((post.due_at for post in posts), default=self.clock())
        self.clock.sleep_until(due_at.subtract(seconds=_BURST_AHEAD_SECONDS))
        shots = [
            pool.submit(
                post.account, post.due_at.timestamp(), partial(self.publishers[post.account].fire, post.id)
            )
            for post in posts
        ]
        if seed:
            time.sleep(_BURST_AHEAD_SECONDS + Random(seed).uniform(0, _BURST_SECONDS))
            os.kill(os.getpid(), signal.SIGKILL)
        for shot in shots:
            shot.result()

    def bring(self, post: Post) -> None:
        """Upload, arm, and fire until the engine asks for no more."""
        publisher = self.publishers[post.account]
        try:
            publisher.prepare(post.id)
        except (XRefused, MediaUnusableError):
            return
        post = publisher.arm(post.id)
        self.clock.sleep_until(post.due_at)
        with contextlib.suppress(XError, LedgerError):
            publisher.look_ahead(post.id)
            publisher.client.warm()
        for _ in self._rounds():
            try:
                fired = publisher.fire(post.id)
            except PostedTwiceError:
                return  # a person must look
            except ReceiptNotStoredError as error:
                keep_evidence(self.ledger, error.evidence)
                continue
            if fired.retry_at is None:
                return
            self._hear(f"{fired.post.state}, {fired.why}, again at {fired.retry_at}")
            self.clock.sleep_until(fired.retry_at)

    def _hear(self, words: str) -> None:
        self._said = words

    def _rounds(self) -> Any:
        for number in count():
            if number > _MOST_ROUNDS:
                raise NeverEndsError(f"no end after {_MOST_ROUNDS} rounds; at last: {self._said}")
            yield number

    @contextlib.contextmanager
    def _task_retries(self) -> Any:
        """A task that fails is tried again after a while."""
        try:
            yield
        except (XError, LedgerError):
            time.sleep(0.02)  # an outage is real: it lasts by the machine's clock, too
            self.clock.sleep(_TASK_RETRY_SECONDS)
