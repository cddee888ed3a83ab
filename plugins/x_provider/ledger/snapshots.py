"""Numbers: what X said about each post, append-only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from pendulum import DateTime
from sqlalchemy import select

from x_provider.ledger import tables as t
from x_provider.ledger.database import Database
from x_provider.ledger.records import Snapshot
from x_provider.ledger.schema import insert_in


class Snapshots:
    """Metrics over time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def measurable(self, account: str, *, since: DateTime, until: DateTime) -> list[str]:
        """X ids of the account's posts created in ``[since, until)``, oldest first, without deleted ones."""
        query = (
            select(t.receipts.c.x_id)
            .where(
                t.receipts.c.account == account,
                t.receipts.c.posted_at >= since,
                t.receipts.c.posted_at < until,
                t.receipts.c.deleted_at.is_(None),
            )
            .order_by(t.receipts.c.posted_at)
        )
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def covered(self, account: str, covers_until: DateTime) -> set[str]:
        """X ids that already have their snapshot of the interval that ends at ``covers_until``."""
        query = select(t.snapshots.c.x_id).where(
            t.snapshots.c.account == account, t.snapshots.c.covers_until == covers_until
        )
        with self._database.read() as connection:
            return set(connection.execute(query).scalars())

    def add(self, snapshots: Sequence[Snapshot]) -> int:
        """Append; an interval's row, once written, stays as it is.

        :returns: how many were new.
        """
        if not snapshots:
            return 0
        with self._database.write() as connection:
            insert = insert_in(connection.dialect.name)
            added = 0
            for snapshot in snapshots:
                statement = insert(t.snapshots).values(**asdict(snapshot)).on_conflict_do_nothing()
                added += len(connection.execute(statement.returning(t.snapshots.c.id)).all())
            return added

    def of_post(self, x_id: str) -> list[Snapshot]:
        """Every snapshot of one post on X, oldest first."""
        query = select(t.snapshots).where(t.snapshots.c.x_id == x_id).order_by(t.snapshots.c.covers_until)
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [Snapshot(**{name: value for name, value in row.items() if name != "id"}) for row in rows]
