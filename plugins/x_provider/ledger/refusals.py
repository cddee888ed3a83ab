"""Credentials that X did not take when they were to post: a person has to log the account in again, or X was wrong.

OAuth 1.0a keys, and access tokens alone, say nothing of their end: X is the first to know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pendulum import DateTime
from sqlalchemy import ColumnElement, Row, select

from x_provider.ledger import tables as t
from x_provider.ledger.database import Database
from x_provider.ledger.schema import insert_in

_CAME_SINCE = (
    select(t.receipts.c.part_id)
    .where(
        t.receipts.c.account == t.refusals.c.account,
        t.receipts.c.received_at > t.refusals.c.last_at,
    )
    .exists()
)


@dataclass(frozen=True)
class Refusal:
    """X does not take what an account proves itself by.

    :param credentials: digest of what was refused, all of it.
    :param since: when it was refused first.
    :param why: in words, without a full stop.
    """

    account: str
    credentials: str
    since: DateTime
    why: str


CONFIRMED_SECONDS = 115
"""X refuses good credentials now and then, for seconds: what it refuses for longer, without taking it meanwhile,
stands. A little less than a post's own patience.
"""
LONGEST_GAP_SECONDS = 36 * 3600
"""Of an account that posts daily two refusals in a row are one; what lies further apart are two odd answers."""


class Refusals:
    """The refusal of each account that nothing has contradicted since."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, account: str, *, credentials: str, why: str, now: DateTime) -> None:
        """Write down that X refused these credentials now."""
        new = {"credentials": credentials, "since": now, "last_at": now, "why": why}
        with self._database.write() as connection:
            standing = connection.execute(
                select(t.refusals).where(t.refusals.c.account == account, ~_CAME_SINCE)
            ).one_or_none()
            goes_on = standing is not None and standing.credentials == credentials
            if standing is not None and not _is_confirmed(standing):
                goes_on = goes_on and (now - standing.last_at).total_seconds() <= LONGEST_GAP_SECONDS
            insert = insert_in(connection.dialect.name)
            changed = {"last_at": now, "why": why} if goes_on else new
            connection.execute(
                insert(t.refusals)
                .values(account=account, **new)
                .on_conflict_do_update(index_elements=[t.refusals.c.account], set_=changed)
            )

    def find(self, account: str) -> Refusal | None:
        """The account's refusal; None where X has not confirmed it yet, and where a post of it came to X since."""
        return next(iter(self._standing(t.refusals.c.account == account)), None)

    def all(self) -> list[Refusal]:
        """The refusals of all accounts, by account, as of :meth:`find`."""
        return self._standing()

    def forget(self, account: str, *, credentials: str | None = None) -> None:
        """X takes these credentials after all, or the account has none any more.

        :param credentials: only a refusal of these; left out, any.
        """
        these = [t.refusals.c.credentials == credentials] if credentials is not None else []
        with self._database.write() as connection:
            connection.execute(t.refusals.delete().where(t.refusals.c.account == account, *these))

    def _standing(self, *conditions: ColumnElement[bool]) -> list[Refusal]:
        query = select(t.refusals).where(~_CAME_SINCE, *conditions).order_by(t.refusals.c.account)
        with self._database.read() as connection:
            return [
                Refusal(row.account, row.credentials, row.since, row.why)
                for row in connection.execute(query)
                if _is_confirmed(row)
            ]


def _is_confirmed(row: Row[Any]) -> bool:
    return bool((row.last_at - row.since).total_seconds() >= CONFIRMED_SECONDS)
