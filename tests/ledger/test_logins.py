"""An account has one login, however many people log it in at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pendulum
import pytest

from x_provider.ledger import StoredKeys, StoredLogin, UserOnX

NOW = pendulum.datetime(2026, 12, 1, 8)


@pytest.fixture
def log_in(ledger):
    """Keep a login of account ``x``, by either scheme."""

    def by_tokens() -> None:
        login = {
            "base_url": "https://api.x.com",
            "client_id": "an-app",
            "user": UserOnX("7", "seven"),
            "scopes": ("tweet.write",),
            "sealed": "sealed tokens",
            "expires_at": NOW.add(hours=2),
            "logged_in_by": "eve",
        }
        ledger.tokens.put("x", login=login, now=NOW)

    def by_keys() -> None:
        who = UserOnX("8", "eight")
        keys = ("x", "https://api.x.com", "app", who, "fingerprint", "sealed keys", NOW, "adam")
        ledger.user_keys.put(StoredKeys(*keys))

    return {"oauth2": by_tokens, "oauth1": by_keys}


def test_the_last_login_is_the_one_that_stands(ledger, log_in) -> None:
    assert ledger.accounts.login("x") is None
    log_in["oauth2"]()
    assert ledger.accounts.login("x") == StoredLogin("oauth2", "7", "seven")
    log_in["oauth1"]()
    assert ledger.accounts.login("x") == StoredLogin("oauth1", "8", "eight")
    assert ledger.accounts.login("another") is None


def test_of_two_logins_at_once_one_stands(ledger, log_in) -> None:
    together = threading.Barrier(2)

    def at_once(scheme: str) -> None:
        together.wait(10)
        log_in[scheme]()

    with ThreadPoolExecutor(2) as pool:
        for _ in range(50):
            list(pool.map(at_once, log_in))
            assert [ledger.tokens.find("x"), ledger.user_keys.find("x")].count(None) == 1
            ledger.logouts.end("x", now=NOW)
