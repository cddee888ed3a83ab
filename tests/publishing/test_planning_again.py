"""Applying a calendar again: what was decided about a post stays decided until its own entry changes."""

from __future__ import annotations

from pathlib import Path

import pendulum
import pytest
from drafting import draft_of
from sqlalchemy import select

from x_provider.calendar import PartSpec, read_calendar
from x_provider.calendar import plan as compare
from x_provider.ledger import PartState
from x_provider.ledger.tables import follow_ups
from x_provider.publishing import apply, known_posts, take_due

HEAD = (
    "calendar: autumn\ntimezone: UTC\naccount: x_default\n"
    "defaults: {{late: {{grace: 15 min, then: {then}}}}}\nposts:\n"
)


@pytest.fixture
def apply_calendar(ledger, clock, tmp_path: Path):
    """Apply a calendar of this text, as if it were ``now``."""

    def apply_calendar(text: str, *, now: pendulum.DateTime | None = None):
        now = now or clock()
        file = tmp_path / "autumn.yaml"
        file.write_text(text)
        reading = read_calendar(file, now=now, known=lambda name: known_posts(ledger, name))
        planned = compare(reading.calendar, known_posts(ledger, "autumn"), now=now)
        return apply(ledger, reading.calendar, planned, now=now)

    return apply_calendar


def fire_what_is_due(ledger, publisher, now):
    return [publisher.fire(due.id).post.state for due in take_due(ledger, now=now, taker="run")]


def test_another_late_policy_for_the_future_does_not_send_what_was_missed_long_ago(
    ledger, publisher, apply_calendar, clock, creates
):
    september = clock().subtract(days=60).start_of("day")
    entries = "".join(
        f"  - {{id: p{day}, at: {september.add(days=day):%Y-%m-%d} 09:00, text: Day {day}}}\n"
        for day in range(1, 6)
    )
    assert len(apply_calendar(HEAD.format(then="skip") + entries, now=september).created) == 5
    assert fire_what_is_due(ledger, publisher, clock()) == [PartState.MISSED] * 5
    apply_calendar(HEAD.format(then="publish") + entries)
    assert PartState.POSTED not in fire_what_is_due(ledger, publisher, clock())
    assert creates() == []


def test_a_missed_post_with_a_new_time_goes_out(ledger, publisher, apply_calendar, clock, creates):
    old = clock().subtract(days=2)
    entry = "  - {{id: news, at: {at:%Y-%m-%d %H:%M}, text: News}}\n"
    apply_calendar(HEAD.format(then="skip") + entry.format(at=old), now=old.subtract(hours=1))
    assert fire_what_is_due(ledger, publisher, clock()) == [PartState.MISSED]
    new = clock().add(minutes=2)
    assert apply_calendar(HEAD.format(then="skip") + entry.format(at=new)).updated == ["news"]
    clock.ahead = 180
    assert fire_what_is_due(ledger, publisher, clock()) == [PartState.POSTED]
    assert len(creates()) == 1


def test_a_missed_post_that_a_person_resumes_goes_out_at_once(ledger, publisher, plan, clock, creates):
    post = plan(PartSpec(text="Late"), due_in=-100, grace=10, then="skip")
    assert publisher.fire(post.id).post.state is PartState.MISSED
    ledger.deciding.resume(post.id, now=clock())
    assert publisher.fire(post.id).post.state is PartState.POSTED
    assert len(creates()) == 1


ENTRY = """  - id: dome
    at: {at:%Y-%m-%d %H:%M:%S}
    text: Look
    media: [{{file: {file}, alt: A dome}}]
"""


@pytest.fixture
def write_entry(tmp_path: Path, picture, apply_calendar, clock):
    """Apply a calendar of one post, due soon, that shows a file of this name."""
    lies = Path(picture("first.png").source)
    at = clock().add(minutes=5)

    def write_entry(name: str, *, more: str = ""):
        nonlocal lies
        lies = lies.rename(tmp_path / name)
        return apply_calendar(HEAD.format(then="publish") + ENTRY.format(at=at, file=name) + more)

    return write_entry


def test_a_file_that_lies_elsewhere_is_found_there_and_the_post_stays_armed(
    sandbox, ledger, publisher, write_entry, clock
):
    assert write_entry("first.png").created == ["dome"]
    post = publisher.arm(ledger.posts.named("autumn/dome").id)
    applied = write_entry("second.png")
    assert (applied.updated, applied.relocated) == ([], ["dome"])
    assert "files found elsewhere: dome" in str(applied)
    assert write_entry("second.png").relocated == []
    assert ledger.posts.get(post.id).state is PartState.ARMED
    clock.ahead = 400
    assert publisher.fire(post.id).post.state is PartState.POSTED
    assert len(sandbox.posts()[0]["media"]) == 1


def test_where_the_files_of_an_answer_to_come_lie_is_taken_over_too(ledger, write_entry):
    answer = (
        "    follow_ups: [{{likes: 9, within: 1 day, text: More, media: [{{file: {0}, alt: A dome}}]}}]\n"
    )
    write_entry("first.png", more=answer.format("first.png"))
    assert write_entry("second.png", more=answer.format("second.png")).relocated == ["dome"]
    with ledger.database.read() as connection:
        (content,) = connection.execute(select(follow_ups.c.content)).scalars()
    assert content["media"][0]["source"].endswith("second.png")


def test_what_is_on_x_keeps_what_it_was_sent_with(ledger, publisher, write_entry, clock):
    write_entry("first.png")
    post = ledger.posts.named("autumn/dome")
    clock.ahead = 400
    publisher.fire(post.id)
    clock.ahead = 0
    assert write_entry("second.png").relocated == []
    assert ledger.posts.relocate("autumn", [draft_of(PartSpec(text="Other"), key="dome")]) == []
    assert ledger.posts.get(post.id).parts[0].content["media"][0]["source"].endswith("first.png")


def test_a_comment_whose_entry_is_gone_is_not_said_to_be_withdrawn(
    ledger, publisher, apply_calendar, clock, sandbox
):
    entry = "  - {id: news, at: now, text: News, first_comment: {text: Dates, after: 5 min}}\n"
    apply_calendar(HEAD.format(then="publish") + entry)
    fire_what_is_due(ledger, publisher, clock())
    applied = apply_calendar(HEAD.format(then="publish").replace("posts:", "posts: []"))
    assert (applied.withdrawn, applied.overtaken) == ([], [])
    clock.ahead = 301
    (post,) = ledger.posts.all()
    assert publisher.fire(post.id).post.state is PartState.POSTED


def test_a_comment_that_its_entry_drops_is_not_sent(ledger, publisher, apply_calendar, clock, creates):
    entry = "  - {{id: news, at: now, text: News{}}}\n"
    comment = ", first_comment: {text: Dates, after: 5 min}"
    apply_calendar(HEAD.format(then="publish") + entry.format(comment))
    fire_what_is_due(ledger, publisher, clock())
    assert apply_calendar(HEAD.format(then="publish") + entry.format("")).updated == ["news"]
    clock.ahead = 301
    (post,) = ledger.posts.all()
    assert publisher.fire(post.id).post.state is PartState.POSTED
    assert len(creates()) == 1


def test_a_post_refused_for_a_file_that_was_gone_goes_out_by_the_words_of_its_refusal(
    sandbox, ledger, publisher, write_entry, clock, tmp_path
):
    write_entry("first.png")
    (tmp_path / "first.png").rename(tmp_path / "away.png")
    clock.ahead = 400
    fired = publisher.fire(ledger.posts.named("autumn/dome").id)
    assert fired.post.state is PartState.REFUSED
    assert (
        "change its entry and apply the calendar; once the post is refused, also run `airflow x resume"
        in fired.why
    )
    (tmp_path / "away.png").rename(tmp_path / "first.png")
    clock.ahead = 0
    assert write_entry("second.png").relocated == ["dome"]
    clock.ahead = 400
    ledger.deciding.resume(fired.post.id, now=clock())
    assert publisher.fire(fired.post.id).post.state is PartState.POSTED
