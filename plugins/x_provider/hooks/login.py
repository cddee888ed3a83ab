"""Logging the account of an Airflow connection in and out; for the API server and the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from x_provider.accounts import LoggedIn, LoginRefused, login, login_oauth1
from x_provider.accounts.pending import expected_user, untold
from x_provider.client import XError
from x_provider.client.oauth1_login import OAuth1App
from x_provider.client.oauth2 import SCOPES, OAuth2App
from x_provider.hooks import connections
from x_provider.hooks.connections import LoginSettings, login_settings
from x_provider.hooks.credentials import AUTH_NAMES, Scheme, XConnectionError
from x_provider.hooks.finding import UndefinedError
from x_provider.hooks.keys import sealer
from x_provider.ledger import Ledger, StoredTokens
from x_provider.publishing import utc_now


@dataclass(frozen=True)
class Connected:
    """A login that came about.

    :param remarks: what is not as it should be, each a sentence.
    """

    who: LoggedIn
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class LoggedOut:
    """How a logout ended.

    :param remarks: what is left to do, each a sentence.
    :param is_forgotten: the account has no connection any more, so that nothing waits for a login of it.
    """

    remarks: tuple[str, ...] = ()
    is_forgotten: bool = False


def begin_login(
    ledger: Ledger,
    conn_id: str,
    *,
    scheme: Scheme = "oauth2",
    redirect_uri: str,
    scopes: Iterable[str] | None = None,
    another_user: bool = False,
    started_by: str,
) -> str:
    """Where to send the user.

    :param redirect_uri: where X sends the user back.
    :param scopes: of OAuth 2.0; left out, the least that publishing takes.
    :param another_user: whoever logs in becomes the account's user.
    :raises LoginRefused: when no login can be begun.
    :raises XConnectionError: when the connection cannot be used.
    :raises LedgerError: when the ledger cannot be used.
    """
    settings, now = login_settings(conn_id), utc_now()
    expected = (
        None
        if another_user
        else expected_user(
            ledger,
            conn_id,
            base_url=settings.base_url,
            user_id=settings.user_id,
            username=settings.username,
        )
    )
    app: OAuth1App | OAuth2App = (_oauth1_app if scheme == "oauth1" else _oauth2_app)(settings)
    if scheme not in settings.schemes:
        raise LoginRefused(
            f"The connection {conn_id} is kept in {settings.kept_in}, where Airflow cannot write it, and by its field"
            f" auth, or what else it holds, it would not use a login by {AUTH_NAMES[scheme]}",
            f"Set auth to {scheme} there, and take out access_token and access_token_secret if they are there",
        )
    if isinstance(app, OAuth1App):
        return login_oauth1.begin_oauth1(
            ledger,
            sealer(),
            app,
            account=conn_id,
            started_by=started_by,
            redirect_uri=redirect_uri,
            expected_user_id=expected,
            another_user=another_user,
            now=now,
        )
    return login.begin_oauth2(
        ledger,
        sealer(),
        app,
        account=conn_id,
        started_by=started_by,
        redirect_uri=redirect_uri,
        scopes=SCOPES if scopes is None else scopes,
        expected_user_id=expected,
        now=now,
    )


def finish_login(
    ledger: Ledger,
    answer: Mapping[str, str],
    *,
    redirect_uri: str,
    started_by: str,
    check: Callable[[str], None] = lambda _conn_id: None,
) -> Connected:
    """Take what X sent the user back with, keep it, and write the connection.

    :param answer: the query of the address that X sent the user to.
    :param redirect_uri: that address, without its query.
    :param check: told the account before anything is sent or kept; raises where this one may not log it in.
    :raises LoginRefused: for whatever cannot be trusted, and where X gives nothing.
    :raises XConnectionError: when the connection cannot be used.
    :raises LedgerError: when the ledger cannot be used.
    """

    @cache
    def settings_of(conn_id: str) -> LoginSettings:
        check(conn_id)
        return login_settings(conn_id)

    if token := answer.get("oauth_token") or answer.get("denied"):
        by_keys = login_oauth1.finish_oauth1(
            ledger,
            sealer(),
            lambda conn_id: _oauth1_app(settings_of(conn_id)),
            token=token,
            verifier=answer.get("oauth_verifier"),
            redirect_uri=redirect_uri,
            started_by=started_by,
            now=utc_now(),
        )
        return _by_keys(by_keys, settings_of(by_keys.account))
    if not (state := answer.get("state")):
        raise LoginRefused("The address that came back from X names no login")
    who = login.finish_oauth2(
        ledger,
        sealer(),
        lambda conn_id: _oauth2_app(settings_of(conn_id)),
        state=state,
        code=answer.get("code"),
        error=answer.get("error"),
        redirect_uri=redirect_uri,
        started_by=started_by,
        now=utc_now(),
        held_refresh_token=lambda conn_id: settings_of(conn_id).refresh_token,
    )
    unwritten = connections.write_oauth2_login(
        who.account, user_id=who.user.user_id, username=who.user.username
    )
    remarks = [
        f"X did not grant {scope}, which takes care of this: {why}."
        for scope, why in SCOPES.items()
        if scope in who.lacking
    ]
    if unwritten is not None:
        remarks.append(
            f"{unwritten} The tokens are in the ledger, and are used where its field auth is auto or oauth2 and it"
            " holds no OAuth 1.0a keys."
        )
    return Connected(who, tuple(remarks))


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
    is_held = settings.keys is not None or settings.refresh_token is not None
    unwritten = connections.forget_tokens(conn_id) if is_held else None
    if stored is None and not is_held:
        raise LoginRefused(
            f"Account {conn_id} is not logged in", "There is nothing to do, unless you meant another one"
        )
    remarks = _end_oauth2(ledger, settings, tokens)
    if unwritten is not None:
        remarks.append(f"{unwritten} It still holds tokens or keys: remove them there.")
    remarks += _end_oauth1(ledger, settings)
    ledger.refusals.forget(conn_id)
    return LoggedOut(tuple(remarks))


def _forget(ledger: Ledger, conn_id: str, error: UndefinedError) -> LoggedOut:
    tokens, keys = ledger.tokens.find(conn_id), ledger.user_keys.find(conn_id)
    remarks: list[str] = []
    if stored := tokens or keys:
        nothing = LoginSettings(conn_id, stored.base_url, kept_in=None)
        remarks = [*_end_oauth2(ledger, nothing, tokens), *_end_oauth1(ledger, nothing)]
    ledger.refusals.forget(conn_id)
    if not ledger.accounts.remove(conn_id) and stored is None:
        raise error
    if ledger.accounts.has_posts_to_send(conn_id):
        remarks.append(
            f"Its connection is not defined, and posts of it are still to be sent: define {conn_id} again, or"
            " withdraw them."
        )
    return LoggedOut(tuple(remarks), is_forgotten=True)


def _end_oauth2(ledger: Ledger, settings: LoginSettings, stored: StoredTokens | None) -> list[str]:
    """Make X and the ledger forget the OAuth 2.0 login, if there is one; what is left to do."""
    if stored is None and settings.refresh_token is None:
        return []
    return login.log_out(
        ledger,
        sealer,
        _oauth2_app(_with_app_of(settings, stored)),
        account=settings.conn_id,
        held_refresh_token=settings.refresh_token,
    )


def _with_app_of(settings: LoginSettings, stored: StoredTokens | None) -> LoginSettings:
    """The same, with the client id of the login where the connection names none by now."""
    if stored is None or settings.client_id:
        return settings
    return replace(settings, client_id=stored.client_id)


def _end_oauth1(ledger: Ledger, settings: LoginSettings) -> list[str]:
    """Make X and the ledger forget the account's OAuth 1.0a keys, if there are any; what is left to do."""
    try:
        app = _oauth1_app(settings)
    except LoginRefused:
        app = None
    return login_oauth1.log_out_oauth1(ledger, sealer, app, account=settings.conn_id, held=settings.keys)


def _by_keys(who: LoggedIn, before: LoginSettings) -> Connected:
    """Write down whose the connection is, and end the OAuth 2.0 login that the keys replace.

    :param before: the connection as it was.
    """
    unwritten = connections.write_oauth1_login(
        who.account, user_id=who.user.user_id, username=who.user.username
    )
    remarks = []
    if who.replaced is not None or before.refresh_token is not None:
        try:
            app = _oauth2_app(_with_app_of(before, who.replaced))
            held = before.refresh_token
            remarks = login.revoked(sealer, app, who.replaced, held_refresh_token=held)
        except LoginRefused as error:  # no client id to revoke with
            remarks = [untold(error.message.rstrip("."))]
    remarks = [f"The account's OAuth 2.0 tokens: {remark}" for remark in remarks]
    if unwritten is not None:
        remarks.append(
            f"{unwritten} The keys are in the ledger, and are used where its field auth is auto or oauth1 and it"
            " holds no access token of its own."
        )
    return Connected(who, tuple(remarks))


def _oauth2_app(settings: LoginSettings) -> OAuth2App:
    if not settings.client_id:
        raise LoginRefused(
            f"The connection {settings.conn_id} names no app",
            "Copy the OAuth 2.0 client id, and the client secret if the app has one, from the X developer portal into"
            " its fields client_id and client_secret",
        )
    try:
        return OAuth2App(settings.client_id, settings.client_secret, base_url=settings.base_url)
    except XError as error:
        raise _misspelt(settings, error) from None


def _oauth1_app(settings: LoginSettings) -> OAuth1App:
    if not settings.api_key or not settings.api_key_secret:
        raise LoginRefused(
            f"The connection {settings.conn_id} holds no API key and secret, which OAuth 1.0a takes",
            "Copy them from the X developer portal (your app, Keys and tokens) into its login and password",
        )
    try:
        return OAuth1App(settings.api_key, settings.api_key_secret, base_url=settings.base_url)
    except XError as error:
        raise _misspelt(settings, error) from None


def _misspelt(settings: LoginSettings, error: XError) -> LoginRefused:
    return LoginRefused(f"Connection {settings.conn_id}: {error.detail}", error.next_step)
