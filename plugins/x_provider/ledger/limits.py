"""Rate limits: how many calls X still takes from each account, as all workers know it together."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from pendulum import DateTime
from sqlalchemy import ColumnElement, Connection, and_, case, func, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from x_provider.ledger import tables as t
from x_provider.ledger.database import Database


@dataclass(frozen=True)
class Window:
    """What X said about one of the windows that it counts a call in.

    :param name: such as ``15-minute`` or ``user-24-hour``.
    :param limit: calls that it allows in all.
    :param remaining: calls that are left of it.
    :param reset_at: when it starts anew (UTC).
    """

    name: str
    limit: int
    remaining: int
    reset_at: DateTime


class Limits:
    """The windows of every account and family of calls.

    A window that is over, or that nobody has heard of, holds nobody back: the next answer tells.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, account: str, family: str, windows: Iterable[Window]) -> None:
        """Learn from an answer of X. An answer that arrives late never makes a window roomier."""
        with self._database.write() as connection:
            note(connection, account, family, windows)

    def blocked_until(self, account: str, families: Collection[str], *, now: DateTime) -> DateTime | None:
        """When all of these calls are allowed again; None when they are now."""
        query = select(func.max(t.rate_windows.c.reset_at)).where(
            t.rate_windows.c.account == account,
            t.rate_windows.c.family.in_(families),
            t.rate_windows.c.reset_at > now,
            t.rate_windows.c.remaining <= 0,
        )
        with self._database.read() as connection:
            until: DateTime | None = connection.execute(query).scalar()
            return until

    def windows(self, account: str, *, now: DateTime) -> dict[str, list[Window]]:
        """The running windows of an account, by family."""
        query = select(t.rate_windows).where(
            t.rate_windows.c.account == account, t.rate_windows.c.reset_at > now
        )
        found: dict[str, list[Window]] = {}
        with self._database.read() as connection:
            for row in connection.execute(query.order_by(t.rate_windows.c.family, t.rate_windows.c.name)):
                found.setdefault(row.family, []).append(
                    Window(row.name, row.limit, row.remaining, row.reset_at)
                )
        return found


def exhausted_until(connection: Connection, account: str, family: str, *, now: DateTime) -> DateTime | None:
    """When the call is allowed again: the latest reset among the exhausted windows; None when it is now.

    The windows are held until the transaction ends, so that two senders do not take the same last call.
    """
    running = select(t.rate_windows).where(*_running(account, family, now)).with_for_update()
    windows = connection.execute(running.order_by(t.rate_windows.c.name)).all()
    return max((window.reset_at for window in windows if window.remaining <= 0), default=None)


def take(connection: Connection, account: str, family: str, *, now: DateTime) -> None:
    """Take one call out of every running window, for a request that follows at once."""
    _change(connection, account, family, by=-1, now=now)


def give_back(connection: Connection, account: str, family: str, *, now: DateTime) -> None:
    """The request for which a call was reserved never left."""
    _change(connection, account, family, by=1, now=now)


def note(connection: Connection, account: str, family: str, windows: Iterable[Window]) -> None:
    rows = [
        {
            "account": account,
            "family": family,
            "name": window.name,
            "limit": window.limit,
            "remaining": window.remaining,
            "reset_at": window.reset_at,
        }
        for window in windows
    ]
    if not rows:
        return
    insert = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
    statement = insert(t.rate_windows)
    said, known = statement.excluded, t.rate_windows.c
    # Of one window the smallest count is the newest, and it holds what others have reserved meanwhile.
    roomier = and_(said.reset_at == known.reset_at, said.remaining > known.remaining)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[known.account, known.family, known.name],
            set_={
                "limit": said.limit,
                "remaining": case((roomier, known.remaining), else_=said.remaining),
                "reset_at": said.reset_at,
            },
            where=said.reset_at >= known.reset_at,
        ),
        rows,
    )


def _change(connection: Connection, account: str, family: str, *, by: int, now: DateTime) -> None:
    counted = t.rate_windows.update().where(*_running(account, family, now))
    connection.execute(counted.values(remaining=t.rate_windows.c.remaining + by))


def _running(account: str, family: str, now: DateTime) -> tuple[ColumnElement[bool], ...]:
    windows = t.rate_windows.c
    return windows.account == account, windows.family == family, windows.reset_at > now
