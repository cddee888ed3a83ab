"""Secrets go into connections and out to X, and appear nowhere else: logs, XCom, rendered fields, REST answers."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from airflow_harness import RunningAirflow, wait_for
from leaks import leaks, secrets_of

from x_provider.ledger import Ledger, Sealer

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]

ENDED = ("success", "failed")


@pytest.fixture
def planted(standalone: RunningAirflow, sandbox):
    """Two connections full of secrets: OAuth 1.0a keys, and a login of OAuth 2.0."""
    account, other = sandbox.accounts[0], sandbox.accounts[1]
    bodies = {
        "x_planted": {name: account[name] for name in ("access_token", "access_token_secret")},
        "x_planted_too": {
            "client_id": other["oauth2"]["client_id"],
            "client_secret": other["oauth2"]["client_secret"],
            "oauth2_refresh_token": other["oauth2"]["refresh_token"],
            "bearer_token": sandbox.credentials["bearer_token"],
            "auth": "oauth2",
        },
    }
    for conn_id, extra in bodies.items():
        body = {"connection_id": conn_id, "conn_type": "x", "host": sandbox.url, "extra": json.dumps(extra)}
        if conn_id == "x_planted":
            body |= {"login": sandbox.credentials["api_key"], "password": sandbox.credentials["api_secret"]}
        answer = standalone.request("POST", "/api/v2/connections", json=body)
        assert answer.status_code == 201, answer.text
    yield list(bodies)
    for conn_id in bodies:
        standalone.request("DELETE", f"/api/v2/connections/{conn_id}")


def post_now(standalone: RunningAirflow, account: str, text: str) -> tuple[str, str]:
    """Fill in the form of DAG x_post; the run and how it ended."""
    conf = {"text": text, "account": account}
    started = standalone.request(
        "POST", "/api/v2/dags/x_post/dagRuns", json={"logical_date": None, "conf": conf}
    )
    assert started.ok, started.text
    run = started.json()["dag_run_id"]

    def ended() -> str | None:
        state = standalone.get(f"/api/v2/dags/x_post/dagRuns/{run}")["state"]
        return state if state in ENDED else None

    return run, wait_for(f"the end of {run}", ended, within=240, every=0.5)


def everything_said(standalone: RunningAirflow, runs: list[str]) -> str:
    """What the REST API and the plugin's routes tell about all that happened."""
    said: list[Any] = [
        standalone.get(path)
        for path in (
            "/api/v2/connections",
            "/api/v2/eventLogs",
            "/x/status",
            "/x/accounts/status",
        )
    ]
    said.append(standalone.request("GET", "/x/health").text)
    for run in runs:
        base = f"/api/v2/dags/x_post/dagRuns/{run}"
        said += [standalone.get(base), standalone.get(f"{base}/taskInstances")]
        for task in said[-1]["task_instances"]:
            of_task = f"{base}/taskInstances/{task['task_id']}"
            said.append(standalone.get(f"{of_task}/xcomEntries"))
            for number in range(1, task["try_number"] + 1):
                said.append(standalone.request("GET", f"{of_task}/logs/{number}?full_content=true").text)
    return json.dumps(said)


def test_no_secret_is_written_or_said_whatever_happens(standalone, sandbox, planted, dag_ids) -> None:
    standalone.request("PATCH", "/api/v2/dags/x_post", json={"is_paused": False})
    runs = [post_now(standalone, account, f"By {account}") for account in planted]
    assert [state for _, state in runs] == ["success", "success"]
    known = secrets_of(sandbox) | {"the new access token": new_token(standalone)}
    # X echoes what it was sent, as a careless proxy would.
    for account, sent in (
        (planted[0], sandbox.keys(0)[1:]),
        (planted[1], (known["the new access token"].decode(),)),
    ):
        echo = {"title": "Forbidden", "detail": f"You sent {' '.join(sent)}", "status": 403}
        sandbox.faults("status", status=403, body=echo, method="POST", path="/2/tweets", times=1)
        runs.append(post_now(standalone, account, f"Refused for {account}"))
    assert [state for _, state in runs[2:]] == ["failed", "failed"]
    said = everything_said(standalone, [run for run, _ in runs])
    assert "You sent ***" in said
    assert [name for name, secret in known.items() if secret.decode() in said] == []
    assert leaks(standalone.home, known) == []


def new_token(standalone: RunningAirflow) -> bytes:
    """The access token that a worker got by refreshing, which nobody but the ledger's key can read."""
    ledger = Ledger(f"sqlite:///{standalone.home}/x_ledger.db")
    stored = ledger.tokens.find("x_planted_too")
    assert stored is not None
    opened = Sealer([os.environ["AIRFLOW__CORE__FERNET_KEY"]], name="the tests").open(
        stored.sealed, what="it"
    )
    ledger.database.dispose()
    return opened["access"].encode()
