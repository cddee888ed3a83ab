from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pendulum
import pytest
from other_processes import begin_attempt
from sqlalchemy import text

from x_provider.ledger import Attempt, Blackout, Held
from x_provider.ledger.limits import Window

NOW = pendulum.datetime(2026, 12, 1, 8, 0, 0)
MIDNIGHT = pendulum.datetime(2026, 12, 2, 0, 0, 0)


@pytest.fixture
def begin(ledger, draft):
    """Try to send one more post at an instant."""
    keys = iter(range(100))

    def begin(now=NOW):
        key = f"post-{next(keys)}"
        ledger.posts.put(draft(key), now=now)
        post = ledger.posts.find("december", key)
        ledger.sending.arm(post, post.parts[0])
        return begin_attempt(ledger, post, at=now)

    return begin


def stop(ledger, **said):
    ledger.controls.stop(**{"why": "a crisis", "by": "eve", "now": NOW, **said})


def test_a_stop_holds_every_account_until_somebody_lifts_it(ledger, begin):
    stop(ledger)
    held = begin()
    assert isinstance(held, Held)
    assert held.until is None
    assert "everything was stopped by eve" in held.why
    assert "a crisis" in held.why
    assert ledger.controls.go(now=NOW)
    assert isinstance(begin(), Attempt)
    assert not ledger.controls.go(now=NOW)


def test_a_stop_takes_effect_though_the_sender_s_clock_is_behind(ledger, begin):
    stop(ledger, now=NOW.add(minutes=10))
    assert isinstance(begin(), Held)


def test_a_lifted_stop_holds_nobody_though_the_sender_s_clock_is_behind(ledger, begin):
    stop(ledger)
    ledger.controls.go(now=NOW.add(minutes=10))
    assert isinstance(begin(), Attempt)


def test_a_stop_of_one_account_lets_the_others_send(ledger, begin):
    stop(ledger, account="x_other")
    assert isinstance(begin(), Attempt)
    stop(ledger, account="x_default")
    assert isinstance(begin(), Held)


def test_a_stop_for_a_time_to_come_begins_and_ends_by_itself(ledger, begin):
    stop(ledger, starts_at=MIDNIGHT, ends_at=MIDNIGHT.add(hours=24))
    assert isinstance(begin(), Attempt)
    assert isinstance(begin(MIDNIGHT.subtract(seconds=1)), Attempt)
    held = begin(MIDNIGHT)
    assert held.until == MIDNIGHT.add(hours=24)
    assert isinstance(begin(MIDNIGHT.add(hours=24)), Attempt)


def test_a_stop_that_ends_before_it_starts_is_refused(ledger):
    with pytest.raises(ValueError, match="must start before that"):
        stop(ledger, starts_at=MIDNIGHT, ends_at=MIDNIGHT)


def test_a_second_stop_replaces_what_was_said_before(ledger):
    stop(ledger, why="perhaps")
    stop(ledger, why="surely")
    assert [halt.why for halt in ledger.controls.halts(NOW)] == ["surely"]


def test_of_several_halts_the_one_that_lasts_longest_is_named(ledger, begin):
    stop(ledger, account="x_default", why="for an hour", ends_at=NOW.add(hours=1))
    ledger.controls.set_blackouts("december", [Blackout("*", NOW, NOW.add(hours=2), "the longest")], now=NOW)
    assert "the longest" in begin().why
    stop(ledger, why="for good")
    assert "for good" in begin().why


def test_a_calendar_s_blackouts_are_replaced_by_its_next_version_and_by_no_other_calendar(ledger):
    first = Blackout("x_default", MIDNIGHT, MIDNIGHT.add(hours=1), "maintenance")
    second = Blackout("x_default", MIDNIGHT, MIDNIGHT.add(hours=2), "maintenance")
    assert ledger.controls.set_blackouts("december", [first], now=NOW)
    assert not ledger.controls.set_blackouts("december", [first], now=NOW)
    assert ledger.controls.set_blackouts("january", [second], now=NOW)
    assert ledger.controls.set_blackouts("december", [], now=NOW)
    assert [(halt.source, halt.ends_at) for halt in ledger.controls.halts(NOW)] == [
        ("january", MIDNIGHT.add(hours=2))
    ]


def test_lifting_a_stop_leaves_a_calendar_s_blackout_in_force(ledger, begin):
    ledger.controls.set_blackouts("december", [Blackout("*", NOW, MIDNIGHT)], now=NOW)
    stop(ledger)
    ledger.controls.go(now=NOW)
    assert "blackout of calendar december" in begin().why


@pytest.mark.parametrize(
    ("due_at", "held"),
    [
        pytest.param(NOW.add(minutes=30), True, id="due while it was in force"),
        pytest.param(NOW.subtract(minutes=30), True, id="due before it, and waiting"),
        pytest.param(NOW.add(hours=2), False, id="due after it was lifted"),
    ],
)
def test_what_a_lifted_stop_held_back_can_be_told(ledger, due_at, held):
    stop(ledger)
    ledger.controls.go(now=NOW.add(hours=1))
    later = NOW.add(hours=5)
    assert (ledger.controls.held_since("x_default", due_at, now=later) is not None) is held
    assert ledger.controls.held_since("x_other", due_at, now=NOW) is None


def test_a_planned_stop_that_was_lifted_before_it_began_has_held_nobody(ledger):
    stop(ledger, starts_at=NOW.add(minutes=10))
    ledger.controls.go(now=NOW.add(minutes=9))
    assert ledger.controls.held_since("x_default", NOW, now=NOW.add(hours=1)) is None


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_a_stop_waits_for_who_has_found_none_and_is_about_to_send(ledger, draft, wait_until_waiting):
    window = Window("15-minute", 100, 50, NOW.add(minutes=15))
    ledger.limits.note("x_default", "create_post", [window])
    ledger.posts.put(draft(), now=NOW)
    post = ledger.posts.find("december", "hello")
    ledger.sending.arm(post, post.parts[0])
    with ThreadPoolExecutor(2) as pool:
        with ledger.database.write() as another:  # a sender of the same account, just counting its call
            another.execute(text("SELECT * FROM x_rate_windows FOR UPDATE"))
            beginning = pool.submit(begin_attempt, ledger, post, at=NOW)
            wait_until_waiting(1)
            stopping = pool.submit(stop, ledger)
            wait_until_waiting(2)
            assert not stopping.done()
        stopping.result()
        assert beginning.done()
    assert isinstance(begin_attempt(ledger, ledger.posts.get(post.id), at=NOW), Held)


def test_where_x_takes_no_money_nothing_begins_until_somebody_resets_it(ledger, begin):
    assert ledger.controls.break_off("x_default", why="X: credits depleted", now=NOW)
    assert not ledger.controls.break_off("x_default", why="X: credits depleted", now=NOW)
    held = begin(NOW.add(days=40))
    assert (held.name, held.until) == ("halted", None)
    assert "X: credits depleted" in held.why
    assert "airflow x budget x_default --reset" in held.why
    assert not ledger.controls.go(account="x_default", now=NOW)
    assert not ledger.controls.set_blackouts("december", [], now=NOW)
    assert ledger.controls.breaker_of("x_other", NOW) is None
    assert ledger.controls.reset("x_default", now=NOW.add(hours=1))
    assert not ledger.controls.reset("x_default", now=NOW.add(hours=1))
    assert isinstance(begin(NOW.add(hours=1)), Attempt)


def test_a_spend_cap_ends_by_itself_and_lack_of_credits_outlasts_it(ledger):
    cap, later = NOW.add(days=3), NOW.add(days=5)
    assert ledger.controls.break_off("x_default", why="spend cap", now=NOW, ends_at=cap)
    assert not ledger.controls.break_off("x_default", why="spend cap", now=NOW, ends_at=cap)
    assert ledger.controls.break_off("x_default", why="spend cap", now=NOW, ends_at=later)
    assert ledger.controls.breaker_of("x_default", later.subtract(seconds=1)).ends_at == later
    assert ledger.controls.breaker_of("x_default", later) is None
    assert ledger.controls.break_off("x_default", why="no credits", now=NOW)
    assert ledger.controls.breaker_of("x_default", later).ends_at is None
    assert not ledger.controls.break_off("x_default", why="spend cap", now=NOW, ends_at=later)


def test_who_reads_the_ledger_for_long_as_a_backup_does_keeps_nobody_from_stopping(ledger):
    with ledger.database.read() as backup:
        backup.execute(text("SELECT count(*) FROM x_halts"))
        ledger.controls.stop(why="a storm", by="ann", now=NOW)
    assert ledger.controls.halt_of("x_default", NOW.add(seconds=1)) is not None
