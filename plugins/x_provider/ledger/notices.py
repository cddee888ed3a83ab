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

    def told(self) -> dict[str, str]:
        """The need that was told last of each account that had not lost it when somebody last looked."""
        with self._database.read() as connection:
            return {row.account: row.told for row in connection.execute(select(t.notices))}

    def say(self, account: str, need: str) -> None:
        """That need was told."""
        with self._database.write() as connection:
            insert = insert_in(connection.dialect.name)
            statement = insert(t.notices).values(account=account, told=need)
            statement = statement.on_conflict_do_update(
                index_elements=[t.notices.c.account], set_={"told": need}
            )
            connection.execute(statement)

    def forget(self, account: str) -> None:
        """The need is over."""
        with self._database.write() as connection:
            connection.execute(t.notices.delete().where(t.notices.c.account == account))
