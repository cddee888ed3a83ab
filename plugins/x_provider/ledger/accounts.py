"""Accounts: the user on X behind each Airflow connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pendulum import DateTime, datetime
from sqlalchemy import and_, desc, literal, select, union

from x_provider.ledger import tables as t
from x_provider.ledger.database import Database
from x_provider.ledger.records import AccountOnX
from x_provider.ledger.schema import insert_in
from x_provider.ledger.states import PartState

_LONG_AGO = datetime(1970, 1, 1, tz="UTC")
_TO_BE_SENT = (PartState.PLANNED, PartState.ARMED, PartState.SENDING, PartState.UNCERTAIN)


@dataclass(frozen=True)
class StoredLogin:
    """The login that the ledger keeps of an account.

    :param scheme: by which it came about.
    :param user_id: who logged in; None where X has not said.
    :param username: the same.
    """

    scheme: Literal["oauth1", "oauth2"]
    user_id: str | None
    username: str | None


class Accounts:
    """Who each connection is on X, so that asking X again (which costs a user read) is not needed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, account: str, base_url: str) -> AccountOnX | None:
        """The user, if the ledger has met it under that base URL."""
        query = select(t.accounts).where(t.accounts.c.account == account, t.accounts.c.base_url == base_url)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
            if row is None:
                return None
            who = (row.account, row.base_url, row.user_id, row.username, row.credentials)
            return AccountOnX(*who, row.name, row.picture_url)

    def base_urls(self) -> list[str]:
        """Every X that an account was met on."""
        with self._database.read() as connection:
            return list(connection.execute(select(t.accounts.c.base_url).distinct()).scalars())

    def names(self) -> list[str]:
        """Every account the ledger has met, as Airflow connection ids."""
        with self._database.read() as connection:
            return list(
                connection.execute(select(t.accounts.c.account).order_by(t.accounts.c.account)).scalars()
            )

    def of_user(self, user_id: str) -> list[str]:
        """The connections that are that user on X, as far as the ledger has met them or keeps their logins."""
        met = select(t.accounts.c.account).where(t.accounts.c.user_id == user_id)
        logins = [
            select(table.c.account).where(table.c.user_id == user_id) for table in (t.tokens, t.user_keys)
        ]
        with self._database.read() as connection:
            return sorted(connection.execute(union(met, *logins)).scalars())

    def name_of(self, user_id: str) -> str | None:
        """The user's name on X without its @, as far as the ledger has met them or keeps their logins."""
        names = union(
            *(
                select(table.c.username).where(table.c.user_id == user_id)
                for table in (t.accounts, t.tokens, t.user_keys)
            )
        )
        with self._database.read() as connection:
            return next(filter(None, connection.execute(names).scalars()), None)

    def login(self, account: str) -> StoredLogin | None:
        """The account's login, if there is one."""
        newest = union(
            *(
                select(
                    literal(scheme).label("scheme"),
                    table.c.user_id,
                    table.c.username,
                    table.c.logged_in_at,
                ).where(table.c.account == account)
                for scheme, table in (("oauth2", t.tokens), ("oauth1", t.user_keys))
            )
        ).order_by(desc("logged_in_at"))
        with self._database.read() as connection:
            row = connection.execute(newest.limit(1)).one_or_none()
        return None if row is None else StoredLogin(row.scheme, row.user_id, row.username)

    def namesakes(self, account: str) -> list[str]:
        """The other connections that are the account's user on the same X, as far as the ledger has met them."""
        mine, theirs = t.accounts.alias(), t.accounts.alias()
        same = and_(theirs.c.user_id == mine.c.user_id, theirs.c.base_url == mine.c.base_url)
        query = (
            select(theirs.c.account)
            .join_from(mine, theirs, same)
            .where(mine.c.account == account, theirs.c.account != account)
            .order_by(theirs.c.account)
        )
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def has_posts_to_send(self, account: str) -> bool:
        """Whether any post of the account is still to be sent, or may be. It reads the account's posts, all of them
        where none is.
        """
        query = (
            select(t.parts.c.id)
            .join_from(t.posts, t.parts, t.parts.c.post_id == t.posts.c.id)
            .where(t.posts.c.account == account, t.parts.c.state.in_([state.value for state in _TO_BE_SENT]))
            .limit(1)
        )
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def awaited(self) -> list[str]:
        """The accounts of posts that somebody is still to look after, met or not. It reads the queue, however much is
        settled.
        """
        # SQLite uses the queue's index for a range, and for IS NOT NULL not.
        query = select(t.posts.c.account).distinct().where(t.posts.c.wake_at > _LONG_AGO)
        with self._database.read() as connection:
            return sorted(connection.execute(query).scalars())

    def remove(self, account: str) -> bool:
        """Forget who an account is on X; whether that was known. Its posts and receipts stay."""
        with self._database.write() as connection:
            gone = connection.execute(t.accounts.delete().where(t.accounts.c.account == account))
            return gone.rowcount > 0

    def put(self, user: AccountOnX, *, now: DateTime) -> None:
        """Remember the user."""
        values = {
            "base_url": user.base_url,
            "user_id": user.user_id,
            "username": user.username,
            "credentials": user.credentials,
            "name": user.name,
            "picture_url": user.picture_url,
            "seen_at": now,
        }
        with self._database.write() as connection:
            insert = insert_in(connection.dialect.name)
            connection.execute(
                insert(t.accounts)
                .values(account=user.account, **values)
                .on_conflict_do_update(index_elements=[t.accounts.c.account], set_=values)
            )
