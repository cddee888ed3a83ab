"""Each post that comes due is handed to one taker, and to the next one if that one died."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from x_provider.calendar import PartSpec
from x_provider.publishing import take_due
from x_provider.publishing.queue import CLAIM_SECONDS


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


def test_a_post_is_offered_to_others_when_its_taker_has_not_finished_in_time(ledger, posts, clock):
    now = clock()
    take_due(ledger, now=now, taker="run 1")
    due_at = max(post.due_at for post in posts)
    assert take_due(ledger, now=due_at.add(seconds=CLAIM_SECONDS - 1), taker="run 2") == []
    assert names(take_due(ledger, now=due_at.add(seconds=CLAIM_SECONDS), taker="run 2")) == names(posts)
    assert take_due(ledger, now=now, taker="run 1") == []


def test_a_taker_whose_claim_ran_out_is_given_each_post_once(ledger, posts, clock):
    take_due(ledger, now=clock(), taker="run 1")
    late = max(post.due_at for post in posts).add(seconds=CLAIM_SECONDS)
    assert names(take_due(ledger, now=late, taker="run 1")) == names(posts)
    assert take_due(ledger, now=late, taker="run 2") == []


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
