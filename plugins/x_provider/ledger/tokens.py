"""The OAuth 2.0 tokens of accounts, sealed; and who may refresh them, which is one at a time and once a pair.

A refresh token is good for one use. So whoever wants to use it writes that down first, in a transaction of its own,
and only while nobody else has. Who died afterwards has left a claim that nobody may take over: its request may have
left, and X may have spent the token.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from pendulum import DateTime
from sqlalchemy import Connection, Row, Select, Update, func, select, union_all, update

from x_provider.ledger import tables as t
from x_provider.ledger.database import Database
from x_provider.ledger.resealing import reseal
from x_provider.ledger.schema import insert_in

_LOGIN_LOCKS = 0x786C_6F67  # "xlog"
LONGEST_SEEDS = 990
"""Some thirty fingerprints: what was pasted before that is in no process's memory any more."""


class TokenState(str, Enum):
    """Whether X still takes an account's refresh token, as far as is known."""

    GOOD = "good"
    NEEDS_LOGIN = "needs_login"


@dataclass(frozen=True)
class UserOnX:
    """Whose tokens they are; what X has not said is None."""

    user_id: str | None = None
    username: str | None = None
    name: str | None = None
    picture_url: str | None = None


@dataclass(frozen=True)
class StoredTokens:
    """An account's tokens as they lie in the ledger.

    :param sealed: the tokens themselves, which a ``Sealer`` opens.
    :param expires_at: when the access token ends.
    :param version: of this pair; the next one has the next number.
    :param why: why a login is needed.
    :param refreshing_by: who has claimed the refresh token, until ``refreshing_until`` if it lives; whose claim was
        written off where no end is given.
    :param retry_at: not to be refreshed before, after an outage.
    :param seeds: fingerprints of the connection's refresh tokens that were taken up so far, newest first; none
        of them is taken up again.
    """

    account: str
    base_url: str
    client_id: str
    user: UserOnX
    scopes: tuple[str, ...]
    sealed: str = field(repr=False)
    expires_at: DateTime
    version: int
    state: TokenState
    why: str | None
    obtained_at: DateTime
    logged_in_at: DateTime
    logged_in_by: str
    refreshing_by: str | None = None
    refreshing_until: DateTime | None = None
    retry_at: DateTime | None = None
    failures: int = 0
    seeds: tuple[str, ...] = ()


class TokenShelf:
    """Every account's tokens."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, account: str) -> StoredTokens | None:
        """The account's tokens, if it has logged in."""
        with self._database.read() as connection:
            row = connection.execute(select(t.tokens).where(t.tokens.c.account == account)).one_or_none()
        return None if row is None else _stored(row)

    def all(self) -> list[StoredTokens]:
        """Every account's tokens, by account."""
        with self._database.read() as connection:
            return [_stored(row) for row in connection.execute(select(t.tokens).order_by(t.tokens.c.account))]

    def put(self, account: str, *, login: dict[str, Any], now: DateTime) -> None:
        """Keep the tokens of a login in place of whatever was there, and of OAuth 1.0a keys.

        :param login: ``base_url``, ``client_id``, ``user`` (:class:`UserOnX`), ``scopes``, ``sealed``,
            ``expires_at``, ``logged_in_by``, and ``seed`` where the connection holds a refresh token, which is then
            not taken up any more.
        """
        with self._database.write() as connection:
            hold_login(connection, account)
            _put(connection, account, login, now)
            connection.execute(t.user_keys.delete().where(t.user_keys.c.account == account))

    def plant(self, account: str, *, login: dict[str, Any], read_at: DateTime, now: DateTime) -> bool:
        """Take up the tokens that a connection holds, once; whether it was done now.

        Many may hold them at once, under many names, and some may hold ones that others have long replaced. What
        came since they were read, a login or a logout, stands.

        :param login: as for :meth:`put`, with its ``seed``.
        :param read_at: when they were read from the connection.
        """
        with self._database.write() as connection:
            hold_login(connection, account)
            hold_login(connection, login["seed"])
            if _is_over(connection, account, login["seed"], read_at):
                return False
            _put(connection, account, login, now)
            return True

    def taken_up_by(self, seed: str) -> str | None:
        """The account that took up this refresh token of a connection, whether it is logged in by it yet or not."""
        with self._database.read() as connection:
            holders = union_all(*_holders(connection, seed))
            account: str | None = connection.execute(holders.limit(1)).scalar()
            return account

    def claim(self, tokens: StoredTokens, *, by: str, until: DateTime, now: DateTime) -> bool:
        """Become the one who refreshes this pair; whether that came about.

        It does not where somebody else has claimed it, dead or alive, or has refreshed it already.
        """
        free = (
            t.tokens.c.state == TokenState.GOOD.value,
            t.tokens.c.refreshing_by.is_(None),
            t.tokens.c.retry_at.is_(None) | (t.tokens.c.retry_at <= now),
        )
        return self._change(tokens, *free, refreshing_by=by, refreshing_until=until)

    def renewed(
        self,
        tokens: StoredTokens,
        *,
        by: str,
        sealed: str,
        scopes: tuple[str, ...],
        expires_at: DateTime,
        now: DateTime,
    ) -> bool:
        """Keep the pair that came for this one; whether the claim still stood, or was only taken for dead."""
        return self._change(
            tokens,
            t.tokens.c.refreshing_by == by,
            state=TokenState.GOOD.value,
            why=None,
            sealed=sealed,
            scopes=" ".join(scopes),
            expires_at=expires_at,
            version=tokens.version + 1,
            obtained_at=now,
            refreshing_by=None,
            refreshing_until=None,
            retry_at=None,
            failures=0,
        )

    def release(self, tokens: StoredTokens, *, by: str, retry_at: DateTime, why: str) -> bool:
        """Give the claim back: X could not be asked, or did not answer as X does."""
        return self._change(
            tokens,
            t.tokens.c.refreshing_by == by,
            state=TokenState.GOOD.value,
            refreshing_by=None,
            refreshing_until=None,
            retry_at=retry_at,
            failures=tokens.failures + 1,
            why=why,
        )

    def lose(self, tokens: StoredTokens, *, why: str, by: str) -> bool:
        """Write down that the account must log in again; whether the claim still stood.

        :param by: whose claim it is.
        """
        lost = {"state": TokenState.NEEDS_LOGIN.value, "why": why, "refreshing_by": None}
        return self._change(tokens, t.tokens.c.refreshing_by == by, **lost, refreshing_until=None)

    def write_off(self, tokens: StoredTokens, *, why: str) -> bool:
        """The same for a claim whose time is over. Whose it was stays written: should they live after all, what came
        of their refresh still counts.
        """
        theirs = (
            t.tokens.c.refreshing_by == tokens.refreshing_by,
            t.tokens.c.refreshing_until == tokens.refreshing_until,
        )
        return self._change(
            tokens, *theirs, state=TokenState.NEEDS_LOGIN.value, why=why, refreshing_until=None
        )

    def know(self, account: str, user: UserOnX) -> None:
        """Write down whose tokens they are."""
        with self._database.write() as connection:
            connection.execute(
                update(t.tokens)
                .where(t.tokens.c.account == account)
                .values(
                    user_id=user.user_id,
                    username=user.username,
                    name=user.name,
                    picture_url=user.picture_url,
                )
            )

    def reseal(self, seal: Callable[[str, str], str]) -> int:
        """Replace every sealed pair by what the function makes of it and its account; how many there were."""
        return reseal(self._database, t.tokens, t.tokens.c.account, seal)

    def _change(self, tokens: StoredTokens, *conditions: Any, **values: Any) -> bool:
        statement: Update = (
            update(t.tokens)
            .where(
                t.tokens.c.account == tokens.account,
                t.tokens.c.version == tokens.version,
                t.tokens.c.logged_in_at == tokens.logged_in_at,
                *conditions,
            )
            .values(**values)
        )
        with self._database.write() as connection:
            return _changed(connection, statement)


def hold_login(connection: Connection, account: str) -> None:
    """Let no other login of the account come in before this transaction is over: an account has one login, also
    where two people log it in at once. SQLite has one writer at a time anyway.
    """
    if connection.dialect.name == "postgresql":
        lock = func.pg_advisory_xact_lock(_LOGIN_LOCKS, func.hashtext(account))
        connection.execute(select(lock))


def take_tokens(connection: Connection, account: str) -> StoredTokens | None:
    """Forget an account's tokens, and give what was there."""
    this = t.tokens.c.account == account
    row = connection.execute(select(t.tokens).where(this).with_for_update()).one_or_none()
    connection.execute(t.tokens.delete().where(this))
    return None if row is None else _stored(row)


def _holders(connection: Connection, seed: str) -> list[Select[Any]]:
    has = func.instr if connection.dialect.name == "sqlite" else func.strpos
    return [select(table.c.account).where(has(table.c.seeds, seed) > 0) for table in (t.tokens, t.logouts)]


def _is_over(connection: Connection, account: str, seed: str, read_at: DateTime) -> bool:
    """Whether a refresh token of a connection is not to be taken up (any more)."""
    later = [
        select(table.c.account).where(table.c.account == account, since > read_at)
        for table, since in (
            (t.tokens, t.tokens.c.logged_in_at),
            (t.user_keys, t.user_keys.c.logged_in_at),
            (t.logouts, t.logouts.c.at),
        )
    ]
    return connection.execute(union_all(*_holders(connection, seed), *later).limit(1)).first() is not None


def _put(connection: Connection, account: str, login: dict[str, Any], now: DateTime) -> None:
    user: UserOnX = login["user"]
    values = {
        "base_url": login["base_url"],
        "client_id": login["client_id"],
        "user_id": user.user_id,
        "username": user.username,
        "name": user.name,
        "picture_url": user.picture_url,
        "scopes": " ".join(login["scopes"]),
        "sealed": login["sealed"],
        "expires_at": login["expires_at"],
        "state": TokenState.GOOD.value,
        "why": None,
        "obtained_at": now,
        "logged_in_at": now,
        "logged_in_by": login["logged_in_by"],
        "refreshing_by": None,
        "refreshing_until": None,
        "retry_at": None,
        "failures": 0,
    }
    seed = f"{login['seed']} " if login.get("seed") else ""
    seeds = func.substr(seed + t.tokens.c.seeds, 1, LONGEST_SEEDS)
    again = {**values, "version": t.tokens.c.version + 1, "seeds": seeds}
    insert = insert_in(connection.dialect.name)
    statement = insert(t.tokens).values(account=account, version=1, seeds=seed, **values)
    statement = statement.on_conflict_do_update(
        index_elements=[t.tokens.c.account],
        set_=again,
    )
    connection.execute(statement)


def _changed(connection: Connection, statement: Update) -> bool:
    return connection.execute(statement).rowcount == 1


def _stored(row: Row[Any]) -> StoredTokens:
    return StoredTokens(
        account=row.account,
        base_url=row.base_url,
        client_id=row.client_id,
        user=UserOnX(row.user_id, row.username, row.name, row.picture_url),
        scopes=tuple(row.scopes.split()),
        sealed=row.sealed,
        expires_at=row.expires_at,
        version=row.version,
        state=TokenState(row.state),
        why=row.why,
        obtained_at=row.obtained_at,
        logged_in_at=row.logged_in_at,
        logged_in_by=row.logged_in_by,
        refreshing_by=row.refreshing_by,
        refreshing_until=row.refreshing_until,
        retry_at=row.retry_at,
        failures=row.failures,
        seeds=tuple(row.seeds.split()),
    )
