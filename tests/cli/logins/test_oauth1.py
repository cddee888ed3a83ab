"""`airflow x login --scheme oauth1`: a PIN, keys in the ledger, and what they replace."""

from __future__ import annotations

import json
import os

import pendulum
import pytest
import requests
from logging_in import CONSENT, extra_of, keys_in

from x_provider.client import CreatePost, OAuth1, XClient, XNeedsLogin
from x_provider.hooks.keys import sealer
from x_provider.hooks.x import XHook
from x_provider.ledger.refusals import CONFIRMED_SECONDS


def test_a_connection_that_airflow_cannot_write_logs_in_by_keys(
    airflow_x, ledger, account, person_with_a_pin
) -> None:
    person_with_a_pin()
    said = airflow_x("login", "x_cli", "--scheme", "oauth1")
    assert "x_cli is @bob" in said
    assert "The keys are in the ledger, and are used where its field auth is auto or oauth1" in said
    assert all(key not in said for key in keys_in(ledger, "x_cli").values())
    hook = XHook("x_cli")
    assert hook.get_conn(to_post=True).create_post(CreatePost(text="Hello")).id
    assert (hook.auth, [post["username"] for post in account.posts()]) == ("oauth1", ["bob"])

    assert "x_cli is logged out" in airflow_x("logout", "x_cli")
    assert ledger.user_keys.find("x_cli") is None


def test_a_pin_brings_keys_that_are_sealed_in_the_ledger(
    airflow_x, ledger, stored_account, sandbox, person_with_a_pin
) -> None:
    person_with_a_pin()
    said = airflow_x("login", stored_account, "--scheme", "oauth1")
    assert "x_stored is @bob" in said
    assert "WARNING" not in said
    extra, bob = extra_of(stored_account), sandbox.accounts[1]
    assert {name: extra[name] for name in ("auth", "access_token", "access_token_secret", "user_id")} == {
        "auth": "oauth1",
        "access_token": "",
        "access_token_secret": "",
        "user_id": bob["id"],
    }
    assert extra["bearer_token"] == "b"
    keys = {name: bob[name] for name in ("access_token", "access_token_secret")}
    assert keys_in(ledger, stored_account) == keys
    assert all(key not in said for key in keys.values())

    assert "WARNING" not in airflow_x("logout", stored_account)
    app = sandbox.credentials["api_key"], sandbox.credentials["api_secret"]
    client = XClient(sandbox.url, OAuth1(*app, *keys.values()))
    with pytest.raises(XNeedsLogin):
        client.me()
    client.close()
    assert ledger.user_keys.find(stored_account) is None
    assert extra_of(stored_account)["bearer_token"] == "b"


def test_a_login_by_oauth_2_0_takes_the_place_of_keys(
    airflow_x, ledger, account, person_with_a_pin, person, port
) -> None:
    person_with_a_pin()
    airflow_x("login", "x_cli", "--scheme", "oauth1")
    for at in (ended := pendulum.now("UTC"), ended.add(seconds=CONFIRMED_SECONDS)):
        ledger.refusals.note("x_cli", credentials="its keys", why="revoked", now=at)
    person(lambda url: requests.post(url, data=CONSENT, timeout=10))
    airflow_x("login", "x_cli", "--port", str(port))
    assert ledger.user_keys.find("x_cli") is None
    assert ledger.refusals.find("x_cli") is None
    assert XHook("x_cli").auth == "oauth2"


@pytest.mark.parametrize(("auth", "scheme"), [("oauth2", "oauth1"), ("oauth1", "oauth2")])
def test_a_login_that_its_connection_would_not_use_is_not_begun(
    airflow_x, ledger, account, monkeypatch, auth, scheme, port
) -> None:
    stored = json.loads(os.environ["AIRFLOW_CONN_X_CLI"])
    stored["extra"]["auth"] = auth
    monkeypatch.setenv("AIRFLOW_CONN_X_CLI", json.dumps(stored))
    with pytest.raises(SystemExit, match=rf"it would not use a login by OAuth .*Set auth to {scheme} there"):
        airflow_x("login", "x_cli", "--scheme", scheme, "--port", str(port))
    assert account.requests() == []


def test_keys_of_a_login_do_not_serve_another_app(
    airflow_x, ledger, account, person_with_a_pin, monkeypatch
) -> None:
    person_with_a_pin()
    airflow_x("login", "x_cli", "--scheme", "oauth1")
    stored = json.loads(os.environ["AIRFLOW_CONN_X_CLI"])
    monkeypatch.setenv("AIRFLOW_CONN_X_CLI", json.dumps({**stored, "login": "the-key-of-another-app"}))
    client = XHook("x_cli").get_conn(to_post=True)
    with pytest.raises(
        XNeedsLogin, match=r"of another app than that of its connection's API key.*x login x_cli"
    ):
        client.create_post(CreatePost(text="Hello"))
    assert account.posts() == []
    assert "WARNING: They are removed here, but X was not told" in airflow_x("logout", "x_cli")
    assert ledger.user_keys.find("x_cli") is None


def test_keys_end_the_login_of_oauth_2_0_that_they_replace(
    airflow_x, ledger, stored_account, sandbox, person, person_with_a_pin, port, monkeypatch
) -> None:
    app = sandbox.accounts[0]["oauth2"]
    monkeypatch.setenv("X_CLIENT_ID", app["client_id"])
    monkeypatch.setenv("X_CLIENT_SECRET", app["client_secret"])
    person(lambda url: requests.post(url, data=CONSENT, timeout=10))
    airflow_x("login", stored_account, "--port", str(port))
    opened = sealer().open(ledger.tokens.find(stored_account).sealed, what="the tokens")
    person_with_a_pin()
    said = airflow_x("login", stored_account, "--scheme", "oauth1")
    assert "WARNING" not in said
    assert ledger.tokens.find(stored_account) is None
    after = requests.get(
        f"{sandbox.url}/2/users/me", headers={"Authorization": f"Bearer {opened['access']}"}, timeout=10
    )
    assert after.status_code == 401
    assert XHook(stored_account).auth == "oauth1"


def test_keys_are_kept_where_the_login_that_they_replace_cannot_be_revoked(
    airflow_x, ledger, stored_account, sandbox, person, person_with_a_pin, port, monkeypatch
) -> None:
    person(lambda url: requests.post(url, data=CONSENT, timeout=10))
    monkeypatch.setenv("X_CLIENT_SECRET", sandbox.accounts[0]["oauth2"]["client_secret"])
    airflow_x("login", stored_account, "--port", str(port))
    monkeypatch.setenv("X_PROVIDER_FERNET_KEY", "c29tZS1rZXktc29tZS1rZXktc29tZS1rZXktc29tZTE=")
    person_with_a_pin()
    said = airflow_x("login", stored_account, "--scheme", "oauth1")
    assert "x_stored is @bob" in said
    assert "WARNING: The account's OAuth 2.0 tokens: They are removed here, but X was not told" in said
    assert ledger.tokens.find(stored_account) is None
    assert keys_in(ledger, stored_account)["access_token"] == sandbox.accounts[1]["access_token"]


def test_of_two_logins_at_once_the_connection_says_the_one_that_stands(
    airflow_x, ledger, stored_account, sandbox, person, person_with_a_pin, meanwhile, port
) -> None:
    def another_logs_in() -> None:
        person_with_a_pin()
        airflow_x("login", stored_account, "--scheme", "oauth1")

    person(lambda url: requests.post(url, data=CONSENT, timeout=10))
    meanwhile(another_logs_in)
    with pytest.raises(SystemExit, match=r"twice at once, and the other login stands: @bob by OAuth 1\.0a"):
        airflow_x("login", stored_account, "--port", str(port))
    extra = extra_of(stored_account)
    assert (extra["auth"], extra["username"]) == ("oauth1", "bob")
    assert XHook(stored_account).get_conn().me().username == "bob"


def test_a_logout_during_a_login_stands(
    airflow_x, ledger, stored_account, sandbox, person_with_a_pin, meanwhile
) -> None:
    person_with_a_pin()
    meanwhile(lambda: airflow_x("logout", stored_account))
    with pytest.raises(SystemExit, match=f"logged account {stored_account} out while you logged it in"):
        airflow_x("login", stored_account, "--scheme", "oauth1")
    assert ledger.user_keys.find(stored_account) is None
