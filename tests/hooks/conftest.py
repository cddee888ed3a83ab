"""Connections in environment variables, and their logins in a ledger of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pendulum
import pytest

from x_provider.accounts.user_keys import keep_keys
from x_provider.client.oauth1_login import OAuth1App, UserKeys
from x_provider.ledger import Ledger, UserOnX

if TYPE_CHECKING:
    from x_provider.hooks import XHook


@pytest.fixture
def ids(tmp_path: Path) -> tuple[str, str]:
    # Names of its own a test: the hooks keep what they looked up for a minute.
    return f"x_{tmp_path.name}", f"ledger_{tmp_path.name}"


@pytest.fixture
def ledger(ids, tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path}/ledger.db"
    monkeypatch.setenv(f"AIRFLOW_CONN_{ids[1].upper()}", url)
    ledger = Ledger(url)
    yield ledger
    ledger.database.dispose()


@pytest.fixture
def define(ids, ledger, sandbox, monkeypatch):
    """Define the account's connection with these fields besides its app; the hook for it."""
    from x_provider.hooks import XHook

    def define(name: str = "", **extra: Any) -> XHook:
        client = sandbox.accounts[0]["oauth2"]
        app = {"client_id": client["client_id"], "client_secret": client["client_secret"]}
        host = extra.pop("host", sandbox.url)
        fields = {"conn_type": "x", "host": host, "extra": app | extra}
        monkeypatch.setenv(f"AIRFLOW_CONN_{(name or ids[0]).upper()}", json.dumps(fields))
        return XHook(name or ids[0], ids[1])

    return define


@pytest.fixture
def log_in(ids, ledger, sandbox):
    """Put what a login of the sandbox's account gives into the ledger."""
    from x_provider.hooks.keys import sealer

    def log_in(
        number: int = 0,
        *,
        scopes: str = "tweet.read tweet.write users.read offline.access",
        minutes: float = 120,
        refresh: str | None = "",
    ) -> None:
        account = sandbox.accounts[number]
        tokens = {"access": account["oauth2"]["access_token"]}
        if refresh is not None:
            tokens["refresh"] = refresh or account["oauth2"]["refresh_token"]
        now = pendulum.now("UTC")
        login = {
            "base_url": sandbox.url,
            "client_id": account["oauth2"]["client_id"],
            "user": UserOnX(account["id"], account["username"]),
            "scopes": tuple(scopes.split()),
            "sealed": sealer().seal(tokens),
            "expires_at": now.add(seconds=60 * minutes),
            "logged_in_by": "eve",
        }
        ledger.tokens.put(ids[0], login=login, now=now)

    return log_in


@pytest.fixture
def keys_of(ids, ledger, sandbox):
    """Keep the keys of a login of one of the sandbox's accounts; the connection's own fields of its app."""
    from x_provider.hooks.keys import sealer

    def keys_of(number: int, *, account: str = "") -> dict[str, str]:
        api_key, secret, *pair = sandbox.keys(number)
        user = UserOnX(sandbox.accounts[number]["id"], sandbox.accounts[number]["username"])
        app = OAuth1App(api_key, secret, base_url=sandbox.url)
        keep_keys(
            ledger,
            sealer(),
            app,
            UserKeys(*pair, user.user_id, user.username),
            account=account or ids[0],
            user=user,
            logged_in_by="eve",
            now=pendulum.now("UTC"),
        )
        return {"api_key": api_key, "api_key_secret": secret}

    return keys_of
