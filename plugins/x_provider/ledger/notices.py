"""What people were told of accounts, so that a need is told once."""

from __future__ import annotations

from sqlalchemy import select

from x_provider.ledger import tables as t
from x_provider.ledger.database import Database
from x_provider.ledger.schema import insert_in


class Notices:
    """The need that was told last of each account."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def told(self) -> list[str]:
        """The accounts of which a need was told that was not over when somebody last looked."""
        with self._database.read() as connection:
            return list(connection.execute(select(t.notices.c.account)).scalars())

    def say(self, account: str, need: str) -> bool:
        """Whether that need is news, written down as told."""
        with self._database.write() as connection:
            insert = insert_in(connection.dialect.name)
            statement = insert(t.notices).values(account=account, told=need)
            statement = statement.on_conflict_do_update(
                index_elements=[t.notices.c.account], set_={"told": need}, where=t.notices.c.told != need
            )
            return connection.execute(statement.returning(t.notices.c.account)).first() is not None

    def forget(self, account: str) -> None:
        """The need is over, or the notice of it did not arrive."""
        with self._database.write() as connection:
            connection.execute(t.notices.delete().where(t.notices.c.account == account))
