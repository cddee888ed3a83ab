"""Receipts: which part is which post on X."""

from __future__ import annotations

from collections.abc import Collection

from pendulum import DateTime
from sqlalchemy import Connection, bindparam, select

from x_provider.ledger import tables as t
from x_provider.ledger.database import Database
from x_provider.ledger.records import Receipt

_RECEIPT = t.receipts.insert()
_NEWEST = (
    select(t.receipts.c.x_id)
    .where(t.receipts.c.account == bindparam("of"))
    .order_by(t.receipts.c.posted_at.desc())
    .limit(1)
)


class Receipts:
    """The proofs that parts are on X."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self, x_ids: Collection[str]) -> set[str]:
        """Those of the ids on X that are some part's receipt."""
        with self._database.read() as connection:
            return set(
                connection.execute(select(t.receipts.c.x_id).where(t.receipts.c.x_id.in_(x_ids))).scalars()
            )

    def account_of(self, x_id: str) -> str | None:
        """Whose post it is, as an Airflow connection id; None when it is no part's receipt."""
        with self._database.read() as connection:
            account: str | None = connection.execute(
                select(t.receipts.c.account).where(t.receipts.c.x_id == x_id)
            ).scalar_one_or_none()
            return account

    def deleted(self, x_id: str, *, now: DateTime) -> bool:
        """The post was taken down from X; its receipt stays and says when. False when it is not ours."""
        with self._database.write() as connection:
            mine = t.receipts.c.x_id == x_id, t.receipts.c.deleted_at.is_(None)
            return connection.execute(t.receipts.update().where(*mine).values(deleted_at=now)).rowcount == 1


def insert_receipt(connection: Connection, part_id: int, account: str, receipt: Receipt) -> None:
    """Keep the proof that a part is on X."""
    values = {
        "part_id": part_id,
        "account": account,
        "x_id": receipt.x_id,
        "url": receipt.url,
        "posted_at": receipt.posted_at,
        "received_at": receipt.received_at,
        "adopted": receipt.adopted,
    }
    connection.execute(_RECEIPT, values)


def newest_own_id(connection: Connection, account: str) -> str | None:
    """The newest post of the account that the ledger knows on X."""
    newest: str | None = connection.execute(_NEWEST, {"of": account}).scalar_one_or_none()
    return newest
