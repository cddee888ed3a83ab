"""Accounts that the ledger knows: whether anything of them is to be sent, and forgetting them; on both databases."""

from __future__ import annotations

import pendulum
from drafting import plan_post

from x_provider.ledger import AccountOnX

NOW = pendulum.datetime(2026, 12, 1, 9)


def test_an_account_has_posts_to_send_until_they_are_withdrawn(ledger) -> None:
    assert not ledger.accounts.has_posts_to_send("x_brand")
    plan_post(ledger, "Hello", account="x_brand", due_in=3600)
    assert ledger.accounts.has_posts_to_send("x_brand")
    assert not ledger.accounts.has_posts_to_send("x_other")
    assert ledger.posts.withdraw("december", "hello")
    assert not ledger.accounts.has_posts_to_send("x_brand")


def test_an_account_is_forgotten_once(ledger) -> None:
    ledger.accounts.put(AccountOnX("x_brand", "https://api.x.com", "7", "brand", "fingerprint"), now=NOW)
    assert ledger.accounts.remove("x_brand")
    assert not ledger.accounts.remove("x_brand")
    assert ledger.accounts.names() == []
