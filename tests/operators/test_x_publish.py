"""DAG x_publish: what the ledger says is due goes out, each post on its own."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from other_processes import begin_attempt, wake_post

from x_provider.calendar import plan, read_calendar
from x_provider.ledger import PartState, Receipt
from x_provider.operators.publishing import XCreatePostOperator
from x_provider.publishing import apply, known_posts, utc_now
from x_provider.publishing.receipts import evidence_of


@pytest.fixture
def planned(set_up, tmp_path: Path):
    """Apply a calendar of these entries, due in two seconds, and give the ledger's posts by entry."""

    def planned(**texts: str):
        head = f"calendar: december\ntimezone: UTC\naccount: {set_up.x_conn_id}\nposts:\n"
        entries = [f"  - {{id: {key}, at: now + 2 s, text: {key}, {more}}}\n" for key, more in texts.items()]
        file = tmp_path / "calendar.yaml"
        file.write_text(head + "".join(entries))
        now = utc_now()
        reading = read_calendar(file, now=now)
        assert [finding for finding in reading.findings if finding.severity == "error"] == []
        known = known_posts(set_up.ledger, "december")
        apply(set_up.ledger, reading.calendar, plan(reading.calendar, known, now=now), now=now)
        return {post.key: post for post in set_up.ledger.posts.all()}

    return planned


@pytest.fixture
def run_x_publish(run_dag, load_dag, set_up, monkeypatch):
    """Run x_publish on the test's ledger and give the tasks of each post by its name."""
    # What it takes on it reads from the ledger under the default name.
    monkeypatch.setenv("AIRFLOW_CONN_X_LEDGER", os.environ[f"AIRFLOW_CONN_{set_up.ledger_conn_id.upper()}"])
    dag = load_dag("x_publish")
    for task in dag.tasks:
        if task.is_mapped:
            task.partial_kwargs["ledger_conn_id"] = set_up.ledger_conn_id

    def run() -> dict[tuple[str, str], Any]:
        dag_run = run_dag(dag)
        return {
            (ti.task_id.removeprefix("publish."), ti.rendered_map_index or ti.map_index): ti
            for ti in dag_run.get_task_instances()
        }

    return run


def state_of(tasks, task, key):
    return tasks[task, f"december/{key}"].state


def test_what_is_due_goes_out_with_its_media_each_post_once(run_x_publish, planned, set_up, sandbox, picture):
    picture("dome.png")
    posts = planned(hello="", look='media: [{file: dome.png, alt: "The dome"}]')
    tasks = run_x_publish()
    on_x = {post["text"].split()[0]: post for post in sandbox.posts()}
    assert on_x.keys() == {"hello", "look"}
    assert [medium["alt_text"] for medium in on_x["look"]["media"]] == ["The dome"]
    create = tasks["create_post", "december/look"]
    receipt = create.xcom_pull(task_ids=create.task_id, map_indexes=create.map_index)
    assert receipt["x_ids"] == [on_x["look"]["id"]]
    assert receipt["lateness_ms"] >= 0
    assert {ti.state for ti in tasks.values()} == {"success"}
    assert [key for task, key in tasks if task == "upload_media"] == ["december/look"]  # a task costs
    assert all(set_up.ledger.posts.get(post.id).wake_at is None for post in posts.values())
    assert run_x_publish()["take_on", -1].xcom_pull(task_ids="take_on") == []
    assert len(sandbox.posts()) == 2


def test_a_file_that_is_gone_stops_its_post_with_words_and_no_other(
    run_x_publish, planned, set_up, sandbox, picture, capfd
):
    gone = picture("gone.png")
    posts = planned(hello="", look='media: [{file: gone.png, alt: "The dome"}]')
    gone.unlink()
    tasks = run_x_publish()
    assert (state_of(tasks, "create_post", "look"), state_of(tasks, "create_post", "hello")) == (
        "failed",
        "success",
    )
    assert f"the file {gone} is not there (any more)" in "".join(capfd.readouterr())
    stopped = set_up.ledger.posts.get(posts["look"].id)
    assert stopped.state is PartState.REFUSED
    assert str(gone) in stopped.parts[0].why
    assert [post["text"] for post in sandbox.posts()] == ["hello"]


def test_a_post_that_is_withdrawn_meanwhile_is_skipped(run_task, planned, set_up, sandbox):
    post = planned(hello="")["hello"]
    assert set_up.ledger.posts.withdraw("december", "hello")
    ti = run_task(XCreatePostOperator, post_id=post.id, ledger_conn_id=set_up.ledger_conn_id)
    assert (ti.state, sandbox.posts()) == ("skipped", [])


def test_a_post_that_is_on_x_already_succeeds_with_its_address(result_of, planned, set_up, sandbox):
    post = planned(hello="")["hello"]
    task = {"post_id": post.id, "ledger_conn_id": set_up.ledger_conn_id}
    wake_post(set_up.ledger, post.id, post.due_at.add(seconds=900))  # taken on, as x_publish does
    first = result_of(XCreatePostOperator, **task)
    assert result_of(XCreatePostOperator, **task) == first
    assert first["urls"] == [f"{sandbox.url}/alice/status/{sandbox.posts()[0]['id']}"]
    assert len(sandbox.posts()) == 1


def test_a_receipt_that_the_trigger_could_not_store_is_stored_by_the_task(planned, set_up):
    ledger = set_up.ledger
    post = planned(hello="")["hello"]
    ledger.sending.arm(post, post.parts[0])
    attempt = begin_attempt(ledger, post, at=utc_now())
    receipt = Receipt(
        "1900000000000000001", "https://x.com/me/status/1900000000000000001", utc_now(), utc_now()
    )
    event = {"post_id": post.id, "receipt": evidence_of(attempt, receipt, post.account, post.name)}
    task = XCreatePostOperator(task_id="only", post_id=post.id, ledger_conn_id=set_up.ledger_conn_id)
    assert task.execute_complete({}, json.loads(json.dumps(event)))["x_ids"] == [receipt.x_id]
    assert ledger.posts.get(post.id).state is PartState.POSTED
