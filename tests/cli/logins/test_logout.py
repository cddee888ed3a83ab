"""`airflow x logout`: what it ends, what it leaves alone, and what it says of that."""

from __future__ import annotations

import json
import os
import re

import pendulum
import pytest
import requests
from logging_in import CONSENT, extra_of

from x_provider.client import CreatePost, XNeedsLogin
from x_provider.hooks.x import XHook
from x_provider.ledger import AccountOnX


def test_a_logged_out_account_is_not_the_user_of_the_environment(
    airflow_x, ledger, stored_account, sandbox, person_with_a_pin, monkeypatch
) -> None:
    person_with_a_pin()
    monkeypatch.setenv("X_ACCESS_TOKEN", sandbox.accounts[0]["access_token"])
    monkeypatch.setenv("X_ACCESS_TOKEN_SECRET", sandbox.accounts[0]["access_token_secret"])
    airflow_x("login", stored_account, "--scheme", "oauth1")
    assert XHook(stored_account).get_conn().me().username == "bob"
    airflow_x("logout", stored_account)
    client = XHook(stored_account).get_conn(to_post=True)
    with pytest.raises(XNeedsLogin, match=f"airflow x login {stored_account}"):
        client.create_post(CreatePost(text="Hello"))
    assert sandbox.posts() == []


def test_a_logout_leaves_the_keys_that_another_account_acts_by(
    airflow_x, ledger, account, person_with_a_pin, monkeypatch
) -> None:
    person_with_a_pin()
    monkeypatch.setenv("AIRFLOW_CONN_X_TWO", os.environ["AIRFLOW_CONN_X_CLI"])
    for name in ("x_cli", "x_two"):
        airflow_x("login", name, "--scheme", "oauth1")
    assert "X was not told, for x_two acts by the same keys." in airflow_x("logout", "x_cli")
    assert XHook("x_two").get_conn().me().username == "bob"


def test_what_no_key_opens_can_be_logged_out(
    airflow_x, ledger, account, person_with_a_pin, monkeypatch
) -> None:
    person_with_a_pin()
    airflow_x("login", "x_cli", "--scheme", "oauth1")
    monkeypatch.setenv("X_PROVIDER_FERNET_KEY", "c29tZS1rZXktc29tZS1rZXktc29tZS1rZXktc29tZTE=")
    assert "WARNING: They are removed here, but X was not told (none of the keys" in airflow_x(
        "logout", "x_cli"
    )
    assert ledger.user_keys.find("x_cli") is None


def test_tokens_whose_app_nobody_names_can_be_logged_out(airflow_x, ledger, stored_account, change) -> None:
    change(client_id="", oauth2_refresh_token="of-an-app-that-is-not-named")
    said = airflow_x("logout", stored_account)
    assert "X was not told (the connection names no app that they could be of)" in said
    assert f"{stored_account} is logged out" in said
    assert extra_of(stored_account)["oauth2_refresh_token"] == ""


@pytest.mark.parametrize("where", ["a connection of Airflow", "an environment variable", "the environment"])
def test_a_logout_leaves_keys_that_lie_elsewhere_too(
    airflow_x, ledger, account, stored_account, sandbox, change, person_with_a_pin, monkeypatch, where
) -> None:
    pair = {name: sandbox.accounts[1][name] for name in ("access_token", "access_token_secret")}
    if where == "the environment":
        who = r"the environment \(X_ACCESS_TOKEN\)"
        for name, value in pair.items():
            monkeypatch.setenv(f"X_{name.upper()}", value)
    elif where == "an environment variable":
        who = "x_other"
        other = {"conn_type": "x", "host": sandbox.url, "extra": pair}
        monkeypatch.setenv("AIRFLOW_CONN_X_OTHER", json.dumps(other))
    else:
        who = stored_account
        change(**pair)
    person_with_a_pin()
    airflow_x("login", "x_cli", "--scheme", "oauth1")
    assert re.search(f"X was not told, for {who} acts by the same keys", airflow_x("logout", "x_cli"))
    assert "/1.1/oauth/invalidate_token" not in [seen["path"] for seen in sandbox.requests()]


def test_an_account_whose_connection_is_gone_can_be_logged_out(
    airflow_x, ledger, account, person, port, monkeypatch
) -> None:
    person(lambda url: requests.post(url, data=CONSENT, timeout=10))
    airflow_x("login", "x_cli", "--port", str(port))
    monkeypatch.delenv("AIRFLOW_CONN_X_CLI")
    assert "x_cli is forgotten" in airflow_x("logout", "x_cli")
    assert ledger.tokens.find("x_cli") is None
    with pytest.raises(SystemExit, match=r"x_cli.*is not defined"):
        airflow_x("logout", "x_cli")


def test_an_account_that_once_posted_and_whose_connection_is_gone_is_forgotten(airflow_x, ledger) -> None:
    user = AccountOnX("x_old", "https://api.x.com", "7", "brand", "fingerprint")
    ledger.accounts.put(user, now=pendulum.now("UTC"))
    assert "WARNING" not in airflow_x("logout", "x_old")
    assert ledger.accounts.names() == []


def test_tokens_in_a_connection_that_airflow_cannot_write_are_named_at_logout(
    airflow_x, ledger, sandbox, monkeypatch
) -> None:
    client = sandbox.accounts[1]["oauth2"]
    extra = {
        "client_id": client["client_id"],
        "client_secret": client["client_secret"],
        "oauth2_refresh_token": client["refresh_token"],
    }
    stored = {"conn_type": "x", "host": sandbox.url, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_X_CLI", json.dumps(stored))
    said = airflow_x("logout", "x_cli")
    assert "AIRFLOW_CONN_X_CLI, where Airflow cannot write it. It still holds tokens or keys" in said
    assert [each["status"] for each in sandbox.requests() if each["path"] == "/2/oauth2/revoke"] == [200]


def test_an_access_token_alone_is_logged_out_too(airflow_x, ledger, stored_account, sandbox, change) -> None:
    access = sandbox.accounts[0]["oauth2"]["access_token"]
    change(client_secret=sandbox.accounts[0]["oauth2"]["client_secret"], oauth2_access_token=access)
    assert "WARNING" not in airflow_x("logout", stored_account)
    assert extra_of(stored_account)["oauth2_access_token"] == ""
    after = requests.get(
        f"{sandbox.url}/2/users/me", headers={"Authorization": f"Bearer {access}"}, timeout=10
    )
    assert after.status_code == 401
