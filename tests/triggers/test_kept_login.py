"""The trigger of an account whose tokens are in the ledger."""

from __future__ import annotations

import asyncio
import json
import time

import pendulum
import pytest
from drafting import plan_post
from triggering import first_event

from x_provider.hooks.keys import sealer
from x_provider.ledger import UserOnX
from x_provider.triggers.publish import XPublishTrigger


@pytest.fixture
def log_in(sandbox, connections, monkeypatch, tmp_path):
    """An account that is logged in, with so many seconds left of its token; its name."""

    def log_in(seconds: float) -> str:
        account, client = f"x_{tmp_path.name}", sandbox.accounts[0]["oauth2"]
        extra = {"client_id": client["client_id"], "client_secret": client["client_secret"]}
        fields = {"conn_type": "x", "host": sandbox.url, "extra": extra}
        monkeypatch.setenv(f"AIRFLOW_CONN_{account.upper()}", json.dumps(fields))
        now = pendulum.now("UTC")
        login = {
            "base_url": sandbox.url,
            "client_id": client["client_id"],
            "user": UserOnX(sandbox.accounts[0]["id"], "alice"),
            "scopes": ("tweet.write", "offline.access"),
            "sealed": sealer().seal({"access": client["access_token"], "refresh": client["refresh_token"]}),
            "expires_at": now.add(seconds=seconds),
            "logged_in_by": "eve",
        }
        connections[1].tokens.put(account, login=login, now=now.subtract(hours=1))
        return account

    return log_in


def test_a_token_that_has_ended_is_refreshed_before_the_due_time_and_the_post_is_punctual(
    sandbox, connections, log_in
):
    ledger_conn_id, ledger = connections
    post = plan_post(ledger, "Hello", account=log_in(-1), lead_seconds=0, due_in=3)
    trigger = XPublishTrigger(
        post_id=post.id, account=post.account, fire_at=post.due_at.isoformat(), ledger_conn_id=ledger_conn_id
    )
    assert asyncio.run(first_event(trigger)) == {"post_id": post.id}
    (on_x,) = sandbox.posts()
    assert on_x["username"] == "alice"
    assert 0 <= (pendulum.parse(on_x["created_at"]) - post.due_at).total_seconds() < 1
    refreshed = [seen["at"] for seen in sandbox.requests() if seen["path"] == "/2/oauth2/token"]
    assert [pendulum.parse(at) < post.due_at for at in refreshed] == [True]


def test_an_x_that_takes_its_time_to_refresh_does_not_hold_up_the_loop(sandbox, connections, log_in):
    ledger_conn_id, ledger = connections
    post = plan_post(ledger, "Hello", account=log_in(-1), lead_seconds=0, due_in=2)
    sandbox.faults("delay_before", method="POST", path="/2/oauth2/token", seconds=3)
    trigger = XPublishTrigger(
        post_id=post.id, account=post.account, fire_at=post.due_at.isoformat(), ledger_conn_id=ledger_conn_id
    )
    stalls = []

    async def watch() -> None:
        while True:
            begun = time.monotonic()
            await asyncio.sleep(0.01)
            stalls.append(time.monotonic() - begun)

    async def both() -> None:
        watching = asyncio.ensure_future(watch())
        await first_event(trigger)
        watching.cancel()

    asyncio.run(both())
    assert len(sandbox.posts()) == 1
    assert max(stalls) < 2
