"""The login that the ledger keeps for a connection: which one it uses, and its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.log import mask_secret

from x_provider.hooks.credentials import (
    Account,
    Credentials,
    KeptKeys,
    Scheme,
    account_of,
    credentials_of,
    schemes_kept,
)
from x_provider.hooks.keys import sealer
from x_provider.hooks.problems import NotLoggedInError

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import Connection

    from x_provider.ledger import Ledger, StoredKeys, StoredTokens, UserOnX


def login_of(connection: Connection, tokens: StoredTokens | None, keys: StoredKeys | None) -> Scheme | None:
    """The scheme of the login that the connection uses; None where it uses none.

    One by keys counts also where it is of another X than the connection's: nobody else may take its place.

    :param tokens: what the ledger keeps under its name.
    :param keys: the same.
    :raises XConnectionError: when the connection cannot be used.
    """
    schemes, base_url = schemes_kept(connection), account_of(connection).base_url
    logins = [("oauth1", keys), ("oauth2", tokens)]
    known = [(scheme, login) for scheme, login in logins if scheme in schemes and login is not None]
    usable = [(login.logged_in_at, scheme) for scheme, login in known if login.base_url == base_url]
    if usable:
        return max(usable)[1]
    return "oauth1" if "oauth1" in [scheme for scheme, _ in known] else None


def chosen(connection: Connection, ledger: Ledger) -> Credentials:
    """The connection's credentials, the keys of a login by OAuth 1.0a among them; tokens stay with their keeper.

    :raises XConnectionError: when the connection cannot be used.
    :raises LedgerError: when the ledger cannot be used, or no key opens what it keeps.
    """
    conn_id = connection.conn_id
    tokens, keys = ledger.tokens.find(conn_id), ledger.user_keys.find(conn_id)
    try:
        credentials = credentials_of(connection, login=login_of(connection, tokens, keys))
    except NotLoggedInError as error:
        return Credentials("oauth1", (), waits=error.problem)
    if keys is None or not isinstance(credentials.kept, KeptKeys):
        return credentials
    return with_keys(account_of(connection), credentials.kept, keys)


def keys_for_a_test(connection: Connection, ledger: Callable[[], Ledger]) -> Credentials | None:
    """The credentials of the login by keys that is this connection's, for one that is tested under a made-up name.

    The connection form does that: so it is found by its app and its user. A connection with a login under its own
    name, or one by OAuth 2.0 that is newer, has no need of it.

    :param ledger: asked where such a login would be used.
    :raises XConnectionError: when the connection cannot be used.
    :raises LedgerError: when the ledger cannot be used.
    """
    if "oauth1" not in schemes_kept(connection):
        return None
    known, conn_id, account = ledger(), connection.conn_id, account_of(connection)
    if known.tokens.find(conn_id) is not None or known.user_keys.find(conn_id) is not None:
        return None
    kept = credentials_of(connection, login="oauth1").kept
    assert isinstance(kept, KeptKeys)  # noqa: S101
    fitting = [
        each
        for each in known.user_keys.all()
        if misfit(account, kept, each) is None and is_of(account, each.user)
    ]
    newest = max(fitting, key=lambda each: each.logged_in_at, default=None)
    if newest is None or any(_is_newer(each, newest, account) for each in known.tokens.all()):
        return None
    return with_keys(account, kept, newest)


def _is_newer(tokens: StoredTokens, keys: StoredKeys, account: Account) -> bool:
    return (
        tokens.base_url == keys.base_url
        and is_of(account, tokens.user)
        and tokens.logged_in_at > keys.logged_in_at
    )


def is_of(account: Account, user: UserOnX) -> bool:
    """Whether a connection says that it is that user's."""
    if account.user_id:
        return user.user_id == account.user_id
    return bool(account.username) and (user.username or "").lower() == (account.username or "").lower()


def with_keys(account: Account, kept: KeptKeys, stored: StoredKeys) -> Credentials:
    """Credentials of OAuth 1.0a, opened and masked; ones that wait where the login is another app's.

    :raises LedgerError: when no key opens them.
    """
    from x_provider.accounts.user_keys import opened  # noqa: PLC0415  (requests, which parsing a DAG does not need)

    if (why := misfit(account, kept, stored)) is not None:
        return Credentials("oauth1", (), waits=why)
    pair = opened(sealer(), stored)
    mask_secret(list(pair))
    return Credentials("oauth1", (kept.api_key, kept.api_key_secret, *pair))


def misfit(account: Account, kept: KeptKeys, stored: StoredKeys) -> str | None:
    """Why the login does not serve the connection, in words; None where it does."""
    from x_provider.accounts.user_keys import misfit_of_keys  # noqa: PLC0415  (as above)
    from x_provider.client.oauth1_login import OAuth1App  # noqa: PLC0415

    app = OAuth1App(kept.api_key, kept.api_key_secret, base_url=account.base_url)
    return misfit_of_keys(stored, app)
