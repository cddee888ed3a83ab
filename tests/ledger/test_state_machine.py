"""The promise as a law: whatever happens to posts in whatever order, none goes out twice or is forgotten."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import pendulum
import pytest
from drafting import draft_of
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)
from long import IS_LONG
from new_ledger import new_ledger
from sqlalchemy import select

from x_provider.ledger import MOVES, Attempt, Ledger, PartState, Receipt
from x_provider.ledger import tables as t

START = pendulum.datetime(2026, 12, 1, 8)
LEASE_SECONDS = 90
ENDED = (PartState.REFUSED, PartState.MISSED, PartState.WITHDRAWN)
"""A person must act first, or has."""


class LedgerMachine(RuleBasedStateMachine):
    """One post, its editors, takers and senders, who know nothing of each other and act on what they once read."""

    readings = Bundle("readings")
    attempts = Bundle("attempts")

    @initialize(target=readings)
    def plan(self):
        self.folder = tempfile.TemporaryDirectory()
        self.ledger = Ledger(new_ledger(Path(self.folder.name)))
        self.now = START
        self.receipts = {}
        self.last_id = 1_900_000_000_000_000_000
        self.seen = {}
        self.put(revision=0, parts=2, due_in=0)
        return self._post()

    def teardown(self):
        if hasattr(self, "ledger"):
            self.ledger.database.dispose()
            self.folder.cleanup()

    @rule(revision=st.integers(0, 1), parts=st.integers(1, 3), due_in=st.sampled_from([0, 600]))
    def put(self, revision, parts, due_in):
        texts = [str(revision) if part else "root" for part in range(parts)]
        due_at = self.now.add(seconds=due_in)
        draft = draft_of(*texts, revision=f"{revision}/{parts}", due_at=due_at)
        self.ledger.posts.put(draft, now=self.now)

    @precondition(lambda self: self._post().state in ENDED)
    @rule(target=readings)
    def plan_anew(self):
        self.put(revision=1, parts=2, due_in=0)
        return self._post()

    @rule()
    def withdraw(self):
        self.ledger.posts.withdraw("december", "hello")

    @rule(target=readings)
    def read(self):
        return self._post()

    @rule(post=readings)
    def arm(self, post):
        if part := _next(post):
            self.ledger.sending.arm(post, part)

    @rule(target=attempts, post=readings)
    def begin(self, post):
        part = _next(post)
        if part is None:
            return multiple()
        self.ledger.sending.arm(post, part)
        return self._begin(post, part)

    @rule(target=attempts)
    def send_what_is_next(self):
        """What an engine does that nobody disturbs."""
        post = self._post()
        part = _next(post)
        if part is None:
            return multiple()
        self.ledger.sending.arm(post, part)
        return self._begin(post, part)

    @rule()
    def publish_what_is_next(self):
        post = self._post()
        part = _next(post)
        if part is not None:
            self.ledger.sending.arm(post, part)
            attempt = self._begin(post, part)
            if isinstance(attempt, Attempt):
                self.posted(attempt=attempt, adopted=False)

    @rule(attempt=attempts, adopted=st.booleans())
    def posted(self, attempt, adopted):
        self.last_id += 1
        x_id = self.receipts.get(attempt.part_id, str(self.last_id))
        receipt = Receipt(x_id, f"https://x.com/me/status/{x_id}", self.now, self.now, adopted)
        if self.ledger.sending.posted(attempt, receipt, account="x_default"):
            self.receipts[attempt.part_id] = x_id

    @rule(attempt=attempts)
    def posted_again_as_another(self, attempt):
        if attempt.part_id in self.receipts:
            self.last_id += 1
            other = Receipt(str(self.last_id), "https://x.com/me", self.now, self.now)
            assert not self.ledger.sending.posted(attempt, other, account="x_default")

    @rule(
        attempt=consumes(attempts),
        to=st.sampled_from([PartState.ARMED, PartState.REFUSED, PartState.UNCERTAIN]),
    )
    def finish(self, attempt, to):
        wake_at = None if to is PartState.REFUSED else self.now.add(seconds=900)
        self.ledger.sending.finish(attempt, to, outcome=str(to), now=self.now, why="?", wake_at=wake_at)

    @rule(post=readings)
    def expire(self, post):
        if (part := _next(post)) and part.attempt_id:
            self.ledger.sending.expire(post, part, now=self.now, why="its sender died")

    @rule(post=readings)
    def resend(self, post):
        if part := _next(post):
            self.ledger.sending.resend(post, part, why="not on X")

    @rule(post=readings)
    def wait(self, post):
        if part := _next(post):
            self.ledger.sending.wait(post, part, why="no route", wake_at=self.now.add(seconds=60))

    @rule(post=readings, to=st.sampled_from([PartState.REFUSED, PartState.MISSED]))
    def give_up(self, post, to):
        self.ledger.sending.give_up(post, to, why="too late")

    @rule()
    def claim(self):
        for due in self.ledger.posts.due(self.now):
            self.ledger.posts.claim({due: self.now.add(seconds=900)}, taker="run")

    @rule(seconds=st.sampled_from([1, LEASE_SECONDS, 900]))
    def time_passes(self, seconds):
        self.now = self.now.add(seconds=seconds)

    @invariant()
    def what_is_on_x_stays_there_once_and_as_it_is(self):
        with self.ledger.database.read() as connection:
            kept = {row.part_id: row.x_id for row in connection.execute(select(t.receipts))}
            posted = {row.id: row.content for row in self._parts(connection, PartState.POSTED)}
        assert kept == self.receipts
        assert posted.keys() == kept.keys()
        assert all(posted[part_id] == content for part_id, content in self.seen.items())
        self.seen = posted

    @invariant()
    def a_part_is_being_sent_by_its_newest_attempt_and_no_other(self):
        with self.ledger.database.read() as connection:
            open_attempts = Counter(
                row.part_id
                for row in connection.execute(select(t.attempts).where(t.attempts.c.finished_at.is_(None)))
            )
            sending = [row.id for row in self._parts(connection, PartState.SENDING)]
        assert open_attempts == Counter(sending)

    @invariant()
    def somebody_is_woken_for_every_post_that_is_not_finished_and_for_no_other(self):
        post = self._post()
        states = [part.state for part in post.parts]
        under_way = {PartState.SENDING, PartState.UNCERTAIN} & set(states)
        if under_way or post.state not in (*ENDED, PartState.POSTED):
            assert post.wake_at is not None, states
        elif post.state in (PartState.POSTED, PartState.WITHDRAWN):
            assert post.wake_at is None, states

    def _post(self):
        return self.ledger.posts.find("december", "hello")

    def _begin(self, post, part):
        attempt = self.ledger.sending.begin(
            post, part, user_id="7", sender="sender", clock=lambda: self.now, lease_seconds=LEASE_SECONDS
        )
        return multiple() if attempt is None else attempt

    @staticmethod
    def _parts(connection, state):
        return connection.execute(select(t.parts).where(t.parts.c.state == state.value)).all()


def _next(post):
    return next((part for part in post.parts if part.state is not PartState.POSTED), None)


LedgerMachine.TestCase.settings = settings(
    max_examples=60 if IS_LONG else 25,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestWhateverHappensInWhateverOrder = pytest.mark.timeout(600)(LedgerMachine.TestCase)


def test_every_state_but_posted_can_be_left_and_every_state_can_be_reached():
    assert {state for state, moves in MOVES.items() if not moves} == {PartState.POSTED}
    reached = {PartState.PLANNED}
    while more := {new for old in reached for new in MOVES[old]} - reached:
        reached |= more
    assert reached == set(PartState)
