from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pendulum
import pytest
from sqlalchemy.exc import IntegrityError

from x_provider.ledger import AccountOnX, Engagement, EngagementCounts, ReceivedEvent
from x_provider.ledger.events import MOST_TRIES

NOW = pendulum.datetime(2026, 12, 1, 8, 0, 0)
LATER = NOW.add(minutes=10)


def received(*keys, at=NOW):
    return [ReceivedEvent(key, "x_default", f'{{"is":"{key}"}}', at) for key in keys]


def mention(**fields):
    told = {
        "kind": "mention",
        "account": "x_default",
        "x_id": None,
        "by_x_id": "11",
        "by_user_id": "7",
        "by_username": "mallory",
        "text": "Hello @museum",
        "at": NOW,
    }
    return Engagement(**{**told, **fields})


def test_what_is_new_is_said_and_kept_once(ledger):
    assert ledger.events.store(received("a", "b")) == {"a", "b"}
    assert ledger.events.store(received("b", "c", "c")) == {"c"}
    assert ledger.events.store([]) == set()
    assert [event.body for event in ledger.events.due(NOW, limit=9)] == [
        '{"is":"a"}',
        '{"is":"b"}',
        '{"is":"c"}',
    ]


def test_many_are_one_transaction_of_which_all_or_none_is_kept(ledger):
    broken = [
        *received(*(f"event-{number}" for number in range(400))),
        ReceivedEvent("zero", "x_default", None, NOW),
    ]
    with pytest.raises(IntegrityError):
        ledger.events.store(broken)
    assert ledger.events.counts() == {}
    assert len(ledger.events.store(broken[:400])) == 400


def test_the_same_events_from_many_writers_are_kept_once(ledger):
    ledger.database.upgrade()
    events = received(*(f"event-{number}" for number in range(50)))
    with ThreadPoolExecutor(8) as pool:
        new = list(pool.map(lambda turn: ledger.events.store(events[turn:] + events[:turn]), range(16)))
    assert sorted(key for keys in new for key in keys) == sorted(event.key for event in events)


def test_what_is_claimed_is_nobody_elses_until_its_time_is_over(ledger):
    ledger.events.store(received("a", "b", "c"))
    assert ledger.events.at_hand(NOW) == (3, 3)
    first = ledger.events.claim(NOW, until=LATER, limit=2)
    assert [(event.body, event.tries) for event in first] == [('{"is":"a"}', 0), ('{"is":"b"}', 0)]
    assert [event.body for event in ledger.events.claim(NOW, until=LATER, limit=9)] == ['{"is":"c"}']
    assert ledger.events.claim(NOW, until=LATER, limit=9) == []
    assert ledger.events.at_hand(NOW) is None
    again = ledger.events.claim(LATER, until=LATER.add(minutes=1), limit=9)
    assert [event.tries for event in again] == [1, 1, 1]


def test_an_event_that_ends_whoever_takes_it_on_takes_no_other_with_it_and_is_given_up(ledger):
    ledger.events.store(received("a", "b"))
    now = NOW
    for _ in range(2):
        now = now.add(minutes=10)
        assert len(ledger.events.claim(now, until=now.add(minutes=10), limit=9)) == 2
    now = now.add(minutes=10)
    ledger.events.store(received("c"))
    assert [event.body for event in ledger.events.claim(now, until=LATER, limit=9)] == ['{"is":"c"}']
    ledger.events.handled([3], now=now)
    (alone,) = ledger.events.claim(now, until=now.add(minutes=10), limit=9)
    assert (alone.body, alone.tries, alone.was_left) == ('{"is":"a"}', 2, True)
    (other,) = ledger.events.claim(now, until=now.add(minutes=10), limit=9)
    ledger.events.handled([other.id], now=now)
    for tries in range(3, MOST_TRIES):
        now = now.add(minutes=10)
        assert [event.tries for event in ledger.events.claim(now, until=now, limit=9)] == [tries]
    assert ledger.events.claim(now, until=now, limit=9) == []
    (gone,) = ledger.events.given_up(limit=9)
    assert (gone.body, gone.why) == (
        '{"is":"a"}',
        f"the task ended while it held this, the last of {MOST_TRIES} times: its log in Airflow says why",
    )
    assert ledger.events.retry(now=now) == {gone.id}
    (again,) = ledger.events.claim(now, until=now, limit=9)
    assert (again.tries, again.was_left) == (1, False)


def test_what_could_not_be_handled_waits_for_no_turn_of_its_own(ledger):
    ledger.events.store(received("a", "b"))
    for tries in range(4):
        events = ledger.events.claim(NOW, until=LATER, limit=9)
        assert [(event.tries, event.was_left) for event in events] == [(tries, False)] * 2
        for event in events:
            ledger.events.failed(event.id, why="no\ud800 \0account", now=NOW, wake_at=NOW)


def test_how_long_the_oldest_has_waited_is_known_though_somebody_has_it(ledger):
    assert ledger.events.oldest() is None
    ledger.events.store(received("a", at=NOW.subtract(hours=3)))
    ledger.events.store(received("b"))
    ledger.events.claim(NOW, until=LATER, limit=9)
    assert ledger.events.oldest() == NOW.subtract(hours=3)
    ledger.events.handled([1], now=NOW)
    assert ledger.events.oldest() == NOW


def test_two_who_claim_at_once_share(ledger):
    ledger.events.store(received(*(f"event-{number}" for number in range(40))))
    with ThreadPoolExecutor(4) as pool:
        claims = list(pool.map(lambda _: ledger.events.claim(NOW, until=LATER, limit=10), range(4)))
    taken = [event.id for claim in claims for event in claim]
    assert len(taken) == len(set(taken))
    rest = ledger.events.claim(NOW, until=LATER, limit=40)
    assert len(taken) + len(rest) == 40


def test_what_is_handled_is_done_with_and_keeps_nobodys_words(ledger):
    ledger.events.store(received("a", "b"))
    ids = [event.id for event in ledger.events.claim(NOW, until=LATER, limit=9)]
    assert ledger.events.handled(ids[:1], now=NOW) == 1
    assert ledger.events.handled(ids, now=NOW, outcome="ignored") == 1
    assert ledger.events.handled([], now=NOW) == 0
    assert ledger.events.counts() == {"handled": 1, "ignored": 1}
    assert ledger.events.store(received("a", "b")) == set()
    assert ledger.events.due(LATER, limit=9) == []


def test_what_fails_is_tried_again_and_given_up_at_last(ledger):
    ledger.events.store(received("a"))
    now = NOW
    for number in range(MOST_TRIES):
        (event,) = ledger.events.claim(now, until=now.add(minutes=10), limit=9)
        assert event.tries == number
        again = ledger.events.failed(event.id, why="no", now=now, wake_at=now.add(minutes=1))
        assert again is (number < MOST_TRIES - 1)
        assert ledger.events.claim(now, until=LATER, limit=9) == []
        now = now.add(minutes=1)
    assert ledger.events.counts() == {"failed": 1}
    assert ledger.events.failed(event.id, why="no", now=now, wake_at=now) is False


def give_up(ledger, *events):
    ledger.events.store(events)
    for _ in range(MOST_TRIES):
        for event in ledger.events.claim(NOW, until=NOW, limit=9):
            ledger.events.failed(event.id, why=f"no {event.body}", now=NOW, wake_at=NOW)


def test_what_was_given_up_is_listed_with_the_reason_newest_first(ledger):
    give_up(ledger, *received("a", "b"), ReceivedEvent("c", "x_brand", "{}", NOW))
    ledger.events.store(received("waits"))
    listed = ledger.events.given_up(limit=9)
    assert [(each.app, each.why) for each in listed] == [
        ("x_brand", "no {}"),
        ("x_default", 'no {"is":"b"}'),
        ("x_default", 'no {"is":"a"}'),
    ]
    assert ledger.events.given_up(limit=1) == listed[:1]
    assert ledger.events.given_up("x_default", limit=9) == listed[1:]
    assert '{"is"' not in repr(listed[1]).replace(listed[1].why, "")


def test_what_was_given_up_can_be_tried_again_and_nothing_else(ledger):
    give_up(ledger, *received("a", "b"), ReceivedEvent("c", "x_brand", "{}", NOW))
    ledger.events.store(received("done", "waits"))
    done = next(event for event in ledger.events.due(NOW, limit=9) if "done" in event.body)
    ledger.events.handled([done.id], now=NOW)
    brand, b, a = (each.id for each in ledger.events.given_up(limit=9))
    assert ledger.events.retry([a, done.id, 99], now=LATER) == {a}
    assert ledger.events.retry([b], app="x_brand", now=LATER) == set()
    assert ledger.events.retry(app="x_brand", now=LATER) == {brand}
    assert ledger.events.counts() == {"failed": 1, "handled": 1, "waiting": 3}
    assert ledger.events.retry(now=LATER) == {b}
    assert ledger.events.retry(now=LATER) == set()
    again = {event.id: event for event in ledger.events.claim(LATER, until=LATER, limit=9)}
    # Whether what it brought was told to Airflow nobody knows: whoever handles it must not take it for new.
    assert again[a].tries == 1
    assert again[a].body == '{"is":"a"}'


def test_what_was_tried_again_in_vain_is_given_up_again(ledger):
    give_up(ledger, *received("a"))
    ledger.events.retry(now=NOW)
    give_up(ledger)
    assert ledger.events.counts() == {"failed": 1}


def test_what_was_done_with_long_ago_is_forgotten_and_nothing_else(ledger):
    ledger.events.store(received("old", "waiting", at=NOW.subtract(days=31)))
    ledger.events.store(received("new"))
    old, _, new = ledger.events.due(NOW, limit=9)
    ledger.events.handled([old.id, new.id], now=NOW)
    assert ledger.events.forget(NOW.subtract(days=30)) == 1
    assert ledger.events.counts() == {"handled": 1, "waiting": 1}


def test_a_deletion_is_kept_with_whoever_was_told_and_counts_as_no_event(ledger):
    for told in ("x_default", "x_other", "x_default", "x_other"):
        ledger.deletions.keep("5", told=told, now=NOW)
    assert ledger.deletions.told("5") == ["x_default", "x_other"]
    assert ledger.deletions.told("6") == []
    assert ledger.events.counts() == {}
    assert ledger.events.claim(LATER, until=LATER, limit=9) == []
    assert ledger.deletions.unheeded(NOW) == []
    ledger.events.forget(LATER)
    assert ledger.deletions.told("5") == []


def test_the_same_doing_counts_once(ledger):
    assert ledger.events.engage(mention()) is True
    assert ledger.events.engage(mention(text="Hello again")) is False
    assert ledger.events.engage(mention(kind="reply", x_id="5")) is True
    assert ledger.events.engage(mention(account="x_other")) is True
    assert [each.kind for each in ledger.events.engagement("x_default")] == ["reply", "mention"]
    assert ledger.events.engagement("x_default")[1] == mention()
    assert ledger.events.engagement_counts(["5", "6"]) == {
        "5": EngagementCounts(reply=1),
        "6": EngagementCounts(),
    }


def test_what_x_deleted_is_forgotten_but_counts(ledger):
    ledger.events.engage(mention(kind="reply", x_id="5"))
    ledger.events.engage(mention())
    ledger.events.engage(mention(by_x_id="12"))
    assert ledger.events.engaged_by("11") == [("x_default", "7")]
    assert ledger.events.erase("11", accounts=["x_other"]) == 0
    assert ledger.events.erase("11", accounts=["x_default"]) == 2
    assert ledger.events.erase("11", accounts=["x_default"]) == 0
    texts = {each.by_x_id: each.text for each in ledger.events.engagement("x_default")}
    assert texts == {"11": None, "12": "Hello @museum"}
    assert ledger.events.engagement_counts(["5"]) == {"5": EngagementCounts(reply=1)}


def test_counts_are_said_in_words():
    assert str(EngagementCounts(reply=2, repost=1)) == "2 replies, 1 repost"
    assert str(EngagementCounts()) == ""


def test_no_words_show_where_events_are_printed():
    assert "Hello" not in repr(mention())
    assert '{"is"' not in repr(received("a")[0])


def test_connections_that_are_one_user_on_one_x_know_of_each_other(ledger):
    for account, user, base_url in (
        ("x_default", "7", "https://api.x.com"),
        ("x_old", "7", "https://api.x.com"),
        ("x_sandbox", "7", "http://127.0.0.1:8090"),
        ("x_brand", "8", "https://api.x.com"),
    ):
        ledger.accounts.put(AccountOnX(account, base_url, user, "museum", "f"), now=NOW)
    assert ledger.accounts.namesakes("x_default") == ["x_old"]
    assert ledger.accounts.namesakes("x_sandbox") == ledger.accounts.namesakes("x_gone") == []
