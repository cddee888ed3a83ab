"""How an account stands: whether it can post, and what a person has to do where it cannot.

The page Accounts, `airflow x doctor`, the health route and the notice of a needed login all say what is said here.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret

from x_provider.hooks.account import Account, account_of
from x_provider.hooks.credentials import AuthKind, Credentials, KeptKeys, KeptLogin, secrets_of
from x_provider.hooks.finding import accounts_in_environment
from x_provider.hooks.kept import choice_of, with_keys
from x_provider.hooks.kept import misfit as misfit_of_keys
from x_provider.hooks.missing import doubt
from x_provider.hooks.problems import XConnectionError, login_step, unsure

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from pendulum import DateTime

    from x_provider.ledger import Ledger, StoredKeys, StoredTokens

State = Literal["good", "keys", "seeded", "token", "app_only", "needs_login", "broken", "undefined"]
"""``good``: logged in by OAuth 2.0. ``keys``: it has OAuth 1.0a keys, of a login or its own. ``seeded``: it has a
refresh token that the next use takes up. ``token``: it has an access token alone, which serves until it ends.
``app_only``: it reads. The others need a person: a login, another connection, or any connection at all."""

_CAN_POST: tuple[State, ...] = ("good", "keys", "seeded", "token")


@dataclass(frozen=True)
class Standing:
    """How one account stands.

    :param conn_id: its Airflow connection.
    :param why: what is not as it should be, without a full stop; empty where all is well. Holds no secret.
    :param next_step: what to do about it; empty where nothing has to be done.
    :param account: who and where, as the connection says; None where that cannot be read.
    :param auth: what the connection authenticates by; None where that cannot be said.
    :param login: the login in the ledger that the connection uses, or would if it served; None where it uses none.
    :param refused_since: when X refused first what the connection uses; None where it did not.
    :param is_over: it has no connection any more and nothing to send, so that nobody misses it.
    """

    conn_id: str
    state: State
    why: str = ""
    next_step: str = ""
    account: Account | None = None
    auth: AuthKind | None = None
    login: StoredTokens | StoredKeys | None = field(default=None, repr=False)
    refused_since: DateTime | None = None
    is_over: bool = False

    @property
    def can_post(self) -> bool:
        """Whether it can post without a person, as far as is known here; X is not asked."""
        return self.state in _CAN_POST


def look(conn_id: str, ledger: Ledger) -> Standing:
    """How an account stands, its connection and its login read anew; in any process.

    :raises LedgerError: when the ledger cannot be used.
    """
    try:
        connection = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        if (why := doubt(conn_id)) is not None:
            return unusable(unsure(conn_id, why))
        return undefined(conn_id, ledger)
    try:
        mask_secret(secrets_of(connection))
    except XConnectionError as error:
        return unusable(error)
    return standing_of(connection, ledger)


def standing_of(connection: Connection, ledger: Ledger) -> Standing:
    """How the account of a connection stands.

    :raises LedgerError: when the ledger cannot be used.
    """
    try:
        account, choice = account_of(connection), choice_of(connection, ledger)
    except XConnectionError as error:
        return unusable(error)
    credentials = choice.credentials
    if credentials.waits is not None:
        return _needs_login(account, credentials.kind, credentials.waits, None)
    if isinstance(credentials.kept, KeptLogin):
        return _kept(account, credentials.kept, choice.tokens, ledger)
    if credentials.kind == "bearer":
        why = "its credentials are an app-only bearer token, which reads and cannot post"
        step = "Add a user's credentials to post with it: page X > Accounts, or `airflow x login`"
        return Standing(account.conn_id, "app_only", why, step, account, "bearer")
    return _by_what_does_not_end(account, credentials, choice.keys, ledger)


def undefined(conn_id: str, ledger: Ledger) -> Standing:
    """How an account without a connection stands.

    :raises LedgerError: when the ledger cannot be used.
    """
    logins = ledger.tokens.find(conn_id), ledger.user_keys.find(conn_id)
    is_met = conn_id in ledger.accounts.names() or any(logins)
    if ledger.accounts.has_posts_to_send(conn_id):
        why = "its connection is not defined, and posts of it are still to be sent"
        step = f"Define connection {conn_id} again, or withdraw its posts"
        if not is_met:
            step = f"{meant(conn_id, ledger)}Correct the name in the calendar, or define connection {conn_id}"
        return Standing(conn_id, "undefined", why, step)
    if is_met:
        why = "its connection is not defined any more, and no post of it is still to be sent"
        step = f"Nothing; to forget it: page X > Accounts, or `airflow x logout {conn_id}`"
        return Standing(conn_id, "undefined", why, step, is_over=True)
    step = "Create it as type X (Twitter) under Admin > Connections, or set the environment variable "
    return Standing(conn_id, "undefined", "it is not defined", f"{step}AIRFLOW_CONN_{conn_id.upper()}")


def meant(conn_id: str, ledger: Ledger) -> str:
    """Which account a name that no connection has was meant to be, as a question; empty where none is like it."""
    known = {*ledger.accounts.names(), *accounts_in_environment(), "x_default"} - {conn_id}
    alike = difflib.get_close_matches(conn_id, sorted(known), cutoff=0.8)
    defined = next((name for name in alike if _is_defined(name)), None)
    return f"Did you mean {defined}? " if defined else ""


def trouble(conn_id: str, ledger: Ledger) -> str | None:
    """Why no post of the account goes out, and what to do about it, as sentences; None where it can.

    :raises LedgerError: when the ledger cannot be used.
    """
    standing = look(conn_id, ledger)
    return None if standing.can_post else f"account {conn_id}: {standing.why}. {standing.next_step}."


def unusable(error: XConnectionError) -> Standing:
    """How an account stands whose connection cannot be used."""
    return Standing(error.conn_id, "broken", error.problem, error.next_step)


def _is_defined(conn_id: str) -> bool:
    try:
        BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        return False
    return True


def _by_what_does_not_end(
    account: Account, credentials: Credentials, keys: StoredKeys | None, ledger: Ledger
) -> Standing:
    """By OAuth 1.0a keys, or by an access token alone: only X knows whether they are still good."""
    login = None
    if isinstance(credentials.kept, KeptKeys) and keys is not None:
        login = keys
        if (why := misfit_of_keys(account, credentials.kept, keys)) is not None:
            return _needs_login(account, "oauth1", why, keys)
    refusal, kind = ledger.refusals.find(account.conn_id), credentials.kind
    if refusal is not None and refusal.credentials == _digest(account, credentials, login):
        needs = _needs_login(account, kind, refusal.why, login)
        step = needs.next_step if login else f"{needs.next_step}; or replace what its connection holds"
        return replace(needs, next_step=step, refused_since=refusal.since)
    state: State = "keys" if kind == "oauth1" else "token"
    return Standing(account.conn_id, state, account=account, auth=kind, login=login)


def _digest(account: Account, credentials: Credentials, login: StoredKeys | None) -> str | None:
    from x_provider.client import OAuth1, OAuth2User  # noqa: PLC0415  (requests, which parsing a DAG does not need)
    from x_provider.ledger import LedgerError  # noqa: PLC0415

    if isinstance(credentials.kept, KeptKeys) and login is not None:
        try:
            credentials = with_keys(account, credentials.kept, login)
        except LedgerError:  # no key opens them, which the doctor's check of the keys says
            return None
    scheme = OAuth1 if credentials.kind == "oauth1" else OAuth2User
    return scheme(*credentials.values).digest()


def _needs_login(
    account: Account, kind: AuthKind, why: str, login: StoredTokens | StoredKeys | None
) -> Standing:
    conn_id = account.conn_id
    return Standing(conn_id, "needs_login", why, login_step(conn_id), account, kind, login)


def _kept(account: Account, kept: KeptLogin, stored: StoredTokens | None, ledger: Ledger) -> Standing:
    # requests and SQLAlchemy, which parsing a DAG does not need
    from x_provider.accounts import Seed, fingerprint  # noqa: PLC0415
    from x_provider.accounts.tokens import misfit, nobody  # noqa: PLC0415
    from x_provider.publishing import utc_now  # noqa: PLC0415

    conn_id = account.conn_id
    seed = Seed(kept.refresh) if kept.refresh is not None else None
    if seed is not None and ledger.tokens.taken_up_by(fingerprint(seed.refresh)) is None:
        return Standing(conn_id, "seeded", account=account, auth="oauth2")
    if stored is None:
        return _needs_login(account, "oauth2", nobody(ledger, conn_id, seed), stored)
    why = misfit(stored, base_url=account.base_url, client_id=kept.client_id) or _lost(stored, utc_now())
    if why is not None:
        return _needs_login(account, "oauth2", why, stored)
    failing = stored.why if stored.failures else None
    return Standing(conn_id, "good", failing or "", "", account, "oauth2", stored)


def _lost(stored: StoredTokens, now: DateTime) -> str | None:
    """Why only a login would help; None while a refresh would, or none is needed yet."""
    from x_provider.accounts.refreshing import NOT_REFRESHED  # noqa: PLC0415  (as above)
    from x_provider.ledger import TokenState  # noqa: PLC0415

    if stored.state is TokenState.NEEDS_LOGIN:
        return stored.why or "X does not take its tokens any more"
    if stored.scopes and "tweet.write" not in stored.scopes:
        return "without the scope tweet.write X refuses its posts"
    if "offline.access" not in stored.scopes and stored.expires_at <= now:
        return NOT_REFRESHED
    return None
