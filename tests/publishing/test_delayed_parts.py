"""A part that follows later: a first comment, minutes after the post."""

from __future__ import annotations

import pytest

from x_provider.calendar import PartSpec
from x_provider.ledger import LedgerError, PartState
from x_provider.publishing import take_due
from x_provider.publishing.lateness import due_at
from x_provider.publishing.upkeep import sweep

DELAY = 300


@pytest.fixture
def commented(plan):
    """A post whose first comment follows after five minutes, and another part right after that."""
    return plan(PartSpec(text="Post"), PartSpec(text="Comment", after_seconds=DELAY), PartSpec(text="More"))


def test_it_waits_for_its_time_after_the_part_before_it(sandbox, publisher, commented, clock):
    fired = publisher.fire(commented.id)
    root, comment, more = fired.post.parts
    assert (root.state, comment.state, more.state) == (PartState.POSTED, PartState.PLANNED, PartState.PLANNED)
    assert fired.retry_at == comment.due_at == root.receipt.posted_at.add(seconds=DELAY)
    assert [post["text"] for post in sandbox.posts()] == ["Post"]
    clock.ahead = DELAY - 10
    assert publisher.fire(commented.id).retry_at == fired.retry_at
    clock.ahead = DELAY + 1
    assert publisher.fire(commented.id).post.state is PartState.POSTED
    third, second, first = sandbox.posts()
    assert [post["text"] for post in (first, second, third)] == ["Post", "Comment", "More"]
    assert (second["in_reply_to"], third["in_reply_to"]) == (first["id"], second["id"])


def test_somebody_is_woken_for_it_when_whoever_waited_is_gone(ledger, publisher, commented, clock):
    fired = publisher.fire(commented.id)
    assert fired.post.wake_at > fired.retry_at
    assert ledger.posts.due(fired.post.wake_at) != []
    assert ledger.posts.due(fired.retry_at) == []
    clock.ahead = 7 * DELAY
    swept = sweep(ledger, now=clock())
    assert swept.missed == []


def test_it_counts_as_waiting_only_once_it_is_due(ledger, publisher, commented, clock):
    publisher.fire(commented.id)
    clock.ahead = DELAY - 30
    assert ledger.overview.waiting(clock()).posts == []
    clock.ahead = DELAY + 90
    (waiting,) = ledger.overview.waiting(clock()).posts
    assert waiting.id == commented.id


def test_a_delay_that_the_calendar_changes_meanwhile_holds_from_then_on(
    ledger, publisher, commented, plan, clock
):
    publisher.fire(commented.id)
    plan(PartSpec(text="Post"), PartSpec(text="Comment", after_seconds=60), revision="r2")
    clock.ahead = 61
    assert publisher.fire(commented.id).post.state is PartState.POSTED


def test_a_part_without_a_delay_is_due_with_its_post_whatever_the_clocks_say(publisher, commented):
    fired = publisher.fire(commented.id)
    assert due_at(fired.post, fired.post.parts[2]) == commented.due_at


def test_a_comment_that_x_answers_with_an_odd_401_is_tried_again(sandbox, publisher, commented, clock):
    publisher.fire(commented.id)
    clock.ahead = DELAY + 1
    sandbox.faults("outage_401", method="POST", path="/2/tweets", times=1)
    fired = publisher.fire(commented.id)
    assert fired.retry_at is not None
    clock.ahead += 60
    assert publisher.fire(commented.id).post.state is PartState.POSTED


def test_a_comment_on_what_was_deleted_meanwhile_is_not_sent(
    sandbox, ledger, publisher, commented, clock, creates
):
    root = publisher.fire(commented.id).post.parts[0].receipt
    publisher.client.delete_post(root.x_id)
    ledger.receipts.deleted(root.x_id, now=clock())
    clock.ahead = DELAY + 1
    fired = publisher.fire(commented.id)
    assert [part.state for part in fired.post.parts[1:]] == [PartState.REFUSED, PartState.REFUSED]
    assert f"{root.url}, which it answers, was deleted" in fired.why
    assert "airflow x void december/hello" in fired.why
    assert len(creates()) == 1


def test_a_stop_holds_a_comment_and_the_late_policy_does_not_drop_it(sandbox, ledger, publisher, plan, clock):
    post = plan("Post", PartSpec(text="Comment", after_seconds=DELAY), grace=60, then="skip")
    publisher.fire(post.id)
    ledger.controls.stop(account="x_default", why="a storm", by="ann", now=clock())
    clock.ahead = DELAY + 1
    fired = publisher.fire(post.id)
    assert "a storm" in fired.why
    assert 0 < (fired.retry_at - clock()).total_seconds() <= 60
    clock.ahead = 86_400
    assert sweep(ledger, now=clock()).missed == []
    ledger.controls.go(account="x_default", now=clock())
    assert publisher.fire(post.id).post.state is PartState.POSTED


def test_a_comment_is_due_after_its_post_however_late_that_was_found(sandbox, publisher, commented, clock):
    sandbox.faults("drop_after_commit", method="POST", path="/2/tweets", times=1)
    publisher.fire(commented.id)
    clock.ahead = DELAY / 2
    fired = publisher.fire(commented.id)
    root, comment, _ = fired.post.parts
    assert root.receipt.adopted
    assert comment.due_at == root.receipt.posted_at.add(seconds=DELAY)


def test_what_is_not_late_cannot_be_resumed(ledger, publisher, commented, clock):
    publisher.fire(commented.id)
    with pytest.raises(LedgerError, match="nothing to resume"):
        ledger.deciding.resume(commented.id, now=clock())
    clock.ahead = DELAY + 1
    ledger.deciding.resume(commented.id, now=clock())
    assert publisher.fire(commented.id).post.state is PartState.POSTED


def test_nobody_waits_for_hours_for_a_comment_which_is_taken_on_anew_in_time(
    sandbox, ledger, publisher, plan, clock
):
    post = plan("Post", PartSpec(text="Comment", after_seconds=2 * 86_400))
    fired = publisher.fire(post.id)
    due = fired.post.next_due_at
    assert (fired.retry_at, fired.post.wake_at) == (None, due.subtract(minutes=45))
    assert fired.post.follows_later(clock())
    assert ledger.overview.waiting(clock()).posts == []
    clock.ahead = 2 * 86_400 - 2_690
    assert [due.id for due in take_due(ledger, now=clock(), taker="run")] == [post.id]
    publisher.arm(post.id)
    fired = publisher.fire(post.id)
    assert (fired.retry_at, fired.post.wake_at) == (due, due.add(minutes=5))
    clock.ahead = 2 * 86_400 + 1
    assert publisher.fire(post.id).post.state is PartState.POSTED
    assert len(sandbox.posts()) == 2


def test_the_files_of_a_comment_of_days_later_are_uploaded_for_it(sandbox, publisher, plan, picture, clock):
    root, soon, late = (picture(f"{name}.png", colour=(n, 0, 0)) for n, name in enumerate(("a", "b", "c")))
    post = plan(
        PartSpec(text="Post", media=[root]),
        PartSpec(text="Soon", media=[soon], after_seconds=DELAY),
        PartSpec(text="Late", media=[late], after_seconds=86_400),
    )
    assert len(publisher.prepare(post.id).media_ids) == 2
    publisher.fire(post.id)
    clock.ahead = DELAY + 1
    due = publisher.fire(post.id).post.next_due_at
    clock.ahead = (due - clock()).total_seconds() + clock.ahead - 1800
    assert len(publisher.prepare(post.id).media_ids) == 1
    clock.ahead += 1801
    assert publisher.fire(post.id).post.state is PartState.POSTED
    assert [len(each["media"]) for each in sandbox.posts()] == [1, 1, 1]
