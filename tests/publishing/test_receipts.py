"""The proof that a part is on X is kept, whatever happens to the ledger when it comes."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from airflow_harness import wait_for
from drafting import plan_post
from new_ledger import new_ledger
from other_processes import LedgerGoes, send_without_answer

from x_provider.calendar import PartSpec
from x_provider.client import CreatePost
from x_provider.ledger import Ledger, PartState, Receipt
from x_provider.publishing import AnotherLedgerError, Publisher, ReceiptNotStoredError, keep_evidence
from x_provider.publishing.receipts import keep
from x_provider.publishing.recovering import ANSWER_SECONDS
from x_provider.publishing.sending import LEASE_SECONDS

CREATE = {"method": "POST", "path": "/2/tweets", "times": 1}


@pytest.fixture
def ledger_goes(ledger):
    return LedgerGoes(ledger)


@pytest.fixture
def sent(sandbox, ledger, publisher, client, plan, clock):
    """A post that X has created and that the ledger believes to be on its way: its attempt and receipt."""
    user = publisher.user()
    post = publisher.arm(plan(PartSpec(text="Written on water")).id)
    attempt = ledger.sending.begin(
        post, post.parts[0], user_id=user.user_id, sender="test", clock=clock, lease_seconds=LEASE_SECONDS
    )
    created = client.create_post(CreatePost(text="Written on water"))
    url = f"{sandbox.url}/{user.username}/status/{created.id}"
    return attempt, Receipt(created.id, url, clock(), clock())


@pytest.mark.parametrize("looked_for", [False, True])
def test_an_answer_that_comes_after_the_lease_ran_out_is_kept(
    sandbox, ledger, client, publisher, plan, clock, creates, looked_for
):
    publisher.user()
    post = plan(PartSpec(text="Slow answer"))
    sandbox.faults("delay_after", seconds=1.5, **CREATE)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(publisher.fire, post.id)
        (on_x,) = wait_for("the post on X", sandbox.posts, within=10, every=0.02)
        clock.ahead = LEASE_SECONDS + 1
        second = Publisher(ledger, client, account="x_default", clock=clock)
        assert second.fire(post.id).post.state is PartState.UNCERTAIN
        if looked_for:
            assert second.fire(post.id).post.state is PartState.POSTED
        assert not slow.done()
        assert slow.result().post.state is PartState.POSTED
    receipt = ledger.posts.get(post.id).parts[0].receipt
    assert (receipt.x_id, receipt.adopted) == (on_x["id"], looked_for)
    assert len(creates()) == 1


def test_a_receipt_is_written_when_the_ledger_is_back(ledger, ledger_goes, sent):
    attempt, receipt = sent
    ledger_goes.away()
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == 3:
            ledger_goes.back()

    keep(ledger, attempt, receipt, account="x_default", name="december/hello", sleep=sleep)
    assert len(pauses) == 3
    assert pauses == sorted(pauses)
    assert ledger.posts.get(attempt.post_id).parts[0].receipt == receipt


def test_a_ledger_that_fails_between_x_s_answer_and_the_receipt_loses_nothing(
    sandbox, ledger, ledger_goes, publisher, plan, creates
):
    publisher.user()
    post = plan(PartSpec(text="Good morning"))
    sandbox.faults("delay_after", seconds=0.5, **CREATE)
    with ThreadPoolExecutor(1) as pool:
        firing = pool.submit(publisher.fire, post.id)
        (on_x,) = wait_for("the post on X", sandbox.posts, within=10, every=0.02)
        ledger_goes.away()
        wait_for("X's answer", lambda: [r for r in creates() if r["status"] == 201], within=10, every=0.02)
        ledger_goes.back()
        assert firing.result().post.parts[0].receipt.x_id == on_x["id"]
    assert len(creates()) == 1


def test_while_the_ledger_stays_away_the_receipt_is_carried_as_plain_json(ledger, ledger_goes, sent):
    attempt, receipt = sent
    ledger_goes.away()
    with pytest.raises(ReceiptNotStoredError, match=receipt.x_id) as away:
        keep(ledger, attempt, receipt, account="x_default", name="december/hello", patience=0)
    ledger_goes.back()
    assert ledger.posts.get(attempt.post_id).state is PartState.SENDING
    for _ in range(2):
        keep_evidence(ledger, json.loads(json.dumps(away.value.evidence)))
        assert ledger.posts.get(attempt.post_id).parts[0].receipt == receipt


@pytest.fixture
def carried(ledger, ledger_goes, sent):
    """The evidence of a post on X that its ledger could not be told of."""
    attempt, receipt = sent
    ledger_goes.away()
    with pytest.raises(ReceiptNotStoredError) as away:
        keep(ledger, attempt, receipt, account="x_default", name="december/hello", patience=0)
    ledger_goes.back()
    return json.loads(json.dumps(away.value.evidence))


@pytest.mark.parametrize("theirs", ["another post", "the same post, sent at another time", "no post"])
def test_a_receipt_does_not_land_on_another_ledgers_post(ledger, clock, tmp_path, carried, theirs):
    (tmp_path / "another").mkdir()
    another = Ledger(new_ledger(tmp_path / "another"))
    if theirs != "no post":
        key = "theirs" if theirs == "another post" else "hello"
        send_without_answer(another, plan_post(another, "Not on X", key=key), at=clock(), wake_at=clock())
    before = another.posts.all()
    with pytest.raises(AnotherLedgerError, match=f"adopt december/hello {carried['url']}"):
        keep_evidence(another, carried)
    assert another.posts.all() == before
    keep_evidence(ledger, carried)
    assert ledger.posts.find("december", "hello").state is PartState.POSTED


def test_evidence_of_an_older_release_is_kept_and_of_another_accounts_post_is_not(
    ledger, ledger_goes, carried, monkeypatch
):
    older = {key: value for key, value in carried.items() if key not in ("post", "started_at")}
    monkeypatch.setitem(keep.__kwdefaults__, "patience", 0)
    ledger_goes.away()
    with pytest.raises(ReceiptNotStoredError) as away:
        keep_evidence(ledger, older)
    assert away.value.evidence == older
    ledger_goes.back()
    with pytest.raises(AnotherLedgerError, match="another ledger"):
        keep_evidence(ledger, {**older, "account": "x_somebody_else"})
    keep_evidence(ledger, older)
    assert ledger.posts.find("december", "hello").state is PartState.POSTED


def test_a_second_receipt_for_a_part_is_reported_with_both_its_facts(ledger, sent):
    attempt, receipt = sent
    keep(ledger, attempt, receipt, account="x_default", name="december/hello")
    other = Receipt(
        "1900000000000000002", "https://x.com/me/status/2", receipt.posted_at, receipt.received_at
    )
    with pytest.raises(ReceiptNotStoredError, match="holds another receipt") as conflict:
        keep(ledger, attempt, other, account="x_default", name="december/hello")
    assert conflict.value.evidence["x_id"] == other.x_id
    assert ledger.posts.get(attempt.post_id).parts[0].receipt == receipt


def test_a_post_whose_sender_seems_dead_is_looked_for_before_its_lease_is_over(
    ledger, client, clock, creates, sent
):
    attempt, receipt = sent
    other = Publisher(ledger, client, account="x_default", clock=clock)
    assert other.fire(attempt.post_id).retry_at == attempt.started_at.add(seconds=ANSWER_SECONDS)
    clock.ahead = ANSWER_SECONDS + 1
    (part,) = other.fire(attempt.post_id).post.parts
    assert (part.state, part.receipt.x_id, part.receipt.adopted) == (PartState.POSTED, receipt.x_id, True)
    keep(ledger, attempt, receipt, account="x_default", name="december/hello")
    assert len(creates()) == 1


def test_a_sender_that_was_suspended_past_its_lease_does_not_send(
    sandbox, ledger, client, plan, clock, creates
):
    post = plan(PartSpec(text="Good night"))

    class Suspended:
        """A clock that jumps when the attempt has begun, as the wall clock of a sleeping machine does."""

        def __call__(self):
            begun = ledger.posts.get(post.id).parts[0].attempt_id is not None
            return clock().add(seconds=LEASE_SECONDS + 1 if begun else 0)

    publisher = Publisher(ledger, client, account="x_default", clock=Suspended())
    fired = publisher.fire(post.id)
    assert fired.post.state is PartState.ARMED
    assert "nothing was sent" in fired.why
    assert creates() == []
