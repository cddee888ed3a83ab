"""The sweep: what was dropped goes on, what is too late ends, and running senders are left alone."""

from __future__ import annotations

import pytest
from other_processes import wake_post

from x_provider.calendar import PartSpec
from x_provider.client import CreatePost
from x_provider.ledger import PartState
from x_provider.publishing.upkeep import Swept, sweep


def test_a_post_whose_sender_died_is_found_on_x_after_the_sweep(
    ledger, publisher, client, plan, clock, sandbox, creates
):
    post = plan(PartSpec(text="Hello"))
    publisher.arm(post.id)
    armed = ledger.posts.get(post.id)
    ledger.sending.begin(
        armed,
        armed.parts[0],
        user_id=publisher.user().user_id,
        sender="dead",
        clock=clock,
        lease_seconds=90,
    )
    client.create_post(CreatePost(text="Hello"))  # its last act
    wake_post(ledger, post.id, clock().add(hours=1))
    assert sweep(ledger, now=clock()) == Swept()
    clock.ahead = 100
    swept = sweep(ledger, now=clock())
    assert swept == Swept(dead_sends=["december/hello"])
    assert "1 whose sender died, looked for on X now: december/hello" in str(swept)
    assert [due.name for due in ledger.posts.due(clock())] == ["december/hello"]
    publisher.fire(post.id)
    assert publisher.fire(post.id).post.state is PartState.POSTED
    assert len(creates()) == 1
    assert sweep(ledger, now=clock()) == Swept()


@pytest.mark.parametrize("then", ["skip", "ask"])
def test_what_nobody_took_past_its_grace_is_missed_with_words(ledger, plan, clock, then):
    post = plan(PartSpec(text="Old"), then=then, grace=60)
    clock.ahead = 50
    assert sweep(ledger, now=clock()).missed == []
    clock.ahead = 120
    assert sweep(ledger, now=clock()).missed == ["december/hello"]
    missed = ledger.posts.get(post.id)
    assert (missed.state, missed.wake_at) == (PartState.MISSED, None)
    assert f"its late policy is '{then}'" in missed.parts[0].why
    assert sweep(ledger, now=clock()) == Swept()


def test_what_somebody_has_taken_on_is_theirs(ledger, plan, clock):
    post = plan(PartSpec(text="Old"), then="skip", grace=60)
    clock.ahead = 120
    wake_post(ledger, post.id, clock().add(minutes=10))
    assert sweep(ledger, now=clock()) == Swept()
    assert ledger.posts.get(post.id).state is PartState.PLANNED


def test_what_is_published_late_by_its_policy_stays_to_be_sent(ledger, plan, clock):
    post = plan(PartSpec(text="Late"), grace=60)
    clock.ahead = 3600
    assert sweep(ledger, now=clock()) == Swept()
    assert ledger.posts.get(post.id).state is PartState.PLANNED


def test_a_thread_that_is_half_on_x_is_never_missed(ledger, publisher, plan, clock, sandbox):
    post = plan(PartSpec(text="One"), PartSpec(text="Two"), then="skip", grace=60)
    sandbox.faults("status", method="POST", path="/2/tweets", status=429, skip=1, times=1)
    publisher.fire(post.id)
    clock.ahead = 3600
    assert sweep(ledger, now=clock()).missed == []
    assert publisher.fire(post.id).post.state is PartState.POSTED
