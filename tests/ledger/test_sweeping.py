"""What is forgotten is found and woken, what only a person can settle is listed, and a person's word is kept."""

from __future__ import annotations

from functools import partial

import pendulum
import pytest
from other_processes import begin_attempt, send_without_answer, wake_post

from x_provider.ledger import LedgerError, OvertakenError, PartState, Receipt, standing_of
from x_provider.ledger import tables as t

NOW = pendulum.datetime(2026, 12, 1, 8, 0, 0)
LATER = NOW.add(minutes=10)


@pytest.fixture
def planned(ledger, draft):
    def planned(key="hello", **details):
        ledger.posts.put(draft(key, **details), now=NOW)
        return ledger.posts.find("december", key)

    return planned


@pytest.fixture
def sent(ledger, planned):
    """A post whose first part is being sent, with a lease of a minute."""

    def sent(key="hello", **details):
        post = planned(key, **details)
        ledger.sending.arm(post, post.parts[0])
        attempt = begin_attempt(ledger, post, at=NOW)
        return ledger.posts.get(post.id), attempt

    return sent


@pytest.fixture
def uncertain(ledger, planned):
    """A post whose first part was sent without an answer."""

    def uncertain(key="hello", *, outcome="uncertain", wake_at=None, **details):
        post = planned(key, **details)
        return send_without_answer(ledger, post, at=NOW, outcome=outcome, wake_at=wake_at)

    return uncertain


def receipt(x_id="1900000000000000001"):
    return Receipt(x_id, f"https://x.com/me/status/{x_id}", NOW, LATER, adopted=True)


def test_what_is_in_flight_is_a_users_and_is_looked_after_sooner_but_never_later(ledger, sent, uncertain):
    sending, attempt = sent()
    unknown = uncertain("other")
    first, second = ledger.sweeping.in_flight("7")
    assert (first.post_id, second.post_id, second.started_at) == (sending.id, unknown.id, NOW)
    assert ledger.sweeping.in_flight("8") == []
    assert ledger.sweeping.hasten(first, NOW.add(seconds=10))
    assert not ledger.sweeping.hasten(first, NOW.add(seconds=20))
    assert ledger.sweeping.hasten(second, LATER)
    assert [ledger.posts.get(each.post_id).wake_at for each in (first, second)] == [
        NOW.add(seconds=10),
        LATER,
    ]
    ledger.sending.posted(attempt, receipt(), account="x_default")
    assert not ledger.sweeping.hasten(first, NOW)
    assert [each.post_id for each in ledger.sweeping.in_flight("7")] == [unknown.id]


def test_a_send_whose_lease_ran_out_is_woken_and_a_running_one_is_not(ledger, sent):
    post, _ = sent()
    wake_post(ledger, post.id, LATER.add(hours=1))
    assert ledger.sweeping.wake_dead_sends(NOW.add(seconds=59)) == []
    assert ledger.sweeping.wake_dead_sends(LATER) == ["december/hello"]
    assert ledger.posts.get(post.id).wake_at == LATER
    assert ledger.sweeping.wake_dead_sends(LATER) == []  # it is awake


def test_a_send_that_ends_while_it_is_swept_is_left_alone(ledger, sent, monkeypatch):
    post, attempt = sent()
    wake_post(ledger, post.id, None)
    wake_one = ledger.sweeping._wake_one

    def ends_first(*arguments):
        ledger.sending.posted(attempt, receipt(), account="x_default")
        return wake_one(*arguments)

    monkeypatch.setattr(ledger.sweeping, "_wake_one", ends_first)
    assert ledger.sweeping.wake_dead_sends(LATER) == []
    assert ledger.posts.get(post.id).wake_at is None


def test_an_uncertain_part_that_nobody_looks_after_is_woken_unless_a_person_is_asked(ledger, uncertain):
    forgotten = uncertain("forgotten")
    uncertain("asked", on_absent="ask")
    uncertain("looked_after", wake_at=LATER.add(hours=1))
    assert ledger.sweeping.wake_uncertain(LATER) == ["december/forgotten"]
    assert ledger.posts.get(forgotten.id).wake_at == LATER


def test_a_post_that_nobody_is_to_send_is_woken_and_one_that_waits_for_a_person_is_not(ledger, planned):
    for key in ("due", "refused", "next_month"):
        post = planned(key, due_at=NOW.add(days=30) if key == "next_month" else NOW, texts=("1", "2"))
        if key == "refused":
            with ledger.database.write() as connection:
                first = t.parts.c.id == post.parts[0].id
                connection.execute(t.parts.update().where(first).values(state="refused"))
        wake_post(ledger, post.id, None)
    assert ledger.sweeping.wake_unsent(LATER) == ["december/due"]
    assert [post.name for post in ledger.posts.due(LATER)] == ["december/due"]


def test_what_only_a_person_can_settle_is_listed(ledger, planned, uncertain):
    expected = []
    for then in ("ask", "publish", "skip"):
        post = planned(f"missed_{then}", then=then)
        ledger.sending.give_up(post, PartState.MISSED, why="too late")
        expected += [] if then == "skip" else [post.id]
    expected.append(uncertain("absent", on_absent="ask").id)
    uncertain("settles_itself", wake_at=LATER)
    unreadable = uncertain("unreadable", wake_at=LATER)
    duplicate = uncertain("duplicate", outcome="duplicate", wake_at=LATER)
    ledger.sending.resend(duplicate, duplicate.parts[0], why="absent")
    ledger.sending.give_up(ledger.posts.get(duplicate.id), PartState.REFUSED, why="duplicate")
    expected.append(duplicate.id)
    assert ledger.sweeping.undecided(LATER) == sorted(expected)
    an_hour_later = ledger.sweeping.undecided(NOW.add(hours=1))
    assert unreadable.id in an_hour_later


def test_a_duplicate_that_a_person_gave_up_is_asked_about_no_more(ledger, uncertain):
    post = uncertain(outcome="duplicate")
    ledger.sending.resend(post, post.parts[0], why="absent")
    ledger.sending.give_up(ledger.posts.get(post.id), PartState.REFUSED, why="duplicate")
    standing = standing_of(ledger.posts.get(post.id))
    ledger.deciding.void(post.id, why="given up by ann", now=LATER, by="ann", only_if=standing)
    assert ledger.sweeping.undecided(LATER) == []


def test_a_duplicate_found_on_x_is_adopted_and_its_thread_goes_on(ledger, uncertain):
    post = uncertain(outcome="duplicate", texts=("One", "Two"))
    ledger.sending.resend(post, post.parts[0], why="absent")
    ledger.sending.give_up(ledger.posts.get(post.id), PartState.REFUSED, why="duplicate")
    ledger.deciding.adopt(post.id, receipt(), by="ann")
    adopted = ledger.posts.get(post.id)
    assert [part.state for part in adopted.parts] == [PartState.POSTED, PartState.PLANNED]
    assert adopted.wake_at == LATER


def test_what_was_refused_for_another_reason_cannot_be_adopted(ledger, planned):
    post = planned()
    ledger.sending.give_up(post, PartState.REFUSED, why="no")
    with pytest.raises(LedgerError, match="nothing to adopt"):
        ledger.deciding.adopt(post.id, receipt())


def test_an_unknown_send_is_repeated_by_a_persons_word_once_the_engine_is_done_with_it(ledger, uncertain):
    post = uncertain(wake_at=LATER)
    with pytest.raises(LedgerError, match="may be on X"):
        ledger.deciding.resume(post.id, now=LATER, by="ann")
    wake_post(ledger, post.id, None)
    resumed = ledger.deciding.resume(post.id, now=LATER, by="ann")
    assert (resumed.state, resumed.late_then, resumed.wake_at) == (PartState.ARMED, "resumed", LATER)
    (decision,) = ledger.deciding.decisions(post.id)
    assert (decision.by, decision.decision, decision.decided_at) == ("ann", "resume", LATER)


@pytest.mark.parametrize("decision", ["resume", "void", "adopt"])
def test_an_answer_to_a_question_that_was_overtaken_changes_nothing(ledger, uncertain, decision):
    post = uncertain()
    asked_at = standing_of(post)
    ledger.sending.resend(post, post.parts[0], why="absent")
    before = ledger.posts.get(post.id)
    decide = {
        "resume": lambda: ledger.deciding.resume(post.id, now=LATER, only_if=asked_at),
        "void": lambda: ledger.deciding.void(post.id, why="no", now=LATER, only_if=asked_at),
        "adopt": lambda: ledger.deciding.adopt(post.id, receipt(), only_if=asked_at),
    }
    with pytest.raises(OvertakenError, match="was uncertain when the question was asked and is armed"):
        decide[decision]()
    assert ledger.posts.get(post.id) == before
    assert ledger.deciding.decisions(post.id) == []


def test_a_sweep_reads_what_is_unsettled_and_not_every_post(ledger, much_else, reads_less_than_all):
    """Each look costs less than reading every part once."""
    sweeping = ledger.sweeping
    for look in (sweeping.wake_dead_sends, sweeping.wake_uncertain, sweeping.wake_unsent, sweeping.undecided):
        assert reads_less_than_all(partial(look, NOW))
