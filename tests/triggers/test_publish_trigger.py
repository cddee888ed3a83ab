from __future__ import annotations

import asyncio
import json
from importlib import import_module
from pathlib import Path

import pendulum
import pytest
from airflow.sdk.exceptions import ErrorType
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import ErrorResponse
from drafting import plan_post
from other_processes import LedgerGoes
from triggering import first_event

from x_provider.client.sending import _SIGNED_SECONDS
from x_provider.hooks import x as x_hook
from x_provider.ledger import PartState
from x_provider.triggers import publish
from x_provider.triggers.due import XDuePostsTrigger
from x_provider.triggers.publish import XPublishTrigger


def planned(ledger, *, text="On the second", lead_seconds=0, **fields):
    return plan_post(ledger, text, lead_seconds=lead_seconds, **{"account": "x_triggered", **fields})


def trigger_for(post, ledger_conn_id):
    return XPublishTrigger(
        post_id=post.id, account=post.account, fire_at=post.due_at.isoformat(), ledger_conn_id=ledger_conn_id
    )


def test_a_post_goes_out_at_its_instant_and_never_before_it(sandbox, connections):
    ledger_conn_id, ledger = connections
    post = planned(ledger, due_in=3)
    assert asyncio.run(first_event(trigger_for(post, ledger_conn_id))) == {"post_id": post.id}
    (on_x,) = sandbox.posts()
    lateness = (pendulum.parse(on_x["created_at"]) - post.due_at).total_seconds()
    assert 0 <= lateness < 1


def test_two_triggers_for_one_post_send_it_once(sandbox, connections):
    ledger_conn_id, ledger = connections
    post = planned(ledger, due_in=1)

    async def both():
        await asyncio.gather(*(first_event(trigger_for(post, ledger_conn_id)) for _ in range(2)))

    asyncio.run(both())
    assert len(sandbox.posts()) == 1
    assert ledger.posts.get(post.id).state is PartState.POSTED


def test_a_trigger_that_knows_an_older_time_waits_for_the_new_one(sandbox, connections):
    ledger_conn_id, ledger = connections
    post = planned(ledger, due_in=2)
    trigger = XPublishTrigger(
        post_id=post.id,
        account=post.account,
        fire_at=post.due_at.subtract(days=1).isoformat(),
        ledger_conn_id=ledger_conn_id,
    )
    asyncio.run(first_event(trigger))
    (on_x,) = sandbox.posts()
    assert pendulum.parse(on_x["created_at"]) >= post.due_at


def test_a_connection_that_could_not_be_opened_ahead_of_time_costs_the_post_nothing(sandbox, connections):
    ledger_conn_id, ledger = connections
    sandbox.faults("status", status=401, method="GET", path="/2/users/me", times=1)
    post = planned(ledger, due_in=2)
    assert asyncio.run(first_event(trigger_for(post, ledger_conn_id))) == {"post_id": post.id}
    assert len(sandbox.posts()) == 1
    assert [r["status"] for r in sandbox.requests() if r["path"] == "/2/users/me"] == [401, 200]


def test_posts_of_the_same_instant_all_go_out_at_it(sandbox, connections):
    ledger_conn_id, ledger = connections
    posts = [planned(ledger, due_in=3, key=f"post {n}", text=f"Number {n}") for n in range(32)]

    async def everyone():
        await asyncio.gather(*(first_event(trigger_for(post, ledger_conn_id)) for post in posts))

    asyncio.run(everyone())
    receipts = [ledger.posts.get(post.id).parts[0].receipt for post in posts]
    lateness = [
        (receipt.posted_at - post.due_at).total_seconds()
        for post, receipt in zip(posts, receipts, strict=True)
    ]
    assert min(lateness) >= 0
    assert max(lateness) < 5
    assert len(sandbox.posts()) == 32


def test_an_account_without_a_connection_is_reported_to_the_task(connections):
    ledger_conn_id, ledger = connections
    post = planned(ledger, due_in=0)
    trigger = XPublishTrigger(
        post_id=post.id, account="x_nobody", fire_at=post.due_at.isoformat(), ledger_conn_id=ledger_conn_id
    )
    event = asyncio.run(first_event(trigger))
    assert "x_nobody" in event["error"]
    assert ledger.posts.get(post.id).state is PartState.PLANNED


def test_a_post_that_is_moved_to_another_account_is_handed_back_unsent(sandbox, connections, capfd):
    ledger_conn_id, ledger = connections
    post = planned(ledger, due_in=1)
    planned(ledger, due_at=post.due_at, account="x_another", revision="moved")
    event = asyncio.run(first_event(trigger_for(post, ledger_conn_id)))
    assert f"{post.name} of account x_another" in event["error"]
    assert "the trigger failed" not in "".join(capfd.readouterr())
    assert sandbox.posts() == []


@pytest.mark.parametrize("rubbish", ["{{ params.at }}", "", None, 17, "tomorrow"])
def test_no_argument_makes_the_constructor_raise_since_that_kills_the_triggerer(rubbish):
    trigger = XPublishTrigger(post_id=rubbish, account=rubbish, fire_at=rubbish, ledger_conn_id=rubbish)
    classpath, kwargs = trigger.serialize()
    assert classpath == "x_provider.triggers.publish.XPublishTrigger"
    XPublishTrigger(**json.loads(json.dumps(kwargs)))
    XDuePostsTrigger(ledger_conn_id=rubbish, poll_seconds=rubbish)


@pytest.mark.parametrize("rubbish", ["{{ params.at }}", "tomorrow", "2026-12-01/2026-12-02"])
def test_a_due_time_that_is_none_is_reported_to_the_task(connections, rubbish):
    ledger_conn_id, _ = connections
    trigger = XPublishTrigger(
        post_id=1, account="x_triggered", fire_at=rubbish, ledger_conn_id=ledger_conn_id
    )
    assert "error" in asyncio.run(first_event(trigger))


def test_the_watcher_wakes_for_a_post_within_its_lead_time(connections):
    ledger_conn_id, ledger = connections
    planned(ledger, due_in=100, lead_seconds=120)
    watcher = XDuePostsTrigger(ledger_conn_id=ledger_conn_id, poll_seconds=0.05)
    assert asyncio.run(first_event(watcher)) == {"due": 1}


def test_the_watcher_sleeps_while_nothing_is_due_and_sees_what_comes(connections):
    ledger_conn_id, ledger = connections
    post = planned(ledger, due_in=1.0)
    watcher = XDuePostsTrigger(ledger_conn_id=ledger_conn_id, poll_seconds=0.05)
    asyncio.run(first_event(watcher))
    assert pendulum.now("UTC") >= post.due_at


async def cancelled(trigger, *, after):
    events = asyncio.ensure_future(anext(trigger.run()))
    await asyncio.sleep(after)
    events.cancel()
    with pytest.raises(asyncio.CancelledError):
        await events


def test_a_trigger_that_is_cancelled_while_its_post_is_on_its_way_keeps_the_outcome(sandbox, connections):
    ledger_conn_id, ledger = connections
    sandbox.settings(latency_seconds=1.0)
    post = planned(ledger, due_in=0)
    asyncio.run(cancelled(trigger_for(post, ledger_conn_id), after=0.7))
    assert ledger.posts.get(post.id).state is PartState.POSTED
    assert len(sandbox.posts()) == 1


def test_a_trigger_that_is_cancelled_before_the_instant_sends_nothing(sandbox, connections):
    ledger_conn_id, ledger = connections
    post = planned(ledger, due_in=1.5)

    async def cancel_and_wait():
        await cancelled(trigger_for(post, ledger_conn_id), after=0.7)
        await asyncio.sleep(1.5)

    asyncio.run(cancel_and_wait())
    assert sandbox.posts() == []
    assert ledger.posts.get(post.id).state is PartState.PLANNED


def test_a_ledger_that_is_away_at_the_instant_only_delays_the_post(sandbox, connections, monkeypatch):
    monkeypatch.setattr(publish, "_LEDGER_PAUSES", (0.2,))
    ledger_conn_id, ledger = connections
    post = planned(ledger, due_in=1)
    goes = LedgerGoes(ledger)

    async def an_outage():
        event = asyncio.ensure_future(first_event(trigger_for(post, ledger_conn_id)))
        await asyncio.sleep(0.5)
        goes.away()
        await asyncio.sleep(2)
        assert not event.done()
        goes.back()
        return await event

    assert asyncio.run(an_outage()) == {"post_id": post.id}
    assert ledger.posts.get(post.id).state is PartState.POSTED
    assert len(sandbox.posts()) == 1


def test_a_ledger_that_is_broken_at_the_instant_is_the_tasks_to_tell_and_not_waited_for(sandbox, connections):
    ledger_conn_id, ledger = connections
    post = planned(ledger, due_in=1)
    trigger = trigger_for(post, ledger_conn_id)
    file = Path(ledger.database.url.database)

    async def broken():
        event = asyncio.ensure_future(first_event(trigger))
        await asyncio.sleep(0.5)
        ledger.database.dispose()
        for each in file.parent.glob(f"{file.name}*"):
            each.unlink()
        file.write_bytes(b"this is no database " * 500)
        return await asyncio.wait_for(event, 20)

    assert "is broken: file is not a database" in asyncio.run(broken())["error"]
    assert sandbox.posts() == []


class _NoAnswer:
    """The supervisor of a triggerer whose API server is away."""

    async def asend(self, message):
        return ErrorResponse(error=ErrorType.API_SERVER_ERROR)


@pytest.fixture
def looked_up_anew(monkeypatch):
    """The account is looked up half a second before the due time, whatever was looked up before."""
    # A triggerer has it loaded; loaded within the second that a lookup has, it would make that too slow.
    import_module("airflow.sdk.execution_time.supervisor")
    monkeypatch.setattr(publish, "_OPEN_SECONDS", 0.5)
    monkeypatch.setattr(x_hook._hooks, "_seconds", 0)


async def without_its_connection(trigger, monkeypatch, *, supervisor=None):
    """The first event of a trigger that has met its account, and cannot look it up any more when it is time."""
    event = asyncio.ensure_future(first_event(trigger))
    await asyncio.sleep(0.5)
    monkeypatch.delenv("AIRFLOW_CONN_X_TRIGGERED")
    if supervisor is not None:
        monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
    return await event


@pytest.mark.usefixtures("looked_up_anew")
def test_an_airflow_that_cannot_be_asked_shortly_before_the_instant_costs_the_post_nothing(
    sandbox, connections, monkeypatch
):
    ledger_conn_id, ledger = connections
    post = planned(ledger, due_in=1.5)
    trigger = trigger_for(post, ledger_conn_id)
    event = asyncio.run(without_its_connection(trigger, monkeypatch, supervisor=_NoAnswer()))
    assert event == {"post_id": post.id}
    (on_x,) = sandbox.posts()
    assert (pendulum.parse(on_x["created_at"]) - post.due_at).total_seconds() < 1


@pytest.mark.usefixtures("looked_up_anew")
def test_a_connection_that_was_deleted_meanwhile_posts_nothing(sandbox, connections, monkeypatch):
    ledger_conn_id, ledger = connections
    post = planned(ledger, due_in=1.5)
    event = asyncio.run(without_its_connection(trigger_for(post, ledger_conn_id), monkeypatch))
    assert "it is not defined" in event["error"]
    assert sandbox.posts() == []


def test_a_used_up_rate_limit_is_waited_for_by_the_trigger_and_costs_no_second_request(sandbox, connections):
    sandbox.settings(limits={"POST /2/tweets": {"user": 1, "window_seconds": 8}})
    ledger_conn_id, ledger = connections
    first, second = (planned(ledger, due_in=1, key=text, text=text) for text in ("One", "Two"))

    async def both():
        await asyncio.gather(*(first_event(trigger_for(post, ledger_conn_id)) for post in (first, second)))

    asyncio.run(both())
    creates = [r["status"] for r in sandbox.requests() if (r["method"], r["path"]) == ("POST", "/2/tweets")]
    late = sorted(
        (ledger.posts.get(post.id).parts[0].receipt.posted_at - post.due_at).total_seconds()
        for post in (first, second)
    )
    assert late[0] < 1
    assert 1 < late[1] < 18
    assert creates.count(201) == 2
    assert creates.count(429) <= 1


def test_what_is_signed_ahead_is_good_for_as_long_after_the_instant_as_it_was_signed_before_it():
    assert 2 * publish._OPEN_SECONDS <= _SIGNED_SECONDS
