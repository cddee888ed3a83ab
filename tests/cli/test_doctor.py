"""`airflow x doctor`: what it sees, what it says to do, and how it ends."""

from __future__ import annotations

import json

import pendulum
import pytest
from webhook_server import served

from x_provider.client.clock import seconds_behind_x
from x_provider.client.errors import XUnreachable
from x_provider.health import Check, verdict
from x_provider.health.check import State
from x_provider.hooks.keys import sealer
from x_provider.hooks.x import XHook
from x_provider.ledger import UserOnX
from x_provider.web import webhook

NOW = pendulum.datetime(2026, 12, 1, 8)


@pytest.fixture
def doctor(airflow_home, airflow_x, capsys):
    """Run it; give its exit code and its checks by name."""

    def run(*words: str) -> tuple[int, dict[str, dict[str, str]]]:
        code = 0
        try:
            printed = airflow_x("doctor", "--output", "json", *words)
        except SystemExit as ended:
            code, printed = int(ended.code or 0), capsys.readouterr().out
        return code, {check["name"]: check for check in json.loads(printed)["checks"]}

    return run


def log_in(ledger, account="x_cli", *, minutes=60, scopes=("tweet.write", "offline.access"), key=None):
    login = {
        "base_url": "https://api.x.com",
        "client_id": "an-app",
        "user": UserOnX("1", "alice"),
        "scopes": scopes,
        "sealed": (key or sealer()).seal({"access": "a" * 20, "refresh": "r" * 20}),
        "expires_at": pendulum.now("UTC").add(minutes=minutes),
        "logged_in_by": "a test",
    }
    ledger.tokens.put(account, login=login, now=NOW)
    return ledger.tokens.find(account)


@pytest.mark.parametrize(
    ("states", "worst"),
    [
        ((), "ok"),
        (("ok", "skipped"), "ok"),
        (("ok", "warning", "skipped"), "warning"),
        (("failed", "warning"), "failed"),
    ],
)
def test_the_verdict_is_the_worst(states: tuple[State, ...], worst):
    assert verdict(Check("a", state, "seen") for state in states) == worst


def test_an_airflow_that_never_ran_is_told_with_what_to_start(ledger, account, doctor):
    code, checks = doctor()
    assert code == 2
    assert checks["ledger"]["state"] == "ok"
    assert checks["ledger"]["words"].startswith("sqlite:////")
    for component, command in (("scheduler", "scheduler"), ("triggerer", "triggerer")):
        assert (checks[component]["state"], checks[component]["words"]) == ("failed", "never seen")
        assert checks[component]["next_step"] == f"Start it: airflow {command}"
    assert checks["watcher"]["state"] == "failed"
    assert checks["account x_cli"]["state"] == "ok"
    assert "a sandbox or a proxy" in checks["account x_cli"]["words"]
    assert checks[f"clock, {account.url}"]["state"] == "ok"
    assert checks["posts"] == {
        "name": "posts",
        "state": "ok",
        "words": "0 parts to be sent",
        "next_step": "",
    }


def test_without_a_ledger_that_is_said_first_and_nothing_of_it_after(monkeypatch, doctor):
    monkeypatch.setenv("AIRFLOW_CONN_X_LEDGER", "sqlite:////nowhere/at/all.db")
    code, checks = doctor()
    assert code == 2
    assert next(iter(checks)) == "ledger"
    assert "cannot be used" in checks["ledger"]["words"]
    assert not {"keys", "disk", "posts"} & checks.keys()


def test_a_login_that_no_key_opens_is_told(ledger, doctor, monkeypatch):
    monkeypatch.setenv("X_PROVIDER_FERNET_KEY", "b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItMTI=")
    log_in(ledger)
    monkeypatch.setenv("X_PROVIDER_FERNET_KEY", "c29tZS1rZXktc29tZS1rZXktc29tZS1rZXktc29tZTE=")
    _, checks = doctor()
    assert checks["keys"]["state"] == "failed"
    assert "none of the keys in" in checks["keys"]["words"]
    assert "account x_cli" in checks["keys"]["words"]


def test_a_login_says_when_it_ends_and_what_it_needs(ledger, account, doctor):
    log_in(ledger, minutes=61)
    assert doctor()[1]["login x_cli"]["words"].startswith(
        "its token ends in 61 minutes, and is refreshed before"
    )
    log_in(ledger, scopes=("tweet.write",))
    assert doctor()[1]["login x_cli"]["state"] == "warning"
    tokens = log_in(ledger)
    ledger.tokens.claim(tokens, by="me", until=NOW, now=NOW)
    ledger.tokens.lose(ledger.tokens.find("x_cli"), why="X has revoked it", by="me")
    check = doctor()[1]["login x_cli"]
    assert (check["state"], check["next_step"]) == (
        "failed",
        "Log it in: page X > Accounts, or `airflow x login x_cli`",
    )
    assert "X has revoked it" in check["words"]


def test_a_stop_and_a_clock_that_is_off_are_told(ledger, account, doctor):
    ledger.controls.stop(account="*", why="A drill", by="anna", now=NOW)
    account.settings(clock_ahead_seconds=300.0)
    _, checks = doctor()
    assert (checks["stops"]["state"], "anna" in checks["stops"]["words"]) == ("failed", True)


def test_a_connection_that_does_not_add_up_is_told(ledger, monkeypatch, doctor):
    monkeypatch.setenv(
        "AIRFLOW_CONN_X_HALF", json.dumps({"conn_type": "x", "login": "key", "password": "secret"})
    )
    check = doctor()[1]["account x_half"]
    assert check["state"] == "failed"
    assert "access_token" in check["words"]


def test_asking_x_names_the_user(ledger, account, doctor):
    check = doctor("x_cli", "--ask-x")[1]["account x_cli"]
    assert f"You are @{account.accounts[0]['username']}" in check["words"]


def test_people_read_it_line_by_line(ledger, account, airflow_home, airflow_x, capsys):
    with pytest.raises(SystemExit) as ended:
        airflow_x("doctor")
    printed = capsys.readouterr().out
    assert ended.value.code == 2
    assert "FAIL  triggerer: never seen\n      -> Start it: airflow triggerer" in printed
    assert printed.rstrip().endswith("posts do not go out as they should")


def test_x_s_clock_is_read_from_an_answer_that_costs_nothing(sandbox):
    assert abs(seconds_behind_x(sandbox.url)) < 2
    assert sandbox.charges()["charges"] == []


def test_an_x_that_is_not_there_is_no_clock():
    with pytest.raises(XUnreachable, match="Check the network"):
        seconds_behind_x("http://127.0.0.1:9")


def test_webhooks_are_told_by_whether_x_reaches_them(ledger, account, doctor, monkeypatch):
    assert doctor()[1]["webhooks"]["words"] == "none is registered"
    monkeypatch.setattr(webhook.route.app, "_loop", None)
    with served() as server:
        registered = XHook("x_cli").get_conn().register_webhook(f"{server}/x/webhook/x_cli")
        assert doctor()[1][f"webhook {registered.id}"]["state"] == "ok"
    account.post(f"/_sandbox/webhooks/{registered.id}/crc")
    check = doctor()[1][f"webhook {registered.id}"]
    assert (check["state"], "X does not reach" in check["words"]) == ("warning", True)
    assert f"airflow x webhooks validate x_cli --webhook {registered.id}" in check["next_step"]
