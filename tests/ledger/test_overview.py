"""What stands still is found, what a person has settled is not, and a million planned posts cost nothing."""

from __future__ import annotations

from functools import partial

import pendulum
import pytest
from other_processes import begin_attempt, send_without_answer
from sqlalchemy import text

from x_provider.ledger import AccountOnX, PartState, Receipt
from x_provider.ledger import tables as t

NOW = pendulum.datetime(2026, 12, 1, 8, 0, 0)
SOON = NOW.add(seconds=5)
LATER = NOW.add(minutes=10)


@pytest.fixture
def planned(ledger, draft):
    def planned(key="hello", **details):
        ledger.posts.put(draft(key, **details), now=NOW)
        return ledger.posts.find("december", key)

    return planned


@pytest.fixture
def waits(ledger, planned):
    """A post that something stops, armed as it is; somebody tries it again at ``LATER``."""

    def waits(key="hello", why="X does not accept the credentials", **details):
        post = planned(key, **details)
        ledger.sending.arm(post, post.parts[0])
        assert ledger.sending.wait(post, post.parts[0], why=why, wake_at=LATER)
        return ledger.posts.get(post.id)

    return waits


@pytest.fixture
def refused(ledger, planned):
    def refused(key="hello", **details):
        post = planned(key, **details)
        assert ledger.sending.give_up(post, PartState.REFUSED, why=f"X refuses {key}")
        return ledger.posts.get(post.id)

    return refused


def names(standstill):
    return [post.key for post in standstill.posts]


def test_what_is_overdue_and_says_why_waits_though_it_is_only_armed(ledger, waits, planned):
    post = waits()
    planned("on_its_way")
    planned("next_hour", due_at=NOW.add(hours=1))
    waiting = ledger.overview.waiting(SOON)
    assert (names(waiting), waiting.count, waiting.for_a_person) == (["hello"], 1, frozenset())
    assert ledger.overview.stopped(SOON).posts == []
    assert post.id in ledger.overview.waiting(NOW.add(seconds=61)).for_a_person


def test_what_nobody_has_tried_to_send_waits_after_a_minute(ledger, planned):
    post = planned()
    assert ledger.overview.waiting(NOW.add(seconds=59)).posts == []
    waiting = ledger.overview.waiting(NOW.add(seconds=60))
    assert (names(waiting), waiting.for_a_person) == (["hello"], {post.id})


def test_an_account_that_x_has_stopped_is_for_a_person_at_once(ledger, planned):
    post = planned()
    ledger.sending.arm(post, post.parts[0])
    attempt = begin_attempt(ledger, post, at=NOW)
    ended = {"outcome": "account_stopped", "now": NOW, "why": "no credits", "wake_at": LATER}
    assert ledger.sending.finish(attempt, PartState.ARMED, **ended)
    assert ledger.overview.waiting(SOON).for_a_person == {post.id}


def test_the_rest_of_a_thread_waits_and_one_that_waits_for_its_refused_part_does_not(ledger, planned, waits):
    ended = planned("ended", texts=("One", "Two"))
    with ledger.database.write() as connection:
        first = t.parts.c.id == ended.parts[0].id
        connection.execute(t.parts.update().where(first).values(state="refused", why="no"))
    waits("half_way", texts=("One", "Two"))
    assert names(ledger.overview.waiting(LATER)) == ["half_way"]
    assert names(ledger.overview.stopped(LATER)) == ["ended"]


def test_the_longest_overdue_are_named_and_the_others_counted(ledger, planned):
    for minutes in range(5):
        planned(f"{minutes}-late", due_at=NOW.subtract(minutes=minutes))
    waiting = ledger.overview.waiting(LATER, limit=2)
    assert (names(waiting), waiting.count) == (["4-late", "3-late"], 5)


def test_an_unknown_outcome_is_named_before_newer_refusals(ledger, planned, refused):
    send_without_answer(ledger, planned("unknown"), at=NOW)
    dead = planned("dead")
    ledger.sending.arm(dead, dead.parts[0])
    begin_attempt(ledger, dead, at=NOW)
    for number in range(5):
        refused(f"refused-{number}")
    stopped = ledger.overview.stopped(LATER, limit=3)
    assert (names(stopped), stopped.count) == (["dead", "unknown", "refused-4"], 7)
    assert ledger.overview.unknown(LATER) == [ledger.posts.find("december", "unknown").id, dead.id]
    assert names(ledger.overview.stopped(SOON))[0] == "unknown"  # the other's lease is running


@pytest.mark.parametrize("texts", [("One",), ("One", "Two")])
def test_what_a_person_gave_up_needs_nobody_until_it_is_refused_anew(ledger, draft, refused, texts):
    post = refused(texts=texts)
    assert names(ledger.overview.stopped(LATER)) == ["hello"]
    ledger.deciding.void(post.id, why="given up by ann", now=LATER, by="ann")
    assert ledger.overview.stopped(LATER).count == 0
    changed = draft(texts=[f"{text} again" for text in texts], revision="r2")
    assert ledger.posts.put(changed, now=LATER)
    ledger.sending.give_up(ledger.posts.get(post.id), PartState.REFUSED, why="its file is gone")
    assert names(ledger.overview.stopped(LATER)) == ["hello"]


def test_what_its_late_policy_skips_needs_nobody(ledger, planned):
    for then in ("skip", "ask", "publish"):
        ledger.sending.give_up(planned(then, then=then), PartState.MISSED, why="too late")
    assert names(ledger.overview.stopped(LATER)) == ["publish", "ask"]


def test_an_account_is_known_from_its_posts_or_from_x(ledger, planned):
    planned(account="x_planned")
    planned("another", account="x_planned")
    ledger.accounts.put(AccountOnX("x_met", "https://api.x.com", "1", "met", "fingerprint"), now=NOW)
    assert ledger.overview.accounts() == ["x_met", "x_planned"]


def test_the_newest_on_x_come_first_without_reading_the_others(
    ledger, planned, much_else, reads_less_than_all
):
    with ledger.database.write() as connection:
        connection.execute(
            text(
                "INSERT INTO x_receipts (part_id, account, x_id, url, posted_at, received_at, adopted)"
                " SELECT id, 'x', CAST(1000000000000000000 + id AS VARCHAR(19)), '', :at, :at, FALSE FROM x_parts"
                " WHERE state = 'posted'"
            ),
            {"at": NOW.to_datetime_string()},
        )
        connection.execute(text("ANALYZE"))
    post = planned()
    ledger.sending.arm(post, post.parts[0])
    receipt = Receipt("1900000000000000001", "https://x.com/a/status/1900000000000000001", NOW, NOW)
    assert ledger.sending.posted(begin_attempt(ledger, post, at=NOW), receipt, account="x_default")
    newest = ledger.overview.newest(limit=3)
    assert (newest[0].name, len(newest)) == ("december/hello", 3)
    assert reads_less_than_all(partial(ledger.overview.newest, limit=2))


def test_what_waits_is_found_without_reading_what_is_planned(ledger, waits, much_else, reads_less_than_all):
    """It costs less than reading every post once."""
    waits()
    for look in (ledger.overview.waiting, ledger.overview.stopped, ledger.overview.unknown):
        assert reads_less_than_all(partial(look, SOON))
    assert names(ledger.overview.waiting(SOON)) == ["hello"]


def test_whom_posts_wait_for_is_found_without_reading_what_is_settled(
    ledger, planned, much_else, reads_less_than_all
):
    with ledger.database.write() as connection:
        connection.execute(t.posts.update().values(wake_at=None))
    planned(account="x_typo")
    with ledger.database.write() as connection:
        connection.execute(text("ANALYZE"))
    assert ledger.accounts.awaited() == ["x_typo"]
    assert reads_less_than_all(ledger.accounts.awaited)
    ledger.posts.withdraw("december", "hello")
    assert ledger.accounts.awaited() == []
