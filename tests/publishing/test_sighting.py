"""X tells of a new post: what the ledger does not know the outcome of is woken, and nothing else is believed."""

from __future__ import annotations

import pendulum
import pytest
from other_processes import begin_attempt, wake_post

from x_provider.client import CreatePost
from x_provider.client import Post as PostOnX
from x_provider.ledger import PartState
from x_provider.publishing.recovering import ANSWER_SECONDS
from x_provider.publishing.sighting import planned_as

LOST = {"kind": "drop_after_commit", "method": "POST", "path": "/2/tweets", "times": 1}


@pytest.fixture
def told(sandbox, client):
    """The newest post on X, as X tells of it."""

    def told() -> PostOnX:
        (post,) = client.get_posts([sandbox.posts()[0]["id"]]).posts
        return post

    return told


@pytest.fixture
def uncertain(sandbox, publisher, plan):
    """A post that is on X and whose answer was lost; a person is asked about it, and nobody else looks."""

    def uncertain(*parts, **fields):
        post = plan(*parts, **fields)
        sandbox.faults(**LOST)
        assert publisher.fire(post.id).post.state is PartState.UNCERTAIN
        return post

    return uncertain


def test_a_post_of_unknown_outcome_is_looked_for_at_once(
    ledger, publisher, uncertain, told, sandbox, creates
):
    post = uncertain("Did it arrive? https://example.com/a", on_absent="ask")
    wake_post(ledger, post.id, None)
    now = pendulum.now("UTC")
    assert planned_as(ledger, told(), now=now) == "x_default"
    assert ledger.posts.get(post.id).wake_at == now
    assert ledger.posts.get(post.id).parts[0].receipt is None
    fired = publisher.fire(post.id)
    assert fired.post.parts[0].receipt.x_id == sandbox.posts()[0]["id"]
    assert len(creates()) == 1


def test_a_part_of_a_thread_is_known_by_what_it_answers(ledger, publisher, plan, told, sandbox):
    post = plan("Root", "Answer")
    sandbox.faults(**LOST, skip=1)
    publisher.fire(post.id)
    assert [part.state for part in ledger.posts.get(post.id).parts] == [PartState.POSTED, PartState.UNCERTAIN]
    wake_post(ledger, post.id, None)
    assert planned_as(ledger, told(), now=pendulum.now("UTC")) == "x_default"
    assert ledger.posts.get(post.id).wake_at is not None


def test_a_post_by_hand_is_nobodys_and_wakes_nothing(ledger, uncertain, client, told):
    post = uncertain("Ours")
    wake_post(ledger, post.id, None)
    client.create_post(CreatePost(text="By hand"))
    assert planned_as(ledger, told(), now=pendulum.now("UTC")) is None
    assert ledger.posts.get(post.id).wake_at is None


def test_what_has_its_receipt_is_known_and_nobody_is_woken(ledger, publisher, plan, told):
    post = plan("Hello", account="x_default")
    publisher.fire(post.id)
    assert planned_as(ledger, told(), now=pendulum.now("UTC")) == "x_default"
    assert ledger.posts.get(post.id).wake_at is None


def test_a_sender_that_may_still_hear_the_answer_is_given_its_time(ledger, plan):
    post, now = plan("Hello"), pendulum.now("UTC")
    ledger.sending.arm(post, post.parts[0])
    begin_attempt(ledger, post, at=now)
    seen = PostOnX(id="1990000000000000001", author_id="7", text="Hello")
    assert planned_as(ledger, seen, now=now) == "x_default"
    assert ledger.posts.get(post.id).wake_at == now.add(seconds=ANSWER_SECONDS)


def test_another_user_s_post_that_says_the_same_wakes_nothing(ledger, uncertain):
    post = uncertain("Hello")
    wake_post(ledger, post.id, None)
    seen = PostOnX(id="1990000000000000001", author_id="8", text="Hello")
    assert planned_as(ledger, seen, now=pendulum.now("UTC")) is None
    assert ledger.posts.get(post.id).wake_at is None
