from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pendulum
import pytest
from other_processes import begin_attempt, wake_post

from x_provider.ledger import LedgerError, PartState, Receipt
from x_provider.ledger import tables as t
from x_provider.ledger.posts import lock_post

NOW = pendulum.datetime(2026, 12, 1, 8, 0, 0)


def send(ledger, post, part, x_id="1900000000000000001"):
    assert ledger.sending.arm(post, part)
    attempt = begin_attempt(ledger, post, part, at=NOW)
    receipt = Receipt(x_id, f"https://x.com/me/status/{x_id}", NOW, NOW)
    assert ledger.sending.posted(attempt, receipt, account=post.account, request_id="r", http_status=201)


def test_a_planned_post_reads_back_as_it_was_written(ledger, draft):
    assert ledger.posts.put(draft(texts=("one 🦉", "two")), now=NOW)
    post = ledger.posts.find("december", "hello")
    assert post.name == "december/hello"
    assert post.due_at == NOW
    assert [part.content for part in post.parts] == [{"text": "one 🦉"}, {"text": "two"}]
    assert {part.state for part in post.parts} == {PartState.PLANNED}


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_a_file_that_lies_elsewhere_does_not_bring_back_the_text_that_an_editor_changes_at_that_moment(
    ledger, draft, wait_until_waiting
):
    ledger.posts.put(draft(texts=("Old",)), now=NOW)
    post = ledger.posts.find("december", "hello")
    moved = draft(texts=("Old, with its file elsewhere",))
    with ThreadPoolExecutor(1) as pool:
        with ledger.database.write() as editor:
            lock_post(editor, post.id)
            editor.execute(t.posts.update().values(revision="2"))
            editor.execute(t.parts.update().values(content={"text": "New"}))
            relocating = pool.submit(ledger.posts.relocate, "december", [moved])
            wait_until_waiting(1)
        assert relocating.result() == []
    assert ledger.posts.get(post.id).parts[0].content == {"text": "New"}


def test_instants_keep_their_microseconds_and_come_back_in_utc(ledger, draft):
    berlin = pendulum.datetime(2026, 12, 1, 9, 0, 0, 123456, tz="Europe/Berlin")
    ledger.posts.put(draft(due_at=berlin), now=NOW)
    due_at = ledger.posts.find("december", "hello").due_at
    assert due_at == berlin
    assert due_at.timezone_name == "UTC"


def test_a_time_without_a_zone_is_refused(ledger, draft):
    with pytest.raises(Exception, match="time zone"):
        ledger.posts.put(draft(due_at=pendulum.naive(2026, 12, 1)), now=NOW)


def test_a_changed_post_is_replaced_while_nothing_of_it_is_on_its_way(ledger, draft):
    ledger.posts.put(draft(texts=("one", "two", "three")), now=NOW)
    assert ledger.posts.put(draft(texts=("uno", "due"), revision="r2"), now=NOW)
    post = ledger.posts.find("december", "hello")
    assert [part.content["text"] for part in post.parts] == ["uno", "due"]
    assert post.revision == "r2"


def begin(ledger, post, part):
    assert ledger.sending.arm(post, part)
    return begin_attempt(ledger, post, part, at=NOW)


def test_an_armed_post_can_still_be_changed_and_withdrawn(ledger, draft):
    ledger.posts.put(draft(), now=NOW)
    armed = ledger.posts.find("december", "hello")
    ledger.sending.arm(armed, armed.parts[0])
    assert ledger.posts.put(draft(revision="r2"), now=NOW)
    assert ledger.posts.find("december", "hello").state is PartState.PLANNED
    assert begin_attempt(ledger, armed, at=NOW) is None
    assert ledger.posts.withdraw("december", "hello")


def test_a_post_that_is_on_its_way_cannot_be_changed_or_withdrawn(ledger, draft):
    ledger.posts.put(draft(), now=NOW)
    post = ledger.posts.find("december", "hello")
    begin(ledger, post, post.parts[0])
    assert not ledger.posts.put(draft(revision="r2"), now=NOW)
    assert not ledger.posts.withdraw("december", "hello")
    assert ledger.posts.find("december", "hello").revision == "r1"


def test_what_is_left_of_a_thread_can_be_changed_but_not_what_is_on_x(ledger, draft):
    ledger.posts.put(draft(texts=("one", "two")), now=NOW)
    post = ledger.posts.find("december", "hello")
    send(ledger, post, post.parts[0])
    assert not ledger.posts.put(draft(texts=("uno", "two"), revision="r2"), now=NOW)
    assert ledger.posts.put(draft(texts=("one", "due", "tre"), revision="r3"), now=NOW)
    parts = ledger.posts.find("december", "hello").parts
    assert [(part.content["text"], part.state) for part in parts] == [
        ("one", PartState.POSTED),
        ("due", PartState.PLANNED),
        ("tre", PartState.PLANNED),
    ]


def test_a_withdrawn_post_wakes_nobody_and_can_come_back(ledger, draft):
    ledger.posts.put(draft(), now=NOW)
    assert ledger.posts.withdraw("december", "hello")
    assert ledger.posts.find("december", "hello").state is PartState.WITHDRAWN
    assert ledger.posts.due(NOW) == []
    assert ledger.posts.put(draft(), now=NOW)
    assert [due.name for due in ledger.posts.due(NOW)] == ["december/hello"]


def test_a_post_wakes_somebody_from_its_lead_time_on(ledger, draft):
    ledger.posts.put(draft(lead_seconds=120), now=NOW)
    assert ledger.posts.due(NOW.subtract(seconds=121)) == []
    assert len(ledger.posts.due(NOW.subtract(seconds=120))) == 1


def test_a_due_post_is_claimed_once_and_offered_again_when_the_claim_runs_out(ledger, draft):
    ledger.posts.put(draft(), now=NOW)
    (due,) = ledger.posts.due(NOW)
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda _: ledger.posts.claim({due: NOW.add(seconds=900)}), range(8)))
    assert claims.count(True) == 1
    assert ledger.posts.due(NOW.add(minutes=14)) == []
    assert len(ledger.posts.due(NOW.add(minutes=15))) == 1


def test_a_taker_finds_again_what_it_has_taken_on(ledger, draft):
    ledger.posts.put(draft(), now=NOW)
    (due,) = ledger.posts.due(NOW)
    ledger.posts.claim({due: NOW.add(seconds=900)}, taker="run 1")
    assert [post.name for post in ledger.posts.taken("run 1")] == ["december/hello"]
    assert ledger.posts.taken("run 2") == []
    wake_post(ledger, due.id, None)
    assert ledger.posts.taken("run 1") == []


def test_many_who_plan_the_same_entry_at_once_plan_it_once(ledger, draft):
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: ledger.posts.put(draft(), now=NOW), range(8)))
    assert len(ledger.posts.outline("december")) == 1


def test_planning_the_same_direct_post_twice_gives_one_post(ledger, draft):
    with ThreadPoolExecutor(8) as pool:
        posts = list(pool.map(lambda _: ledger.posts.ensure(draft(), now=NOW), range(8)))
    assert len({post.id for post in posts}) == 1


def test_a_post_that_was_planned_elsewhere_is_named(ledger):
    with pytest.raises(LedgerError, match="no post 4711"):
        ledger.posts.get(4711)


def test_a_thread_waits_for_its_first_part_without_a_receipt(ledger, draft):
    ledger.posts.put(draft(texts=("one", "two")), now=NOW)
    post = ledger.posts.find("december", "hello")
    send(ledger, post, post.parts[0])
    again = ledger.posts.get(post.id)
    assert again.parts[0].receipt.x_id == "1900000000000000001"
    assert again.state is PartState.PLANNED


def test_a_thread_that_has_begun_stays_with_its_account(ledger, draft):
    ledger.posts.put(draft(texts=("One", "Two")), now=NOW)
    post = ledger.posts.find("december", "hello")
    ledger.sending.arm(post, post.parts[0])
    attempt = begin_attempt(ledger, post, at=NOW)
    ledger.sending.posted(attempt, Receipt("1", "https://x.com/me/status/1", NOW, NOW), account="x_default")
    assert not ledger.posts.put(draft(texts=("One", "Zwei"), revision="r2", account="x_other"), now=NOW)
    assert ledger.posts.get(post.id).account == "x_default"
