"""When a connection acts as the user that the environment names, and when it must not."""

from __future__ import annotations

import json

import pytest
from drafting import plan_post

from x_provider.accounts import LoginRefused
from x_provider.client import CreatePost, XNeedsLogin
from x_provider.hooks import XHook
from x_provider.hooks.logout import log_out
from x_provider.hooks.publisher import open_publisher
from x_provider.hooks.standing import look
from x_provider.notifications.login import XLoginNeededNotifier


@pytest.fixture
def bare(ids, ledger, sandbox, monkeypatch):
    """Define a connection that says only where X is; its app and its user are in the environment."""
    api_key, secret, token, token_secret = sandbox.keys(1)
    client = sandbox.accounts[1]["oauth2"]
    variables = {
        "X_CLIENT_ID": client["client_id"],
        "X_CLIENT_SECRET": client["client_secret"],
        "X_API_KEY": api_key,
        "X_API_SECRET": secret,
        "X_ACCESS_TOKEN": token,
        "X_ACCESS_TOKEN_SECRET": token_secret,
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    def bare(**extra: str) -> XHook:
        fields = {"conn_type": "x", "host": sandbox.url, "extra": extra}
        monkeypatch.setenv(f"AIRFLOW_CONN_{ids[0].upper()}", json.dumps(fields))
        return XHook(*ids)

    return bare


@pytest.fixture
def posters(ids, bare, sandbox):
    """Post once as the account of the connection that holds these fields; who has posted so far."""

    def posters(**extra: str) -> list[str]:
        bare(**extra)
        publisher = open_publisher(account=ids[0], ledger_conn_id=ids[1])
        publisher.user()
        publisher.client.create_post(CreatePost(text=f"Post {len(sandbox.posts())}"))
        return sorted(post["username"] for post in sandbox.posts())

    return posters


@pytest.mark.parametrize("auth", ["auto", "oauth1"])
def test_of_nobody_else_the_ledger_knows(posters, ledger, ids, auth: str) -> None:
    assert posters(auth=auth) == ["bob"]
    assert posters(auth=auth) == ["bob", "bob"]
    assert look(ids[0], ledger).state == "keys"


@pytest.mark.parametrize("auth", ["auto", "oauth2"])
def test_a_login_comes_first(posters, log_in, ledger, ids, auth: str) -> None:
    log_in(0)
    assert posters(auth=auth) == ["alice"]
    assert look(ids[0], ledger).state == "good"


@pytest.mark.parametrize("auth", ["auto", "oauth1"])
def test_after_a_logout_the_account_waits(
    airflow_home, posters, log_in, keys_of, ledger, ids, sandbox, auth: str
) -> None:
    if auth == "auto":
        log_in(0)
    else:
        keys_of(0)
    assert posters(auth=auth) == ["alice"]
    log_out(ledger, ids[0])
    with pytest.raises(XNeedsLogin, match="it was logged out"):
        posters(auth=auth)
    standing = look(ids[0], ledger)
    assert (standing.state, standing.can_post) == ("needs_login", False)
    assert [post["username"] for post in sandbox.posts()] == ["alice"]


def test_a_login_that_the_connection_does_not_use_is_somebody_all_the_same(posters, log_in) -> None:
    log_in(0)
    with pytest.raises(XNeedsLogin, match="another user's than the account was so far"):
        posters(auth="oauth1")


def test_the_same_user_may_until_the_account_is_logged_out(
    airflow_home, posters, log_in, ledger, ids
) -> None:
    log_in(1)
    assert posters(auth="oauth1") == ["bob"]
    log_out(ledger, ids[0])
    with pytest.raises(XNeedsLogin, match="it was logged out"):
        posters()


def test_an_account_that_was_never_logged_in_says_by_what_it_acts(airflow_home, posters, ledger, ids) -> None:
    posters()
    with pytest.raises(LoginRefused, match=r"acts as the user that the environment names.*X_ACCESS_TOKEN"):
        log_out(ledger, ids[0])


def test_people_are_told_where_the_environment_names_another_user_than_before(
    posters, bare, ledger, ids, sandbox, monkeypatch, capfd
) -> None:
    posters()
    plan_post(ledger, "Hello", account=ids[0])
    for name, value in zip(("X_ACCESS_TOKEN", "X_ACCESS_TOKEN_SECRET"), sandbox.keys(0)[2:], strict=True):
        monkeypatch.setenv(name, value)
    bare()
    for is_told in (True, False):
        XLoginNeededNotifier()._tell({}, ledger)
        assert (f"account {ids[0]}" in "".join(capfd.readouterr())) == is_told
