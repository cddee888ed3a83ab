from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pendulum
import pytest
from other_processes import begin_attempt

from x_provider.ledger import MOVES, PartState, Receipt, ReceiptTakenError, may_move
from x_provider.ledger import tables as t
from x_provider.ledger.posts import lock_post, wake

NOW = pendulum.datetime(2026, 12, 1, 8, 0, 0)


@pytest.fixture
def armed(ledger, draft):
    ledger.posts.put(draft(), now=NOW)
    post = ledger.posts.find("december", "hello")
    assert ledger.sending.arm(post, post.parts[0])
    return ledger.posts.get(post.id)


def begin(ledger, post, part=None):
    return begin_attempt(ledger, post, part, at=NOW)


def receipt(x_id="1900000000000000001"):
    return Receipt(x_id, f"https://x.com/me/status/{x_id}", NOW.add(seconds=1), NOW.add(seconds=2))


def test_only_one_of_many_senders_gets_the_attempt(ledger, armed):
    with ThreadPoolExecutor(16) as pool:
        attempts = list(pool.map(lambda _: begin(ledger, armed), range(16)))
    assert sum(attempt is not None for attempt in attempts) == 1


def test_the_lease_begins_when_the_ledger_is_ours_and_not_before(ledger, armed):
    asked = threading.Event()

    def clock():
        asked.set()
        return NOW

    with ThreadPoolExecutor(1) as pool:
        with ledger.database.write() as connection:
            lock_post(connection, armed.id)
            beginning = pool.submit(
                ledger.sending.begin,
                armed,
                armed.parts[0],
                user_id="7",
                sender="test",
                clock=clock,
                lease_seconds=60,
            )
            assert not asked.wait(0.3)
        assert beginning.result().lease_until == NOW.add(seconds=60)


def test_a_receipt_ends_the_attempt_and_the_part(ledger, armed):
    attempt = begin(ledger, armed)
    assert ledger.sending.posted(attempt, receipt(), account="x_default", request_id="r", http_status=201)
    post = ledger.posts.get(armed.id)
    assert post.state is PartState.POSTED
    assert post.parts[0].receipt == receipt()


def test_the_same_post_on_x_is_never_a_receipt_for_two_parts(ledger, draft):
    for key in ("a", "b"):
        ledger.posts.put(draft(key), now=NOW)
        post = ledger.posts.find("december", key)
        ledger.sending.arm(post, post.parts[0])
    first, second = (begin(ledger, ledger.posts.find("december", key)) for key in ("a", "b"))
    ledger.sending.posted(first, receipt(), account="x_default", request_id=None, http_status=201)
    with pytest.raises(ReceiptTakenError):
        ledger.sending.posted(second, receipt(), account="x_default", request_id=None, http_status=201)


def test_a_part_whose_post_was_changed_is_neither_armed_nor_sent(ledger, draft):
    ledger.posts.put(draft(), now=NOW)
    stale = ledger.posts.find("december", "hello")
    ledger.posts.put(draft(revision="r2"), now=NOW)
    assert not ledger.sending.arm(stale, stale.parts[0])
    current = ledger.posts.find("december", "hello")
    assert ledger.sending.arm(current, current.parts[0])
    assert begin(ledger, stale) is None


def test_an_outcome_is_recorded_by_its_own_attempt_only(ledger, armed):
    first = begin(ledger, armed)
    ledger.sending.finish(first, PartState.ARMED, outcome="not_sent", now=NOW, why="no route", wake_at=None)
    second = begin(ledger, ledger.posts.get(armed.id))
    assert second.id != first.id
    assert not ledger.sending.finish(
        first, PartState.UNCERTAIN, outcome="uncertain", now=NOW, why="late news", wake_at=None
    )
    assert ledger.posts.get(armed.id).state is PartState.SENDING


def test_who_has_not_heard_of_an_earlier_attempt_does_not_begin_another(ledger, armed):
    first = begin(ledger, armed)
    ledger.sending.finish(first, PartState.ARMED, outcome="not_sent", now=NOW, why="no route", wake_at=None)
    assert begin(ledger, armed) is None
    post = ledger.posts.get(armed.id)
    assert (post.state, post.parts[0].attempt_id) == (PartState.ARMED, first.id)


def test_a_sender_counts_as_dead_when_its_lease_has_run_out(ledger, armed):
    begin(ledger, armed)
    post = ledger.posts.get(armed.id)
    assert ledger.sending.expire(post, post.parts[0], now=NOW.add(seconds=59), why="?") == NOW.add(seconds=60)
    assert ledger.sending.expire(post, post.parts[0], now=NOW.add(seconds=60), why="nobody knows") is None
    assert ledger.posts.get(post.id).state is PartState.UNCERTAIN
    assert ledger.posts.get(post.id).parts[0].why == "nobody knows"


def test_giving_up_a_post_moves_what_is_unsent_and_wakes_nobody(ledger, draft):
    ledger.posts.put(draft(texts=("one", "two")), now=NOW)
    post = ledger.posts.find("december", "hello")
    assert ledger.sending.give_up(post, PartState.MISSED, why="too late")
    assert {part.state for part in ledger.posts.get(post.id).parts} == {PartState.MISSED}
    assert ledger.posts.due(NOW.add(days=1)) == []


def test_an_answer_that_comes_after_the_lease_ran_out_is_still_proof(ledger, armed):
    attempt = begin(ledger, armed)
    post = ledger.posts.get(armed.id)
    ledger.sending.expire(post, post.parts[0], now=NOW.add(seconds=61), why="?")
    assert ledger.sending.posted(attempt, receipt(), account="x_default")
    assert ledger.posts.get(armed.id).state is PartState.POSTED


def test_a_receipt_can_be_kept_again_but_not_another_one(ledger, armed):
    attempt = begin(ledger, armed)
    assert ledger.sending.posted(attempt, receipt(), account="x_default")
    assert ledger.sending.posted(attempt, receipt(), account="x_default")
    assert not ledger.sending.posted(attempt, receipt("1900000000000000002"), account="x_default")


def test_the_last_receipt_of_a_post_lets_everybody_sleep(ledger, draft):
    ledger.posts.put(draft(texts=("one", "two")), now=NOW)
    for position in range(2):
        post = ledger.posts.find("december", "hello")
        assert post.wake_at is not None
        part = post.parts[position]
        ledger.sending.arm(post, part)
        attempt = begin(ledger, post, part)
        ledger.sending.posted(attempt, receipt(f"190000000000000000{position}"), account="x_default")
    assert ledger.posts.find("december", "hello").wake_at is None


def test_nothing_leaves_posted_and_sending_is_left_only_by_what_x_did():
    assert MOVES[PartState.POSTED] == frozenset()
    assert not may_move(PartState.SENDING, PartState.PLANNED)
    assert not may_move(PartState.UNCERTAIN, PartState.SENDING)
    assert all(may_move(state, PartState.SENDING) == (state is PartState.ARMED) for state in PartState)


def test_a_part_is_not_sent_while_an_earlier_one_of_its_thread_is_not_on_x(ledger, draft):
    ledger.posts.put(draft(texts=("One", "Two")), now=NOW)
    post = ledger.posts.find("december", "hello")
    for part in post.parts:
        ledger.sending.arm(post, part)
    post = ledger.posts.get(post.id)
    assert begin(ledger, post, post.parts[1]) is None
    first = begin(ledger, post)
    assert begin(ledger, post, post.parts[1]) is None
    ledger.sending.posted(first, receipt(), account="x_default")
    assert begin(ledger, post, post.parts[1]) is not None


def test_a_post_is_woken_when_the_lease_of_its_sender_runs_out(ledger, armed):
    attempt = begin(ledger, armed)
    assert ledger.posts.due(attempt.lease_until.subtract(seconds=1)) == []
    assert [post.id for post in ledger.posts.due(attempt.lease_until)] == [armed.id]


@pytest.mark.parametrize("decided", ["sent again", "given up"])
def test_an_answer_that_comes_after_a_person_decided_otherwise_is_still_proof(ledger, armed, decided):
    attempt = begin(ledger, armed)
    post = ledger.posts.get(armed.id)
    ledger.sending.expire(post, post.parts[0], now=NOW.add(seconds=61), why="?")
    if decided == "sent again":
        ledger.deciding.resume(armed.id, now=NOW.add(hours=2))
    else:
        ledger.deciding.void(armed.id, why="not wanted", now=NOW.add(hours=2))
    assert ledger.sending.posted(attempt, receipt(), account="x_default")
    posted = ledger.posts.get(armed.id)
    assert (posted.state, posted.wake_at) == (PartState.POSTED, None)


def test_an_answer_to_an_attempt_before_the_newest_is_no_receipt(ledger, armed):
    first = begin(ledger, armed)
    post = ledger.posts.get(armed.id)
    ledger.sending.expire(post, post.parts[0], now=NOW.add(seconds=61), why="?")
    post = ledger.deciding.resume(armed.id, now=NOW.add(hours=2))
    assert begin(ledger, post) is not None
    assert not ledger.sending.posted(first, receipt(), account="x_default")


def test_an_answer_to_what_was_changed_meanwhile_is_no_receipt_for_the_new_words(ledger, armed, draft):
    attempt = begin(ledger, armed)
    post = ledger.posts.get(armed.id)
    ledger.sending.expire(post, post.parts[0], now=NOW.add(seconds=61), why="?")
    ledger.deciding.resume(armed.id, now=NOW.add(hours=2))
    ledger.posts.put(draft(texts=("Corrected",), revision="r2"), now=NOW.add(hours=3))
    assert not ledger.sending.posted(attempt, receipt(), account="x_default")
    assert ledger.posts.get(armed.id).state is PartState.PLANNED


def test_what_was_resumed_since_it_was_read_is_not_missed(ledger, armed):
    ledger.deciding.resume(armed.id, now=NOW.add(hours=1), by="ann")
    assert not ledger.sending.give_up(armed, PartState.MISSED, why="too late")
    resumed = ledger.posts.get(armed.id)
    assert (resumed.state, resumed.wake_at) == (PartState.ARMED, NOW.add(hours=1))
    assert ledger.sending.give_up(resumed, PartState.MISSED, why="too late")


def test_a_thread_given_up_while_a_part_is_on_its_way_is_settled_by_that_part_s_receipt(ledger, draft):
    ledger.posts.put(draft(texts=("First", "Second")), now=NOW)
    post = ledger.posts.find("december", "hello")
    ledger.sending.arm(post, post.parts[0])
    attempt = begin(ledger, post)
    voided = ledger.deciding.void(post.id, why="not wanted", now=NOW)
    assert (voided.wake_at, voided.on_absent) == (attempt.lease_until, "resend")
    assert ledger.sending.posted(attempt, receipt(), account="x_default")
    settled = ledger.posts.get(post.id)
    assert [part.state for part in settled.parts] == [PartState.POSTED, PartState.REFUSED]
    assert settled.wake_at is None


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_a_receipt_that_comes_while_the_rest_is_resumed_leaves_it_to_be_woken(
    ledger, draft, wait_until_waiting
):
    ledger.posts.put(draft(texts=("First", "Second")), now=NOW)
    post = ledger.posts.find("december", "hello")
    ledger.sending.arm(post, post.parts[0])
    attempt = begin(ledger, post)
    ledger.deciding.void(post.id, why="not wanted", now=NOW)
    with ThreadPoolExecutor(1) as pool:
        with ledger.database.write() as person:
            lock_post(person, post.id)
            person.execute(t.parts.update().where(t.parts.c.position == 1).values(state="planned"))
            wake(person, post.id, NOW)
            receiving = pool.submit(ledger.sending.posted, attempt, receipt(), account="x_default")
            wait_until_waiting(1)
        assert receiving.result()
    settled = ledger.posts.get(post.id)
    assert [part.state for part in settled.parts] == [PartState.POSTED, PartState.PLANNED]
    assert settled.wake_at == NOW


def test_a_post_given_up_while_it_is_sent_is_not_armed_again_when_x_did_not_take_it(ledger, draft):
    ledger.posts.put(draft(texts=("First", "Second")), now=NOW)
    post = ledger.posts.find("december", "hello")
    ledger.sending.arm(post, post.parts[0])
    attempt = begin(ledger, post)
    ledger.deciding.void(post.id, why="not wanted", now=NOW)
    back = {"outcome": "rate_limited", "now": NOW, "why": "X takes no more", "wake_at": NOW.add(minutes=15)}
    assert ledger.sending.finish(attempt, PartState.ARMED, **back)
    given_up = ledger.posts.get(post.id)
    assert [part.state for part in given_up.parts] == [PartState.REFUSED, PartState.REFUSED]
    assert (given_up.wake_at, given_up.parts[0].why) == (None, "not wanted")
    assert ledger.overview.stopped(NOW).count == 0
    resumed = ledger.deciding.resume(post.id, now=NOW)
    assert ledger.sending.arm(resumed, resumed.parts[0])
    again = begin(ledger, ledger.posts.get(post.id))
    assert ledger.sending.finish(again, PartState.ARMED, **back)
    assert ledger.posts.get(post.id).parts[0].state is PartState.ARMED


def test_what_is_resumed_long_before_its_time_begins_when_it_would_have_begun_anyway(ledger, draft):
    ledger.posts.put(draft(due_at=NOW.add(days=30)), now=NOW)
    post = ledger.posts.find("december", "hello")
    begins_at = post.wake_at
    ledger.deciding.void(post.id, why="not wanted", now=NOW)
    assert ledger.deciding.resume(post.id, now=NOW).wake_at == begins_at > NOW.add(days=29)
