"""A question to a person, from the sweep that finds it to the answer over REST and what becomes of the post."""

from __future__ import annotations

import time
from typing import Any

import pendulum
import pytest
from airflow_harness import RunningAirflow, wait_for
from drafting import plan_post
from other_processes import send_without_answer

from x_provider.ledger import Ledger, PartState
from x_provider.publishing.asking import ADOPT, GIVE_UP, RESEND, SEND

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]

_PARKED_SECONDS = 3
"""Airflow 3.3 may fail a task that is answered within about a second of parking."""


@pytest.fixture
def ledger(standalone: RunningAirflow):
    """The ledger of the running Airflow, which has no connection for another."""
    ledger = Ledger(f"sqlite:///{standalone.home}/x_ledger.db")
    yield ledger
    ledger.database.dispose()


@pytest.fixture
def running_dags(standalone: RunningAirflow, dag_ids):
    """Unpause DAGs for the test."""
    unpaused: list[str] = []

    def pause(dag_id: str, paused: bool) -> None:
        answer = standalone.request("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": paused})
        assert answer.ok, answer.text

    def run(*dags: str) -> None:
        for dag_id in dags:
            pause(dag_id, False)
            unpaused.append(dag_id)

    yield run
    for dag_id in unpaused:
        pause(dag_id, True)


def plan(ledger: Ledger, key: str, **details: Any):
    """A post that nobody has sent for two hours; its calendar says to ask then."""
    late = {"due_in": -7200, "grace": 60, "then": "ask"}
    return plan_post(ledger, f"The text of {key}", key=key, account="x_nobody", **{**late, **details})


def plan_absent(ledger: Ledger, key: str):
    """A post that was sent without an answer; its calendar says to ask."""
    post = plan(ledger, key, then="publish", on_absent="ask")
    return send_without_answer(ledger, post, at=pendulum.now("UTC"))


def test_a_person_is_asked_once_and_the_answer_settles_the_post(standalone, ledger, running_dags):
    missed, absent = plan(ledger, "missed"), plan_absent(ledger, "absent")
    running_dags("x_ask", "x_upkeep")
    started = standalone.request("POST", "/api/v2/dags/x_upkeep/dagRuns", json={"logical_date": None})
    assert started.ok, started.text

    def run_about(post: Any) -> str | None:
        runs = standalone.get("/api/v2/dags/x_ask/dagRuns")["dag_runs"]
        return next(
            (run["dag_run_id"] for run in runs if run["dag_run_id"].startswith(f"question.{post.id}.")), None
        )

    def question_path(run_id: str) -> str:
        return f"/api/v2/dags/x_ask/dagRuns/{run_id}/taskInstances/question"

    def waits(run_id: str) -> bool:
        return standalone.get(question_path(run_id))["state"] == "awaiting_input"

    def settled(run_id: str) -> str | None:
        state = standalone.get(f"/api/v2/dags/x_ask/dagRuns/{run_id}")["state"]
        return state if state in ("success", "failed") else None

    def answer(post: Any, option: str, **form: str) -> dict[str, Any]:
        run_id = wait_for(f"a question about {post.name}", lambda: run_about(post), within=180)
        wait_for("the question being asked", lambda: waits(run_id), within=120)
        time.sleep(_PARKED_SECONDS)
        asked = standalone.get(f"{question_path(run_id)}/-1/hitlDetails")
        said = {"chosen_options": [option], "params_input": form}
        answered = standalone.request("PATCH", f"{question_path(run_id)}/-1/hitlDetails", json=said)
        assert answered.ok, answered.text
        assert wait_for("the answer carried out", lambda: settled(run_id), within=120) == "success"
        return asked

    asked = answer(missed, SEND)
    assert asked["subject"] == "december/missed was not sent in time. Send it now?"
    assert "The text of missed" in asked["body"]
    assert "could not go out within its grace" in asked["body"]
    assert asked["params"] == {}
    sent = ledger.posts.get(missed.id)
    assert (sent.state, sent.late_then) == (PartState.PLANNED, "resumed")
    assert [(said.by, said.decision) for said in ledger.deciding.decisions(missed.id)] == [
        ("admin", "resume")
    ]

    asked = answer(absent, ADOPT, address="https://x.com/nobody/status/1900000000000000001")
    assert asked["options"] == [RESEND, ADOPT, GIVE_UP]
    assert "the timeline could not be read" in asked["body"]
    adopted = ledger.posts.get(absent.id)
    assert adopted.state is PartState.POSTED
    assert adopted.parts[0].receipt.x_id == "1900000000000000001"
    assert len(standalone.get("/api/v2/dags/x_ask/dagRuns")["dag_runs"]) == 2
