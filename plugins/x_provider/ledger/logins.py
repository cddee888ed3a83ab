"""Logins under way: what whoever began one has to know again when X sends the user back, once.

The browser may come back to another API server than the one that sent it off, so they are kept here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pendulum import DateTime
from sqlalchemy import Row, select, update

from x_provider.ledger import tables as t
from x_provider.ledger.database import Database
from x_provider.ledger.resealing import reseal

REMEMBERED_HOURS = 24
"""How long after its end it can still be said of a login that it was used, or came too late."""


@dataclass(frozen=True)
class PendingLogin:
    """One login, begun and perhaps ended.

    :param state_hash: of the secret that goes to X and comes back; the secret itself is kept nowhere.
    :param account: the Airflow connection that is logged in.
    :param scheme: ``oauth1`` or ``oauth2``.
    :param started_by: the Airflow user, or who sits at the terminal: nobody else may end it.
    :param sealed: the half of it that X proves us by, which a ``Sealer`` opens; empty once it was used.
    :param redirect_uri: where X sends the user back.
    :param expected_user_id: who has to log in; None for whoever does.
    """

    state_hash: str
    account: str
    scheme: str
    started_by: str
    sealed: str = field(repr=False)
    redirect_uri: str
    scopes: tuple[str, ...]
    expected_user_id: str | None
    started_at: DateTime
    expires_at: DateTime
    used_at: DateTime | None = None


class Logins:
    """Every login under way, and for a day those that are over."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, login: PendingLogin) -> None:
        """Keep a login that was begun; those that ended long ago are forgotten."""
        row = {
            "state_hash": login.state_hash,
            "account": login.account,
            "scheme": login.scheme,
            "started_by": login.started_by,
            "sealed": login.sealed,
            "redirect_uri": login.redirect_uri,
            "scopes": " ".join(login.scopes),
            "expected_user_id": login.expected_user_id,
            "started_at": login.started_at,
            "expires_at": login.expires_at,
        }
        forgotten = t.logins.c.expires_at < login.started_at.subtract(hours=REMEMBERED_HOURS)
        with self._database.write() as connection:
            connection.execute(t.logins.delete().where(forgotten))
            connection.execute(t.logins.insert(), row)

    def find(self, state_hash: str) -> PendingLogin | None:
        """The login, in whatever state it is; None where none of that kind was begun."""
        with self._database.read() as connection:
            query = select(t.logins).where(t.logins.c.state_hash == state_hash)
            row = connection.execute(query).one_or_none()
        return None if row is None else _login(row)

    def take(self, state_hash: str, *, started_by: str, now: DateTime) -> bool:
        """Become the one who ends it; whether that came about.

        It does not where somebody has ended it before, where its time is over, and where another began it.
        """
        statement = (
            update(t.logins)
            .where(
                t.logins.c.state_hash == state_hash,
                t.logins.c.started_by == started_by,
                t.logins.c.used_at.is_(None),
                t.logins.c.expires_at > now,
            )
            .values(used_at=now, sealed="")
        )
        with self._database.write() as connection:
            return connection.execute(statement).rowcount == 1

    def reseal(self, seal: Callable[[str, str], str]) -> int:
        """Replace what is sealed of logins under way by what the function makes of it and its account; how many."""
        return reseal(self._database, t.logins, t.logins.c.state_hash, seal)


def _login(row: Row[Any]) -> PendingLogin:
    return PendingLogin(
        state_hash=row.state_hash,
        account=row.account,
        scheme=row.scheme,
        started_by=row.started_by,
        sealed=row.sealed,
        redirect_uri=row.redirect_uri,
        scopes=tuple(row.scopes.split()),
        expected_user_id=row.expected_user_id,
        started_at=row.started_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
    )
