"""Never early, and what becomes of a post whose time, words or plan change while it waits."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pendulum
import pytest
from drafting import draft_of
from new_ledger import new_ledger
from postgres import own_database, server_or_skip

from x_provider.calendar import PartSpec
from x_provider.ledger import Ledger, PartState
from x_provider.publishing import Publisher


def test_a_post_is_not_sent_before_its_instant_whoever_fires_it(publisher, plan, clock, creates):
    post = publisher.arm(plan(PartSpec(text="Tomorrow"), due_in=86_400).id)
    fired = publisher.fire(post.id)
    assert (fired.post.state, fired.retry_at) == (PartState.ARMED, post.due_at)
    clock.ahead = 86_400 - 2
    assert publisher.fire(post.id).retry_at == post.due_at
    assert creates() == []
    clock.ahead = 86_400
    assert publisher.fire(post.id).post.state is PartState.POSTED


def test_a_post_that_was_moved_is_not_sent_by_who_knows_its_old_time(publisher, plan, clock, creates):
    post = publisher.arm(plan(PartSpec(text="Today"), due_in=60).id)
    moved = plan(PartSpec(text="Today"), due_in=86_400, revision="r2")
    clock.ahead = 61
    assert publisher.fire(post.id).retry_at == moved.due_at
    assert creates() == []


def test_a_missed_post_that_was_given_a_new_time_waits_for_it(publisher, plan, creates):
    post = plan(PartSpec(text="First"), due_in=-100, grace=10, then="skip")
    assert publisher.fire(post.id).post.state is PartState.MISSED
    again = plan(PartSpec(text="Second"), due_in=86_400, grace=10, then="skip", revision="r2")
    fired = publisher.fire(post.id)
    assert (fired.post.state, fired.retry_at) == (PartState.PLANNED, again.due_at)
    assert creates() == []


def test_an_armed_post_goes_out_as_it_was_corrected_last(sandbox, publisher, plan, clock):
    post = publisher.arm(plan(PartSpec(text="Good mroning"), due_in=60).id)
    plan(PartSpec(text="Good morning"), due_in=60, revision="r2")
    clock.ahead = 61
    assert publisher.fire(post.id).post.state is PartState.POSTED
    assert [on_x["text"] for on_x in sandbox.posts()] == ["Good morning"]


def test_an_armed_post_that_is_withdrawn_is_not_sent(ledger, publisher, plan, clock, creates):
    post = publisher.arm(plan(PartSpec(text="Oops"), due_in=60).id)
    assert ledger.posts.withdraw(post.calendar, post.key)
    clock.ahead = 61
    fired = publisher.fire(post.id)
    assert (fired.post.state, fired.retry_at) == (PartState.WITHDRAWN, None)
    assert publisher.arm(post.id).state is PartState.WITHDRAWN
    assert creates() == []


@pytest.mark.parametrize(
    ("late", "then", "state"),
    [
        (59, "publish", PartState.POSTED),
        (59, "skip", PartState.POSTED),
        (59, "ask", PartState.POSTED),
        (3600, "publish", PartState.POSTED),
        (61, "skip", PartState.MISSED),
        (61, "ask", PartState.MISSED),
    ],
)
def test_how_late_is_too_late_is_for_the_calendar_to_say(publisher, plan, clock, late, then, state):
    post = plan(PartSpec(text="News"), grace=60, then=then)
    clock.ahead = late
    fired = publisher.fire(post.id)
    assert (fired.post.state, fired.retry_at) == (state, None)
    assert fired.post.wake_at is None


def test_a_thread_that_has_begun_is_finished_however_late(sandbox, publisher, plan, clock):
    post = plan(PartSpec(text="One"), PartSpec(text="Two"), grace=60, then="skip")
    sandbox.faults("status", status=429, method="POST", path="/2/tweets", skip=1)
    assert publisher.fire(post.id).post.state is PartState.ARMED
    clock.ahead = 3600
    assert publisher.fire(post.id).post.state is PartState.POSTED


def test_what_was_sent_without_an_answer_is_looked_for_however_late(sandbox, publisher, plan, clock):
    post = plan(PartSpec(text="Was it?"), grace=60, then="skip")
    sandbox.faults("drop_after_commit", method="POST", path="/2/tweets", times=1)
    publisher.fire(post.id)
    clock.ahead = 3600
    assert publisher.fire(post.id).post.state is PartState.POSTED


@pytest.fixture(params=["sqlite", "postgresql"])
def any_ledger(request, tmp_path):
    if request.param == "sqlite":
        yield Ledger(new_ledger(tmp_path))
        return
    with own_database(server_or_skip()) as url:
        yield Ledger(url)


def test_corrections_that_race_with_many_senders_leave_one_post_as_the_ledger_has_it(
    sandbox, client, any_ledger
):
    publisher = Publisher(any_ledger, client, account="x_default")
    publisher.user()
    for number in range(10):
        drafts = [
            draft_of(f"{number}: {words}", key=f"race {number}", revision=words)
            for words in ("first", "second", "third")
        ]
        any_ledger.posts.put(drafts[0], now=pendulum.now("UTC"))
        post = any_ledger.posts.find(drafts[0].calendar, drafts[0].key)
        start = threading.Barrier(4)

        def correct(start=start, drafts=drafts):
            start.wait()
            for draft in drafts[1:]:
                any_ledger.posts.put(draft, now=pendulum.now("UTC"))

        def fire(start=start, post=post):
            start.wait()
            return publisher.fire(post.id)

        with ThreadPoolExecutor(4) as pool:
            done = [pool.submit(correct), *(pool.submit(fire) for _ in range(3))]
        assert [future.exception() for future in done] == [None] * 4
        publisher.fire(post.id)
        (on_x,) = (on_x["text"] for on_x in sandbox.posts() if on_x["text"].startswith(f"{number}: "))
        kept = any_ledger.posts.get(post.id)
        assert kept.state is PartState.POSTED
        assert on_x == kept.parts[0].content["text"]
    any_ledger.database.dispose()
