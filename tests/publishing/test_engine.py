from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pendulum
import pytest

from x_provider.calendar import PartSpec, PollSpec
from x_provider.ledger import PartState
from x_provider.publishing import Publisher
from x_provider.publishing.engine import AnotherAccountError
from x_provider.publishing.reconciling import QUIET_SECONDS


def uploads(sandbox):
    return [
        r for r in sandbox.requests() if r["method"] == "POST" and r["path"].startswith("/2/media/upload")
    ]


def test_a_post_goes_out_and_its_receipt_says_where_and_when(sandbox, publisher, plan):
    post = plan(PartSpec(text="Good morning 🌅"))
    fired = publisher.fire(post.id)
    (on_x,) = sandbox.posts()
    receipt = fired.post.parts[0].receipt
    assert fired.post.state is PartState.POSTED
    assert receipt.x_id == on_x["id"]
    assert receipt.url == f"{sandbox.url}/{on_x['username']}/status/{on_x['id']}"
    assert receipt.posted_at == pendulum.parse(on_x["created_at"])
    assert publisher.ledger.posts.get(post.id).wake_at is None


def test_firing_a_post_again_does_not_send_it_again(sandbox, publisher, plan, creates):
    post = plan(PartSpec(text="Once"))
    for _ in range(3):
        publisher.fire(post.id)
    assert len(creates()) == 1


def test_many_who_fire_the_same_post_at_once_send_it_once(sandbox, ledger, client, plan, creates):
    post = plan(PartSpec(text="Only one of us"))
    publishers = [Publisher(ledger, client, account="x_default") for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda publisher: publisher.fire(post.id), publishers))
    assert len(creates()) == 1
    assert ledger.posts.get(post.id).state is PartState.POSTED


def test_a_thread_goes_out_in_order_each_part_answering_the_one_before(sandbox, publisher, plan, picture):
    post = plan(PartSpec(text="One"), PartSpec(text="Two", media=[picture()]), PartSpec(text="Three"))
    fired = publisher.fire(post.id)
    three, two, one = sandbox.posts()
    assert one["text"] == "One"
    assert (two["in_reply_to"], three["in_reply_to"]) == (one["id"], two["id"])
    assert [part.receipt.x_id for part in fired.post.parts] == [one["id"], two["id"], three["id"]]


def test_a_thread_goes_on_after_the_part_that_is_on_x(sandbox, publisher, plan, clock):
    post = plan(PartSpec(text="One"), PartSpec(text="Two"))
    sandbox.faults("status", method="POST", path="/2/tweets", status=503, skip=1, times=1)
    assert publisher.fire(post.id).post.state is PartState.UNCERTAIN
    clock.ahead = QUIET_SECONDS + 1
    assert publisher.fire(post.id).post.state is PartState.ARMED
    publisher.fire(post.id)
    assert [entry["text"] for entry in reversed(sandbox.posts())] == ["One", "Two"]


def test_a_poll_and_its_settings_reach_x(sandbox, publisher, plan):
    poll = PollSpec(options=["Red", "Blue"], duration_minutes=60)
    post = plan(PartSpec(text="Which one?", poll=poll, reply_settings="following"))
    publisher.fire(post.id)
    (on_x,) = sandbox.posts()
    assert [option["label"] for option in on_x["poll"]["options"]] == ["Red", "Blue"]
    assert on_x["reply_settings"] == "following"


def test_media_uploaded_ahead_are_not_uploaded_again_when_the_post_is_fired(
    sandbox, publisher, plan, picture
):
    media = picture()
    post = plan(PartSpec(text="Look", media=[media]))
    media_ids = publisher.prepare(post.id).media_ids
    before = len(uploads(sandbox))
    publisher.fire(post.id)
    (on_x,) = sandbox.posts()
    assert [m["id"] for m in on_x["media"]] == media_ids
    assert [(m["sha256"], m["alt_text"]) for m in on_x["media"]] == [(media.sha256, "A dome at night")]
    assert len(uploads(sandbox)) == before


def test_the_same_file_in_two_posts_is_uploaded_once(sandbox, publisher, plan, picture):
    for key in ("a", "b"):
        publisher.fire(plan(PartSpec(text=key, media=[picture()]), key=key).id)
    assert len(uploads(sandbox)) == 1


def test_a_refused_post_stops_with_x_s_words_and_is_not_tried_again(sandbox, publisher, plan, creates):
    post = plan(PartSpec(text="To a stranger", reply_to="1234567890123456789"))
    fired = publisher.fire(post.id)
    assert fired.post.state is PartState.REFUSED
    assert fired.retry_at is None
    assert "post december/hello" in fired.why
    publisher.fire(post.id)
    assert len(creates()) == 1


def test_a_file_that_is_gone_stops_its_post_and_is_named(sandbox, publisher, plan, picture, creates):
    media = picture()
    post = plan(PartSpec(text="Look", media=[media]))
    Path(media.source).unlink()
    fired = publisher.fire(post.id)
    assert fired.post.state is PartState.REFUSED
    assert media.source in fired.why
    assert creates() == []


def test_a_file_that_was_changed_after_planning_is_not_published(sandbox, publisher, plan, picture):
    media = picture()
    post = plan(PartSpec(text="Look", media=[media]))
    picture(colour=(200, 0, 0))
    fired = publisher.fire(post.id)
    assert fired.post.state is PartState.REFUSED
    assert "has changed" in fired.why
    assert sandbox.posts() == []


def test_what_x_would_not_understand_is_refused_before_anything_is_sent(sandbox, publisher, plan, creates):
    poll = PollSpec(options=["Red", "Blue"], duration_minutes=60)
    fired = publisher.fire(plan(PartSpec(text="", poll=poll)).id)
    assert fired.post.state is PartState.REFUSED
    assert "X would not understand it" in fired.why
    assert creates() == []


def test_arming_again_or_after_publishing_changes_nothing(sandbox, publisher, plan):
    post = plan(PartSpec(text="Ready"))
    assert publisher.arm(post.id).state is PartState.ARMED
    assert publisher.arm(post.id).state is PartState.ARMED
    publisher.fire(post.id)
    assert publisher.arm(post.id).state is PartState.POSTED


def test_a_post_of_another_account_is_neither_uploaded_nor_sent(sandbox, ledger, client, plan):
    post = plan("Not by these keys")
    other = Publisher(ledger, client, account="x_other")
    for do in (other.prepare, other.look_ahead, other.arm, other.fire):
        with pytest.raises(AnotherAccountError) as raised:
            do(post.id)
        assert not raised.value.may_pass
        for words in (
            "of account x_default, and account x_other was to send it",
            "its entry was moved to x_default",
            "the connection of the ledger names another database",
        ):
            assert words in str(raised.value)
    assert [call for call in sandbox.requests() if call["method"] == "POST"] == []
    assert ledger.posts.get(post.id).state is PartState.PLANNED
