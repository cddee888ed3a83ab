"""Sealing again what lies sealed in a table, when its keys change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Column, Table, select, update

from x_provider.ledger.database import Database


def reseal(database: Database, table: Table, key: Column[Any], seal: Callable[[str, str], str]) -> int:
    """Replace what is sealed by what the function makes of it and its account; how many rows there were.

    What changes meanwhile is left to whoever changes it, who seals with the current key.

    :param table: one with the columns ``account`` and ``sealed``, which is empty where there is nothing to seal.
    :param key: its primary key.
    """
    done = 0
    with database.read() as connection:
        rows = connection.execute(
            select(key, table.c.account, table.c.sealed).where(table.c.sealed != "")
        ).all()
    for its_key, account, sealed in rows:
        statement = (
            update(table).where(key == its_key, table.c.sealed == sealed).values(sealed=seal(sealed, account))
        )
        with database.write() as connection:
            done += connection.execute(statement).rowcount
    return done
