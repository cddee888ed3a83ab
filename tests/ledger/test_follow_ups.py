"""What follows posts, as the ledger keeps it; and ledgers from before it could follow in time."""

from __future__ import annotations

import json
from pathlib import Path

import pendulum
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

import x_provider.ledger as package
from x_provider.ledger import FollowUpDraft, PartState, Receipt
from x_provider.ledger.database import Database

NOW = pendulum.datetime(2026, 12, 1, 8, 0, 0)


def after(seconds, **acts):
    return FollowUpDraft(
        **{"likes": None, "within_seconds": None, "repost": False, "content": None, **acts},
        after_seconds=seconds,
    )


@pytest.fixture
def posted(ledger, draft):
    """Plan a post, and take its first part for one on X."""

    def posted(**fields):
        ledger.posts.put(draft(**fields), now=NOW)
        post = ledger.posts.find("december", fields.get("key", "hello"))
        with ledger.database.write() as connection:
            connection.execute(
                text("UPDATE x_parts SET state = 'uncertain' WHERE id = :id"), {"id": post.parts[0].id}
            )
        receipt = Receipt(str(1000 + post.id), f"https://x.com/a/status/{1000 + post.id}", NOW, NOW)
        return ledger.deciding.adopt(post.id, receipt)

    return posted


def test_what_has_a_time_is_kept_and_given_back(ledger, posted):
    posted(follow_ups=[after(60, repost=True), after(120, undo_repost=True), after(180, delete=True)])
    waiting = ledger.follow_ups.waiting("x_default")
    assert [(each.repost, each.undo_repost, each.delete) for each in waiting] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]
    assert [each.due_at for each in waiting] == [NOW.add(seconds=seconds) for seconds in (60, 120, 180)]
    assert [(each.likes, each.within_seconds, each.looked_at) for each in waiting] == [(None,) * 3] * 3


def test_what_waits_for_likes_has_no_time_of_its_own(ledger, posted):
    posted(follow_ups=[FollowUpDraft(100, 60, repost=True, content=None)])
    (waiting,) = ledger.follow_ups.waiting("x_default")
    assert (waiting.due_at, waiting.ends_at) == (None, NOW.add(seconds=60))
    ledger.follow_ups.look(waiting, likes=7, now=NOW)
    ledger.follow_ups.look(waiting, likes=None, now=NOW.add(hours=1))
    (waiting,) = ledger.follow_ups.waiting("x_default")
    assert waiting.looked_at == NOW.add(hours=1)
    assert "7 seen" in str(ledger.follow_ups.of(waiting.post_id)[0])


def test_of_a_post_that_is_deleted_only_its_taking_down_goes_on(ledger, posted):
    post = posted(follow_ups=[after(60, repost=True), after(180, delete=True)])
    ledger.receipts.deleted(post.parts[0].receipt.x_id, now=NOW)
    assert [each.delete for each in ledger.follow_ups.waiting("x_default")] == [True]
    assert ledger.follow_ups.accounts() == ["x_default"]


def test_giving_up_the_rest_ends_parts_and_follow_ups_and_repeating_it_changes_nothing(ledger, posted):
    post = posted(texts=("One", "Two"), follow_ups=[after(60, repost=True), after(180, delete=True)])
    first = ledger.taking_down.give_up_rest(post.id, why="gone", by="ann", now=NOW)
    again = ledger.taking_down.give_up_rest(post.id, why="gone again", by="bob", now=NOW.add(hours=1))
    assert first == again
    assert [(part.state, part.why) for part in again.parts] == [
        (PartState.POSTED, None),
        (PartState.REFUSED, "gone"),
    ]
    assert again.wake_at is None
    assert [each.state for each in ledger.follow_ups.of(post.id)] == ["void", "waiting"]
    (decision,) = [each for each in ledger.deciding.decisions(post.id) if each.decision == "void"]
    assert (decision.part, decision.by, decision.words) == (2, "ann", "gone")


@pytest.fixture
def planned_anew(ledger, draft, posted):
    """A post whose rest was given up, and whose entry says something else since."""
    delete = after(180, delete=True)
    post = posted(texts=("One", "Two"), follow_ups=[delete])
    ledger.deciding.void(post.id, why="not so", now=NOW, by="ann")
    assert ledger.posts.put(draft(texts=("One", "Zwei"), revision="another", follow_ups=[delete]), now=NOW)
    return ledger.posts.get(post.id)


def test_what_was_given_up_of_an_entry_is_not_given_up_of_what_it_says_now(ledger, planned_anew):
    post = planned_anew
    assert not ledger.deciding.is_given_up(post.parts[1])
    ledger.deciding.void(post.id, why="nor so", now=NOW, by="ann")
    assert [each.state for each in ledger.follow_ups.of(post.id)] == ["waiting"]
    assert [(each.part, each.decision, each.by) for each in ledger.deciding.decisions(post.id)][1:] == [
        (2, "void", "ann"),
        (2, "plan", "its entry"),
        (2, "void", "ann"),
    ]


@pytest.mark.parametrize("state", ["planned", "armed", "missed"])
def test_giving_up_the_rest_ends_what_is_still_to_come_whatever_was_decided_of_it(
    ledger, planned_anew, state
):
    post = planned_anew
    ledger.deciding.void(post.id, why="nor so", now=NOW, by="ann")
    with ledger.database.write() as connection:  # as an older release planned it anew
        connection.execute(text(f"UPDATE x_parts SET state = '{state}' WHERE id = {post.parts[1].id}"))
    given_up = ledger.taking_down.give_up_rest(post.id, why="gone", by="ann", now=NOW)
    assert (given_up.parts[1].state, given_up.parts[1].why) == (PartState.REFUSED, "gone")


def test_what_is_under_way_when_the_rest_is_given_up_is_not_sent_again(ledger, posted):
    post = posted(texts=("One", "Two"), follow_ups=[after(180, delete=True)])
    with ledger.database.write() as connection:
        second = {"id": post.parts[1].id}
        connection.execute(text("UPDATE x_parts SET state = 'uncertain' WHERE id = :id"), second)
    given_up = ledger.taking_down.give_up_rest(post.id, why="gone", by="ann", now=NOW)
    assert given_up.parts[1].state is PartState.UNCERTAIN
    assert ledger.deciding.is_given_up(given_up.parts[1])


def test_an_entry_that_changes_what_follows_repeats_nothing_and_drops_nothing(ledger, draft, posted):
    repost, delete = after(60, repost=True), after(180, delete=True)
    post = posted(texts=("One", "Two"), follow_ups=[repost, delete])
    first, second = ledger.follow_ups.waiting("x_default")
    ledger.follow_ups.end(first, "done", now=NOW)
    later = after(240, delete=True)
    ledger.posts.put(
        draft(texts=("One", "Two!"), revision="another", follow_ups=[later, repost]), now=NOW.add(seconds=1)
    )
    (waiting,) = ledger.follow_ups.waiting("x_default")
    assert (waiting.delete, waiting.after_seconds) == (True, 240)
    assert sorted(each.state for each in ledger.follow_ups.of(post.id)) == ["done", "waiting"]
    assert not ledger.follow_ups.waits(second)


def test_giving_up_the_rest_leaves_a_post_alone_that_is_not_on_x(ledger, draft):
    ledger.posts.put(draft(follow_ups=[after(60, repost=True)]), now=NOW)
    post = ledger.posts.find("december", "hello")
    assert ledger.taking_down.give_up_rest(post.id, why="gone", by="ann", now=NOW) == post
    assert [each.state for each in ledger.follow_ups.of(post.id)] == ["waiting"]


def migrate(url, to: str, *, down: bool = False):
    config = Config()
    config.set_main_option("script_location", str(Path(package.__file__).parent / "migrations"))
    database = Database(url)
    with database._engine.begin() as connection:
        config.attributes["connection"] = connection
        (command.downgrade if down else command.upgrade)(config, to)
    database.dispose()


def test_a_ledger_from_before_keeps_what_waits_for_likes(ledger_url, ledger):
    migrate(ledger_url, "0002")
    with Database(ledger_url)._engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO x_posts (id, calendar, key, account, revision, at, timezone, due_at, late_grace_seconds,"
                " late_then, on_absent, lead_seconds, planned_at) VALUES (1, 'december', 'hello', 'x_default', 'r1',"
                " 'now', 'UTC', '2026-12-01 08:00:00', 900, 'publish', 'resend', 120, '2026-12-01 08:00:00')"
            )
        )
        connection.execute(
            text(
                "INSERT INTO x_follow_ups (post_id, position, likes, within_seconds, repost, content, state)"
                " VALUES (1, 0, 100, 86400, :yes, NULL, 'waiting'), (1, 1, 9, 60, :no, :content, 'done')"
            ),
            {"yes": True, "no": False, "content": json.dumps({"text": "More"})},
        )
    assert [str(each) for each in ledger.follow_ups.of(1)] == [
        "repost at 100 likes within 1 day: waiting",
        "answer at 9 likes within 1 minute: done",
    ]
    with ledger.database.read() as connection:
        kept = connection.execute(
            text("SELECT count(*) FROM x_follow_ups WHERE NOT undo_repost")
        ).scalar_one()
    assert kept == 2


def test_the_way_back_keeps_what_the_older_release_knows(ledger_url, ledger, posted):
    posted(follow_ups=[after(60, repost=True), FollowUpDraft(100, 60, repost=True, content=None)])
    migrate(ledger_url, "0002", down=True)
    with ledger.database._engine.connect() as connection:
        rows = connection.execute(text("SELECT likes, within_seconds FROM x_follow_ups")).all()
    assert rows == [(100, 60)]
