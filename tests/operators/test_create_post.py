"""XCreatePostOperator on its own in somebody's DAG."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pendulum
import pytest
from airflow_harness import wait_for
from other_processes import LedgerGoes

from x_provider.ledger import PartState
from x_provider.operators import publishing
from x_provider.operators.planning import XPlanPostOperator
from x_provider.operators.publishing import XCreatePostOperator
from x_provider.operators.uploading import XUploadMediaOperator
from x_provider.publishing import receipts
from x_provider.triggers import receipt as receipt_trigger

A_DAY_LATER = pendulum.datetime(2026, 12, 2, 9)


def test_a_text_is_all_it_needs(result_of, set_up, sandbox):
    receipt = result_of(XCreatePostOperator, **set_up.ids, text="Hello from a DAG")
    (post,) = sandbox.posts()
    assert post["text"] == "Hello from a DAG"
    assert receipt["x_ids"] == [post["id"]]
    assert receipt["urls"] == [f"{sandbox.url}/{post['username']}/status/{post['id']}"]
    assert receipt["account"] == set_up.x_conn_id
    assert pendulum.parse(receipt["posted_at"]) == pendulum.parse(post["created_at"])


def test_a_picture_goes_out_with_its_description(result_of, set_up, sandbox, picture):
    result_of(
        XCreatePostOperator, **set_up.ids, text="Look", media=[{"file": str(picture()), "alt": "A dome"}]
    )
    (post,) = sandbox.posts()
    assert [medium["alt_text"] for medium in post["media"]] == ["A dome"]


def test_a_thread_is_a_conversation(result_of, set_up, sandbox):
    result_of(XCreatePostOperator, **set_up.ids, thread=[{"text": "One"}, {"text": "Two"}])
    second, first = sandbox.posts()
    assert (first["text"], second["text"], second["in_reply_to"]) == ("One", "Two", first["id"])


@pytest.mark.usefixtures("short_waits")
@pytest.mark.parametrize("deferrable", [True, False])
def test_it_goes_out_at_its_instant(result_of, set_up, sandbox, deferrable):
    at = pendulum.now("UTC").add(seconds=5).start_of("second")
    receipt = result_of(XCreatePostOperator, **set_up.ids, text="On time", at=at, deferrable=deferrable)
    assert 0 <= receipt["lateness_ms"] < 1500
    assert len(sandbox.posts()) == 1


def test_a_cleared_task_publishes_nothing_again(result_of, set_up, sandbox):
    first = result_of(XCreatePostOperator, **set_up.ids, text="Once")
    assert result_of(XCreatePostOperator, **set_up.ids, text="Once") == first
    assert len(sandbox.posts()) == 1


def test_a_cleared_task_publishes_nothing_again_even_if_its_content_changed(
    result_of, set_up, sandbox, picture
):
    path = picture()
    first = result_of(XCreatePostOperator, **set_up.ids, text="Once", media=[str(path)])
    path.unlink()
    assert result_of(XCreatePostOperator, **set_up.ids, text="Twice", media=[str(path)]) == first
    (post,) = sandbox.posts()
    assert post["text"].startswith("Once")


def test_the_next_run_publishes_its_own(result_of, set_up, sandbox):
    result_of(XCreatePostOperator, **set_up.ids, text="{{ ds }}")
    result_of(XCreatePostOperator, **set_up.ids, text="{{ ds }}", logical_date=A_DAY_LATER)
    assert [post["text"] for post in sandbox.posts()] == ["2026-12-02", "2026-12-01"]


@pytest.mark.usefixtures("short_waits")
def test_a_lost_answer_is_not_sent_again_by_clearing(run_task, set_up, sandbox):
    sandbox.faults("drop_after_commit", method="POST", path="/2/tweets", times=1)
    for _ in range(2):
        run_task(XCreatePostOperator, **set_up.ids, text="Once")
        assert len(sandbox.posts()) == 1


def test_a_mistake_fails_before_anything_is_sent(run_task, set_up, sandbox, capfd):
    assert run_task(XCreatePostOperator, **set_up.ids, text="x" * 281).state == "failed"
    assert "text: is 1 too long: 281 of at most 280 characters" in "".join(capfd.readouterr())
    assert [r for r in sandbox.requests() if r["method"] == "POST"] == []
    assert set_up.ledger.posts.all() == []


def test_what_x_refused_goes_out_once_the_task_is_corrected_and_cleared(run_task, set_up, sandbox, picture):
    path = picture()
    content = {"text": "Look", "at": "now", "media": [str(path)]}
    sandbox.faults("status", problem="not-permitted", method="POST", path="/2/tweets", times=1)
    assert run_task(XCreatePostOperator, **set_up.ids, **content).state == "failed"
    assert run_task(XCreatePostOperator, **set_up.ids, **content).state == "success"
    assert len(sandbox.posts()) == 1


def test_too_late_by_its_policy_it_is_skipped(run_task, set_up, sandbox):
    at = pendulum.now("UTC").subtract(seconds=2)
    late = {"grace": "1 s", "then": "skip"}
    ti = run_task(XPlanPostOperator, **set_up.ids, text="Late", at=at, late={"grace": "1 h", "then": "skip"})
    assert ti.state == "success"
    ti = run_task(XCreatePostOperator, **set_up.ids, text="Late", at=at, late=late)
    assert (ti.state, sandbox.posts()) == ("skipped", [])


def test_a_planned_post_of_later_is_left_to_x_publish(result_of, run_task, set_up, sandbox, picture):
    at = pendulum.now("UTC").add(days=2)
    post_id = result_of(XPlanPostOperator, **set_up.ids, text="Later", media=[str(picture())], at=at)
    ledger = {"ledger_conn_id": set_up.ledger_conn_id}
    assert run_task(XUploadMediaOperator, post_id=post_id, **ledger).state == "success"
    assert run_task(XCreatePostOperator, post_id=post_id, **ledger).state == "skipped"
    assert set_up.ledger.posts.get(post_id).state is PartState.PLANNED
    assert [r for r in sandbox.requests() if r["method"] == "POST"] == []


@pytest.mark.usefixtures("short_waits")
def test_a_post_of_its_own_waits_to_upload_until_its_media_will_live_long_enough(
    result_of, set_up, sandbox, picture, monkeypatch
):
    monkeypatch.setattr(publishing, "_LONGEST_LEAD", timedelta(seconds=3))
    at = pendulum.now("UTC").add(seconds=9).start_of("second")
    receipt = result_of(XCreatePostOperator, **set_up.ids, text="Later", media=[str(picture())], at=at)
    assert 0 <= receipt["lateness_ms"] < 1500
    (upload,) = [r for r in sandbox.requests() if r["path"].startswith("/2/media/upload")]
    assert (at - pendulum.parse(upload["at"])).total_seconds() <= 3


@pytest.mark.parametrize("arguments", [{}, {"post_id": 1, "text": "Hello"}, {"timezone": "Europe/Berlin"}])
def test_it_takes_either_a_planned_post_or_content(arguments):
    with pytest.raises(ValueError, match=r"only: (neither|both) post_id"):
        XCreatePostOperator(task_id="only", **arguments)


def test_a_post_id_that_is_none_says_what_to_hand_on(run_task, set_up, capfd):
    ti = run_task(XCreatePostOperator, post_id="{{ none }}", ledger_conn_id=set_up.ledger_conn_id)
    assert ti.state == "failed"
    assert "hand on what XPlanPostOperator returned" in "".join(capfd.readouterr())


def test_mapped_tasks_publish_one_post_each(run_dag, set_up, sandbox):
    from airflow.sdk import DAG

    with DAG("test_mapped", schedule=None) as dag:
        create = XCreatePostOperator.partial(task_id="only", **set_up.ids)
        create.expand_kwargs([{"text": "First"}, {"text": "Second"}])
    for _ in range(2):
        assert run_dag(dag, logical_date=A_DAY_LATER, run_after=A_DAY_LATER).state == "success"
    assert {post["text"] for post in sandbox.posts()} == {"First", "Second"}
    assert len(sandbox.posts()) == len(set_up.ledger.posts.all()) == 2


@pytest.mark.usefixtures("short_waits")
@pytest.mark.parametrize("deferrable", [True, False])
def test_a_receipt_that_the_ledger_cannot_take_is_kept_by_airflow_until_it_can(
    run_task, set_up, sandbox, monkeypatch, deferrable
):
    monkeypatch.setitem(receipts.keep.__kwdefaults__, "patience", 0.2)
    monkeypatch.setattr(receipt_trigger, "_PAUSE_SECONDS", 0.2)
    sandbox.faults("delay_after", method="POST", path="/2/tweets", times=1, seconds=1)
    goes = LedgerGoes(set_up.ledger)

    def an_outage():
        wait_for("the post on X", sandbox.posts, within=30, every=0.02)
        goes.away()
        wait_for("the triggerer tries to keep it", keepers, within=30, every=0.05)
        goes.back()

    def keepers():
        return [thread for thread in threading.enumerate() if thread.name.startswith("x-receipt")]

    monkeypatch.setattr(receipt_trigger, "_KEEPING", ThreadPoolExecutor(1, thread_name_prefix="x-receipt"))
    at = pendulum.now("UTC").add(seconds=5 if deferrable else 0)
    with ThreadPoolExecutor(1) as pool:
        outage = pool.submit(an_outage)
        ti = run_task(
            XCreatePostOperator, text="Written on water", at=at, deferrable=deferrable, **set_up.ids
        )
        outage.result()
    assert ti.state == "success"
    (on_x,) = sandbox.posts()
    assert ti.xcom_pull(task_ids="only")["x_ids"] == [on_x["id"]]


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_comment_of_hours_later_is_left_to_x_publish(result_of, set_up, sandbox, deferrable):
    comment = {"text": "Dates", "after": "2 h"}
    receipt = result_of(
        XCreatePostOperator, **set_up.ids, text="News", first_comment=comment, deferrable=deferrable
    )
    assert receipt["x_ids"] == [post["id"] for post in sandbox.posts()]
    (post,) = set_up.ledger.posts.all()
    assert post.wake_at == post.next_due_at.subtract(minutes=45)
    assert result_of(XCreatePostOperator, **set_up.ids, text="News", first_comment=comment) == receipt
