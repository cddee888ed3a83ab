"""Logging accounts in by OAuth 1.0a: three-legged, with a callback or a PIN."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from pendulum import DateTime

from x_provider.accounts.pending import (
    LoggedIn,
    LoginRefused,
    check_user,
    of_app,
    pending,
    refused_by_x,
    require_app,
    take,
    user_read,
)
from x_provider.accounts.user_keys import keep_keys
from x_provider.client import XError
from x_provider.client.oauth1_login import PIN, OAuth1App, RequestToken
from x_provider.ledger import AccountOnX, Ledger, UserOnX
from x_provider.ledger.sealing import Sealer


def begin_oauth1(
    ledger: Ledger,
    sealer: Sealer,
    app: OAuth1App,
    *,
    account: str,
    started_by: str,
    redirect_uri: str = PIN,
    expected_user_id: str | None,
    another_user: bool = False,
    now: DateTime,
) -> str:
    """Where to send the user; parameters as of :func:`~x_provider.accounts.login.begin_oauth2`.

    :param redirect_uri: registered with the app; or ``PIN``, and X shows the user a PIN.
    :param another_user: let X ask who it is, whoever is logged in there.
    :raises LoginRefused: when X does not begin one.
    """
    try:
        token = app.request_token(redirect_uri)
    except XError as refused:
        raise LoginRefused(
            f"X begins no login for account {account}: {refused.words}", refused.next_step
        ) from None
    ledger.logins.begin(
        pending(
            "oauth1",
            state=token.token,
            sealed=sealer.seal({"secret": token.secret, **of_app(app.base_url, app.api_key)}),
            account=account,
            started_by=started_by,
            redirect_uri=redirect_uri,
            expected_user_id=expected_user_id,
            now=now,
        )
    )
    return app.consent_url(token, another_user=another_user)


def finish_oauth1(
    ledger: Ledger,
    sealer: Sealer,
    app_of: Callable[[str], OAuth1App],
    *,
    token: str,
    verifier: str | None,
    redirect_uri: str = PIN,
    started_by: str,
    now: DateTime,
) -> LoggedIn:
    """Take what X sent the user back with, and keep the account's keys.

    :param token: ``oauth_token`` as it came back, or ``denied``.
    :param verifier: ``oauth_verifier`` as it came back, or the PIN; None where the consent was denied.
    :raises LoginRefused: for whatever cannot be trusted, and where X gives no keys.
    :raises LedgerError: when the ledger cannot be used.
    """
    login = take(ledger, token, "oauth1", started_by=started_by, redirect_uri=redirect_uri, now=now)
    if not verifier:
        raise LoginRefused(f"The consent for account {login.account} was denied on X")
    app, begun = app_of(login.account), sealer.open(login.sealed, what="the login")
    require_app(login, begun, of_app(app.base_url, app.api_key))
    try:
        keys = app.access_token(RequestToken(token, begun["secret"]), verifier)
    except XError as refused:
        raise refused_by_x(login, refused) from None
    if wrong := check_user(ledger, login, user_id=keys.user_id, username=keys.username):
        # Not given back: X gives one app and user the same keys each time, and another connection may use them.
        raise LoginRefused(*wrong)
    auth = app.acting_as(keys)
    who = AccountOnX(login.account, app.base_url, keys.user_id, keys.username, auth.fingerprint())
    # X has named the user with the keys: only its name and its picture hang on this.
    with suppress(XError):
        said = user_read(ledger, login.account, app.base_url, auth, now=now)
        who = replace(who, username=said.username, name=said.name, picture_url=said.profile_image_url)
    user = UserOnX(who.user_id, who.username, who.name, who.picture_url)
    replaced = keep_keys(
        ledger, sealer, app, keys, account=login.account, user=user, logged_in_by=started_by, now=now
    )
    ledger.accounts.put(who, now=now)
    return LoggedIn(login.account, app.base_url, user, replaced=replaced)
