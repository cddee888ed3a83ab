"""What is sealed is opened by those who have the key, and by nobody else."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from x_provider.ledger import LedgerError, Sealer

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
SECRETS = {"access": "planted-access", "refresh": "plänted-refresh"}


def test_what_is_sealed_comes_back_and_shows_nothing():
    sealer = Sealer([NEW], name="THE_KEYS")
    sealed = sealer.seal(SECRETS)
    assert sealer.open(sealed, what="it") == SECRETS
    assert "planted" not in sealed
    assert sealed != sealer.seal(SECRETS)


def test_an_older_key_still_opens_and_the_newest_seals():
    sealed = Sealer([OLD], name="THE_KEYS").seal(SECRETS)
    both = Sealer([NEW, OLD], name="THE_KEYS")
    assert both.open(sealed, what="it") == SECRETS
    anew = both.reseal(sealed, what="it")
    assert Sealer([NEW], name="THE_KEYS").open(anew, what="it") == SECRETS


@pytest.mark.parametrize(
    "spoil", [lambda sealed: sealed[:-4] + "AAA=", lambda _: "", lambda _: "no token at all"]
)
def test_what_was_tampered_with_is_not_opened(spoil):
    sealer = Sealer([NEW], name="THE_KEYS")
    with pytest.raises(LedgerError, match="none of the keys in THE_KEYS opens the tokens of account x"):
        sealer.open(spoil(sealer.seal(SECRETS)), what="the tokens of account x")


def test_another_key_opens_nothing_and_no_error_shows_a_secret():
    sealed = Sealer([OLD], name="THE_KEYS").seal(SECRETS)
    with pytest.raises(LedgerError, match="Add that key behind the current one") as refused:
        Sealer([NEW], name="THE_KEYS").open(sealed, what="it")
    shown = f"{refused.value} {refused.value!r} {Sealer([NEW], name='THE_KEYS')!r}"
    assert not [secret for secret in (OLD, NEW, sealed, "planted") if secret in shown]
    assert refused.value.__cause__ is None


def test_no_key_and_a_key_that_is_none_say_what_one_is():
    with pytest.raises(LedgerError, match=r"set THE_KEYS to a Fernet key.*airflow x keys new"):
        Sealer([], name="THE_KEYS")
    with pytest.raises(
        LedgerError, match=r"one of the keys in THE_KEYS is no key: .*44 characters"
    ) as refused:
        Sealer([NEW, "planted"], name="THE_KEYS")
    assert "planted" not in str(refused.value)
