"""Who an account is on X, and where its posts can be seen."""

from __future__ import annotations

from pendulum import DateTime

from x_provider.client import XClient
from x_provider.ledger import AccountOnX, Ledger


def who_is(ledger: Ledger, client: XClient, *, account: str, now: DateTime) -> AccountOnX:
    """The user behind the connection ``account``.

    X is asked only when the ledger has not met these credentials, since the answer costs a user read.

    :raises XError: when X does not know the credentials or cannot be reached.
    """
    known = ledger.accounts.find(account, client.base_url)
    credentials = client.credentials
    if known is not None and known.credentials == credentials:
        return known
    me = client.me()
    user = AccountOnX(
        account, client.base_url, me.id, me.username, credentials, me.name, me.profile_image_url
    )
    ledger.accounts.put(user, now=now)
    return user


def post_url(user: AccountOnX, x_id: str) -> str:
    """Where a person sees the post; a local X shows its posts under its own address."""
    site = "https://x.com" if user.base_url == "https://api.x.com" else user.base_url
    return f"{site}/{user.username}/status/{x_id}"
