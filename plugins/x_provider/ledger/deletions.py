"""Posts that X has told are gone, kept for whoever hears of them only afterwards: X promises no order."""

from __future__ import annotations

from pendulum import DateTime
from sqlalchemy import String, literal, select
from sqlalchemy import cast as as_type

from x_provider.ledger import tables as t
from x_provider.ledger.database import Database
from x_provider.ledger.schema import insert_in

GONE = "gone"
"""The outcome of a row that is no event but such a post. It is forgotten as old events are."""


class Deletions:
    """The posts that were deleted, each with the connections whose app was told."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, x_id: str, *, told: str, now: DateTime) -> None:
        """A connection's app was told that the post is gone."""
        row = {
            "event_key": _key(x_id),
            "app": told,
            "body": told,
            "received_at": now,
            "wake_at": None,
            "tries": 0,
            "outcome": GONE,
        }
        with self._database.write() as connection:
            insert = insert_in(connection.dialect.name)(t.events).values(row)
            more = {"body": t.events.c.body + " " + told, "received_at": now}
            others = t.events.c.app != told
            connection.execute(
                insert.on_conflict_do_update(index_elements=[t.events.c.event_key], set_=more, where=others)
            )

    def told(self, x_id: str) -> list[str]:
        """The connections whose app was told that the post is gone."""
        query = select(t.events.c.body).where(t.events.c.event_key == _key(x_id))
        with self._database.read() as connection:
            return sorted(set((connection.execute(query).scalar() or "").split()))

    def unheeded(self, since: DateTime) -> list[str]:
        """Posts of ours on X since then that were gone before the ledger knew that they are ours."""
        receipt = t.receipts.c.deleted_at.is_(None), t.receipts.c.received_at >= since
        key = literal(_key("")) + as_type(t.receipts.c.x_id, String)
        query = select(t.receipts.c.x_id).join(t.events, t.events.c.event_key == key).where(*receipt)
        with self._database.read() as connection:
            return sorted(connection.execute(query).scalars())


def _key(x_id: str) -> str:
    return f"gone/{x_id}"
