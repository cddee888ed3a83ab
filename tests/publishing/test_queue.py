"""Each post that comes due is handed to one taker, and to the next one if that one died."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from x_provider.calendar import PartSpec
from x_provider.publishing import take_due
from x_provider.publishing.queue import AFTER_DUE_SECONDS, AFTER_TAKEN_SECONDS


@pytest.fixture
def posts(plan):
    return [plan(PartSpec(text=str(number)), key=f"post {number}", due_in=60) for number in range(5)]


def names(due):
    return sorted(post.name for post in due)


def test_every_post_is_given_to_one_of_many_takers(ledger, posts, clock):
    now = clock()
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda n: take_due(ledger, now=now, taker=f"run {n}"), range(8)))
    assert names(post for due in taken for post in due) == names(posts)


def test_a_taker_that_asks_again_gets_what_it_has_and_what_is_new(ledger, posts, plan, clock):
    first = take_due(ledger, now=clock(), taker="run 1")
    new = plan(PartSpec(text="new"), key="new", due_in=60)
    assert names(take_due(ledger, now=clock(), taker="run 1")) == names([*first, new])


def test_a_post_is_offered_to_others_soon_after_its_time_when_its_taker_has_not_finished(ledger, plan, clock):
    now = clock()
    post = plan(PartSpec(text="Soon"), due_in=600, lead_seconds=660)
    assert names(take_due(ledger, now=now, taker="run 1")) == names([post])
    too_late = post.due_at.add(seconds=AFTER_DUE_SECONDS + 1)
    assert post.late_grace_seconds > AFTER_DUE_SECONDS
    assert take_due(ledger, now=post.due_at, taker="run 2") == []
    assert names(take_due(ledger, now=too_late, taker="run 2")) == names([post])
    assert take_due(ledger, now=now, taker="run 1") == []


def test_what_is_late_already_is_its_takers_for_a_while(ledger, posts, clock):
    now = max(post.due_at for post in posts).add(hours=1)
    take_due(ledger, now=now, taker="run 1")
    later = now.add(seconds=AFTER_TAKEN_SECONDS)
    assert take_due(ledger, now=later.subtract(seconds=1), taker="run 2") == []
    assert names(take_due(ledger, now=later, taker="run 1")) == names(posts)
    assert take_due(ledger, now=later, taker="run 2") == []


def test_an_account_with_a_backlog_does_not_delay_anothers_single_post(ledger, plan, clock):
    for number in range(20):
        plan(PartSpec(text=str(number)), key=f"late {number}", due_in=-900 + number)
    single = plan(PartSpec(text="single"), key="single", account="x_other", due_in=-1)
    coming = plan(PartSpec(text="coming"), key="coming", account="x_other", due_in=60)
    taken = [post.name for post in take_due(ledger, now=clock(), taker="run 1", limit=5)]
    assert taken == ["december/late 0", single.name, "december/late 1", "december/late 2", coming.name]


def test_a_published_withdrawn_or_replanned_post_is_nobody_s(sandbox, ledger, publisher, posts, plan, clock):
    take_due(ledger, now=clock(), taker="run 1")
    clock.ahead = 60
    publisher.fire(posts[0].id)
    ledger.posts.withdraw(posts[1].calendar, posts[1].key)
    plan(PartSpec(text="later"), key=posts[2].key, due_in=86_400, revision="r2")
    assert names(take_due(ledger, now=clock(), taker="run 1")) == names(posts[3:])


def test_a_taker_has_no_more_than_it_can_do_and_the_oldest_first(ledger, posts, plan, clock):
    late = plan(PartSpec(text="late"), key="late", due_in=-60)
    first = take_due(ledger, now=clock(), taker="run 1", limit=3)
    assert first[0].name == late.name
    assert len(first) == 3
    assert take_due(ledger, now=clock(), taker="run 1", limit=3) == first
    assert len(take_due(ledger, now=clock(), taker="run 2", limit=500)) == 3
