"""Halts: nothing is sent while one is in force, whether it is the kill switch or a planned blackout."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from pendulum import DateTime
from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, func, or_, select, text

from x_provider.ledger import tables as t
from x_provider.ledger.database import Database

EVERY_ACCOUNT = "*"
BY_HAND = ""
BREAKER = "x:money"
"""Where a halt comes from that X has caused: it takes no more money. No calendar can have such a name."""


@dataclass(frozen=True)
class Blackout:
    """A time that a calendar keeps free of posts.

    :param account: an account, or ``*`` for every one.
    """

    account: str
    starts_at: DateTime
    ends_at: DateTime
    why: str = ""


@dataclass(frozen=True)
class Halt:
    """Somebody has stopped an account, or every one (``*``), now or for a time to come.

    :param ends_at: None until somebody lifts it.
    :param source: the calendar that it stands in; empty when it was said by hand, ``BREAKER`` where X takes no money.
    """

    account: str
    why: str
    by: str
    starts_at: DateTime
    ends_at: DateTime | None = None
    source: str = BY_HAND

    def __str__(self) -> str:
        who = "everything" if self.account == EVERY_ACCOUNT else f"account {self.account}"
        reason = f": {self.why}" if self.why else ""
        since = self.starts_at.isoformat()
        if self.source == BREAKER:
            until = f"until {self.ends_at.isoformat()}, or " if self.ends_at else "until "
            reset = f"airflow x budget {self.account} --reset"
            return f"nothing of {who} that costs money leaves since {since}{reason} ({until}{reset} lets it go on)"
        if self.source:
            return f"{who} is in a blackout of calendar {self.source} from {since} to {self.ends_at}{reason}"
        until = f" until {self.ends_at.isoformat()}" if self.ends_at else ""
        lift = "airflow x go" + ("" if self.account == EVERY_ACCOUNT else f" --account {self.account}")
        return f"{who} was stopped by {self.by} at {since}{until}{reason} ({lift} lets it go on)"


_HALTS_LOCK = 0x785F_6861_6C74  # "x_halt"
_HOLD_HALTS = text("SELECT pg_advisory_xact_lock_shared(:key)")


class Controls:
    """Stopping what has not been sent. What X has answered or is answering at that moment stays."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def stop(
        self,
        *,
        account: str = EVERY_ACCOUNT,
        why: str,
        by: str,
        now: DateTime,
        starts_at: DateTime | None = None,
        ends_at: DateTime | None = None,
    ) -> None:
        """Stop an account, or every one: from the moment this returns no attempt begins, in any process.

        It replaces what was said by hand before for the same account and time.

        :param starts_at: for a time to come; at once when left out.
        :param ends_at: when it ends by itself; when left out, somebody must lift it.
        :raises ValueError: when it would end before it starts.
        """
        if ends_at is not None and ends_at <= (starts_at or now):
            raise ValueError(
                f"a stop that ends at {ends_at} must start before that, not at {starts_at or now}"
            )
        with self._database.write() as connection:
            _wait_for_attempts(connection)
            start_is_same = (
                t.halts.c.starts_at.is_(None) if starts_at is None else t.halts.c.starts_at == starts_at
            )
            _lift(connection, _said_for(account, BY_HAND), start_is_same, now=now)
            said = {
                "account": account,
                "source": BY_HAND,
                "why": why,
                "starts_at": starts_at,
                "ends_at": ends_at,
            }
            _add(connection, by=by, now=now, **said)

    def go(self, *, account: str = EVERY_ACCOUNT, now: DateTime) -> bool:
        """Lift what was said by hand, now or for later; False when nothing was.

        A calendar's blackout stays: it ends when the calendar says.
        """
        with self._database.write() as connection:
            not_over = or_(t.halts.c.ends_at.is_(None), t.halts.c.ends_at > now)
            return _lift(connection, _said_for(account, BY_HAND), not_over, now=now) > 0

    def break_off(self, account: str, *, why: str, now: DateTime, ends_at: DateTime | None = None) -> bool:
        """X takes no more money for the account: nothing of it that costs leaves until :meth:`reset`, or ``ends_at``.

        As with :meth:`stop` no attempt begins after it has returned.

        :param why: X's words.
        :returns: False when it was known already.
        """
        with self._database.write() as connection:
            _wait_for_attempts(connection)
            known = breaker_of(connection, account, now)
            if known is not None and (known.ends_at is None or (ends_at and known.ends_at >= ends_at)):
                return False
            _lift(connection, _said_for(account, BREAKER), now=now)
            said = {"account": account, "source": BREAKER, "why": why, "starts_at": None, "ends_at": ends_at}
            _add(connection, by="X", now=now, **said)
            return True

    def reset(self, account: str, *, now: DateTime) -> bool:
        """X takes money for the account again, somebody says; False when nobody had said that it does not."""
        with self._database.write() as connection:
            not_over = or_(t.halts.c.ends_at.is_(None), t.halts.c.ends_at > now)
            return _lift(connection, _said_for(account, BREAKER), not_over, now=now) > 0

    def breaker_of(self, account: str, now: DateTime) -> Halt | None:
        """Since when, why and until when X takes no money for the account; None while it does."""
        with self._database.read() as connection:
            return breaker_of(connection, account, now)

    def set_blackouts(self, calendar: str, blackouts: Collection[Blackout], *, now: DateTime) -> bool:
        """Make a calendar's blackouts these and no others; True when that changed something."""
        wanted = {(each.account, each.starts_at, each.ends_at, each.why) for each in blackouts}
        columns = (t.halts.c.id, t.halts.c.account, t.halts.c.starts_at, t.halts.c.ends_at, t.halts.c.why)
        standing = select(*columns).where(t.halts.c.source == calendar, t.halts.c.lifted_at.is_(None))
        with self._database.write() as connection:
            _wait_for_attempts(connection)
            known = {tuple(row[1:]): row.id for row in connection.execute(standing)}
            gone = [halt_id for halt, halt_id in known.items() if halt not in wanted]
            _lift(connection, t.halts.c.id.in_(gone), now=now)
            new = sorted(wanted - known.keys())
            for account, starts_at, ends_at, why in new:
                said = {"account": account, "source": calendar, "why": why}
                by = f"calendar {calendar}"
                _add(connection, by=by, now=now, starts_at=starts_at, ends_at=ends_at, **said)
        return bool(gone or new)

    def halts(self, now: DateTime) -> list[Halt]:
        """What is in force and what is to come."""
        query = _query().where(
            t.halts.c.lifted_at.is_(None), or_(t.halts.c.ends_at.is_(None), t.halts.c.ends_at > now)
        )
        with self._database.read() as connection:
            return [_halt(row) for row in connection.execute(query)]

    def halt_of(self, account: str, now: DateTime) -> Halt | None:
        """What keeps the account from sending, if anything does."""
        with self._database.read() as connection:
            return halt_of(connection, account, now)

    def held_since(self, account: str, since: DateTime, *, now: DateTime) -> Halt | None:
        """A halt that kept the account from sending at some time between ``since`` and ``now``."""
        query = _query().where(
            t.halts.c.account.in_((account, EVERY_ACCOUNT)),
            or_(t.halts.c.starts_at < now, and_(t.halts.c.starts_at.is_(None), t.halts.c.since < now)),
            or_(t.halts.c.ends_at.is_(None), t.halts.c.ends_at > since),
            or_(t.halts.c.lifted_at.is_(None), t.halts.c.lifted_at > since),
            # One that was lifted before it began has kept nobody.
            or_(
                t.halts.c.lifted_at.is_(None),
                t.halts.c.lifted_at > func.coalesce(t.halts.c.starts_at, t.halts.c.since),
            ),
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
            return None if row is None else _halt(row)


_IN_FORCE = select(t.halts).where(
    or_(t.halts.c.account == bindparam("account"), t.halts.c.account == EVERY_ACCOUNT),
    t.halts.c.lifted_at.is_(None),
    or_(t.halts.c.starts_at.is_(None), t.halts.c.starts_at <= bindparam("now")),
    or_(t.halts.c.ends_at.is_(None), t.halts.c.ends_at > bindparam("now")),
)


def hold_halts(connection: Connection) -> None:
    """Keep halts as they are until the transaction ends: who says a new one waits for it.

    A statement of its own, since the one that looks for halts must begin after it.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_HOLD_HALTS, {"key": _HALTS_LOCK})


def halt_of(connection: Connection, account: str, now: DateTime) -> Halt | None:
    # The one that lasts longest is the one to name and to wait for.
    halts = [_halt(row) for row in connection.execute(_IN_FORCE, {"account": account, "now": now})]
    endless = next((halt for halt in halts if halt.ends_at is None), None)
    return endless or max(halts, key=lambda halt: halt.ends_at or halt.starts_at, default=None)


def breaker_of(connection: Connection, account: str, now: DateTime) -> Halt | None:
    query = _IN_FORCE.where(t.halts.c.source == BREAKER).order_by(t.halts.c.id.desc())
    row = connection.execute(query, {"account": account, "now": now}).first()
    return None if row is None else _halt(row)


def _wait_for_attempts(connection: Connection) -> None:
    """Let those finish who have looked for halts and found none, and let nobody else look until ours is written.

    SQLite has one writer at a time anyway. On PostgreSQL it is an advisory lock: a lock of the table would wait for
    whoever reads it for long, such as a backup, and have all senders wait behind it.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _HALTS_LOCK})


def _said_for(account: str, source: str) -> ColumnElement[bool]:
    return and_(t.halts.c.account == account, t.halts.c.source == source)


def _lift(connection: Connection, *which: ColumnElement[bool], now: DateTime) -> int:
    standing = t.halts.c.lifted_at.is_(None)
    return connection.execute(t.halts.update().where(standing, *which).values(lifted_at=now)).rowcount


def _add(connection: Connection, *, by: str, now: DateTime, **values: Any) -> None:
    connection.execute(t.halts.insert().values(stopped_by=by, since=now, **values))


def _query() -> Select[Any]:
    return select(t.halts).order_by(t.halts.c.account, t.halts.c.id)


def _halt(row: Any) -> Halt:
    return Halt(row.account, row.why, row.stopped_by, row.starts_at or row.since, row.ends_at, row.source)
