"""What a sender reads shortly before the due time, and what changes between that and the sending."""

from __future__ import annotations

import pendulum
import pytest
from drafting import draft_of

from x_provider.calendar import PartSpec
from x_provider.client import OAuth1, XClient
from x_provider.ledger import PartState
from x_provider.publishing import Publisher
from x_provider.publishing.engine import AnotherAccountError


@pytest.fixture
def looked_at(plan, publisher):
    """A post that is armed and was read ahead of its time."""
    post = plan(PartSpec(text="As read"))
    publisher.arm(post.id)
    publisher.look_ahead(post.id)
    return post


def test_what_was_read_is_sent_without_reading_it_again(looked_at, publisher, sandbox, monkeypatch):
    monkeypatch.setattr(publisher.ledger.posts, "get", lambda _: pytest.fail("the post was read again"))
    assert publisher.fire(looked_at.id).post.state is PartState.POSTED
    assert [post["text"] for post in sandbox.posts()] == ["As read"]


def test_a_text_that_was_changed_meanwhile_goes_out_as_changed_and_at_once(
    looked_at, publisher, ledger, sandbox
):
    changed = draft_of(PartSpec(text="As changed"), key=looked_at.key, due_at=looked_at.due_at, revision="r2")
    assert ledger.posts.put(changed, now=pendulum.now("UTC"))
    assert publisher.fire(looked_at.id).post.state is PartState.POSTED
    assert [post["text"] for post in sandbox.posts()] == ["As changed"]


def test_a_post_that_was_moved_meanwhile_waits_for_its_new_time(looked_at, publisher, ledger, sandbox):
    later = looked_at.due_at.add(hours=1)
    moved = draft_of(PartSpec(text="As read"), key=looked_at.key, due_at=later, revision="r2")
    assert ledger.posts.put(moved, now=pendulum.now("UTC"))
    assert publisher.fire(looked_at.id).retry_at == later
    assert sandbox.posts() == []


@pytest.mark.parametrize("then", ["ask", "skip"])
def test_a_late_post_that_a_person_resumed_meanwhile_is_not_missed(
    plan, publisher, ledger, clock, sandbox, then
):
    post = plan("Better late", grace=600, then=then, due_in=-590)
    publisher.arm(post.id)
    publisher.look_ahead(post.id)
    clock.ahead = 15
    ledger.deciding.resume(post.id, now=clock(), by="ann")
    assert publisher.fire(post.id).post.state is PartState.POSTED
    assert [post["text"] for post in sandbox.posts()] == ["Better late"]


def test_a_post_that_was_withdrawn_meanwhile_is_not_sent(looked_at, publisher, ledger, creates):
    assert ledger.posts.withdraw(looked_at.calendar, looked_at.key)
    assert publisher.fire(looked_at.id).post.state is PartState.WITHDRAWN
    assert creates() == []


def test_a_post_that_was_moved_to_another_account_meanwhile_is_only_sent_as_that_one(
    looked_at, publisher, ledger, client_of, sandbox
):
    moved = draft_of(
        "As read", key=looked_at.key, due_at=looked_at.due_at, revision="r2", account="x_another"
    )
    assert ledger.posts.put(moved, now=pendulum.now("UTC"))
    with pytest.raises(AnotherAccountError, match="moved to x_another"):
        publisher.fire(looked_at.id)
    assert sandbox.posts() == []
    another = Publisher(ledger, client_of(1), account="x_another")
    assert another.fire(looked_at.id).post.state is PartState.POSTED
    with pytest.raises(AnotherAccountError):
        publisher.fire(looked_at.id)
    assert [post["username"] for post in sandbox.posts()] == ["bob"]


def test_of_two_who_looked_ahead_one_sends(looked_at, publisher, ledger, sandbox):
    client = XClient(sandbox.url, OAuth1(*sandbox.keys()))
    other = Publisher(ledger, client, account=looked_at.account)
    other.look_ahead(looked_at.id)
    fired = [sender.fire(looked_at.id) for sender in (publisher, other)]
    assert [each.post.state for each in fired] == [PartState.POSTED] * 2
    assert len(sandbox.posts()) == 1


def test_what_is_uncertain_is_read_anew(plan, publisher, sandbox):
    post = plan(PartSpec(text="As read"))
    sandbox.faults("drop_before_commit", method="POST", path="/2/tweets", times=1)
    assert publisher.fire(post.id).post.state is PartState.UNCERTAIN
    publisher.look_ahead(post.id)
    assert publisher.fire(post.id).post.state is PartState.UNCERTAIN
    assert sandbox.posts() == []
