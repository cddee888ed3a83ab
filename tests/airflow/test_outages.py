"""What is away over the due time comes back: the ledger (a PostgreSQL), the scheduler, a triggerer.

The ledger is cut off from Airflow by a proxy; the tests reach it all the same.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pendulum
import pytest
from airflow_harness import wait_for
from airflow_stage import Stage, open_stage
from outages import CutOff, outage
from postgres import own_database, server_or_skip

from x_provider.ledger import PartState

pytestmark = [pytest.mark.long, pytest.mark.system, pytest.mark.timeout(400)]

AWAY_SECONDS = 9


@pytest.fixture(scope="module")
def ledger_goes() -> Iterator[CutOff]:
    with own_database(server_or_skip()) as database, outage(database, seconds=AWAY_SECONDS) as away:
        assert isinstance(away, CutOff)
        yield away


@pytest.fixture(scope="module")
def stage(ledger_goes: CutOff, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    behind = ledger_goes.database
    with open_stage(folder, ledger=behind, reached_by=ledger_goes.url, rate_limits=False) as stage:
        yield stage


def is_past(post, *, seconds: float = 0) -> bool:
    return pendulum.now("UTC") > post.due_at.add(seconds=seconds)


def test_while_the_ledger_is_away_nothing_is_sent_and_afterwards_each_follows_its_late_policy(
    stage: Stage, ledger_goes: CutOff
) -> None:
    policies = {"late-publish": {"then": "publish"}, "late-skip": {"then": "skip", "grace": 1}}
    publish, skip = stage.plan_in_time(
        {name: {"account": "x_bob", **policy} for name, policy in policies.items()}
    )
    wait_for("the last second", lambda: is_past(skip, seconds=-1), within=90, every=0.05)
    cut = threading.Thread(target=ledger_goes.happen, args=(threading.Event(),))
    cut.start()
    wait_for("the due time to pass", lambda: is_past(skip, seconds=3), within=30)
    assert {stage.post(post.key).state for post in (publish, skip)} == {PartState.ARMED}
    cut.join()
    wait_for("the late post sent", lambda: stage.is_posted(publish.key), within=60)
    stage.assert_once(publish.key)
    assert stage.lateness(publish.key) < AWAY_SECONDS + 35
    wait_for("the other given up", lambda: stage.post(skip.key).state is PartState.MISSED, within=60)
    assert stage.on_x(skip.parts[0].content["text"]) == []


def test_the_watcher_goes_on_when_the_ledger_is_back(stage: Stage, ledger_goes: CutOff) -> None:
    ledger_goes.happen(threading.Event())
    stage.plan("after-the-outage", account="x_carol", due_in=5)
    wait_for("the post sent", lambda: stage.is_posted("after-the-outage"), within=120)
    stage.assert_once("after-the-outage")


def test_what_waits_in_a_triggerer_goes_out_in_time_without_a_scheduler(stage: Stage) -> None:
    (armed,) = stage.plan_in_time({"armed": {"account": "x_alice"}})
    stage.airflow.the("scheduler").kill()
    policies = {"unarmed-publish": {}, "unarmed-skip": {"then": "skip", "grace": 1}}
    for key, policy in policies.items():
        stage.plan(key, account="x_bob", due_in=5, **policy)
    wait_for("the armed post sent", lambda: stage.is_posted(armed.key), within=90)
    assert stage.lateness(armed.key) < 1
    wait_for("the others' time to pass", lambda: is_past(stage.post("unarmed-skip"), seconds=2), within=60)
    stage.airflow.start("scheduler")
    wait_for("the late post sent", lambda: stage.is_posted("unarmed-publish"), within=120)
    stage.assert_once(armed.key, "unarmed-publish")
    wait_for("the other given up", lambda: stage.post("unarmed-skip").state is PartState.MISSED, within=60)
    assert "late policy is 'skip'" in stage.post("unarmed-skip").parts[0].why


def test_a_post_whose_triggerer_was_killed_while_x_answered_is_found_and_not_sent_again(stage: Stage) -> None:
    (post,) = stage.plan_in_time({"in-flight": {"account": "x_carol"}})
    hanging = stage.hang("delay_after", "/2/tweets", "x_carol")
    stage.senders(hanging, stage.airflow.the("triggerer"))
    stage.airflow.the("triggerer").kill()
    stage.airflow.start("triggerer")
    wait_for("the post's receipt", lambda: stage.is_posted(post.key), within=200)
    stage.assert_once(post.key)
    assert [attempt.outcome for attempt in stage.ledger.deciding.attempts(post.id)] == ["adopted"]
