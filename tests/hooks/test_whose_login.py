"""A login that is not, or not any more, the one that its connection asks for."""

from __future__ import annotations

import json

import pytest

from x_provider.client import CreatePost, XNeedsLogin
from x_provider.hooks import XHook
from x_provider.hooks.standing import look
from x_provider.publishing import utc_now


@pytest.fixture
def hook(ids, ledger, sandbox, monkeypatch):
    """A connection with an app and what else is given."""

    def hook(**extra: str) -> XHook:
        client, (api_key, secret, *_) = sandbox.accounts[0]["oauth2"], sandbox.keys()
        app = {"client_id": client["client_id"], "client_secret": client["client_secret"]}
        fields = {
            "conn_type": "x",
            "host": sandbox.url,
            "login": api_key,
            "password": secret,
            "extra": {**app, **extra},
        }
        monkeypatch.setenv(f"AIRFLOW_CONN_{ids[0].upper()}", json.dumps(fields))
        return XHook(*ids)

    return hook


@pytest.mark.parametrize("scheme", ["oauth1", "oauth2"])
@pytest.mark.parametrize("named", ["user_id", "username"])
def test_a_connection_that_names_another_user_posts_as_nobody(
    hook, log_in, keys_of, ledger, ids, sandbox, scheme, named
) -> None:
    (log_in if scheme == "oauth2" else keys_of)(1)
    alice = {"user_id": sandbox.accounts[0]["id"], "username": "alice"}[named]
    with pytest.raises(
        XNeedsLogin, match=r"its connection says that it is .*, and its login is that of @bob"
    ):
        hook(**{named: alice}).get_conn(to_post=True).create_post(CreatePost(text="Hello"))
    assert look(ids[0], ledger).state == "needs_login"
    bob = {"user_id": sandbox.accounts[1]["id"], "username": "Bob"}[named]
    hook(**{named: bob}).get_conn(to_post=True).create_post(CreatePost(text="Hello"))
    assert [post["username"] for post in sandbox.posts()] == ["bob"]


@pytest.mark.parametrize("then", ["logged out", "logged in anew"])
def test_keys_of_a_login_are_not_used_long_after_it(hook, keys_of, ledger, ids, monkeypatch, then) -> None:
    keys_of(0)
    client = hook().get_conn(to_post=True)
    assert client.credentials
    ledger.logouts.end(ids[0], now=utc_now())
    if then != "logged out":
        keys_of(1)
    monkeypatch.setattr("x_provider.accounts.user_keys.LOOK_SECONDS", -1)
    with pytest.raises(XNeedsLogin, match=f"it was {then}"):
        assert client.credentials
