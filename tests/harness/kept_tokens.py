"""What tests look at of an account whose tokens are in the ledger."""

from __future__ import annotations

from typing import Any

from x_provider.accounts import TokenKeeper
from x_provider.client import OAuth2User, XClient
from x_provider.ledger import Ledger, Sealer

ACCOUNT = "x_brand"
LIFETIME = 7200
TOKEN = "/2/oauth2/token"


def stored(ledger: Ledger) -> Any:
    """The account's row; there must be one."""
    found = ledger.tokens.find(ACCOUNT)
    assert found is not None
    return found


def as_new(ledger: Ledger) -> None:
    """Let the ledger know nothing of any login or logout, as before the first."""
    with ledger.database.write() as connection:
        for table in ("x_tokens", "x_user_keys", "x_logouts", "x_accounts", "x_logins"):
            connection.exec_driver_sql(f"DELETE FROM {table}")


def opened(ledger: Ledger, sealer: Sealer) -> dict[str, str]:
    """The tokens themselves."""
    return sealer.open(stored(ledger).sealed, what="the tokens")


def acts(sandbox: Any, keeper: TokenKeeper) -> str:
    """Act on X as the account: the username that X knows it by."""
    client = XClient(sandbox.url, OAuth2User(keeper.access, identity=keeper.identity, renew=keeper.renew))
    try:
        return client.me().username
    finally:
        client.close()
