"""What every login has in common, whatever the scheme: who may end one, once, and who it has to be."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from pendulum import DateTime

from x_provider.client import Auth, ResponseFacts, User, XClient, XError
from x_provider.ledger import Cost, Ledger, PendingLogin, StoredTokens, UserOnX

LOGIN_MINUTES = 10
"""How long a login may take."""
CONNECTED_APPS = "https://x.com/settings/connected_apps"
"""Where a user of X sees the apps that may act as them, and removes one."""
BEGIN_AGAIN = "Begin the login again: page X > Accounts in Airflow, or `airflow x login`"


class LoginRefused(Exception):  # noqa: N818  (as the client's errors: the name says what happened)
    """A login that comes to nothing; what was kept before still stands.

    :param message: what was wrong; holds no secret.
    :param next_step: what to do about it.
    """

    def __init__(self, message: str, next_step: str = BEGIN_AGAIN) -> None:
        super().__init__(f"{message.rstrip('.')}. {next_step.rstrip('.')}.")
        self.message = message
        self.next_step = next_step


@dataclass(frozen=True)
class LoggedIn:
    """Who logged in.

    :param account: the Airflow connection.
    :param scopes: what was granted; empty for OAuth 1.0a, which has none.
    :param lacking: what was asked for and not granted.
    :param replaced: the tokens that a login by OAuth 1.0a has replaced, which X still takes.
    """

    account: str
    base_url: str
    user: UserOnX
    scopes: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    replaced: StoredTokens | None = field(default=None, repr=False)


def expected_user(
    ledger: Ledger, account: str, *, base_url: str, user_id: str | None, username: str | None = None
) -> str | None:
    """Who has to log in: the user of the connection, else the one that this account was before.

    :param user_id: what the connection says.
    :param username: what the connection says, without the @.
    :returns: the user's id; the @name where only that is known; None where nobody has said.
    """
    stored = ledger.tokens.find(account) or ledger.user_keys.find(account)
    before = stored.user.user_id if stored is not None and stored.base_url == base_url else None
    met = ledger.accounts.find(account, base_url)
    known = user_id or before or (met.user_id if met is not None else None)
    return known or (f"@{username}" if username else None)


def state_hash(state: str) -> str:
    """What the ledger knows a login by."""
    return hashlib.sha256(state.encode()).hexdigest()


def pending(
    scheme: str,
    *,
    state: str,
    sealed: str,
    account: str,
    started_by: str,
    redirect_uri: str,
    scopes: tuple[str, ...] = (),
    expected_user_id: str | None,
    now: DateTime,
) -> PendingLogin:
    """A login that begins now.

    :param state: the secret that goes to X and comes back.
    :param sealed: what it will be ended with.
    """
    return PendingLogin(
        state_hash=state_hash(state),
        account=account,
        scheme=scheme,
        started_by=started_by,
        sealed=sealed,
        redirect_uri=redirect_uri,
        scopes=scopes,
        expected_user_id=expected_user_id,
        started_at=now,
        expires_at=now.add(minutes=LOGIN_MINUTES),
    )


def take(
    ledger: Ledger, state: str, scheme: str, *, started_by: str, redirect_uri: str, now: DateTime
) -> PendingLogin:
    """Become the one who ends the login that an answer of X belongs to.

    :raises LoginRefused: where it is none, another's, over, or came back elsewhere.
    """
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
            f"If the page Accounts shows the account as logged in, all is well. Else: {BEGIN_AGAIN}",
        )
    return login


def of_app(base_url: str, client: str) -> dict[str, str]:
    """Which app a login is begun with, as it is sealed with it.

    :param client: the app's client id, or its API key.
    """
    return {"base_url": base_url, "client": client}


def require_app(login: PendingLogin, opened: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Hold a login to the app that it was begun with: what X has given is for it, and is sent to no other.

    :param opened: what was sealed when the login was begun.
    :param now: the app that the connection names by now, as ``of_app`` says.
    :raises LoginRefused: for another one.
    """
    if any(opened.get(name) != value for name, value in now.items()):
        raise LoginRefused(
            f"The connection {login.account} was changed since the login was begun: its base URL or its app's keys"
        )


def untold(why: str) -> str:
    """That something is removed here which X still takes, as a sentence."""
    return f"They are removed here, but X was not told ({why}): remove the app at {CONNECTED_APPS}."


def refused_by_x(login: PendingLogin, error: XError) -> LoginRefused:
    """The refusal for what X did not take."""
    message = f"X did not finish the login of account {login.account}: {error.words}"
    return LoginRefused(message, error.next_step)


def user_read(ledger: Ledger, account: str, base_url: str, auth: Auth, *, now: DateTime) -> User:
    """Whose credentials they are; X charges $0.010 for it, which is written down.

    :raises XError: when X does not say.
    """

    def charge(facts: ResponseFacts) -> None:
        if facts.charge is not None:
            cost = Cost(facts.charge.kind, facts.charge.usd, facts.charge.units)
            ledger.charges.add(account, cost, what=facts.family, at=now, resources=facts.charge.resources)

    client = XClient(base_url, auth, on_response=charge)
    try:
        return client.me()
    finally:
        client.close()


def check_user(ledger: Ledger, login: PendingLogin, *, user_id: str, username: str) -> tuple[str, str] | None:
    """What to say and what to do where the wrong user logged in; None for the right one."""
    expected = login.expected_user_id
    if expected in (None, user_id) or (expected or "").lower() == f"@{username.lower()}":
        return None
    who = str(expected)
    if not who.startswith("@"):
        name = ledger.accounts.name_of(who)
        who = f"@{name}" if name else f"the user {who}"
    return (
        f"@{username} logged in, but account {login.account} is {who}",
        f'On X, switch to the right user and begin again. Or let @{username} take its place: tick "Another user" on'
        f" the page, or `airflow x login {login.account} --another-user`",
    )
