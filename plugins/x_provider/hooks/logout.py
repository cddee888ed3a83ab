"""Logging the account of an Airflow connection out; for the API server and the terminal."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

from sqlalchemy.exc import SQLAlchemyError

from x_provider.accounts import LoginRefused, logout
from x_provider.client.oauth2 import OAuth2App
from x_provider.hooks import connections, environment
from x_provider.hooks.connections import LoginSettings, login_settings, settings_of
from x_provider.hooks.finding import UndefinedError, accounts_in_airflow, accounts_in_environment, found
from x_provider.hooks.keys import sealer
from x_provider.hooks.problems import XConnectionError
from x_provider.hooks.standing import standing_of
from x_provider.ledger import Ledger, StoredTokens
from x_provider.publishing import utc_now


@dataclass(frozen=True)
class LoggedOut:
    """How a logout ended.

    :param remarks: what is left to do, each a sentence.
    :param is_forgotten: the account has no connection any more, so that nothing waits for a login of it.
    """

    remarks: tuple[str, ...] = ()
    is_forgotten: bool = False


def log_out(ledger: Ledger, conn_id: str) -> LoggedOut:
    """Make X and ourselves forget what acts as the account.

    An account whose connection is not defined any more is forgotten altogether, but for its posts.

    :raises LoginRefused: when there is nothing to forget.
    :raises XConnectionError: when the connection cannot be used.
    :raises LedgerError: when the ledger cannot be used.
    """
    tokens, keys = ledger.tokens.find(conn_id), ledger.user_keys.find(conn_id)
    stored = tokens or keys
    try:
        settings = login_settings(conn_id)
    except UndefinedError as error:
        return _forget(ledger, conn_id, error)
    except XConnectionError:
        if stored is None:
            raise
        settings = LoginSettings(conn_id, stored.base_url, kept_in=None)  # it is spoiled
    # The connection first: what it holds would be taken up again.
    unwritten = connections.forget_tokens(conn_id) if settings.held else None
    if stored is None and not settings.held:
        raise _not_logged_in(ledger, conn_id)
    remarks = _end(ledger, settings)
    if unwritten is not None:
        remarks.append(f"{unwritten} It still holds tokens or keys: remove them there.")
    elif standing_of(found(conn_id).connection, ledger).can_post:
        remarks.append("It can post still: look at what its connection holds by now.")
    return LoggedOut(tuple(remarks))


def _not_logged_in(ledger: Ledger, conn_id: str) -> LoginRefused:
    if standing_of(found(conn_id).connection, ledger).can_post:
        return LoginRefused(
            f"Account {conn_id} is not logged in: it acts as the user that the environment names",
            "Take X_ACCESS_TOKEN and X_ACCESS_TOKEN_SECRET (or TWITTER_…) out there",
        )
    return LoginRefused(
        f"Account {conn_id} is not logged in", "There is nothing to do, unless you meant another one"
    )


def app_of_tokens(settings: LoginSettings, tokens: StoredTokens | None) -> OAuth2App | None:
    """The app that OAuth 2.0 tokens are taken back by: the connection's, or theirs where that names none by now."""
    if tokens is not None and not settings.client_id:
        settings = replace(settings, client_id=tokens.client_id)
    try:
        return settings.oauth2_app()
    except LoginRefused:
        return None


def _forget(ledger: Ledger, conn_id: str, error: UndefinedError) -> LoggedOut:
    stored = ledger.tokens.find(conn_id) or ledger.user_keys.find(conn_id)
    remarks: list[str] = []
    if stored is not None:
        remarks = _end(ledger, LoginSettings(conn_id, stored.base_url, kept_in=None))
    if not ledger.accounts.remove(conn_id) and stored is None:
        raise error
    if ledger.accounts.has_posts_to_send(conn_id):
        remarks.append(
            f"Its connection is not defined, and posts of it are still to be sent: define {conn_id} again, or"
            " withdraw them."
        )
    return LoggedOut(tuple(remarks), is_forgotten=True)


def _end(ledger: Ledger, settings: LoginSettings) -> list[str]:
    """Make X and the ledger forget every login of the account; what is left to do."""
    conn_id = settings.conn_id
    try:
        oauth1_app = settings.oauth1_app()
    except LoginRefused:
        oauth1_app = None
    remarks = logout.log_out(
        ledger,
        sealer,
        account=conn_id,
        oauth2_app=lambda tokens: app_of_tokens(settings, tokens),
        oauth1_app=oauth1_app,
        held=settings.held,
        others=lambda: _pairs_but_of(conn_id),
        now=utc_now(),
    )
    ledger.refusals.forget(conn_id)
    ledger.notices.forget(conn_id)
    return remarks


def _pairs_but_of(conn_id: str) -> dict[tuple[str, ...], str]:
    """Who else acts by OAuth 1.0a keys that lie outside the ledger, in words, as far as connections can be listed."""
    environments = tuple(environment.users_keys().values())
    pairs = {environments: "the environment (X_ACCESS_TOKEN)"} if environments else {}
    names = accounts_in_environment()
    # A connection of the environment can be logged out while Airflow's database is away.
    with suppress(SQLAlchemyError):
        names += accounts_in_airflow()
    for name in names:
        try:
            pair = settings_of(found(name)).held.keys
        except XConnectionError:
            continue
        if pair is not None and name.lower() != conn_id.lower():
            pairs[pair] = name
    return pairs
