"""Accounts whose tokens are in the ledger, through the hook."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

import pendulum
import pytest
from airflow.sdk._shared.secrets_masker import redact

from x_provider.accounts import fingerprint
from x_provider.client import CreatePost, XNeedsLogin
from x_provider.hooks import XHook
from x_provider.hooks.keys import sealer
from x_provider.hooks.publisher import open_publisher
from x_provider.ledger import LedgerError, TokenState
from x_provider.ledger.database import Database


def seed_of(sandbox: Any, number: int = 0) -> dict[str, str]:
    client = sandbox.accounts[number]["oauth2"]
    return {
        "oauth2_refresh_token": client["refresh_token"],
        "oauth2_access_token": client["access_token"],
    }


def refreshes(sandbox: Any) -> int:
    return sum(seen["path"] == "/2/oauth2/token" for seen in sandbox.requests())


def test_it_posts_with_the_login_in_the_ledger(define, log_in, sandbox) -> None:
    log_in()
    hook = define()
    hook.get_conn(to_post=True).create_post(CreatePost(text="Hello"))
    assert (hook.auth, [post["username"] for post in sandbox.posts()]) == ("oauth2", ["alice"])
    assert refreshes(sandbox) == 0


def test_it_posts_with_the_refresh_token_of_the_connection(define, ledger, ids, sandbox) -> None:
    define(**seed_of(sandbox)).get_conn(to_post=True).create_post(CreatePost(text="Hello"))
    assert refreshes(sandbox) == 1
    assert ledger.tokens.find(ids[0]).seeds == (fingerprint(seed_of(sandbox)["oauth2_refresh_token"]),)


def test_an_access_token_alone_stays_in_the_connection(define, ledger, ids, sandbox) -> None:
    hook = define(oauth2_access_token=sandbox.accounts[0]["oauth2"]["access_token"])
    assert hook.get_conn().me().username == "alice"
    assert hook.keeper is None
    assert ledger.tokens.find(ids[0]) is None


def test_nobody_logged_in_is_told_how(define, ids) -> None:
    with pytest.raises(XNeedsLogin, match=f"nobody has logged it in yet.*airflow x login {ids[0]}"):
        define().get_conn(to_post=True).me()


def test_all_hooks_of_a_process_share_the_accounts_keeper(define, log_in, ids) -> None:
    log_in()
    keeper = define().keeper
    assert keeper is not None
    assert XHook(*ids).keeper is keeper
    assert define(client_secret="another").keeper is not keeper


def test_a_new_login_is_used_by_a_client_that_was_made_before(
    define, log_in, ids, ledger, sandbox, monkeypatch
) -> None:
    monkeypatch.setattr("x_provider.accounts.tokens.LOOK_SECONDS", -1)
    log_in()
    define()
    publisher = open_publisher(account=ids[0], ledger_conn_id=ids[1])
    assert publisher.user().username == "alice"
    log_in(1)
    assert publisher.user().username == "bob"


def test_on_an_event_loop_nothing_is_read_from_the_ledger(define, log_in, ids, sandbox, monkeypatch) -> None:
    log_in()
    define()
    threads: list[int] = []
    read = Database.read

    def reading(self: Database) -> Any:
        threads.append(threading.get_ident())
        return read(self)

    monkeypatch.setattr(Database, "read", reading)
    hook = asyncio.run(XHook.aget(*ids))
    assert hook.auth == "oauth2"
    assert threads
    assert threading.get_ident() not in threads
    assert hook.get_conn().me().username == "alice"


def test_its_tokens_are_masked_in_logs(define, sandbox, ledger, ids, caplog) -> None:
    with caplog.at_level(logging.DEBUG):
        hook = define(**seed_of(sandbox))
        hook.get_conn().me()
    opened = sealer().open(ledger.tokens.find(ids[0]).sealed, what="them")
    secrets = [*opened.values(), *seed_of(sandbox).values()]
    assert all(secret not in redact(f"before {secret} after") for secret in secrets)
    shown = f"{caplog.text} {hook!r} {hook.get_conn()!r} {hook.keeper!r} {hook._credentials!r}"
    assert not any(secret in shown for secret in secrets)


def test_the_test_says_what_the_login_may_do_and_when_it_ends(define, log_in, sandbox) -> None:
    log_in()
    works, words = define().test_connection()
    assert works
    assert "You are @alice" in words
    assert "Scopes: tweet.read tweet.write users.read offline.access." in words
    assert "Not granted: media.write (to upload pictures and videos); log in again" in words
    assert "The token ends in 120 minutes (20" in words
    assert "and is refreshed before." in words
    assert "Clock: agrees with X's." in words
    assert "This test read one user ($0.010)." in words


def test_the_test_of_a_login_that_may_not_post_fails_with_what_to_do(define, log_in) -> None:
    log_in(scopes="tweet.read users.read media.write offline.access")
    works, words = define().test_connection()
    assert not works
    assert "read only, so posting will be refused. Log in again and grant tweet.write" in words


def test_the_test_says_of_a_login_without_offline_access_that_it_ends(define, log_in) -> None:
    log_in(scopes="tweet.read tweet.write users.read media.write")
    assert "and cannot be refreshed: log in again by then." in define().test_connection()[1]


def test_the_test_of_a_login_whose_token_has_ended_says_that_it_will_be_refreshed(
    define, log_in, ledger, ids, sandbox
) -> None:
    log_in(minutes=-5)
    works, words = define().test_connection()
    assert works
    assert "access token has ended: the next use of it, or DAG x_upkeep, refreshes it" in words
    assert (refreshes(sandbox), sandbox.charges()["charges"]) == (0, [])
    kept = ledger.tokens.find(ids[0])
    now = pendulum.now("UTC")
    assert ledger.tokens.claim(kept, by="me", until=now, now=now)
    ledger.tokens.release(kept, by="me", retry_at=now.add(minutes=10), why="X is away")
    works, words = define().test_connection()
    assert (works, "X is away" in words, "It is tried again at" in words) == (False, True, True)


def test_the_test_of_an_ended_login_that_cannot_be_refreshed_fails(define, log_in) -> None:
    log_in(minutes=-5, refresh=None)
    works, words = define().test_connection()
    assert (works, "offline.access" in words, "airflow x login" in words) == (False, True, True)


def test_the_test_never_uses_up_the_connections_refresh_token(define, ledger, sandbox) -> None:
    # The form tests under a name of its own.
    works, words = define("zq81x7", **seed_of(sandbox)).test_connection()
    assert works
    assert "it was not sent, for it is good for one use" in words
    assert refreshes(sandbox) == 0
    assert ledger.tokens.all() == []


def test_the_test_finds_the_login_whatever_name_it_runs_under(define, log_in, ledger, ids, sandbox) -> None:
    define(**seed_of(sandbox)).get_conn().me()
    assert "You are @alice" in define("zq81x7", **seed_of(sandbox)).test_connection()[1]
    log_in(1)
    assert "You are @bob" in define("zq81x8", username="bob").test_connection()[1]
    assert "Needs login" in define("zq81x9", username="carol").test_connection()[1]
    assert [each.account for each in ledger.tokens.all()] == [ids[0]]


def test_the_test_says_that_it_needs_a_login_and_how(define, ledger, ids, log_in) -> None:
    works, words = define().test_connection()
    assert not works
    assert "Needs login" in words
    assert "X > Accounts" in words
    log_in()
    kept = ledger.tokens.find(ids[0])
    now = pendulum.now("UTC")
    assert ledger.tokens.claim(kept, by="me", until=now, now=now)
    ledger.tokens.lose(kept, why="X has revoked it", by="me")
    assert ledger.tokens.find(ids[0]).state is TokenState.NEEDS_LOGIN


def test_the_test_warns_of_a_clock_that_is_off(define, log_in, monkeypatch) -> None:
    log_in()
    monkeypatch.setattr("x_provider.client.clock.seconds_behind_x", lambda _: -75.0)
    assert "WARNING: this machine's clock is 75 s ahead of X's" in define().test_connection()[1]


def test_the_test_says_that_the_ledger_cannot_be_used(define, ids, monkeypatch) -> None:
    define()
    monkeypatch.setenv(f"AIRFLOW_CONN_{ids[1].upper()}", "sqlite:////nowhere/at/all.db")
    works, words = XHook(*ids).test_connection()
    assert not works
    assert "login could not be looked up" in words


def test_it_posts_with_the_keys_of_a_login_and_masks_them(define, keys_of, sandbox) -> None:
    app = keys_of(1)
    hook = define(**app)
    hook.get_conn(to_post=True).create_post(CreatePost(text="Hello"))
    assert (hook.auth, hook.keeper, [post["username"] for post in sandbox.posts()]) == (
        "oauth1",
        None,
        ["bob"],
    )
    for key in sandbox.keys(1)[2:]:
        assert key not in redact(f"signed with {key}") + repr(hook._credentials)


def test_the_one_who_logged_in_last_posts(define, keys_of, log_in, sandbox) -> None:
    app = keys_of(1)
    log_in(0)
    define(**app).get_conn(to_post=True).create_post(CreatePost(text="Hello"))
    keys_of(1)
    define(**app).get_conn(to_post=True).create_post(CreatePost(text="Again"))
    assert [post["username"] for post in sandbox.posts()] in (["alice", "bob"], ["bob", "alice"])


def test_keys_that_no_key_opens_are_explained(define, keys_of, ids, monkeypatch) -> None:
    app = keys_of(1)
    monkeypatch.setenv("X_PROVIDER_FERNET_KEY", "c29tZS1rZXktc29tZS1rZXktc29tZS1rZXktc29tZTE=")
    with pytest.raises(LedgerError, match=f"opens the keys of account {ids[0]}"):
        define(**app).get_conn(to_post=True)


def test_the_button_finds_a_login_by_keys_under_the_name_of_the_form(define, keys_of, sandbox) -> None:
    app = keys_of(1, account="x_bob")
    good, said = define(**app, username="bob", auth="oauth1").test_connection()
    assert (good, said.startswith("You are @bob")) == (True, True)
    good, said = define(**app, auth="oauth1").test_connection()
    assert (good, said.startswith("Needs login")) == (False, True)
    good, said = define(
        **{**app, "api_key": "of-another-app"}, username="bob", auth="oauth1"
    ).test_connection()
    assert (good, said.startswith("Needs login")) == (False, True)


def test_an_account_is_tested_by_its_own_login_and_not_by_anothers_of_its_user(
    define, keys_of, log_in, ledger, ids, sandbox
) -> None:
    app = keys_of(0, account="x_other")
    log_in(0, refresh="revoked")
    good, said = define(**app, username="alice").test_connection()
    assert (good, "by OAuth 2.0" in said) == (True, True)


def test_a_login_at_another_x_does_not_make_the_connection_the_user_of_the_environment(
    define, keys_of, sandbox, monkeypatch
) -> None:
    monkeypatch.setenv("X_ACCESS_TOKEN", sandbox.accounts[0]["access_token"])
    monkeypatch.setenv("X_ACCESS_TOKEN_SECRET", sandbox.accounts[0]["access_token_secret"])
    app = keys_of(1)
    client = define(**app, auth="oauth1", host="http://127.0.0.1:9").get_conn()
    with pytest.raises(XNeedsLogin, match="its login is one at"):
        client.me()
