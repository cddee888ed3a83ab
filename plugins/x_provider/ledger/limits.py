"""Rate limits: how many calls X still takes from each account, as all workers know it together."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from pendulum import DateTime
from sqlalchemy import Connection, Integer, and_, bindparam, case, func, select

from x_provider.ledger import tables as t
from x_provider.ledger.database import Database
from x_provider.ledger.schema import insert_in

_is_running = and_(
    t.rate_windows.c.account == bindparam("of"),
    t.rate_windows.c.family == bindparam("call"),
    t.rate_windows.c.reset_at > bindparam("now"),
)
_RUNNING = select(t.rate_windows).where(_is_running).order_by(t.rate_windows.c.name).with_for_update()
_CHANGE = (
    t.rate_windows.update()
    .where(_is_running)
    .values(remaining=t.rate_windows.c.remaining + bindparam("by", type_=Integer))
)


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


def take(connection: Connection, account: str, family: str, *, now: DateTime) -> DateTime | None:
    """Take one call out of every running window, for a request that follows at once.

    The windows are held until the transaction ends, so that two senders do not take the same last call.

    :returns: None, or the instant at which the call is allowed again: the latest reset among the exhausted
        windows. Then nothing was taken.
    """
    windows = connection.execute(_RUNNING, {"of": account, "call": family, "now": now}).all()
    reset_at = max((window.reset_at for window in windows if window.remaining <= 0), default=None)
    if windows and reset_at is None:
        _change(connection, account, family, by=-1, now=now)
    return reset_at


def give_back(connection: Connection, account: str, family: str, *, now: DateTime) -> None:
    """The request for which a call was reserved never left."""
    # In the order in which `take` holds them, or the two could wait for each other.
    connection.execute(_RUNNING, {"of": account, "call": family, "now": now})
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
    connection.execute(_note_in(connection.dialect.name), rows)


def _change(connection: Connection, account: str, family: str, *, by: int, now: DateTime) -> None:
    connection.execute(_CHANGE, {"of": account, "call": family, "now": now, "by": by})


@cache
def _note_in(dialect: str) -> Any:
    """The statement that learns a window, in the database's own words."""
    insert = insert_in(dialect)
    statement = insert(t.rate_windows)
    said, known = statement.excluded, t.rate_windows.c
    # Of one window the smallest count is the newest, and it holds what others have reserved meanwhile.
    roomier = and_(said.reset_at == known.reset_at, said.remaining > known.remaining)
    return statement.on_conflict_do_update(
        index_elements=[known.account, known.family, known.name],
        set_={
            "limit": said.limit,
            "remaining": case((roomier, known.remaining), else_=said.remaining),
            "reset_at": said.reset_at,
        },
        where=said.reset_at >= known.reset_at,
    )
