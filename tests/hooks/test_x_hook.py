"""The hook against a local X."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk._shared.secrets_masker import redact

from x_provider.client import CreatePost
from x_provider.hooks import XConnectionError, XHook

PICTURE = Path(__file__).parents[2] / "include" / "calendar" / "media" / "aurora.jpg"


@pytest.fixture
def define(monkeypatch: pytest.MonkeyPatch, sandbox):
    """Define the connection ``x_brand`` for the sandbox's first account, with changes; the hook for it."""

    def define(**changes: Any) -> XHook:
        account = sandbox.accounts[0]
        fields = {
            "conn_type": "x",
            "host": sandbox.url,
            "login": sandbox.credentials["api_key"],
            "password": sandbox.credentials["api_secret"],
            "extra": {
                "access_token": account["access_token"],
                "access_token_secret": account["access_token_secret"],
            },
        }
        fields["extra"] |= changes.pop("extra", {})
        monkeypatch.setenv("AIRFLOW_CONN_X_BRAND", json.dumps(fields | changes))
        return XHook("x_brand")

    return define


def app_only(sandbox) -> dict[str, Any]:
    return {
        "login": None,
        "password": None,
        "extra": {
            "access_token": None,
            "access_token_secret": None,
            "bearer_token": sandbox.credentials["bearer_token"],
        },
    }


def test_it_posts_as_the_connections_account(define, sandbox) -> None:
    client = define().get_conn(to_post=True)
    client.create_post(CreatePost(text="Hello from a hook"))
    (post,) = sandbox.posts()
    assert (post["text"], post["author_id"]) == ("Hello from a hook", sandbox.accounts[0]["id"])


def test_it_posts_with_an_oauth2_user_token_too(define, sandbox) -> None:
    token = sandbox.accounts[0]["oauth2"]["access_token"]
    hook = define(extra={"auth": "oauth2", "oauth2_access_token": token})
    hook.get_conn(to_post=True).create_post(CreatePost(text="Hello"))
    assert len(sandbox.posts()) == 1


@pytest.mark.parametrize("media_api", ["2", "1.1"])
def test_files_go_by_the_connections_media_api(define, sandbox, media_api: str) -> None:
    client = define(extra={"media_api": media_api}).get_conn(to_post=True)
    assert client.upload_media(PICTURE, "tweet_image").ready
    (seen,) = sandbox.requests()
    assert seen["path"].startswith(f"/{media_api}/media/upload")


def test_an_oauth2_token_tells_the_usage_by_the_apps_keys(define, sandbox) -> None:
    token = sandbox.accounts[0]["oauth2"]["access_token"]
    hook = define(extra={"auth": "oauth2", "oauth2_access_token": token})
    assert hook.get_conn().usage().project_id


def test_the_account_is_known_without_asking_x(define, sandbox) -> None:
    account = define(extra={"username": "@brand", "user_id": "42"}).account
    assert (account.conn_id, account.base_url) == ("x_brand", sandbox.url)
    assert (account.username, account.user_id) == ("brand", "42")
    assert sandbox.requests() == []


def test_one_hook_has_one_client(define) -> None:
    hook = define()
    assert hook.get_conn() is hook.get_conn(to_post=True)


def test_a_bearer_token_reads_but_is_refused_for_posting_before_x_sees_it(define, sandbox) -> None:
    hook = define(**app_only(sandbox))
    assert not hook.can_post
    assert hook.get_conn().user(sandbox.accounts[0]["id"]).username == sandbox.accounts[0]["username"]
    with pytest.raises(XConnectionError, match=r"'x_brand'.* cannot post.*OAuth 1.0a keys"):
        hook.get_conn(to_post=True)


def test_a_missing_connection_is_named_with_the_way_to_create_it() -> None:
    with pytest.raises(XConnectionError, match=r"'x_nobody'.*Admin > Connections.*AIRFLOW_CONN_X_NOBODY"):
        XHook("x_nobody").get_conn()
    with pytest.raises(XConnectionError, match=r"'x_nobody'.*Admin > Connections.*AIRFLOW_CONN_X_NOBODY"):
        asyncio.run(XHook.aget("x_nobody"))


def test_on_an_event_loop_all_share_one_hook_that_asks_airflow_nothing_more(
    define, monkeypatch: pytest.MonkeyPatch
) -> None:
    define()

    async def ask() -> list[XHook]:
        return await asyncio.gather(*(XHook.aget("x_brand") for _ in range(20)))

    hooks = asyncio.run(ask())
    assert len({id(hook) for hook in hooks}) == 1
    monkeypatch.delenv("AIRFLOW_CONN_X_BRAND")
    assert hooks[0].get_conn(to_post=True) is hooks[1].get_conn()


def test_its_secrets_are_masked_in_logs(define, sandbox, caplog: pytest.LogCaptureFixture) -> None:
    hook = define(extra={"client_secret": "a-client-secret"})
    with caplog.at_level(logging.DEBUG):
        hook.get_conn().me()
    secrets = [
        sandbox.credentials["api_key"],
        sandbox.credentials["api_secret"],
        sandbox.accounts[0]["access_token"],
        sandbox.accounts[0]["access_token_secret"],
        "a-client-secret",
    ]
    assert all(secret not in redact(f"before {secret} after") for secret in secrets)
    shown = f"{caplog.text} {hook!r} {hook.account!r} {hook.get_conn()!r} {vars(hook)}"
    assert not any(secret in shown for secret in secrets)


def test_the_test_says_who_you_are_what_you_may_and_where(define, sandbox) -> None:
    account = sandbox.accounts[0]
    assert define().test_connection() == (
        True,
        f"You are @{account['username']} (user id {account['id']}) by OAuth 1.0a. Permissions: read-write. "
        "X Premium: no, so a post has up to 280 characters. "
        "Plan: the app's project may read 3,000,000 posts a period, and has read 0. "
        "Clock: agrees with X's. "
        f"API: {sandbox.url} (not X itself: a sandbox or a proxy). This test read one user ($0.010).",
    )


def test_the_test_of_keys_that_may_only_read_fails_with_what_to_do(define, sandbox) -> None:
    account = sandbox.accounts[0]
    sandbox.post(f"/_sandbox/accounts/{account['username']}", {"access_level": "read"})
    works, message = define().test_connection()
    assert not works
    assert message.startswith(f"You are @{account['username']} (user id {account['id']}) by OAuth 1.0a.")
    assert "read only, so posting will be refused. Set the app to Read and Write" in message


def test_the_test_says_why_it_cannot_tell_the_plan(define, sandbox) -> None:
    token = sandbox.accounts[0]["oauth2"]["access_token"]
    by_user_only = {
        "login": None,
        "password": None,
        "extra": {"auth": "oauth2", "oauth2_access_token": token},
    }
    works, message = define(**by_user_only).test_connection()
    assert works
    assert "Plan: not known (" in message
    assert "only a user's credentials. Give the app's bearer token, or its API key and secret" in message


def test_the_test_of_a_bearer_token_costs_nothing(define, sandbox) -> None:
    works, message = define(**app_only(sandbox)).test_connection()
    assert works
    assert "cannot post" in message
    assert "Cost: nothing" in message
    assert sandbox.requests() == []


def test_the_test_notices_that_the_keys_are_another_accounts(define, sandbox) -> None:
    first, second = sandbox.accounts[:2]
    works, message = define(extra={"username": second["username"]}).test_connection()
    assert not works
    assert f"says @{second['username']}, but the credentials belong to @{first['username']}" in message
    works, message = define(extra={"user_id": second["id"]}).test_connection()
    assert not works
    assert f"user_id says {second['id']}" in message


def test_the_test_of_keys_that_x_refuses_says_so(define) -> None:
    works, message = define(password="not-the-secret-of-this-app").test_connection()
    assert not works
    assert "who you are (OAuth 1.0a) failed" in message
    assert "401" in message
    assert "not-the-secret" not in message


def test_the_test_of_an_x_that_is_not_there_says_so(define) -> None:
    works, message = define(host="http://127.0.0.1:9").test_connection()
    assert not works
    assert "http://127.0.0.1:9" in message


def test_the_test_of_half_a_connection_names_the_field_and_no_random_id(define, sandbox) -> None:
    works, message = define(extra={"access_token_secret": ""}).test_connection()
    assert not works
    assert message.startswith("The OAuth 1.0a keys are incomplete, without access_token_secret. Copy it from")
    assert sandbox.requests() == []
