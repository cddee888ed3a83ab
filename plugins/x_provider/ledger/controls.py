"""The kill switch: nothing is sent while it is pulled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pendulum import DateTime
from sqlalchemy import Connection, Select, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from x_provider.ledger import tables as t
from x_provider.ledger.database import Database

EVERY_ACCOUNT = "*"


@dataclass(frozen=True)
class Halt:
    """Somebody has stopped an account, or every one (``*``)."""

    account: str
    why: str
    by: str
    since: DateTime

    def __str__(self) -> str:
        who = "everything" if self.account == EVERY_ACCOUNT else f"account {self.account}"
        reason = f": {self.why}" if self.why else ""
        return (
            f"{who} was stopped by {self.by} at {self.since.isoformat()}{reason} (airflow x go lets it go on)"
        )


class Controls:
    """Stopping what has not been sent. What X has answered or is answering at that moment stays."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def stop(self, *, account: str = EVERY_ACCOUNT, why: str, by: str, now: DateTime) -> None:
        """From the moment this returns no attempt begins, in any process."""
        values = {"why": why, "stopped_by": by, "since": now}
        with self._database.write() as connection:
            insert = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
            connection.execute(
                insert(t.halts)
                .values(account=account, **values)
                .on_conflict_do_update(index_elements=[t.halts.c.account], set_=values)
            )

    def go(self, *, account: str = EVERY_ACCOUNT) -> bool:
        """Let it go on; False when it was not stopped."""
        with self._database.write() as connection:
            return connection.execute(t.halts.delete().where(t.halts.c.account == account)).rowcount == 1

    def halts(self) -> list[Halt]:
        """Everything that is stopped."""
        with self._database.read() as connection:
            return [Halt(**row._mapping) for row in connection.execute(_query())]

    def halt_of(self, account: str) -> Halt | None:
        """What keeps the account from sending, if anything does."""
        with self._database.read() as connection:
            return halt_of(connection, account)


def halt_of(connection: Connection, account: str) -> Halt | None:
    row = connection.execute(_query().where(t.halts.c.account.in_((account, EVERY_ACCOUNT)))).first()
    return None if row is None else Halt(**row._mapping)


def _query() -> Select[Any]:
    columns = (t.halts.c.account, t.halts.c.why, t.halts.c.stopped_by.label("by"), t.halts.c.since)
    return select(*columns).order_by(t.halts.c.account)
