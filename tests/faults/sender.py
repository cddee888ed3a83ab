"""What one process of the system does: takes what is due and brings it to X, as DAG x_publish and its trigger do."""

from __future__ import annotations

import contextlib
import time
from itertools import count
from random import Random
from typing import Any

import pendulum

from x_provider.client import OAuth1, Repeats, Timeouts, XClient, XError, XRefused
from x_provider.ledger import Ledger, LedgerError, PartState
from x_provider.publishing import (
    MediaUnusableError,
    PostedTwiceError,
    Publisher,
    ReceiptNotStoredError,
    keep_evidence,
    take_due,
)

from worldclock import WorldClock  # isort: skip

ACCOUNT = "x_default"
_FOREVER = pendulum.datetime(9000, 1, 1)
_TASK_RETRY_SECONDS = 60.0
_MOST_ROUNDS = 200


class NeverEndsError(RuntimeError):
    """The process went on for longer than any post may take."""


class Sender:
    """One process with its own connections to the ledger and to X.

    :param world: where the ledger and X are, and the account's keys.
    """

    def __init__(self, world: dict[str, Any], clock: WorldClock) -> None:
        self.clock = clock
        self.ledger = Ledger(world["ledger"])
        self.client = XClient(
            world["x"],
            OAuth1(*world["keys"]),
            timeouts=Timeouts(connect=2, read=world["read_timeout"]),
            repeats=Repeats(attempts=3, first_pause=0.02),
        )
        self._said = "nothing"
        self.publisher = Publisher(self.ledger, self.client, account=ACCOUNT, clock=clock, report=self._hear)

    def run_dag(self, taker: str) -> None:
        """Take on what is due, run after run, until no post needs anybody.

        :param taker: the first run; a process with the same one is that run's task, tried again.
        """
        runs = 0
        for _ in self._rounds():
            with self._task_retries():
                due = take_due(self.ledger, now=self.clock(), taker=f"{taker} {runs}")
                for post in due:
                    self.bring(post.id)
                runs += 1
                if not due:
                    waiting = self.ledger.posts.due(_FOREVER, limit=1)
                    if not waiting:
                        return
                    self.clock.sleep_until(waiting[0].wake_at)

    def hand_over(self, taker: str) -> None:
        """Take on what is due, upload and arm it: what tasks do before it is a trigger's turn."""
        for post in take_due(self.ledger, now=self.clock(), taker=taker):
            self.publisher.prepare(post.id)
            self.publisher.arm(post.id)

    def fire_all(self, seed: str) -> None:
        """Bring every post to X, whoever else does, in an order of its own."""
        shuffled = Random(seed)
        for _ in self._rounds():
            with self._task_retries():
                posts = [post.id for post in self.ledger.posts.all() if post.state is not PartState.POSTED]
                if not posts:
                    return
                shuffled.shuffle(posts)
                for post_id in posts:
                    self.bring(post_id)

    def bring(self, post_id: int) -> None:
        """Upload, arm, and fire until the engine asks for no more."""
        try:
            self.publisher.prepare(post_id)
        except (XRefused, MediaUnusableError):
            return
        post = self.publisher.arm(post_id)
        self.clock.sleep_until(post.due_at)
        with contextlib.suppress(XError, LedgerError):
            self.publisher.look_ahead(post_id)
            self.client.warm()
        for _ in self._rounds():
            try:
                fired = self.publisher.fire(post_id)
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
