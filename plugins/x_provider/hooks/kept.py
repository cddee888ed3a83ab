"""The login that the ledger keeps for a connection: which one it uses, and its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.log import mask_secret

from x_provider.hooks.credentials import (
    Account,
    Credentials,
    KeptKeys,
    Scheme,
    XConnectionError,
    account_of,
    credentials_of,
    schemes_kept,
)
from x_provider.hooks.keys import sealer

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import Connection

    from x_provider.ledger import Ledger, StoredKeys, StoredTokens, UserOnX


def login_of(connection: Connection, tokens: StoredTokens | None, keys: StoredKeys | None) -> Scheme | None:
    """The scheme of the login that the connection uses; None where it uses none.

    :param tokens: what the ledger keeps under its name.
    :param keys: the same.
    :raises XConnectionError: when the connection cannot be used.
    """
    schemes, base_url = schemes_kept(connection), account_of(connection).base_url
    usable = [
        (login.logged_in_at, scheme)
        for scheme, login in (("oauth1", keys), ("oauth2", tokens))
        if scheme in schemes and login is not None and login.base_url == base_url
    ]
    return max(usable)[1] if usable else None


def chosen(connection: Connection, ledger: Ledger) -> Credentials:
    """The connection's credentials, the keys of a login by OAuth 1.0a among them; tokens stay with their keeper.

    :raises XConnectionError: when the connection cannot be used, or its login is another app's.
    :raises LedgerError: when the ledger cannot be used, or no key opens what it keeps.
    """
    conn_id = connection.conn_id
    tokens, keys = ledger.tokens.find(conn_id), ledger.user_keys.find(conn_id)
    credentials = credentials_of(connection, login=login_of(connection, tokens, keys))
    if keys is None or not isinstance(credentials.kept, KeptKeys):
        return credentials
    return with_keys(account_of(connection), credentials.kept, keys)


def keys_for_a_test(connection: Connection, ledger: Callable[[], Ledger]) -> Credentials | None:
    """The credentials of the login by keys that is this connection's, under whatever name it is tested.

    :param ledger: asked where such a login would be used.

    :raises XConnectionError: when the connection cannot be used.
    :raises LedgerError: when the ledger cannot be used.
    """
    if "oauth1" not in schemes_kept(connection):
        return None
    account, kept = account_of(connection), _kept_keys(connection)
    fitting = [each for each in ledger().user_keys.all() if misfit(account, kept, each) is None]
    named = [each for each in fitting if each.account == account.conn_id]
    found = named or [each for each in fitting if is_of(account, each.user)]
    return with_keys(account, kept, found[0]) if found else None


def is_of(account: Account, user: UserOnX) -> bool:
    """Whether a connection says that it is that user's."""
    if account.user_id:
        return user.user_id == account.user_id
    return bool(account.username) and (user.username or "").lower() == (account.username or "").lower()


def with_keys(account: Account, kept: KeptKeys, stored: StoredKeys) -> Credentials:
    """Credentials of OAuth 1.0a, opened and masked.

    :raises XConnectionError: when the login is another app's.
    :raises LedgerError: when no key opens them.
    """
    from x_provider.accounts.user_keys import opened  # noqa: PLC0415  (requests, which parsing a DAG does not need)

    if (why := misfit(account, kept, stored)) is not None:
        raise XConnectionError(account.conn_id, why, "Log it in again: page X > Accounts")
    pair = opened(sealer(), stored)
    mask_secret(list(pair))
    return Credentials("oauth1", (kept.api_key, kept.api_key_secret, *pair))


def _kept_keys(connection: Connection) -> KeptKeys:
    kept = credentials_of(connection, login="oauth1").kept
    assert isinstance(kept, KeptKeys)  # noqa: S101
    return kept


def misfit(account: Account, kept: KeptKeys, stored: StoredKeys) -> str | None:
    """Why the login does not serve the connection, in words; None where it does."""
    from x_provider.accounts.user_keys import misfit_of_keys  # noqa: PLC0415  (as above)
    from x_provider.client.oauth1_login import OAuth1App  # noqa: PLC0415

    app = OAuth1App(kept.api_key, kept.api_key_secret, base_url=account.base_url)
    return misfit_of_keys(stored, app)
