"""How an account stands: whether it can post, and what a person has to do where it cannot.

The page Accounts, `airflow x doctor`, the health route and the notice of a needed login all say what is said here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret

from x_provider.hooks.credentials import (
    Account,
    AuthKind,
    KeptLogin,
    XConnectionError,
    account_of,
    credentials_of,
    may_be_kept,
    secrets_of,
    unsure,
)
from x_provider.hooks.missing import doubt

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from pendulum import DateTime

    from x_provider.ledger import Ledger, StoredTokens

State = Literal["good", "keys", "seeded", "token", "app_only", "needs_login", "broken", "undefined"]
"""``good``: logged in by OAuth 2.0. ``keys``: it has OAuth 1.0a keys. ``seeded``: it has a refresh token that the
next use takes up. ``token``: it has an access token alone, which serves until it ends. ``app_only``: it reads. The
others need a person: a login, another connection, or any connection at all."""

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
    :param is_over: it has no connection any more and nothing to send, so that nobody misses it.
    """

    conn_id: str
    state: State
    why: str = ""
    next_step: str = ""
    account: Account | None = None
    auth: AuthKind | None = None
    login: StoredTokens | None = field(default=None, repr=False)
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
    return standing_of(connection, ledger.tokens.find(conn_id))


def standing_of(connection: Connection, stored: StoredTokens | None) -> Standing:
    """How the account of a connection stands.

    :param stored: what the ledger keeps under its name, whether the connection uses it or not.
    """
    try:
        account = account_of(connection)
        has_login = may_be_kept(connection) and stored is not None and stored.base_url == account.base_url
        credentials = credentials_of(connection, has_login=has_login)
    except XConnectionError as error:
        return unusable(error)
    conn_id, kind = account.conn_id, credentials.kind
    if credentials.kept is not None:
        return _kept(account, credentials.kept, stored)
    if kind == "bearer":
        why = "its credentials are an app-only bearer token, which reads and cannot post"
        step = "Add a user's credentials to post with it: page X > Accounts, or `airflow x login`"
        return Standing(conn_id, "app_only", why, step, account, kind)
    return Standing(conn_id, "keys" if kind == "oauth1" else "token", account=account, auth=kind)


def undefined(conn_id: str, ledger: Ledger) -> Standing:
    """How an account without a connection stands.

    :raises LedgerError: when the ledger cannot be used.
    """
    if ledger.accounts.has_posts_to_send(conn_id):
        why = "its connection is not defined, and posts of it are still to be sent"
        return Standing(
            conn_id, "undefined", why, f"Define connection {conn_id} again, or withdraw its posts"
        )
    if conn_id in ledger.accounts.names() or ledger.tokens.find(conn_id) is not None:
        why = "its connection is not defined any more, and no post of it is still to be sent"
        step = f"Nothing; to forget it: page X > Accounts, or `airflow x logout {conn_id}`"
        return Standing(conn_id, "undefined", why, step, is_over=True)
    step = "Create it as type X (Twitter) under Admin > Connections, or set the environment variable "
    return Standing(conn_id, "undefined", "it is not defined", f"{step}AIRFLOW_CONN_{conn_id.upper()}")


def unusable(error: XConnectionError) -> Standing:
    """How an account stands whose connection cannot be used."""
    return Standing(error.conn_id, "broken", error.problem, error.next_step)


def login_step(conn_id: str) -> str:
    """What to do about an account that needs a login."""
    return f"Log it in: page X > Accounts, or `airflow x login {conn_id}`"


def _kept(account: Account, kept: KeptLogin, stored: StoredTokens | None) -> Standing:
    # requests and SQLAlchemy, which parsing a DAG does not need
    from x_provider.accounts import fingerprint  # noqa: PLC0415
    from x_provider.accounts.tokens import NOBODY, misfit  # noqa: PLC0415
    from x_provider.publishing import utc_now  # noqa: PLC0415

    conn_id = account.conn_id
    if kept.refresh is not None and (stored is None or fingerprint(kept.refresh) not in stored.seeds):
        return Standing(conn_id, "seeded", account=account, auth="oauth2")
    why: str | None = NOBODY
    if stored is not None:
        why = misfit(stored, base_url=account.base_url, client_id=kept.client_id) or _lost(stored, utc_now())
    if why is not None:
        return Standing(conn_id, "needs_login", why, login_step(conn_id), account, "oauth2", stored)
    failing = stored.why if stored is not None and stored.failures else None
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
