"""`airflow x keys`: a key that works, and everything sealed anew while others go on."""

from __future__ import annotations

import threading

import pendulum
import pytest
from cryptography.fernet import Fernet

from x_provider.accounts import Seed, TokenKeeper
from x_provider.client.oauth2 import OAuth2App
from x_provider.hooks.keys import KEYS_NAME, sealer
from x_provider.ledger import LedgerError, PendingLogin, Sealer, UserOnX

NOW = pendulum.now("UTC")
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def log_in(ledger, account: str, key: str = OLD) -> None:
    login = {
        "base_url": "https://api.x.com",
        "client_id": "an-app",
        "user": UserOnX("1", "alice"),
        "scopes": ("tweet.write", "offline.access"),
        "sealed": Sealer([key], name="old").seal({"access": f"a-{account}", "refresh": f"r-{account}"}),
        "expires_at": NOW.add(hours=2),
        "logged_in_by": "a test",
    }
    ledger.tokens.put(account, login=login, now=NOW)


def begin_login(ledger) -> None:
    ledger.logins.begin(
        PendingLogin(
            "h" * 64, "x_two", "oauth2", "eve", Sealer([OLD], name="old").seal({"verifier": "v"}), "https://back",
            (), None, NOW, NOW.add(minutes=10),
        )
    )  # fmt: skip


def test_a_new_key_is_printed_alone_and_each_is_another(ledger, airflow_x, monkeypatch):
    first, second = airflow_x("keys", "new"), airflow_x("keys", "new")
    assert first != second
    monkeypatch.setenv(KEYS_NAME, f"{first},{second}")
    assert repr(sealer()) == "Sealer(X_PROVIDER_FERNET_KEY)"


def test_without_a_key_of_its_own_airflows_is_used(monkeypatch):
    monkeypatch.delenv(KEYS_NAME, raising=False)
    assert repr(sealer()) == "Sealer([core] fernet_key)"
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "")
    with pytest.raises(LedgerError, match=r"no key.*set X_PROVIDER_FERNET_KEY to a Fernet key"):
        sealer()


def test_rotating_seals_tokens_and_logins_with_the_newest_key(ledger, airflow_x, monkeypatch):
    log_in(ledger, "x_one")
    log_in(ledger, "x_two")
    begin_login(ledger)
    monkeypatch.setenv(KEYS_NAME, f"{NEW},{OLD}")
    said = airflow_x("keys", "rotate")
    assert "3 sealed with the newest key of X_PROVIDER_FERNET_KEY: tokens" in said
    assert "Older keys may be taken out of X_PROVIDER_FERNET_KEY once" in said
    alone = Sealer([NEW], name="new")
    for account in ("x_one", "x_two"):
        kept = ledger.tokens.find(account)
        assert alone.open(kept.sealed, what="it") == {"access": f"a-{account}", "refresh": f"r-{account}"}
        assert kept.version == 1
    assert alone.open(ledger.logins.find("h" * 64).sealed, what="it") == {"verifier": "v"}


def test_where_there_are_no_older_keys_none_are_to_be_taken_out(ledger, airflow_x, monkeypatch):
    monkeypatch.delenv(KEYS_NAME, raising=False)
    said = airflow_x("keys", "rotate")
    assert "0 sealed with the newest key of [core] fernet_key: tokens" in said
    assert "taken out" not in said


def test_what_to_do_is_said_once_however_many_no_key_opens(ledger, airflow_x, monkeypatch):
    for account in ("x_one", "x_two"):
        log_in(ledger, account)
    begin_login(ledger)
    monkeypatch.setenv(KEYS_NAME, NEW)
    words = "3 could not be opened and were left as they were, of x_one, x_two: none of the keys in"
    with pytest.raises(SystemExit, match=words) as refused:
        airflow_x("keys", "rotate")
    assert str(refused.value).count("Add the key") == 1


def test_what_no_key_opens_is_left_and_named(ledger, airflow_x, monkeypatch):
    log_in(ledger, "x_lost", Fernet.generate_key().decode())
    log_in(ledger, "x_one")
    before = ledger.tokens.find("x_lost").sealed
    monkeypatch.setenv(KEYS_NAME, f"{NEW},{OLD}")
    with pytest.raises(
        SystemExit, match=r"airflow x keys rotate: 1 could not be opened.*x_lost: none of the keys"
    ):
        airflow_x("keys", "rotate")
    assert ledger.tokens.find("x_lost").sealed == before
    assert Sealer([NEW], name="new").open(ledger.tokens.find("x_one").sealed, what="it")


@pytest.mark.parametrize(
    "key", ["no-key", "b" * 44 + "!", f"{OLD},no-key"], ids=["a word", "too long", "one of two"]
)
def test_a_key_that_is_none_is_refused_without_showing_it(ledger, airflow_x, monkeypatch, key):
    monkeypatch.setenv(KEYS_NAME, key)
    with pytest.raises(SystemExit, match="one of the keys in X_PROVIDER_FERNET_KEY is no key") as refused:
        airflow_x("keys", "rotate")
    assert OLD not in str(refused.value)


def test_rotating_while_others_refresh_loses_nothing(ledger, account, airflow_x, monkeypatch):
    client = account.accounts[0]["oauth2"]
    ahead = [0.0]
    keeper = TokenKeeper(
        ledger,
        Sealer([NEW, OLD], name="both"),
        OAuth2App(client["client_id"], client["client_secret"], base_url=account.url),
        account="x_cli",
        clock=lambda: pendulum.now("UTC").add(seconds=ahead[0]),
        seed=Seed(client["refresh_token"]),
    )
    keeper.access()
    monkeypatch.setenv(KEYS_NAME, f"{NEW},{OLD}")
    failed: list[BaseException] = []

    def refresh() -> None:
        try:
            for _ in range(15):
                ahead[0] += 7200
                keeper.access()
        except BaseException as error:
            failed.append(error)

    refreshing = threading.Thread(target=refresh)
    refreshing.start()
    while refreshing.is_alive():
        airflow_x("keys", "rotate")
    refreshing.join()
    assert failed == []
    airflow_x("keys", "rotate")
    kept = ledger.tokens.find("x_cli")
    assert (kept.version, kept.why) == (17, None)
    assert Sealer([NEW], name="new").open(kept.sealed, what="it")["access"] == keeper.access()
