"""Logging accounts in by OAuth 2.0.

A login is begun, X sends the user back, and whoever began it ends it, once. What is refused on the way: an answer to
a login that nobody began here, that another began, that is over, or that came back elsewhere; and a user who is not
the account. What X has given by then is given back.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable
from typing import NoReturn

from pendulum import DateTime

from x_provider.accounts.logout import why_not_revoked
from x_provider.accounts.pending import (
    BEGIN_AGAIN,
    CONNECTED_APPS,
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
from x_provider.accounts.tokens import fingerprint
from x_provider.client import OAuth2User, User, XError
from x_provider.client.oauth2 import MORE_SCOPES, SCOPES, OAuth2App, Tokens, new_proof
from x_provider.ledger import AccountOnX, Ledger, PendingLogin, UserOnX
from x_provider.ledger.sealing import Sealer

NEEDED_SCOPES = ("tweet.read", "tweet.write", "users.read")
"""What an account that posts cannot do without."""


def begin_oauth2(
    ledger: Ledger,
    sealer: Sealer,
    app: OAuth2App,
    *,
    account: str,
    started_by: str,
    redirect_uri: str,
    scopes: Iterable[str],
    expected_user_id: str | None,
    now: DateTime,
) -> str:
    """Where to send the user.

    :param account: the Airflow connection to log in.
    :param started_by: who must come back.
    :param redirect_uri: where X sends the user back; registered with the app.
    :param expected_user_id: who has to log in, as of :func:`~x_provider.accounts.pending.expected_user`; None for
        whoever does.
    :raises LoginRefused: for scopes that make no sense.
    """
    asked = _checked_scopes(scopes)
    state, proof = secrets.token_urlsafe(32), new_proof()
    ledger.logins.begin(
        pending(
            "oauth2",
            state=state,
            sealed=sealer.seal({"verifier": proof.verifier, **of_app(app.base_url, app.client_id)}),
            account=account,
            started_by=started_by,
            redirect_uri=redirect_uri,
            scopes=asked,
            expected_user_id=expected_user_id,
            now=now,
        )
    )
    return app.consent_url(redirect_uri=redirect_uri, scopes=asked, state=state, challenge=proof.challenge)


def finish_oauth2(
    ledger: Ledger,
    sealer: Sealer,
    app_of: Callable[[str], OAuth2App],
    *,
    state: str,
    code: str | None = None,
    error: str | None = None,
    redirect_uri: str,
    started_by: str,
    now: DateTime,
    held_refresh_token: Callable[[str], str | None] = lambda _account: None,
) -> LoggedIn:
    """Take what X sent the user back with, and keep the account's tokens.

    :param app_of: the developer app of an account.
    :param state: as it came back.
    :param code: as it came back; None where X sent an ``error`` instead.
    :param redirect_uri: where it came back.
    :param held_refresh_token: one that the account's connection holds, which must not replace the new tokens.
    :raises LoginRefused: for whatever cannot be trusted, and where X gives no tokens.
    :raises LedgerError: when the ledger cannot be used.
    """
    login = take(ledger, state, "oauth2", started_by=started_by, redirect_uri=redirect_uri, now=now)
    if error == "access_denied":
        raise LoginRefused(f"The consent for account {login.account} was denied on X")
    if error or not code:
        raise LoginRefused(f"X sent no code for account {login.account}, but {error or 'nothing'!r}")
    app, opened = app_of(login.account), sealer.open(login.sealed, what="the login")
    require_app(login, opened, of_app(app.base_url, app.client_id))
    try:
        tokens = app.exchange(code, redirect_uri=login.redirect_uri, verifier=opened["verifier"])
    except XError as refused:
        raise refused_by_x(login, refused) from None
    granted = tokens.scopes or login.scopes
    if lacking := [scope for scope in NEEDED_SCOPES if scope not in granted]:
        _give_back(app, tokens, f"X granted account {login.account} no {', '.join(lacking)}", BEGIN_AGAIN)
    user = _who_is(ledger, app, tokens, login, now)
    if wrong := check_user(ledger, login, user_id=user.id, username=user.username):
        _give_back(app, tokens, *wrong)
    found = UserOnX(user.id, user.username, user.name, user.profile_image_url)
    held = held_refresh_token(login.account)
    kept = {"access": tokens.access, **({"refresh": tokens.refresh} if tokens.refresh else {})}
    ledger.tokens.put(
        login.account,
        login={
            "base_url": app.base_url,
            "client_id": app.client_id,
            "user": found,
            "scopes": granted,
            "sealed": sealer.seal(kept),
            "expires_at": now.add(seconds=tokens.expires_in),
            "logged_in_by": started_by,
            "seed": fingerprint(held) if held else None,
        },
        now=now,
    )
    credentials = OAuth2User(tokens.access, identity=user.id).fingerprint()
    who = (login.account, app.base_url, user.id, user.username, credentials, found.name, found.picture_url)
    ledger.accounts.put(AccountOnX(*who), now=now)
    return LoggedIn(login.account, app.base_url, found, granted, _lacking(login, tokens, granted))


def _checked_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    asked = tuple(dict.fromkeys(scopes))
    known: Collection[str] = {**SCOPES, **MORE_SCOPES}
    if unknown := [scope for scope in asked if scope not in known]:
        raise LoginRefused(
            f"{', '.join(unknown)}: no scope that is of use here", f"Choose among {', '.join(known)}"
        )
    if lacking := [scope for scope in NEEDED_SCOPES if scope not in asked]:
        raise LoginRefused(f"An account cannot post without {', '.join(lacking)}", "Ask for it too")
    return asked


def _who_is(ledger: Ledger, app: OAuth2App, tokens: Tokens, login: PendingLogin, now: DateTime) -> User:
    try:
        return user_read(ledger, login.account, app.base_url, OAuth2User(tokens.access), now=now)
    except XError as error:
        _give_back(
            app,
            tokens,
            f"X gave tokens for account {login.account}, but did not say whose they are: {error.words}",
            error.next_step,
        )


def _give_back(app: OAuth2App, tokens: Tokens, message: str, next_step: str) -> NoReturn:
    """Refuse a login that X has given tokens for."""
    is_forgotten = all(why is None for why in why_not_revoked(app, (tokens.refresh, tokens.access)))
    said = (
        "the tokens were given back"
        if is_forgotten
        else f"the tokens were dropped, but X did not revoke them: remove the app at {CONNECTED_APPS}"
    )
    raise LoginRefused(f"{message.rstrip('.')}; {said}", next_step)


def _lacking(login: PendingLogin, tokens: Tokens, granted: Collection[str]) -> tuple[str, ...]:
    is_missing = {scope for scope in login.scopes if scope not in granted}
    if tokens.refresh is None and "offline.access" in login.scopes:
        is_missing.add("offline.access")
    return tuple(scope for scope in login.scopes if scope in is_missing)
