"""The login that the ledger keeps for a connection: which one it uses, and its keys."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from airflow.sdk.log import mask_secret

from x_provider.hooks import environment
from x_provider.hooks.account import Account, account_of
from x_provider.hooks.credentials import (
    Credentials,
    KeptKeys,
    KeptLogin,
    Scheme,
    credentials_of,
    schemes_kept,
)
from x_provider.hooks.fields import base_url_of
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


@dataclass(frozen=True)
class Choice:
    """What a connection acts by.

    :param credentials: those of a login not opened.
    :param tokens: what the ledger keeps under the connection's name, whether it uses it or not.
    :param keys: the same.
    """

    credentials: Credentials
    tokens: StoredTokens | None = field(default=None, repr=False)
    keys: StoredKeys | None = field(default=None, repr=False)


def choice_of(connection: Connection, ledger: Ledger) -> Choice:
    """Choose among what the connection holds, its login in the ledger, and the user of the environment.

    :raises XConnectionError: when the connection cannot be used.
    :raises LedgerError: when the ledger cannot be used.
    """
    conn_id = connection.conn_id
    tokens, keys = ledger.tokens.find(conn_id), ledger.user_keys.find(conn_id)
    try:
        credentials = credentials_of(
            connection,
            login=login_of(connection, tokens, keys),
            nobody_else=_why_nobody_else(connection, ledger, tokens, keys),
        )
    except NotLoggedInError as error:
        credentials = Credentials("oauth1", (), waits=error.problem)
    login = {KeptLogin: tokens, KeptKeys: keys}.get(type(credentials.kept))
    if login is not None and (why := _names_another(account_of(connection), login.user)) is not None:
        credentials = Credentials(credentials.kind, (), waits=why)
    return Choice(credentials, tokens, keys)


def _names_another(account: Account, user: UserOnX) -> str | None:
    """Why a login does not serve a connection that says whose it is, in words; None where it does."""
    if user.user_id is None or not (account.user_id or account.username) or is_of(account, user):
        return None
    named = f"user {account.user_id}" if account.user_id else f"@{account.username}"
    return (
        f"its connection says that it is {named}, and its login is that of @{user.username} ({user.user_id})"
    )


def _why_nobody_else(
    connection: Connection, ledger: Ledger, tokens: StoredTokens | None, keys: StoredKeys | None
) -> str | None:
    """Why the user of the environment must not act as the account, in words; None where they may.

    The ledger may know it as another user: whoever logged in last, or as whom it posted. And one that was logged out
    is nobody's until it is logged in again.
    """
    from x_provider.accounts.tokens import LOGGED_OUT  # noqa: PLC0415  (requests, which parsing a DAG does not need)

    if tokens is None and keys is None and ledger.logouts.last(connection.conn_id) is not None:
        return LOGGED_OUT
    if not environment.users_keys():
        return None
    known = {login.user.user_id for login in (tokens, keys) if login is not None}
    if (met := ledger.accounts.find(connection.conn_id, base_url_of(connection))) is not None:
        known.add(met.user_id)
    is_same = known <= {environment.user_id()}
    return None if is_same else "those of the environment are another user's than the account was so far"


def chosen(connection: Connection, ledger: Ledger) -> Credentials:
    """The connection's credentials, the keys of a login by OAuth 1.0a among them; tokens stay with their keeper.

    :raises XConnectionError: when the connection cannot be used.
    :raises LedgerError: when the ledger cannot be used, or no key opens what it keeps.
    """
    choice = choice_of(connection, ledger)
    if choice.keys is None or not isinstance(choice.credentials.kept, KeptKeys):
        return choice.credentials
    credentials = with_keys(account_of(connection), choice.credentials.kept, choice.keys)
    if credentials.waits is not None:
        return credentials
    from x_provider.accounts.user_keys import StandingLogin  # noqa: PLC0415  (as above)

    return replace(credentials, check=StandingLogin(ledger, choice.keys))


def keys_for_a_test(connection: Connection, ledger: Callable[[], Ledger]) -> Credentials | None:
    """The credentials of the login by keys that is this connection's, for one that is tested under a made-up name.

    The connection form does that: so it is found by its user, and by its app if there is one of that. A connection
    with a login under its own name, or one by OAuth 2.0 that is newer, has no need of it.

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
    mine = sorted(
        (each for each in known.user_keys.all() if is_of(account, each.user)),
        key=lambda each: (misfit(account, kept, each) is None, each.logged_in_at),
    )
    if not mine:
        return None
    newest = mine[-1]
    is_usable = misfit(account, kept, newest) is None
    tokens = [
        each.logged_in_at
        for each in known.tokens.all()
        if each.base_url == account.base_url and is_of(account, each.user)
    ]
    if any(not is_usable or logged_in_at > newest.logged_in_at for logged_in_at in tokens):
        return None
    return with_keys(account, kept, newest)


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
