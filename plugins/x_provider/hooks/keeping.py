"""The keepers of OAuth 2.0 tokens: one a process and account, so that what is in memory serves all of its tasks."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pendulum
from airflow.sdk.log import mask_secret

from x_provider.hooks.account import Account
from x_provider.hooks.credentials import KeptLogin
from x_provider.hooks.kept import is_of
from x_provider.hooks.keys import sealer

if TYPE_CHECKING:
    from x_provider.accounts import TokenKeeper
    from x_provider.client.oauth2 import Tokens
    from x_provider.ledger import Ledger, StoredTokens

_lock = threading.Lock()
_keepers: dict[tuple[Any, ...], tuple[Any, TokenKeeper]] = {}


def keeper_of(ledger: Ledger, account: Account, login: KeptLogin) -> TokenKeeper:
    """The account's keeper; another one where the connection has changed since.

    :raises LedgerError: when there is no key to open tokens with.
    """
    key, said = (os.getpid(), ledger.database.url, account.conn_id), (account.base_url, login)
    with _lock:
        known = _keepers.get(key)
        if known is None or known[0] != said:
            known = _keepers[key] = said, _made(ledger, account, login)
        keeper = known[1]
    keeper.read_again(pendulum.from_timestamp(login.read_at))
    return keeper


def keeper_for_a_test(ledger: Ledger, account: Account, login: KeptLogin) -> TokenKeeper | None:
    """A keeper of the tokens in the ledger that are this connection's, under whatever name it is tested.

    The connection form tests under a name of its own: a refresh token that was used under it would be lost to the
    account. So what the connection holds is only recognised, and never used; nor is anything refreshed for whoever
    only knows an account's name.
    """
    found = _of_connection(ledger, account, login)
    if found is None:
        return None
    recognised = replace(login, refresh=None, access=None)
    return _made(ledger, replace(account, conn_id=found.account), recognised, refreshes=False)


def _of_connection(ledger: Ledger, account: Account, login: KeptLogin) -> StoredTokens | None:
    from x_provider.accounts import fingerprint  # noqa: PLC0415  (requests, which parsing a DAG does not need)

    stored = [
        each
        for each in ledger.tokens.all()
        if (each.base_url, each.client_id) == (account.base_url, login.client_id)
    ]
    if login.refresh is not None:
        return next((each for each in stored if fingerprint(login.refresh) in each.seeds), None)
    named = [each for each in stored if each.account == account.conn_id]
    if named or not (account.user_id or account.username):
        return next(iter(named), None)
    return next((each for each in stored if is_of(account, each.user)), None)


def _made(ledger: Ledger, account: Account, login: KeptLogin, *, refreshes: bool = True) -> TokenKeeper:
    # requests, as above
    from x_provider.accounts import Seed, TokenKeeper  # noqa: PLC0415
    from x_provider.client.oauth2 import OAuth2App  # noqa: PLC0415
    from x_provider.publishing import utc_now  # noqa: PLC0415

    read_at = pendulum.from_timestamp(login.read_at)
    return TokenKeeper(
        ledger,
        sealer(),
        OAuth2App(login.client_id, login.client_secret, base_url=account.base_url),
        account=account.conn_id,
        clock=utc_now,
        seed=Seed(login.refresh, login.access, read_at) if login.refresh else None,
        on_new=_mask,
        refreshes=refreshes,
    )


def _mask(tokens: Tokens) -> None:
    mask_secret([each for each in (tokens.access, tokens.refresh) if each])
