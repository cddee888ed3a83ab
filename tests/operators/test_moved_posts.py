"""A post that is another account's, or another post, when a task comes back to it."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pendulum
import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred
from airflow_harness import wait_for
from drafting import described, plan_post
from new_ledger import new_ledger
from other_processes import begin_attempt, send_without_answer
from triggering import first_event

from x_provider.calendar import PartSpec
from x_provider.hooks.publisher import open_publisher
from x_provider.ledger import Ledger, PartState, Receipt
from x_provider.operators.publishing import XCreatePostOperator
from x_provider.operators.retrying import XTriggerFailedError
from x_provider.operators.uploading import XUploadMediaOperator
from x_provider.publishing.receipts import evidence_of
from x_provider.triggers.receipt import XKeepReceiptTrigger


@pytest.fixture
def another(set_up, sandbox, monkeypatch):
    """The Airflow connection of another account."""
    conn_id = f"{set_up.x_conn_id}_another"
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", sandbox.connection(1))
    return conn_id


@pytest.fixture
def planned(set_up):
    """Plan a post, of the set-up's account unless said otherwise, and give the ledger's."""

    def planned(*parts, account=None, **fields):
        return plan_post(set_up.ledger, *parts, account=account or set_up.x_conn_id, **fields)

    return planned


@pytest.fixture
def move(planned, another):
    """Move a post's entry to the other account, as an editor does who applies the calendar again."""

    def move(post, *, due_at=None):
        parts = [PartSpec.model_validate(part.content) for part in post.parts]
        fields = {"account": another, "revision": "moved", "due_at": due_at or post.due_at}
        return planned(*parts, key=post.key, **fields)

    return move


@pytest.fixture
def parked(set_up, short_waits):
    """Run the task of a post until it parks; what Airflow keeps of it then."""

    def parked(post, operator=XCreatePostOperator):
        with pytest.raises(TaskDeferred) as parked:
            task_of(set_up, post, operator).execute({})
        return parked.value

    return parked


@pytest.fixture
def come_back(set_up):
    """Run the task in another process, as Airflow does when the trigger has sent its event."""

    def come_back(parked, post, event, operator=XCreatePostOperator):
        resume = getattr(task_of(set_up, post, operator), parked.method_name)
        return resume({}, **json.loads(json.dumps(parked.kwargs)), event=event)

    return come_back


@pytest.fixture
def another_ledger(set_up, tmp_path: Path, monkeypatch):
    """Let the connection of the ledger name another database, and give that."""

    def another_ledger():
        (tmp_path / "another").mkdir()
        url = new_ledger(tmp_path / "another")
        monkeypatch.setenv(f"AIRFLOW_CONN_{set_up.ledger_conn_id.upper()}", url)
        return Ledger(url)

    return another_ledger


def task_of(set_up, post, operator=XCreatePostOperator, **options):
    return operator(task_id="only", post_id=post.id, ledger_conn_id=set_up.ledger_conn_id, **options)


def who_posted(sandbox):
    return [(post["username"], post["text"]) for post in sandbox.posts()]


def test_an_armed_post_that_is_moved_goes_out_once_as_its_new_account_and_its_task_says_so(
    planned, parked, come_back, move, another, sandbox, capfd
):
    post = planned("Moved", due_in=6)
    waiting = parked(post)
    move(post)
    event = asyncio.run(first_event(waiting.trigger))
    assert who_posted(sandbox) == []
    receipt = come_back(waiting, post, event)
    assert receipt["account"] == another
    assert who_posted(sandbox) == [("bob", "Moved")]
    words = f"{post.name} is account {another}'s by now; when this task last saw it, it was {post.account}'s"
    assert words in "".join(capfd.readouterr())


def test_a_moved_post_that_somebody_else_has_sent_meanwhile_is_not_sent_again(
    set_up, planned, parked, come_back, move, another, sandbox
):
    post = planned("Moved", due_in=6)
    waiting = parked(post)
    move(post, due_at=pendulum.now("UTC"))
    # The task that x_publish has woken for it as it is by now.
    receipt = task_of(set_up, post).execute({})
    event = asyncio.run(first_event(waiting.trigger))
    assert come_back(waiting, post, event) == receipt
    assert receipt["account"] == another
    assert who_posted(sandbox) == [("bob", "Moved")]


def test_a_post_that_is_moved_in_account_and_time_is_left_to_x_publish(
    set_up, planned, parked, come_back, move, sandbox
):
    post = planned("Moved", due_in=6)
    waiting = parked(post)
    move(post, due_at=post.due_at.add(days=1))
    event = asyncio.run(first_event(waiting.trigger))
    with pytest.raises(AirflowSkipException, match="DAG x_publish sends it then"):
        come_back(waiting, post, event)
    assert set_up.ledger.posts.get(post.id).state is PartState.PLANNED
    assert sandbox.posts() == []


def test_a_post_that_is_moved_while_the_worker_waits_goes_out_once_as_its_new_account(
    set_up, planned, move, another, sandbox
):
    post = planned("Moved", due_in=3)

    def an_editor():
        is_armed = lambda: set_up.ledger.posts.get(post.id).state is PartState.ARMED  # noqa: E731
        wait_for("the task has armed it", is_armed, within=2, every=0.02)
        move(post)

    with ThreadPoolExecutor(1) as pool:
        editor = pool.submit(an_editor)
        receipt = task_of(set_up, post, deferrable=False).execute({})
        editor.result()
    assert receipt["account"] == another
    assert who_posted(sandbox) == [("bob", "Moved")]


def test_a_task_does_not_take_a_post_of_another_ledger_for_its_own(
    set_up, planned, parked, come_back, another_ledger, sandbox
):
    post = planned("Ours", due_in=6)
    waiting = parked(post)
    theirs = plan_post(another_ledger(), "Theirs", account=post.account, key="theirs")
    assert theirs.id == post.id
    publisher = open_publisher(account=post.account, ledger_conn_id=set_up.ledger_conn_id)
    assert publisher.fire(theirs.id).post.state is PartState.POSTED
    with pytest.raises(AirflowFailException) as raised:
        come_back(waiting, post, {"post_id": post.id})
    for words in (theirs.name, post.name, set_up.ledger_conn_id, "names another database", "clear the task"):
        assert words in str(raised.value)
    assert who_posted(sandbox) == [("alice", "Theirs")]


def test_a_task_that_an_older_release_parked_comes_back(set_up, planned, parked, come_back, sandbox):
    post = planned("Parked", due_in=6)
    waiting = parked(post)
    waiting.kwargs = {}
    with pytest.raises(XTriggerFailedError, match="no triggerer"):
        come_back(waiting, post, {"post_id": post.id, "error": "no triggerer"})
    event = asyncio.run(first_event(waiting.trigger))
    assert come_back(waiting, post, event)["account"] == set_up.x_conn_id
    assert who_posted(sandbox) == [("alice", "Parked")]


@pytest.fixture
def with_media(planned, picture, sandbox):
    """A post of two files, the second of which X takes no more for a while."""
    sandbox.settings(limits={"POST /2/media/upload": {"user": 1, "window_seconds": 300}})
    files = [described(picture("one.png")), described(picture("two.png", (200, 0, 0)))]
    return planned(PartSpec(text="Look", media=files), due_in=900, lead_seconds=2700)


def test_a_task_that_uploads_goes_on_as_the_account_that_its_post_is_moved_to(
    with_media, parked, come_back, move, set_up, another, sandbox
):
    waiting = parked(with_media, XUploadMediaOperator)
    sandbox.settings(limits={})
    move(with_media)
    event = {"post_id": with_media.id, "error": "it is another account's"}
    assert len(come_back(waiting, with_media, event, XUploadMediaOperator)) == 2
    now = pendulum.now("UTC")
    uploaded = [
        set_up.ledger.media.find(
            account=another, sha256=file["sha256"], category=file["category"], alt="", alive_at=now
        )
        for file in with_media.parts[0].content["media"]
    ]
    assert [each.state for each in uploaded] == ["ready", "ready"]


def test_a_task_that_uploads_does_not_take_a_post_of_another_ledger_for_its_own(
    with_media, parked, come_back, another_ledger
):
    waiting = parked(with_media, XUploadMediaOperator)
    theirs = plan_post(another_ledger(), "Theirs", account=with_media.account, key="theirs", due_in=900)
    assert theirs.id == with_media.id
    with pytest.raises(AirflowFailException, match="names another database"):
        come_back(waiting, with_media, None, XUploadMediaOperator)


@pytest.mark.parametrize("by", ["task", "trigger"])
@pytest.mark.parametrize("is_older", [False, True], ids=["this release's", "an older release's"])
def test_a_receipt_of_the_former_database_changes_nothing_in_the_one_that_is_there_by_now(
    planned, parked, come_back, another_ledger, set_up, monkeypatch, by, is_older
):
    post = planned("Ours", due_in=60)
    waiting, now = parked(post), pendulum.now("UTC")
    attempt = begin_attempt(set_up.ledger, post, at=now)
    receipt = Receipt("1790000000000000001", "https://x.com/a/status/1790000000000000001", now, now)
    evidence = evidence_of(attempt, receipt, post.account, post.name)
    if is_older:
        evidence = {key: value for key, value in evidence.items() if key not in ("post", "started_at")}
    ledger = another_ledger()
    account = post.account if by == "task" else "x_somebody_else"
    theirs = plan_post(ledger, "Theirs", account=account, key="theirs")
    theirs = send_without_answer(ledger, theirs, at=now, wake_at=now)
    event = {"post_id": post.id, "receipt": evidence}
    if by == "trigger":
        monkeypatch.setattr("x_provider.triggers.receipt._PAUSE_SECONDS", 0.1)
        trigger = XKeepReceiptTrigger(receipt=evidence, ledger_conn_id=set_up.ledger_conn_id)
        event = asyncio.run(first_event(trigger))
    with pytest.raises(AirflowFailException, match="sent from another ledger"):
        come_back(waiting, post, event)
    assert ledger.posts.get(theirs.id) == theirs
