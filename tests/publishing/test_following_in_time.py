"""What happens some time after a post, whatever people like: reposts, reposts taken back, answers, taking down."""

from __future__ import annotations

import pendulum
import pytest

from x_provider.calendar import PartSpec, read_calendar
from x_provider.calendar import plan as plan_of
from x_provider.client import XError
from x_provider.ledger import FollowUpDraft, PartState
from x_provider.publishing import apply
from x_provider.publishing.following import CALENDAR, accounts_to_follow_up

HOUR, DAY = 3_600, 86_400


def after(seconds, **acts):
    return FollowUpDraft(
        **{"likes": None, "within_seconds": None, "repost": False, "content": None, **acts},
        after_seconds=seconds,
    )


def take_down(seconds=3 * DAY):
    return after(seconds, delete=True)


@pytest.fixture
def posted(publisher, plan):
    """Publish a post with follow-ups."""

    def posted(*parts, follow_ups, key="hello"):
        post = plan(*(parts or [f"Ten seats left: {key}"]), follow_ups=follow_ups, key=key)
        publisher.fire(post.id)
        return publisher.ledger.posts.get(post.id)

    return posted


@pytest.fixture
def asked(sandbox):
    """The paths of the requests of a method, in their order."""
    return lambda method: [seen["path"] for seen in sandbox.requests() if seen["method"] == method]


def states(ledger, post):
    return [each.state for each in ledger.follow_ups.of(post.id)]


def test_a_post_is_taken_down_at_its_time_and_not_before(sandbox, publisher, ledger, posted, clock):
    post = posted(follow_ups=[take_down()])
    clock.ahead = 3 * DAY - 60
    assert publisher.follow_up().waiting == ["follow-up 1 of december/hello"]
    assert len(sandbox.posts()) == 1
    clock.ahead = 3 * DAY + 60
    assert publisher.follow_up().done == ["follow-up 1 of december/hello"]
    assert sandbox.posts() == []
    assert ledger.posts.get(post.id).parts[0].receipt.deleted_at is not None
    assert states(ledger, post) == ["done"]
    assert publisher.follow_up().done == []


def test_a_thread_is_taken_down_from_its_end_and_each_deletion_is_paid_for(
    publisher, ledger, posted, clock, asked
):
    post = posted("One", "Two", "Three", follow_ups=[take_down(HOUR)])
    clock.ahead = HOUR + 60
    publisher.follow_up()
    ids = [part.receipt.x_id for part in post.parts]
    assert asked("DELETE") == [f"/2/tweets/{x_id}" for x_id in reversed(ids)]
    with ledger.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT what FROM x_charges WHERE kind = 'post_delete'").all()
    assert len(rows) == 3


def test_what_of_it_was_still_to_come_is_given_up_with_the_reason(publisher, ledger, posted, clock, creates):
    later = PartSpec(text="All dates", after_seconds=2 * DAY)
    post = posted("Ten seats left", later, follow_ups=[take_down(DAY), after(DAY + HOUR, repost=True)])
    clock.ahead = DAY + 60
    publisher.follow_up()
    second = ledger.posts.get(post.id).parts[1]
    assert (second.state, second.why) == (
        PartState.REFUSED,
        "the post was taken down 1 day after the post, as its entry says",
    )
    assert ledger.posts.get(post.id).wake_at is None
    assert states(ledger, post) == ["done", "void"]
    assert ledger.overview.stopped(clock()).count == 0  # nobody has to do anything about it
    clock.ahead = 3 * DAY
    publisher.fire(post.id)
    assert len(creates()) == 1


def test_a_crash_in_the_middle_of_a_thread_is_made_good_by_the_next_run(
    sandbox, publisher, ledger, posted, clock, monkeypatch
):
    post = posted("One", "Two", "Three", follow_ups=[take_down(HOUR)])
    clock.ahead = HOUR + 60
    kept = []

    def keep_one(*args, **kwargs):
        if kept:
            raise RuntimeError("the process dies")
        kept.append(type(ledger.receipts).deleted(ledger.receipts, *args, **kwargs))

    with monkeypatch.context() as crash:
        crash.setattr(ledger.receipts, "deleted", keep_one)
        with pytest.raises(RuntimeError):
            publisher.follow_up()
    assert len(sandbox.posts()) == 1
    assert accounts_to_follow_up(ledger, now=clock()) == ["x_default"]
    assert publisher.follow_up().done == ["follow-up 1 of december/hello"]
    assert sandbox.posts() == []
    assert all(part.receipt.deleted_at for part in ledger.posts.get(post.id).parts)


def test_a_crash_after_the_last_deletion_leaves_nothing_but_its_end_to_be_written(
    publisher, ledger, posted, clock, asked, monkeypatch
):
    post = posted(follow_ups=[take_down(HOUR)])
    clock.ahead = HOUR + 60
    with monkeypatch.context() as crash:
        crash.setattr(ledger.follow_ups, "end", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            publisher.follow_up()
    publisher.follow_up()
    assert states(ledger, post) == ["done"]
    assert len(asked("DELETE")) == 1


def test_a_post_that_somebody_deleted_on_x_counts_as_taken_down(publisher, ledger, client, posted, clock):
    post = posted("One", "Two", follow_ups=[take_down(HOUR)])
    client.delete_post(post.parts[1].receipt.x_id)  # the ledger does not know
    clock.ahead = HOUR + 60
    assert publisher.follow_up().done == ["follow-up 1 of december/hello"]
    assert all(part.receipt.deleted_at for part in ledger.posts.get(post.id).parts)


def test_the_rest_of_a_thread_goes_whose_first_part_somebody_deleted(
    sandbox, publisher, ledger, client, posted, clock
):
    post = posted("One", "Two", follow_ups=[take_down(HOUR)])
    first = post.parts[0].receipt.x_id
    client.delete_post(first)
    ledger.receipts.deleted(first, now=clock())
    clock.ahead = HOUR + 60
    assert publisher.follow_up().done == ["follow-up 1 of december/hello"]
    assert sandbox.posts() == []


def test_a_part_that_nobody_knows_of_is_taken_down_once_it_is_found(
    sandbox, publisher, ledger, posted, clock
):
    post = posted("One", PartSpec(text="Two", after_seconds=60), follow_ups=[take_down(HOUR)])
    sandbox.faults("drop_after_commit", method="POST", path="^/2/tweets$", times=1)
    clock.ahead = 61
    publisher.fire(post.id)
    assert ledger.posts.get(post.id).parts[1].state is PartState.UNCERTAIN
    clock.ahead = HOUR + 60
    assert publisher.follow_up().waiting == ["follow-up 1 of december/hello"]
    assert [each["text"] for each in sandbox.posts()] == ["Two"]
    publisher.fire(post.id)
    assert publisher.follow_up().done == ["follow-up 1 of december/hello"]
    assert sandbox.posts() == []


def test_what_x_refuses_to_delete_is_tried_again_for_a_week_and_then_told_to_have_failed(
    sandbox, publisher, ledger, posted, clock
):
    post = posted(follow_ups=[take_down(HOUR)])
    clock.ahead = HOUR + 60
    sandbox.faults("status", method="DELETE", path="^/2/tweets/", problem="not-permitted", times=2)
    told = publisher.follow_up()
    assert (told.waiting, told.failed) == (["follow-up 1 of december/hello"], [])
    assert "not permitted" in str(told.trouble)
    clock.ahead = 7 * DAY + HOUR + 60
    assert publisher.follow_up().failed == ["follow-up 1 of december/hello"]
    assert publisher.follow_up().failed == []
    assert "not permitted" in ledger.follow_ups.of(post.id)[0].why


def test_what_x_does_not_take_holds_nothing_else_back(sandbox, publisher, ledger, posted, clock):
    reposted = posted(key="reposted", follow_ups=[after(HOUR, repost=True)])
    gone = posted(key="gone", follow_ups=[take_down(HOUR)])
    kept = posted(key="kept", follow_ups=[take_down(2 * HOUR)])
    clock.ahead = 2 * HOUR + 60
    path = f"^/2/tweets/{gone.parts[0].receipt.x_id}"
    sandbox.faults("status", method="DELETE", path=path, problem="not-permitted", times=1)
    told = publisher.follow_up()
    assert told.waiting == ["follow-up 1 of december/gone"]
    assert told.trouble is not None
    assert states(ledger, kept) == states(ledger, reposted) == ["done"]


def test_a_deletion_that_is_given_up_while_it_is_made_ready_does_not_happen(
    sandbox, publisher, ledger, posted, clock, monkeypatch
):
    post = posted(follow_ups=[take_down(HOUR)])
    clock.ahead = HOUR + 60
    give_up_rest = type(ledger.taking_down).give_up_rest

    def void_first(self, *args, **kwargs):
        ledger.deciding.void(post.id, why="it stays", now=clock(), by="ann")
        return give_up_rest(self, *args, **kwargs)

    monkeypatch.setattr(type(ledger.taking_down), "give_up_rest", void_first)
    assert publisher.follow_up().done == []
    assert len(sandbox.posts()) == 1
    assert states(ledger, post) == ["void"]


@pytest.mark.parametrize(
    ("act", "method", "body"),
    [
        ("delete", "DELETE", {"data": {"deleted": False}}),
        ("repost", "POST", {"data": {"retweeted": False}}),
        ("undo_repost", "DELETE", {"data": {"retweeted": True}}),
    ],
)
def test_what_x_does_not_do_without_a_word_is_not_called_done(
    sandbox, publisher, ledger, posted, clock, act, method, body
):
    post = posted(follow_ups=[after(HOUR, **{act: True})])
    clock.ahead = HOUR + 60
    sandbox.faults("status", status=200, body=body, method=method, times=1)
    told = publisher.follow_up()
    assert told.done == []
    assert "did not say why" in (ledger.follow_ups.of(post.id)[0].why or str(told.trouble))
    assert bool(told.failed) == (act == "repost")  # what was to be taken down or back is tried again
    assert ledger.posts.get(post.id).parts[0].receipt.deleted_at is None


def test_when_x_cannot_answer_it_is_tried_again(sandbox, publisher, ledger, posted, clock):
    post = posted(follow_ups=[take_down(HOUR)])
    clock.ahead = HOUR + 60
    sandbox.faults("status", status=503, method="DELETE", path="^/2/tweets/", times=10)
    assert isinstance(publisher.follow_up().trouble, XError)
    assert states(ledger, post) == ["waiting"]


def test_nothing_is_taken_down_while_the_account_is_stopped(sandbox, publisher, ledger, posted, clock):
    posted(follow_ups=[take_down(HOUR)])
    clock.ahead = HOUR + 60
    ledger.controls.stop(account="x_default", why="a storm", by="ann", now=clock())
    assert publisher.follow_up().done == []
    assert len(sandbox.posts()) == 1


def test_a_stop_in_the_middle_of_a_thread_keeps_the_rest(
    sandbox, publisher, ledger, posted, clock, monkeypatch
):
    posted("One", "Two", follow_ups=[take_down(HOUR)])
    clock.ahead = HOUR + 60
    deleted = type(ledger.receipts).deleted

    def delete_and_stop(self, *args, **kwargs):
        ledger.controls.stop(account="x_default", why="a storm", by="ann", now=clock())
        return deleted(self, *args, **kwargs)

    monkeypatch.setattr(type(ledger.receipts), "deleted", delete_and_stop)
    assert isinstance(publisher.follow_up().trouble, XError)
    assert [each["text"] for each in sandbox.posts()] == ["One"]


def test_a_post_is_reposted_at_its_time_and_the_repost_is_taken_back_at_its_own(
    sandbox, publisher, ledger, posted, clock, asked
):
    post = posted(follow_ups=[after(6 * HOUR, repost=True), after(DAY, undo_repost=True)])
    clock.ahead = 6 * HOUR + 60
    assert publisher.follow_up().done == ["follow-up 1 of december/hello"]
    assert len(sandbox.posts()[0]["reposts"]) == 1
    clock.ahead = DAY + 60
    assert publisher.follow_up().done == ["follow-up 2 of december/hello"]
    assert sandbox.posts()[0]["reposts"] == []
    assert states(ledger, post) == ["done", "done"]
    assert [path for path in asked("GET") if path == "/2/tweets"] == []  # nobody needs its likes


def test_a_post_is_answered_at_its_time_once(sandbox, publisher, ledger, posted, clock):
    post = posted(follow_ups=[after(HOUR, content={"text": "Doors are open"})])
    clock.ahead = HOUR + 60
    for _ in range(2):
        publisher.follow_up()
    (answer,) = [each for each in ledger.posts.all() if each.calendar == CALENDAR]
    publisher.fire(answer.id)
    newest = sandbox.posts()[0]
    assert (newest["text"], newest["in_reply_to"]) == ("Doors are open", post.parts[0].receipt.x_id)


def test_what_should_have_been_said_a_day_ago_is_not_said_but_a_post_is_still_taken_down(
    sandbox, publisher, ledger, posted, clock
):
    post = posted(follow_ups=[after(HOUR, repost=True)])
    posted(key="offer", follow_ups=[after(HOUR, content={"text": "Soon over"}), take_down(2 * HOUR)])
    clock.ahead = DAY + 2 * HOUR + 60
    told = publisher.follow_up()
    assert (told.expired, told.done) == (["follow-up 1 of december/hello"], ["follow-up 2 of december/offer"])
    assert "over for more than a day" in ledger.follow_ups.of(post.id)[0].why
    assert [each["text"] for each in sandbox.posts()] == ["Ten seats left: hello"]


def test_likes_are_read_once_an_hour_however_often_somebody_looks(publisher, posted, clock, asked):
    posted(follow_ups=[FollowUpDraft(1_000_000, 2 * DAY, repost=True, content=None)])
    for minutes in range(1, 121, 10):
        clock.ahead = 60 * minutes
        publisher.follow_up()
        posted(key=f"another-{minutes}", follow_ups=[FollowUpDraft(9, DAY, repost=True, content=None)])
    assert len([path for path in asked("GET") if path == "/2/tweets"]) == 2


def test_a_post_of_which_x_tells_no_likes_is_not_asked_for_every_ten_minutes(
    publisher, client, posted, clock, asked
):
    post = posted(follow_ups=[FollowUpDraft(1, 2 * DAY, repost=True, content=None)])
    client.delete_post(post.parts[0].receipt.x_id)
    for minutes in (1, 11, 21):
        clock.ahead = 60 * minutes
        assert publisher.follow_up().waiting == ["follow-up 1 of december/hello"]
    assert len([path for path in asked("GET") if path == "/2/tweets"]) == 1


def test_a_run_is_for_accounts_that_have_something_to_do(publisher, ledger, posted, clock):
    assert accounts_to_follow_up(ledger, now=clock()) == []
    posted(follow_ups=[take_down(HOUR)])
    assert accounts_to_follow_up(ledger, now=clock()) == []
    clock.ahead = HOUR + 60
    assert accounts_to_follow_up(ledger, now=clock()) == ["x_default"]
    publisher.follow_up()
    assert accounts_to_follow_up(ledger, now=clock()) == []
    posted(key="liked", follow_ups=[FollowUpDraft(9, DAY, repost=True, content=None)])
    assert accounts_to_follow_up(ledger, now=clock()) == ["x_default"]
    publisher.follow_up()
    assert accounts_to_follow_up(ledger, now=clock()) == []


def test_used_up_reads_of_likes_hold_back_nothing_that_has_a_time(sandbox, publisher, posted, clock):
    posted(follow_ups=[take_down(HOUR)])
    posted(key="liked", follow_ups=[FollowUpDraft(9, DAY, repost=True, content=None)])
    clock.ahead = HOUR + 60
    sandbox.faults("status", method="GET", path="^/2/tweets", status=429, times=5)
    assert isinstance(publisher.follow_up().trouble, XError)
    assert len(sandbox.posts()) == 1


def test_what_follows_in_time_is_said_in_words(publisher, ledger, posted, clock):
    post = posted(
        follow_ups=[
            after(6 * HOUR, repost=True, content={"text": "Last call"}),
            after(DAY, undo_repost=True),
            take_down(),
        ]
    )
    at = post.parts[0].receipt.posted_at
    first, second, third = map(str, ledger.follow_ups.of(post.id))
    assert first == f"repost and answer 6 hours after the post: waiting, due {at.add(hours=6).isoformat()}"
    assert second.startswith("take the repost back 1 day after the post: waiting, due ")
    assert third.startswith("take the post down 3 days after the post: waiting, due ")
    clock.ahead = 6 * HOUR + 60
    publisher.follow_up()
    assert str(ledger.follow_ups.of(post.id)[0]) == "repost and answer 6 hours after the post: done"


def test_before_the_post_is_out_nobody_knows_when_it_follows(ledger, plan):
    post = plan("Later", due_in=HOUR, follow_ups=[take_down()])
    (record,) = ledger.follow_ups.of(post.id)
    assert str(record) == "take the post down 3 days after the post: waiting"
    assert ledger.follow_ups.accounts() == []


def test_void_gives_up_the_taking_down_of_what_is_on_x_last(sandbox, publisher, ledger, posted, clock):
    later = PartSpec(text="All dates", after_seconds=2 * DAY)
    post = posted("Ten seats left", later, follow_ups=[after(HOUR, repost=True), take_down(DAY)])
    now = pendulum.now("UTC")
    ledger.deciding.void(post.id, why="no more of it", now=now, by="ann")
    assert states(ledger, post) == ["void", "waiting"]
    ledger.deciding.resume(post.id, now=now, by="ann")
    assert states(ledger, post) == ["waiting", "waiting"]
    ledger.deciding.void(post.id, why="no more of it", now=now, by="ann")
    clock.ahead = DAY + 60
    assert publisher.follow_up().done == ["follow-up 2 of december/hello"]
    assert sandbox.posts() == []


def test_void_gives_up_the_taking_down_too(sandbox, publisher, ledger, posted, clock):
    post = posted(follow_ups=[take_down(HOUR)])
    ledger.deciding.void(post.id, why="it stays", now=pendulum.now("UTC"), by="ann")
    clock.ahead = HOUR + 60
    assert publisher.follow_up().done == []
    assert len(sandbox.posts()) == 1


def test_what_a_calendar_says_is_what_happens(sandbox, publisher, ledger, clock, tmp_path):
    file = tmp_path / "sale.yaml"
    file.write_text(
        "calendar: sale\ntimezone: UTC\nposts:\n"
        "  - id: offer\n    at: now\n    text: Ten seats left\n    follow_ups:\n"
        "      - {after: 6 h, repost: true}\n      - {after: 12 h, undo_repost: true}\n"
        "      - {after: 3 days, delete: true}\n"
    )
    calendar = read_calendar(file).calendar
    apply(ledger, calendar, plan_of(calendar, {}, now=clock()), now=clock())
    post = ledger.posts.find("sale", "offer")
    publisher.fire(post.id)
    for hours, reposts in ((6, 1), (12, 0)):
        clock.ahead = hours * HOUR + 60
        publisher.follow_up()
        assert len(sandbox.posts()[0]["reposts"]) == reposts
    clock.ahead = 3 * DAY + 60
    publisher.follow_up()
    assert sandbox.posts() == []
    assert states(ledger, post) == ["done"] * 3
