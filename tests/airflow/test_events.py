"""From a signed delivery to the DAG that somebody scheduled on mentions, in a whole running Airflow."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
import requests
from airflow_harness import wait_for

from x_provider.client.webhooks import SIGNATURE, signature_of
from x_provider.events.receiving import read_delivery
from x_provider.ledger import Ledger
from x_provider.publishing import utc_now

pytestmark = [pytest.mark.system, pytest.mark.timeout(420)]

CONNECTIONS = "/api/v2/connections"


@pytest.fixture
def account(standalone, sandbox):
    """The connection ``x_default`` in Airflow's own database; gives the app's secret and the user's id."""
    described = json.loads(sandbox.connection())
    host, _, port = described["host"].rpartition(":")
    stored = {
        "connection_id": "x_default",
        "conn_type": "x",
        "host": host,
        "port": int(port),
        "login": described["login"],
        "password": described["password"],
        "extra": json.dumps(described["extra"]),
    }
    answer = standalone.request("POST", CONNECTIONS, json=stored)
    assert answer.status_code == 201, answer.text
    yield described["password"], sandbox.accounts[0]["id"]
    standalone.request("DELETE", f"{CONNECTIONS}/x_default")


@pytest.fixture
def ledger(standalone):
    """The ledger that Airflow's processes find without a connection."""
    ledger = Ledger(f"sqlite:///{standalone.home}/x_ledger.db")
    yield ledger
    ledger.database.dispose()


def test_when_somebody_mentions_us_a_dag_runs(standalone, dag_ids, account, ledger) -> None:
    secret, user_id = account
    for dag_id in ("x_events", "x_mentions"):
        assert standalone.request("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": False}).ok
    event = {
        "event_uuid": "11",
        "event_type": "post.mention.create",
        "filter": {"user_id": user_id},
        "payload": {"id": "11", "author_id": "8", "text": "Hello @alice"},
        "includes": {"users": [{"id": "8", "username": "mallory"}]},
    }
    body = json.dumps({"data": event}).encode()
    address = f"{standalone.url}/x/webhook/x_default"
    forged = requests.post(address, data=body, headers={SIGNATURE: "sha256=forged"}, timeout=30)
    assert forged.status_code == 403
    answer = requests.post(address, data=body, headers={SIGNATURE: signature_of(secret, body)}, timeout=30)
    assert answer.status_code == 200, answer.text
    assert sum(ledger.events.counts().values()) == 1

    def runs() -> list[dict]:
        # The first task of an Airflow keeps its API server busy for as long as a minute, on a busy machine.
        with suppress(requests.Timeout):
            return standalone.get("/api/v2/dags/x_mentions/dagRuns")["dag_runs"]
        return []

    wait_for("DAG x_mentions has run", lambda: any(run["state"] == "success" for run in runs()), within=240)
    (run,) = runs()
    assert run["run_type"] == "asset_triggered"
    entry = f"/api/v2/dags/x_mentions/dagRuns/{run['dag_run_id']}/taskInstances/look/xcomEntries/return_value"
    assert standalone.get(entry, deserialize=True)["value"] == ["https://x.com/mallory/status/11"]
    wait_for("the event is settled", lambda: ledger.events.counts() == {"handled": 1}, within=60)
    (kept,) = ledger.events.engagement("x_default")
    assert (kept.kind, kept.text, kept.by_user_id) == ("mention", "Hello @alice", "8")
    assert ledger.charges.month("x_default", now=utc_now()).spent > 0


def test_of_many_at_once_airflow_is_told_each_once(standalone, dag_ids, account, ledger) -> None:
    # More than one task's API call could carry in time: it would be sent again, and each event be there twice.
    _, user_id = account
    assert standalone.request("PATCH", "/api/v2/dags/x_mentions", json={"is_paused": True}).ok
    assert standalone.request("PATCH", "/api/v2/dags/x_events", json={"is_paused": False}).ok
    ids = [str(number) for number in range(10_000, 10_250)]
    events = [
        {
            "event_uuid": post_id,
            "event_type": "post.mention.create",
            "filter": {"user_id": user_id},
            "payload": {"id": post_id, "author_id": "8"},
        }
        for post_id in ids
    ]
    body = json.dumps({"data": events}).encode()
    ledger.events.store(read_delivery(body, app="x_default", received_at=utc_now()))
    wait_for("all are settled", lambda: "waiting" not in ledger.events.counts(), within=300)
    told: list[str] = []
    while page := standalone.get(f"/api/v2/assets/events?limit=100&offset={len(told)}")["asset_events"]:
        told += [str(event["extra"].get("post_id")) for event in page]
    assert sorted(post_id for post_id in told if post_id in set(ids)) == ids
