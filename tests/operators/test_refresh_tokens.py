"""Tokens that are refreshed ahead by DAG x_upkeep, and the notice that an account needs a login."""

from __future__ import annotations

import json
import os
from typing import Any

import pendulum
import pytest

from x_provider.client.oauth2 import OAuth2App
from x_provider.hooks.keys import sealer
from x_provider.ledger import TokenState, UserOnX
from x_provider.operators.upkeep import XRefreshTokensOperator


@pytest.fixture
def log_in(set_up, sandbox, monkeypatch):
    """An account that is logged in, with so many minutes left of its token; its name."""

    def log_in(name: str = "brand", *, minutes: float = 20, number: int = 0) -> str:
        client = sandbox.accounts[number]["oauth2"]
        account = f"{set_up.x_conn_id}_{name}"
        extra = {"client_id": client["client_id"], "client_secret": client["client_secret"]}
        fields = {"conn_type": "x", "host": sandbox.url, "extra": extra}
        monkeypatch.setenv(f"AIRFLOW_CONN_{account.upper()}", json.dumps(fields))
        now = pendulum.now("UTC")
        login = {
            "base_url": sandbox.url,
            "client_id": client["client_id"],
            "user": UserOnX("7", "brand"),
            "scopes": ("tweet.write", "offline.access"),
            "sealed": sealer().seal({"access": client["access_token"], "refresh": client["refresh_token"]}),
            "expires_at": now.add(seconds=minutes * 60),
            "logged_in_by": "eve",
        }
        set_up.ledger.tokens.put(account, login=login, now=now.subtract(minutes=100))
        return account

    return log_in


@pytest.fixture
def revoke(set_up, sandbox):
    def revoke(account: str) -> None:
        kept = set_up.ledger.tokens.find(account)
        client = sandbox.accounts[0]["oauth2"]
        app = OAuth2App(client["client_id"], client["client_secret"], base_url=sandbox.url)
        app.revoke(sealer().open(kept.sealed, what="them")["refresh"])

    return revoke


@pytest.fixture
def refresh(run_task, set_up):
    def refresh() -> Any:
        return run_task(XRefreshTokensOperator, ledger_conn_id=set_up.ledger_conn_id)

    return refresh


def outcome(ti: Any) -> dict[str, list[str]]:
    return ti.xcom_pull(task_ids="only")


def test_what_ends_soon_is_refreshed_and_nothing_else(log_in, refresh, set_up, sandbox):
    soon, later = log_in(minutes=29), log_in("other", minutes=31, number=1)
    assert outcome(refresh()) == {"refreshed": [soon], "later": [], "needs_login": []}
    assert outcome(refresh()) == {"refreshed": [], "later": [], "needs_login": []}
    versions = [set_up.ledger.tokens.find(account).version for account in (soon, later)]
    assert versions == [2, 1]


def test_an_outage_is_no_failure_while_the_token_serves(log_in, refresh, set_up, sandbox):
    account = log_in()
    sandbox.faults("status", method="POST", path="/2/oauth2/token", status=503, times=1)
    ti = refresh()
    assert (ti.state, outcome(ti)["later"]) == ("success", [account])
    assert set_up.ledger.tokens.find(account).state is TokenState.GOOD


def test_an_outage_fails_once_the_token_has_ended_and_others_are_refreshed_all_the_same(
    log_in, refresh, set_up, sandbox
):
    log_in("a", minutes=-1)
    other = log_in("b", number=1)
    sandbox.faults("status", method="POST", path="/2/oauth2/token", status=503, times=1)
    assert refresh().state == "failed"
    assert set_up.ledger.tokens.find(other).version == 2


def test_an_account_without_a_connection_keeps_nobody_up(log_in, refresh, monkeypatch):
    gone, other = log_in("a"), log_in("b", number=1)
    monkeypatch.delenv(f"AIRFLOW_CONN_{gone.upper()}")
    assert outcome(refresh()) == {"refreshed": [other], "later": [gone], "needs_login": []}


def test_x_upkeep_tells_once_that_an_account_needs_a_login_and_where(
    log_in, revoke, run_dag, load_dag, set_up, monkeypatch, capfd
):
    monkeypatch.setenv("AIRFLOW_CONN_X_LEDGER", os.environ[f"AIRFLOW_CONN_{set_up.ledger_conn_id.upper()}"])
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example/team/")
    account = log_in()
    revoke(account)
    upkeep = load_dag("x_upkeep")

    def run() -> str:
        ti = run_dag(upkeep).get_task_instance("refresh_tokens")
        assert (ti.state, ti.xcom_pull(task_ids="refresh_tokens")["needs_login"]) == ("success", [account])
        return "".join(capfd.readouterr())

    log = run()
    assert log.count(f"X: account {account} (@\u200bbrand) needs login.") == 1
    assert "Why: X does not take its refresh token any more" in log
    assert "Its last token serves until " in log
    assert "Log it in: https://airflow.example/team/x/accounts" in log
    assert f"airflow x login {account}" in log
    assert "needs login." not in run()
    # After a login that ends as well, it is news again.
    log_in()
    revoke(account)
    assert "needs login." in run()


def test_a_notice_that_did_not_arrive_is_told_again(
    log_in, revoke, run_dag, load_dag, set_up, monkeypatch, capfd
):
    monkeypatch.setenv("AIRFLOW_CONN_X_LEDGER", os.environ[f"AIRFLOW_CONN_{set_up.ledger_conn_id.upper()}"])
    monkeypatch.setenv("AIRFLOW_CONN_X_NOTICES", "http://127.0.0.1:9/nobody")
    revoke(log_in())
    upkeep = load_dag("x_upkeep")
    for _ in range(2):
        run_dag(upkeep)
        log = "".join(capfd.readouterr())
        assert "needs login." in log
        assert "the notice was not sent by connection x_notices: 127.0.0.1 could not be reached" in log
