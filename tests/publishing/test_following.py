"""What happens once people like a post."""

from __future__ import annotations

import pytest

from x_provider.calendar import PartSpec, read_calendar
from x_provider.ledger import FollowUpDraft, LedgerError, PartState
from x_provider.publishing.following import CALENDAR

DAY = 86_400


@pytest.fixture
def liked(sandbox, publisher, plan):
    """Publish a post with follow-ups, and let a day pass in which some like it."""

    def liked(*follow_ups: FollowUpDraft, **fields):
        post = plan(PartSpec(text="Tonight: Saturn"), follow_ups=follow_ups, **fields)
        publisher.fire(post.id)
        sandbox.settings(clock_ahead_seconds=DAY)
        return publisher.ledger.posts.get(post.id)

    return liked


def repost_at(likes, within=2 * DAY):
    return FollowUpDraft(likes, within, repost=True, content=None)


def answer_at(likes, within=2 * DAY):
    return FollowUpDraft(likes, within, repost=False, content={"text": "Tickets are on our page"})


def reposts(sandbox):
    return [
        request
        for request in sandbox.requests()
        if request["method"] == "POST" and request["path"].endswith("/retweets")
    ]


def test_a_post_that_found_its_likes_is_reposted_once(sandbox, publisher, liked):
    liked(repost_at(1))
    assert publisher.follow_up().done == ["follow-up 1 of december/hello"]
    assert publisher.follow_up().done == []
    assert len(reposts(sandbox)) == 1


def test_a_post_that_found_its_likes_is_answered_once(sandbox, publisher, ledger, liked):
    post = liked(answer_at(1))
    for _ in range(2):
        publisher.follow_up()
    (answer,) = [each for each in ledger.posts.all() if each.calendar == CALENDAR]
    publisher.fire(answer.id)
    newest = sandbox.posts()[0]
    assert (newest["text"], newest["in_reply_to"]) == ("Tickets are on our page", post.parts[0].receipt.x_id)
    assert len(sandbox.posts()) == 2


def test_a_crash_between_the_act_and_its_record_repeats_nothing_on_x(
    sandbox, publisher, ledger, liked, monkeypatch
):
    liked(FollowUpDraft(1, 2 * DAY, repost=True, content={"text": "More"}))
    with monkeypatch.context() as crash:
        crash.setattr(ledger.follow_ups, "end", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            publisher.follow_up()
    assert publisher.follow_up().done != []
    assert len([each for each in ledger.posts.all() if each.calendar == CALENDAR]) == 1
    assert len(sandbox.posts()[0]["reposts"]) == 1


def test_too_few_likes_wait_and_end_with_their_time(publisher, ledger, liked, clock):
    liked(repost_at(1_000_000), answer_at(1_000_000, within=3 * DAY))
    assert len(publisher.follow_up().waiting) == 2
    clock.ahead = 2 * DAY + 1
    told = publisher.follow_up()
    assert (told.expired, told.waiting) == (
        ["follow-up 1 of december/hello"],
        ["follow-up 2 of december/hello"],
    )
    assert [each.position for each in ledger.follow_ups.waiting("x_default")] == [1]


def test_nothing_is_asked_for_while_the_account_is_stopped(sandbox, publisher, ledger, liked, clock):
    liked(repost_at(1))
    ledger.controls.stop(account="x_default", why="a storm", by="ann", now=clock())
    before = len(sandbox.requests())
    assert publisher.follow_up().done == []
    assert len(sandbox.requests()) == before


def test_a_post_that_is_not_on_x_or_was_deleted_is_not_looked_at(publisher, ledger, plan, liked, clock):
    plan(PartSpec(text="Not yet"), key="later", due_in=3600, follow_ups=[repost_at(1)])
    assert ledger.follow_ups.accounts() == []
    post = liked(repost_at(1))
    assert ledger.follow_ups.accounts() == ["x_default"]
    ledger.receipts.deleted(post.parts[0].receipt.x_id, now=clock())
    assert publisher.follow_up().waiting == []
    assert ledger.follow_ups.accounts() == []


def test_a_repost_that_x_refuses_for_good_is_told_and_not_tried_again(sandbox, publisher, ledger, liked):
    liked(repost_at(1))
    sandbox.faults("status", method="POST", path=r"^/2/users/\d+/retweets$", problem="not-permitted", times=1)
    assert publisher.follow_up().failed == ["follow-up 1 of december/hello"]
    assert publisher.follow_up().failed == []


def test_what_the_entry_says_before_the_post_goes_out_counts(ledger, plan):
    plan(PartSpec(text="One"), due_in=3600, follow_ups=[repost_at(1), answer_at(2)])
    post = plan(PartSpec(text="One"), due_in=3600, follow_ups=[repost_at(5)], revision="r2")
    assert post.state is PartState.PLANNED
    with ledger.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT likes FROM x_follow_ups").all()
    assert [row.likes for row in rows] == [5]


def test_likes_that_are_seen_long_after_their_time_prove_nothing(sandbox, publisher, liked, clock):
    liked(repost_at(1))
    clock.ahead = 2 * DAY + 7200
    assert publisher.follow_up().expired == ["follow-up 1 of december/hello"]
    assert reposts(sandbox) == []


def test_likes_that_are_seen_at_the_first_look_after_their_time_count(publisher, liked, clock):
    liked(repost_at(1, within=60))
    clock.ahead = 3600
    assert publisher.follow_up().done != []


@pytest.mark.parametrize("rest", [True, False], ids=["half a thread", "all on X"])
def test_nothing_follows_a_post_that_a_person_gave_up(sandbox, publisher, ledger, plan, clock, rest):
    parts = ["Tonight: Saturn", PartSpec(text="Later", after_seconds=DAY)][: 1 + rest]
    post = plan(*parts, follow_ups=[repost_at(1), answer_at(1)])
    publisher.fire(post.id)
    ledger.deciding.void(post.id, why="given up by ann", now=clock(), by="ann")
    clock.ahead = DAY
    assert publisher.follow_up().done == []
    assert [(each.state, each.why) for each in ledger.follow_ups.of(post.id)] == [
        ("void", "given up by ann")
    ] * 2
    if not rest:
        with pytest.raises(LedgerError, match="nothing to give up"):
            ledger.deciding.void(post.id, why="", now=clock())


@pytest.mark.parametrize(
    ("fields", "part", "on_absent"),
    [
        ({}, {}, "resend"),
        ({"on_absent": "ask"}, {}, "ask"),
        ({}, {"community_id": "1493446837214187523"}, "ask"),
    ],
    ids=["as a rule", "the entry says so", "no timeline may show it"],
)
def test_an_answer_is_sent_again_without_asking_only_where_its_post_would_be(
    publisher, ledger, plan, clock, sandbox, fields, part, on_absent
):
    post = plan(PartSpec(text="Tonight: Saturn", **part), follow_ups=[answer_at(1)], **fields)
    publisher.fire(post.id)
    sandbox.settings(clock_ahead_seconds=DAY)
    publisher.follow_up()
    (answer,) = [each for each in ledger.posts.all() if each.calendar == CALENDAR]
    assert answer.on_absent == on_absent


def test_what_waits_for_likes_is_said_in_words(publisher, ledger, liked):
    post = liked(FollowUpDraft(1_000_000, 2 * DAY, repost=True, content={"text": "More"}))
    publisher.follow_up()
    (waiting,) = map(str, ledger.follow_ups.of(post.id))
    assert waiting.startswith("repost and answer at 1,000,000 likes within 2 days: waiting, ")
    assert waiting.endswith(" seen")


def test_no_calendar_can_withdraw_the_answers(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(f"calendar: {CALENDAR}\ntimezone: UTC\nposts: []\n")
    reading = read_calendar(file)
    assert reading.calendar is None
    assert "may have only letters" in str(reading.findings[0])


def test_a_stop_in_the_middle_of_many_reposts_keeps_the_rest(
    sandbox, publisher, ledger, plan, clock, monkeypatch
):
    for number in range(3):
        post = plan(PartSpec(text=f"Number {number}"), key=f"post-{number}", follow_ups=[repost_at(1)])
        publisher.fire(post.id)
    sandbox.settings(clock_ahead_seconds=DAY)
    end = type(ledger.follow_ups).end

    def end_and_stop(self, *args, **kwargs):
        ledger.controls.stop(account="x_default", why="a storm", by="ann", now=clock())
        return end(self, *args, **kwargs)

    monkeypatch.setattr(type(ledger.follow_ups), "end", end_and_stop)
    assert len(publisher.follow_up().done) == 1
    assert len(reposts(sandbox)) == 1
