"""The promise as a law of the whole engine: whatever X, senders, editors and people do, each post is on X once."""

from __future__ import annotations

import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pendulum
import pytest
import requests
from drafting import draft_of
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from long import IS_LONG
from new_ledger import new_ledger

from x_provider.calendar import PartSpec
from x_provider.client import OAuth1, Repeats, Timeouts, XClient
from x_provider.ids import created_at
from x_provider.ledger import Attempt, Ledger, LedgerError, PartState, Receipt, ReceiptTakenError
from x_provider.publishing import PostedTwiceError, Publisher, keep_evidence, post_url, take_due
from x_provider.publishing.composing import compose
from x_provider.publishing.receipts import evidence_of
from x_provider.publishing.sending import LEASE_SECONDS
from x_provider.publishing.stops import parent_of
from x_provider.publishing.upkeep import sweep

FOREVER = pendulum.datetime(9000, 1, 1)
MOST_ROUNDS = 100
SAME = "Tonight"
"""Several posts say it, which this X allows."""
ENDED = (PartState.REFUSED, PartState.MISSED)
UNDER_WAY = frozenset(PartState) - {PartState.POSTED, *ENDED}
UPKEEP_SECONDS = 600

CREATE = {"method": "POST", "path": "/2/tweets", "times": 1}
TIMELINE = {"method": "GET", "path": r"^/2/users/\d+/tweets$", "times": 3}
FAULTS = (
    None,
    {"kind": "drop_before_commit", **CREATE},
    {"kind": "drop_after_commit", **CREATE},
    {"kind": "status_after_commit", "status": 503, **CREATE},
    {"kind": "status", "problem": "rate-limited", **CREATE},
    {"kind": "outage_401", **CREATE},
    {"kind": "status", "problem": "duplicate", **CREATE},
    {"kind": "status_after_commit", "problem": "duplicate", **CREATE},
    {"kind": "garbage", **CREATE},
    {"kind": "status", "status": 503, **TIMELINE},
)

numbers = st.integers(0, 3)
faults = st.sampled_from(FAULTS)


class EngineMachine(RuleBasedStateMachine):
    """An account's posts, and all that happens to them; time jumps, for X and for its senders alike.

    Rules act on what is not on X yet, by its number among those.

    :param sandbox: an X that nobody else uses.
    """

    def __init__(self, sandbox):
        super().__init__()
        self.sandbox = sandbox

    @initialize(late_then=st.sampled_from(["publish", "skip", "ask"]), due_in=st.sampled_from([-30, 20]))
    def plan(self, late_then, due_in):
        self.sandbox.reset()
        self.folder = tempfile.TemporaryDirectory()
        self.ledger = Ledger(new_ledger(Path(self.folder.name)))
        self.ahead = 0.0
        self.pass_time(0)
        self.late_then = late_then
        self.revisions = 0
        self.meant = Counter()
        self.due_at = {}
        self.unheard = []
        self.publisher, self.other = self._publisher(), self._publisher()
        for key, texts in (("one", [SAME]), ("twin", [SAME]), ("thread", ["First", "Second", "Third"])):
            self._put(key, texts, due_in=due_in)

    def now(self):
        return pendulum.now("UTC").add(seconds=self.ahead)

    @rule(parts=st.integers(1, 3), due_in=st.sampled_from([0, 20]))
    def plan_another(self, parts, due_in):
        key = f"post {self.revisions}"
        self._put(key, [f"{key}, part {number}" for number in range(parts)], due_in=due_in)

    @rule()
    def plan_another_twin(self):
        self._put(f"twin {self.revisions}", [SAME], due_in=0)

    @rule(number=numbers, fault=faults, is_read_ahead=st.booleans())
    def fire(self, number, fault, is_read_ahead):
        self._fail_with(fault)
        if post := self._unposted(number):
            self.publisher.arm(post.id)
            if is_read_ahead:
                self.publisher.look_ahead(post.id)
            self.publisher.fire(post.id)

    @rule(number=numbers, fault=faults)
    def two_fire_at_once(self, number, fault):
        self._fail_with(fault)
        if post := self._unposted(number):
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(lambda publisher: publisher.fire(post.id), (self.publisher, self.other)))

    @rule(number=numbers, what=st.sampled_from(["correct", "withdraw", "fire"]), fault=faults)
    def one_fires_what_it_read_before_something_happened(self, number, what, fault):
        if post := self._unposted(number):
            self.publisher.arm(post.id)
            self.other.look_ahead(post.id)
            if what == "correct":
                self._correct(post, due_in=0, parts=2)
                self.publisher.arm(post.id)
            elif what == "withdraw":
                self.ledger.posts.withdraw(post.calendar, post.key)
            else:
                self._fail_with(fault)
                self.publisher.fire(post.id)
            self.other.fire(post.id)

    @rule(number=numbers, does_x_act=st.booleans())
    def a_sender_dies(self, number, does_x_act):
        """Before it has sent, or when X has answered and nobody has heard."""
        post = self._unposted(number)
        if post is None or self.now() < post.due_at:
            return
        post = self.publisher.arm(post.id)
        part = next(part for part in post.parts if part.state is not PartState.POSTED)
        user = self.publisher.user()
        attempt = self.ledger.sending.begin(
            post, part, user_id=user.user_id, sender="mortal", clock=self.now, lease_seconds=LEASE_SECONDS
        )
        if does_x_act and isinstance(attempt, Attempt):
            spec = PartSpec.model_validate(part.content)
            request = compose(spec, media_ids=[], in_reply_to=parent_of(post, part))
            self._fail_with(None)
            created = self.publisher.client.create_post(request)
            receipt = Receipt(created.id, post_url(user, created.id), created_at(created.id), self.now())
            self.unheard.append(evidence_of(attempt, receipt, post.account, post.name))

    @rule()
    def a_sender_that_seemed_dead_tells_what_x_answered(self):
        if self.unheard:
            with suppress(PostedTwiceError, ReceiptTakenError):  # a person is told, or its twin has it
                keep_evidence(self.ledger, self.unheard.pop())

    @rule(seconds=st.sampled_from([1, 15, 60, 200, 1000, 4000]))
    def pass_time(self, seconds):
        self.ahead += seconds
        self.sandbox.settings(clock_ahead_seconds=self.ahead, duplicate_window_seconds=0.0, rate_limits=False)

    @rule(seconds=st.sampled_from([None, 30]))
    def stop(self, seconds):
        ends_at = None if seconds is None else self.now().add(seconds=seconds)
        self.ledger.controls.stop(why="a storm", by="the test", now=self.now(), ends_at=ends_at)

    @rule()
    def go(self):
        self.ledger.controls.go(now=self.now())

    @rule(number=numbers, due_in=st.sampled_from([0, 100]), parts=st.integers(1, 3))
    def correct(self, number, due_in, parts):
        if post := self._unposted(number):
            self._correct(post, due_in=due_in, parts=parts)

    @rule(number=numbers)
    def withdraw(self, number):
        if post := self._unposted(number):
            self.ledger.posts.withdraw(post.calendar, post.key)

    @rule(number=numbers, is_wanted=st.booleans())
    def a_person_decides(self, number, is_wanted):
        post = self._unposted(number)
        if post is None or self._is_found_on_x(post):
            return
        with suppress(LedgerError):
            if is_wanted:
                self.ledger.deciding.resume(post.id, now=self.now())
            else:
                self.ledger.deciding.void(post.id, why="given up", now=self.now())

    @rule()
    def upkeep(self):
        sweep(self.ledger, now=self.now())

    @rule()
    def publish_what_is_due(self):
        for due in take_due(self.ledger, now=self.now(), taker=f"run at {self.now()}"):
            self.publisher.fire(due.id)

    @invariant()
    def nothing_is_on_x_more_often_than_it_was_meant_or_before_its_time(self):
        on_x = self.sandbox.posts()
        assert Counter(post["written"] for post in on_x) <= self.meant
        for post in on_x:
            assert pendulum.parse(post["created_at"]) >= self.due_at[post["written"]], post

    @invariant()
    def every_receipt_is_of_a_post_on_x_that_says_it_and_answers_the_part_before_it(self):
        on_x = {post["id"]: post for post in self.sandbox.posts()}
        receipts = Counter()
        for planned in self.ledger.posts.all():
            parent = None
            for part in planned.parts:
                if part.state is PartState.POSTED:
                    post = on_x[part.receipt.x_id]
                    assert (post["written"], post["in_reply_to"]) == (part.content["text"], parent)
                    parent = part.receipt.x_id
                    receipts[parent] += 1
        assert set(receipts.values()) <= {1}

    def teardown(self):
        if not hasattr(self, "ledger"):
            return
        try:
            self._let_all_end()
            self._compare()
        finally:
            self.ledger.database.dispose()
            self.folder.cleanup()

    def _let_all_end(self):
        self._fail_with(None)
        self.go()
        for _ in range(MOST_ROUNDS):
            self.upkeep()
            self.publish_what_is_due()
            fired = [self.publisher.fire(post.id) for post in self.ledger.posts.all()]
            if not any(part.state in UNDER_WAY for each in fired for part in each.post.parts):
                assert not self.ledger.posts.due(FOREVER)
                return
            for each in fired:
                if each.retry_at is None and PartState.UNCERTAIN in {part.state for part in each.post.parts}:
                    self._answer(each.post)
            instants = [each.retry_at for each in fired if each.retry_at]
            instants += [due.wake_at for due in self.ledger.posts.due(FOREVER, limit=1)]
            next_at = min([*instants, self.now().add(seconds=UPKEEP_SECONDS)])
            self.pass_time(max((next_at - self.now()).total_seconds(), 0) + 0.001)
        raise AssertionError(f"no end after {MOST_ROUNDS} rounds: {self.ledger.posts.all()}")

    def _answer(self, post):
        """A person is asked, as of a post that was given up while it was being sent: it is to be sent."""
        with suppress(LedgerError):  # it is still looked for
            if not self._is_found_on_x(post):
                self.ledger.deciding.resume(post.id, now=self.now())

    def _compare(self):
        there = Counter(post["written"] for post in self.sandbox.posts())
        posted = Counter()
        for post in self.ledger.posts.all():
            for part in post.parts:
                assert part.state in (PartState.POSTED, *ENDED), part
                if part.state is PartState.POSTED:
                    posted[part.content["text"]] += 1
                else:
                    assert part.why, part
        assert there == posted

    def _fail_with(self, fault):
        """Of the faults before, none is left."""
        requests.delete(f"{self.sandbox.url}/_sandbox/faults", timeout=10).raise_for_status()
        if fault is not None:
            self.sandbox.faults(**fault)

    def _unposted(self, number):
        posts = [post for post in self.ledger.posts.all() if post.state is not PartState.POSTED]
        return posts[number % len(posts)] if posts else None

    def _correct(self, post, *, due_in, parts):
        """What is on X stays as it is, as an editor has to leave it."""
        on_x = [part.content["text"] for part in post.parts if part.state is PartState.POSTED]
        new = [f"{post.key}, revision {self.revisions}, part {number}" for number in range(len(on_x), parts)]
        self._put(post.key, [*on_x, *new], due_in=due_in)

    def _put(self, key, texts, *, due_in):
        self.revisions += 1
        due_at = self.now().add(seconds=due_in)
        draft = draft_of(*texts, key=key, revision=str(self.revisions), due_at=due_at, then=self.late_then)
        before = self.ledger.posts.find(draft.calendar, key)
        if self.ledger.posts.put(draft, now=self.now()):
            on_x = [part for part in before.parts if part.state is PartState.POSTED] if before else []
            for text in texts[len(on_x) :]:
                self.meant[text] += 1
                # X's times end at the millisecond.
                earliest = due_at.set(microsecond=due_at.microsecond // 1000 * 1000)
                self.due_at[text] = min(earliest, self.due_at.get(text, earliest))

    def _is_found_on_x(self, post):
        """Whoever decides looks at X first, and takes the post that they find there without a receipt."""
        part = next(part for part in post.parts if part.state is not PartState.POSTED)
        known = {p.receipt.x_id for other in self.ledger.posts.all() for p in other.parts if p.receipt}
        for on_x in self.sandbox.posts():
            if on_x["written"] == part.content["text"] and on_x["id"] not in known:
                url = f"{self.sandbox.url}/i/status/{on_x['id']}"
                at = pendulum.parse(on_x["created_at"])
                with suppress(LedgerError):  # the engine finds it, too
                    self.ledger.deciding.adopt(
                        post.id, Receipt(on_x["id"], url, at, self.now(), adopted=True)
                    )
                return True
        return False

    def _publisher(self):
        client = XClient(
            self.sandbox.url,
            OAuth1(*self.sandbox.keys()),
            timeouts=Timeouts(connect=2, read=2),
            repeats=Repeats(attempts=2, first_pause=0.01),
        )
        return Publisher(self.ledger, client, account="x_default", clock=self.now)


@pytest.mark.timeout(900)
def test_whatever_happens_in_whatever_order(sandbox):
    run_state_machine_as_test(
        lambda: EngineMachine(sandbox),
        settings=settings(
            max_examples=40 if IS_LONG else 12,
            stateful_step_count=30,
            deadline=None,
            phases=set(Phase) - {Phase.explain},  # it traces every line
            suppress_health_check=list(HealthCheck),
        ),
    )
