"""Logging the account of an Airflow connection in; for the API server and the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from x_provider.accounts import LoggedIn, LoginRefused, login, login_oauth1
from x_provider.accounts.logout import revoke_tokens
from x_provider.accounts.pending import BEGIN_AGAIN, expected_user
from x_provider.client.oauth1_login import OAuth1App
from x_provider.client.oauth2 import SCOPES
from x_provider.hooks import connections
from x_provider.hooks.connections import LoginSettings, login_settings
from x_provider.hooks.credentials import AUTH_NAMES, Scheme
from x_provider.hooks.keys import sealer
from x_provider.hooks.logout import app_of_tokens
from x_provider.ledger import Ledger, StoredLogin
from x_provider.publishing import utc_now


@dataclass(frozen=True)
class Connected:
    """A login that came about.

    :param remarks: what is not as it should be, each a sentence.
    """

    who: LoggedIn
    remarks: tuple[str, ...] = ()


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
    app = settings.oauth1_app() if scheme == "oauth1" else settings.oauth2_app()
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
            lambda conn_id: settings_of(conn_id).oauth1_app(),
            token=token,
            verifier=answer.get("oauth_verifier"),
            redirect_uri=redirect_uri,
            started_by=started_by,
            now=utc_now(),
        )
        return _by_keys(ledger, by_keys, settings_of(by_keys.account))
    if not (state := answer.get("state")):
        raise LoginRefused("The address that came back from X names no login")
    who = login.finish_oauth2(
        ledger,
        sealer(),
        lambda conn_id: settings_of(conn_id).oauth2_app(),
        state=state,
        code=answer.get("code"),
        error=answer.get("error"),
        redirect_uri=redirect_uri,
        started_by=started_by,
        now=utc_now(),
        held_refresh_token=lambda conn_id: settings_of(conn_id).held.refresh_token,
    )
    unwritten = _written(ledger, who, "oauth2")
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


def _by_keys(ledger: Ledger, who: LoggedIn, before: LoginSettings) -> Connected:
    """Write down whose the connection is, and end the OAuth 2.0 login that the keys replace.

    :param before: the connection as it was.
    """
    try:
        unwritten = _written(ledger, who, "oauth1")
    finally:  # also where another login stands by now
        held = replace(before.held, keys=None)
        ended = revoke_tokens(sealer, app_of_tokens(before, who.replaced), who.replaced, held=held)
    remarks = [f"The account's OAuth 2.0 tokens: {remark}" for remark in ended]
    if unwritten is not None:
        remarks.append(
            f"{unwritten} The keys are in the ledger, and are used where its field auth is auto or oauth1 and it"
            " holds no access token of its own."
        )
    return Connected(who, tuple(remarks))


def _written(ledger: Ledger, who: LoggedIn, scheme: Scheme) -> str | None:
    """Write down whose the connection is, as the login says that stands in the ledger when it is written.

    Of several people who log one account in at once, each may be the last to write the connection.

    :returns: why it was not written, as a sentence; None where it was.
    :raises LoginRefused: when somebody else logged the account in or out meanwhile.
    """
    mine = StoredLogin(scheme, who.user.user_id, who.user.username)
    standing: StoredLogin | None = mine
    while True:
        unwritten = _write(who.account, standing)
        before, standing = standing, ledger.accounts.login(who.account)
        if standing == before:
            break
    if standing == mine:
        ledger.refusals.forget(who.account)  # whatever X refused, this is newer
        return unwritten
    if standing is None:
        raise LoginRefused(f"Somebody logged account {who.account} out while you logged it in")
    somebody = f"@{standing.username}" if standing.username else "somebody"
    raise LoginRefused(
        f"Account {who.account} was logged in twice at once, and the other login stands: {somebody} by"
        f" {AUTH_NAMES[standing.scheme]}",
        f"If that is right, all is well; else {BEGIN_AGAIN[0].lower()}{BEGIN_AGAIN[1:]}",
    )


def _write(conn_id: str, login: StoredLogin | None) -> str | None:
    if login is None:
        return connections.forget_tokens(conn_id)
    return connections.write_login(conn_id, login.scheme, user_id=login.user_id, username=login.username)
