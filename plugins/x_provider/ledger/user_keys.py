"""The OAuth 1.0a keys of accounts that have logged in by them, sealed; they do not end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pendulum import DateTime
from sqlalchemy import Connection, Row, select

from x_provider.ledger import tables as t
from x_provider.ledger.database import Database
from x_provider.ledger.resealing import reseal
from x_provider.ledger.schema import insert_in
from x_provider.ledger.tokens import StoredTokens, UserOnX, hold_login, take_tokens


@dataclass(frozen=True)
class StoredKeys:
    """An account's keys as they lie in the ledger.

    :param app: fingerprint of the app's API key, which they are good with and with no other.
    :param credentials: fingerprint of the keys.
    :param sealed: the keys themselves, which a ``Sealer`` opens.
    """

    account: str
    base_url: str
    app: str
    user: UserOnX
    credentials: str
    sealed: str = field(repr=False)
    logged_in_at: DateTime
    logged_in_by: str


class UserKeyShelf:
    """Every account's keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, account: str) -> StoredKeys | None:
        """The account's keys, if it has logged in by them."""
        with self._database.read() as connection:
            query = select(t.user_keys).where(t.user_keys.c.account == account)
            row = connection.execute(query).one_or_none()
        return None if row is None else _stored(row)

    def all(self) -> list[StoredKeys]:
        """Every account's keys, by account."""
        with self._database.read() as connection:
            query = select(t.user_keys).order_by(t.user_keys.c.account)
            return [_stored(row) for row in connection.execute(query)]

    def put(self, keys: StoredKeys) -> StoredTokens | None:
        """Keep the keys of a login in place of whatever was there.

        :returns: the tokens of an OAuth 2.0 login that they replace.
        """
        values = {
            "base_url": keys.base_url,
            "app": keys.app,
            "user_id": keys.user.user_id,
            "username": keys.user.username,
            "name": keys.user.name,
            "picture_url": keys.user.picture_url,
            "credentials": keys.credentials,
            "sealed": keys.sealed,
            "logged_in_at": keys.logged_in_at,
            "logged_in_by": keys.logged_in_by,
        }
        with self._database.write() as connection:
            hold_login(connection, keys.account)
            replaced = take_tokens(connection, keys.account)
            insert = insert_in(connection.dialect.name)
            connection.execute(
                insert(t.user_keys)
                .values(account=keys.account, **values)
                .on_conflict_do_update(index_elements=[t.user_keys.c.account], set_=values)
            )
            return replaced

    def reseal(self, seal: Callable[[str, str], str]) -> int:
        """Replace all that is sealed by what the function makes of it and its account; how many there were."""
        return reseal(self._database, t.user_keys, t.user_keys.c.account, seal)


def take_keys(connection: Connection, account: str) -> StoredKeys | None:
    """Forget an account's keys, and give what was there."""
    this = t.user_keys.c.account == account
    row = connection.execute(select(t.user_keys).where(this)).one_or_none()
    connection.execute(t.user_keys.delete().where(this))
    return None if row is None else _stored(row)


def _stored(row: Row[Any]) -> StoredKeys:
    return StoredKeys(
        account=row.account,
        base_url=row.base_url,
        app=row.app,
        user=UserOnX(row.user_id, row.username, row.name, row.picture_url),
        credentials=row.credentials,
        sealed=row.sealed,
        logged_in_at=row.logged_in_at,
        logged_in_by=row.logged_in_by,
    )
