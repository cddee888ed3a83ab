"""Logging accounts in: a login is begun, X sends the user back, and whoever began it ends it, once.

What is refused on the way: an answer to a login that nobody began here, that another began, that is over, or that
came back elsewhere; and a user who is not the account. What X has given by then is given back.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import NoReturn

from pendulum import DateTime

from x_provider.accounts.tokens import fingerprint
from x_provider.client import OAuth1, OAuth2User, ResponseFacts, User, XClient, XError
from x_provider.client.oauth1_login import PIN, OAuth1App, RequestToken, UserKeys
from x_provider.client.oauth2 import MORE_SCOPES, SCOPES, OAuth2App, Tokens, new_proof
from x_provider.ledger import AccountOnX, Cost, Ledger, PendingLogin, UserOnX
from x_provider.ledger.sealing import Sealer

LOGIN_MINUTES = 10
"""How long a login may take."""
NEEDED_SCOPES = ("tweet.read", "tweet.write", "users.read")
"""What an account that posts cannot do without."""

_AGAIN = "Begin the login again: page X > Accounts in Airflow, or `airflow x login`"
_CONNECTED_APPS = "https://x.com/settings/connected_apps"


class LoginRefused(Exception):  # noqa: N818  (as the client's errors: the name says what happened)
    """A login that comes to nothing; what was kept before still stands.

    :param message: what was wrong; holds no secret.
    :param next_step: what to do about it.
    """

    def __init__(self, message: str, next_step: str = _AGAIN) -> None:
        super().__init__(f"{message.rstrip('.')}. {next_step.rstrip('.')}.")
        self.message = message
        self.next_step = next_step


@dataclass(frozen=True)
class LoggedIn:
    """Who logged in.

    :param account: the Airflow connection.
    :param scopes: what was granted; empty for OAuth 1.0a, which has none.
    :param lacking: what was asked for and not granted.
    :param keys: what an OAuth 1.0a login brings, which belongs into the connection.
    """

    account: str
    base_url: str
    user: UserOnX
    scopes: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    keys: UserKeys | None = field(default=None, repr=False)


def expected_user(ledger: Ledger, account: str, *, base_url: str, user_id: str | None) -> str | None:
    """Who has to log in: the user of the connection, else the one that this account was before.

    :param user_id: what the connection says.
    """
    stored = ledger.tokens.find(account)
    before = stored.user.user_id if stored is not None and stored.base_url == base_url else None
    met = ledger.accounts.find(account, base_url)
    return user_id or before or (met.user_id if met is not None else None)


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
    :param expected_user_id: who has to log in; None for whoever does.
    :raises LoginRefused: for scopes that make no sense.
    """
    asked = _checked_scopes(scopes)
    state, proof = secrets.token_urlsafe(32), new_proof()
    ledger.logins.begin(
        PendingLogin(
            state_hash=state_hash(state),
            account=account,
            scheme="oauth2",
            started_by=started_by,
            sealed=sealer.seal({"verifier": proof.verifier}),
            redirect_uri=redirect_uri,
            scopes=asked,
            expected_user_id=expected_user_id,
            started_at=now,
            expires_at=now.add(minutes=LOGIN_MINUTES),
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
    login = _take(ledger, state, "oauth2", started_by=started_by, redirect_uri=redirect_uri, now=now)
    if error == "access_denied":
        raise LoginRefused(f"The consent for account {login.account} was denied on X")
    if error or not code:
        raise LoginRefused(f"X sent no code for account {login.account}, but {error or 'nothing'!r}")
    app, opened = app_of(login.account), sealer.open(login.sealed, what="the login")
    try:
        tokens = app.exchange(code, redirect_uri=login.redirect_uri, verifier=opened["verifier"])
    except XError as refused:
        raise _refused_by_x(login, refused) from None
    granted = tokens.scopes or login.scopes
    if lacking := [scope for scope in NEEDED_SCOPES if scope not in granted]:
        _give_back(app, tokens, f"X granted account {login.account} no {', '.join(lacking)}", _AGAIN)
    user = _who_is(ledger, app, tokens, login, now)
    if login.expected_user_id not in (None, user.id):
        _give_back(app, tokens, *_somebody_else(login, user.username))
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
    ledger.accounts.put(AccountOnX(login.account, app.base_url, user.id, user.username, credentials), now=now)
    return LoggedIn(login.account, app.base_url, found, granted, _lacking(login, tokens, granted))


def begin_oauth1(
    ledger: Ledger,
    sealer: Sealer,
    app: OAuth1App,
    *,
    account: str,
    started_by: str,
    redirect_uri: str = PIN,
    expected_user_id: str | None,
    now: DateTime,
) -> str:
    """Where to send the user; parameters as of :func:`begin_oauth2`.

    :param redirect_uri: registered with the app; or ``PIN``, and X shows the user a PIN.
    :raises LoginRefused: when X does not begin one.
    """
    try:
        token = app.request_token(redirect_uri)
    except XError as refused:
        raise LoginRefused(
            f"X begins no login for account {account}: {refused.detail or refused.summary}", refused.next_step
        ) from None
    ledger.logins.begin(
        PendingLogin(
            state_hash=state_hash(token.token),
            account=account,
            scheme="oauth1",
            started_by=started_by,
            sealed=sealer.seal({"secret": token.secret}),
            redirect_uri=redirect_uri,
            scopes=(),
            expected_user_id=expected_user_id,
            started_at=now,
            expires_at=now.add(minutes=LOGIN_MINUTES),
        )
    )
    return app.consent_url(token, another_user=expected_user_id is None)


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
    """Take what X sent the user back with; the account's keys are in what is returned.

    :param token: ``oauth_token`` as it came back, or ``denied``.
    :param verifier: ``oauth_verifier`` as it came back, or the PIN; None where the consent was denied.
    :raises LoginRefused: for whatever cannot be trusted, and where X gives no keys.
    :raises LedgerError: when the ledger cannot be used.
    """
    login = _take(ledger, token, "oauth1", started_by=started_by, redirect_uri=redirect_uri, now=now)
    if not verifier:
        raise LoginRefused(f"The consent for account {login.account} was denied on X")
    app, opened = app_of(login.account), sealer.open(login.sealed, what="the login")
    try:
        keys = app.access_token(RequestToken(token, opened["secret"]), verifier)
    except XError as refused:
        raise _refused_by_x(login, refused) from None
    if login.expected_user_id not in (None, keys.user_id):
        # Not given back: X gives one app and user the same keys each time, and another connection may use them.
        raise LoginRefused(*_somebody_else(login, keys.username))
    credentials = OAuth1("*" * 8, "*" * 8, keys.access_token, keys.access_token_secret).fingerprint()
    ledger.accounts.put(
        AccountOnX(login.account, app.base_url, keys.user_id, keys.username, credentials), now=now
    )
    return LoggedIn(login.account, app.base_url, UserOnX(keys.user_id, keys.username), keys=keys)


def log_out(
    ledger: Ledger,
    sealer: Sealer,
    app: OAuth2App,
    *,
    account: str,
    held_refresh_token: str | None = None,
    is_all: bool = True,
) -> list[str]:
    """Make X forget the account's OAuth 2.0 tokens, and forget them here; what X did not do, each a sentence.

    :param held_refresh_token: one that the connection held, which X forgets too.
    :param is_all: there is nothing else that acts as the account, so that it is odd to find none.
    :raises LoginRefused: when there are none.
    """
    stored = ledger.tokens.find(account)
    if stored is None and held_refresh_token is None:
        if is_all:
            raise LoginRefused(
                f"Account {account} is not logged in", "There is nothing to do, unless you meant another one"
            )
        return []
    tokens: dict[str, str | None] = {}
    if stored is not None:
        opened = sealer.open(stored.sealed, what=f"the tokens of account {account}")
        tokens = {"refresh token": opened.get("refresh"), "access token": opened.get("access")}
    if held_refresh_token and (stored is None or stored.seed != fingerprint(held_refresh_token)):
        tokens["connection's refresh token"] = held_refresh_token
    ledger.tokens.remove(account)
    return [
        f"They are removed here, but X did not forget the {which} ({why}): remove the app at {_CONNECTED_APPS}."
        for which, why in zip(tokens, _revoke(app, tokens.values()), strict=True)
        if why is not None
    ]


def state_hash(state: str) -> str:
    """What the ledger knows a login by."""
    return hashlib.sha256(state.encode()).hexdigest()


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


def _take(
    ledger: Ledger, state: str, scheme: str, *, started_by: str, redirect_uri: str, now: DateTime
) -> PendingLogin:
    login = ledger.logins.find(state_hash(state))
    if login is None or login.scheme != scheme:
        raise LoginRefused("What came back from X belongs to no login that was begun here")
    if login.started_by != started_by:
        raise LoginRefused(
            f"This login was begun by somebody else than {started_by}",
            "If you followed a link that somebody sent you, close this page. To log an account in, begin yourself:"
            " page X > Accounts in Airflow, or `airflow x login`",
        )
    if login.redirect_uri != redirect_uri:
        raise LoginRefused(
            f"The login of account {login.account} came back to {redirect_uri}, but was to come back to"
            f" {login.redirect_uri}"
        )
    if not ledger.logins.take(login.state_hash, started_by=started_by, now=now):
        after = ledger.logins.find(login.state_hash)
        if after is not None and after.used_at is None:
            raise LoginRefused(
                f"The login of account {login.account} took more than {LOGIN_MINUTES} minutes and has expired"
            )
        raise LoginRefused(
            f"The login of account {login.account} was ended before: what comes back from X is good for one use",
            f"If the page Accounts shows the account as logged in, all is well. Else: {_AGAIN}",
        )
    return login


def _refused_by_x(login: PendingLogin, error: XError) -> LoginRefused:
    words = error.detail or error.title or error.summary
    return LoginRefused(f"X did not finish the login of account {login.account}: {words}", error.next_step)


def _somebody_else(login: PendingLogin, username: str) -> tuple[str, str]:
    return (
        f"@{username} logged in, but account {login.account} is the user {login.expected_user_id}",
        "On X, switch to the right user and begin again; or begin it as a login of another user",
    )


def _who_is(ledger: Ledger, app: OAuth2App, tokens: Tokens, login: PendingLogin, now: DateTime) -> User:
    def charge(facts: ResponseFacts) -> None:
        if facts.charge is not None:
            cost = Cost(facts.charge.kind, facts.charge.usd, facts.charge.units)
            ledger.charges.add(
                login.account, cost, what=facts.family, at=now, resources=facts.charge.resources
            )

    client = XClient(app.base_url, OAuth2User(tokens.access), on_response=charge)
    try:
        return client.me()
    except XError as error:
        _give_back(
            app,
            tokens,
            f"X gave tokens for account {login.account}, but did not say whose they are:"
            f" {error.detail or error.title or error.summary}",
            error.next_step,
        )
    finally:
        client.close()


def _give_back(app: OAuth2App, tokens: Tokens, message: str, next_step: str) -> NoReturn:
    """Refuse a login that X has given tokens for."""
    is_forgotten = all(why is None for why in _revoke(app, (tokens.refresh, tokens.access)))
    said = (
        "the tokens were given back"
        if is_forgotten
        else f"the tokens were dropped, but X did not revoke them: remove the app at {_CONNECTED_APPS}"
    )
    raise LoginRefused(f"{message.rstrip('.')}; {said}", next_step)


def _revoke(app: OAuth2App, tokens: Iterable[str | None]) -> list[str | None]:
    """Why X did not revoke each of them; None where it did, or there was none."""
    failed: list[str | None] = []
    for token in tokens:
        try:
            if token:
                app.revoke(token)
            failed.append(None)
        except XError as error:
            failed.append(error.detail or error.title or error.summary)
    return failed


def _lacking(login: PendingLogin, tokens: Tokens, granted: Collection[str]) -> tuple[str, ...]:
    is_missing = {scope for scope in login.scopes if scope not in granted}
    if tokens.refresh is None and "offline.access" in login.scopes:
        is_missing.add("offline.access")
    return tuple(scope for scope in login.scopes if scope in is_missing)
