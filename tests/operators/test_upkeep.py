"""DAG x_upkeep, and what DAG x_ask does before and after a person answers."""

from __future__ import annotations

import os
from typing import Any

import pytest
from drafting import plan_post

from x_provider.ledger import PartState
from x_provider.operators.asking import XActOnAnswerOperator, XGatherEvidenceOperator
from x_provider.publishing import Publisher, utc_now
from x_provider.publishing.asking import ADOPT, GIVE_UP, RESEND, SEND
from x_provider.publishing.upkeep import sweep


@pytest.fixture
def plan(set_up):
    """Plan a post that was due some seconds ago."""

    def plan(text: str, *, late: float = 0, **fields: Any):
        return plan_post(
            set_up.ledger,
            text,
            key=text.lower(),
            account=set_up.x_conn_id,
            timezone="Europe/Berlin",
            due_in=-late,
            **fields,
        )

    return plan


@pytest.fixture
def absent(set_up, plan, sandbox):
    """A post that was sent without an answer and is not on X; its calendar says to ask."""
    from x_provider.hooks import XHook

    post, ahead = plan("Hello", on_absent="ask"), 0
    client = XHook(set_up.x_conn_id).get_conn(to_post=True)
    publisher = Publisher(
        set_up.ledger, client, account=set_up.x_conn_id, clock=lambda: utc_now().add(seconds=ahead)
    )
    sandbox.faults("drop_before_commit", method="POST", path="/2/tweets", times=1)
    assert publisher.fire(post.id).post.state is PartState.UNCERTAIN
    ahead = 200
    assert publisher.fire(post.id).retry_at is None
    return set_up.ledger.posts.get(post.id)


@pytest.fixture
def asked(result_of, set_up):
    """The question about a post, as its task hands it on."""
    return lambda post: result_of(
        XGatherEvidenceOperator, post=post.name, ledger_conn_id=set_up.ledger_conn_id
    )


@pytest.fixture
def act(run_task, set_up):
    """Run the task that acts on an answer of Ann's."""

    def act(question: dict[str, Any], option: str, address: str = "") -> Any:
        answer = {
            "chosen_options": [option],
            "params_input": {"address": address} if address else {},
            "responded_by_user": {"id": "7", "name": "ann"},
        }
        ids = {"ledger_conn_id": set_up.ledger_conn_id}
        return run_task(XActOnAnswerOperator, question=question, answer=answer, **ids)

    return act


def test_the_question_carries_the_evidence_and_the_answer_its_effect(absent, asked, act, set_up):
    question = asked(absent)
    assert question["options"] == [RESEND, ADOPT, GIVE_UP]
    assert "nothing on the account's timeline" in question["body"]
    ti = act(question, RESEND)
    assert ti.state == "success"
    assert "ann: post december/hello is sent" in ti.xcom_pull(task_ids="only")
    assert set_up.ledger.posts.get(absent.id).state is PartState.ARMED
    assert [decision.by for decision in set_up.ledger.deciding.decisions(absent.id)] == ["ann"]


def test_an_answer_that_comes_too_late_is_skipped_and_says_so(absent, asked, act, set_up, capfd):
    question = asked(absent)
    set_up.ledger.deciding.void(absent.id, why="by hand", now=utc_now())
    assert act(question, RESEND).state == "skipped"
    assert "was uncertain when the question was asked and is refused by now" in "".join(capfd.readouterr())
    assert set_up.ledger.posts.get(absent.id).state is PartState.REFUSED


def test_an_answer_without_an_address_fails_with_words(absent, asked, act, set_up, capfd):
    assert act(asked(absent), ADOPT).state == "failed"
    assert "neither a post's address" in "".join(capfd.readouterr())
    assert set_up.ledger.posts.get(absent.id) == absent


def test_a_timeline_that_cannot_be_read_is_part_of_the_evidence(absent, asked, sandbox):
    sandbox.faults("status", method="GET", path="/2/users", status=503, times=-1)
    assert "the timeline could not be read" in asked(absent)["body"]


def test_a_post_that_needs_nobody_is_not_asked_about(plan, run_task, set_up):
    post = plan("Later", late=-3600)
    ids = {"ledger_conn_id": set_up.ledger_conn_id}
    assert run_task(XGatherEvidenceOperator, post=post.name, **ids).state == "skipped"
    assert run_task(XGatherEvidenceOperator, post="december/nobody", **ids).state == "failed"


def test_upkeep_ends_what_is_too_late_and_asks_once(run_dag, load_dag, set_up, plan, monkeypatch):
    from airflow.models import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    monkeypatch.setenv("AIRFLOW_CONN_X_LEDGER", os.environ[f"AIRFLOW_CONN_{set_up.ledger_conn_id.upper()}"])
    plan("Skipped", late=3600, then="skip")
    asked = plan("Asked", late=3600, then="ask")
    run_dag(load_dag("x_ask"), run_conf={"post": asked.name})  # Airflow starts only what it knows
    upkeep = load_dag("x_upkeep")

    def run() -> dict[str, Any]:
        return {(ti.task_id, ti.map_index): ti for ti in run_dag(upkeep).get_task_instances()}

    tasks = run()
    assert set(tasks["sweep", -1].xcom_pull(task_ids="sweep")["missed"]) == {
        "december/skipped",
        "december/asked",
    }
    assert tasks["ask", 0].state == "success"
    with create_session() as session:
        query = select(DagRun).where(DagRun.dag_id == "x_ask", DagRun.run_id.like(f"question.{asked.id}.%"))
        (started,) = session.scalars(query).all()
    assert started.conf == {"post": "december/asked"}
    again = run()
    assert again["open_questions", -1].xcom_pull(task_ids="open_questions") == []
    assert sweep(set_up.ledger, now=utc_now()).missed == []


def test_what_upkeep_ends_is_told_but_for_what_its_policy_skips(
    run_dag, load_dag, store_dag, set_up, plan, monkeypatch, capfd
):
    monkeypatch.setenv("AIRFLOW_CONN_X_LEDGER", os.environ[f"AIRFLOW_CONN_{set_up.ledger_conn_id.upper()}"])
    monkeypatch.setenv("AIRFLOW_CONN_X_NOTICES", "http://127.0.0.1:9/nobody")
    plan("Skipped", late=3600, then="skip")
    for number in range(7):
        plan(f"Late-{number}", late=3600, then="ask")
    store_dag(load_dag("x_ask"))  # Airflow starts only what it knows
    assert run_dag(load_dag("x_upkeep")).state == "success"
    log = "".join(capfd.readouterr())
    assert log.count("was too late and is not sent.") == 5
    assert "2 further posts have stopped: december/late-5, december/late-6" in log
    assert "december/skipped" not in log.partition("X: post ")[2]


def test_what_was_missed_goes_out_after_the_answer(plan, asked, act, set_up, result_of, sandbox):
    from x_provider.operators.publishing import XCreatePostOperator

    post = plan("Old", late=3600, then="ask")
    sweep(set_up.ledger, now=utc_now())
    assert act(asked(post), SEND).state == "success"
    result_of(XCreatePostOperator, post_id=post.id, ledger_conn_id=set_up.ledger_conn_id)
    assert [on_x["text"] for on_x in sandbox.posts()] == ["Old"]
