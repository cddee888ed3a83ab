"""Sweeping: the posts that somebody must look after and nobody does, and those that only a person can settle."""

from __future__ import annotations

from dataclasses import dataclass

from pendulum import DateTime, Duration, datetime
from sqlalchemy import ColumnElement, Select, and_, exists, func, literal, or_, select

from x_provider.ledger import tables as t
from x_provider.ledger.database import Database
from x_provider.ledger.deciding import DUPLICATE, PATIENCE
from x_provider.ledger.posts import lock_post, wake
from x_provider.ledger.states import UNDER_WAY, PartState
from x_provider.ledger.types import Instant

_LOOK_BACK = Duration(days=7)
_LOOK_AHEAD = Duration(hours=1)
"""Longer than any post's lead time."""
_NEVER = datetime(9999, 12, 31, tz="UTC")


@dataclass(frozen=True)
class InFlight:
    """A part that was sent, and nobody knows yet what became of it.

    :param started_at: when it was sent last.
    """

    post_id: int
    part_id: int
    started_at: DateTime


class Sweeping:
    """What is forgotten, whoever forgot it. Each look reads what is unsettled, not what is planned or posted."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def wake_dead_sends(self, now: DateTime, *, limit: int = 1000) -> list[str]:
        """Wake the posts with a part in ``sending`` whose lease has run out; give their names."""
        return self._wake(_dead_sends(now), now, limit)

    def wake_uncertain(self, now: DateTime, *, limit: int = 1000) -> list[str]:
        """Wake the posts with an uncertain part that nobody is to look after; give their names.

        Those whose calendar says to ask are left to a person.
        """
        return self._wake(_unattended(now), now, limit)

    def wake_unsent(self, now: DateTime, *, limit: int = 1000) -> list[str]:
        """Wake the posts due within the hour, or in the last week, that nobody is to send; give their names."""
        return self._wake(_unsent(now), now, limit)

    def in_flight(self, user_id: str) -> list[InFlight]:
        """What is being sent, or of unknown outcome, of a user on X; the oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(_in_flight().where(t.attempts.c.user_id == user_id))
            return [InFlight(row.post_id, row.part_id, row.started_at) for row in rows]

    def hasten(self, flight: InFlight, at: DateTime) -> bool:
        """Have somebody look after a post by then, whoever was to later, or nobody; whether that changed anything."""
        with self._database.write() as connection:
            lock_post(connection, flight.post_id)
            # Its sender may have come back meanwhile.
            still = _in_flight().where(t.parts.c.id == flight.part_id, _nobody_comes(at))
            if connection.execute(still).first() is None:
                return False
            wake(connection, flight.post_id, at)
            return True

    def overdue(self, now: DateTime, *, limit: int = 1000) -> list[int]:
        """The posts due by ``now`` that somebody should look after and nobody has taken on."""
        query = (
            select(t.posts.c.id)
            .where(t.posts.c.wake_at <= now, t.posts.c.due_at <= now)
            .order_by(t.posts.c.wake_at)
            .limit(limit)
        )
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def undecided(self, now: DateTime, *, limit: int = 1000) -> list[int]:
        """The posts that only a person can settle, the oldest first."""
        query = (
            select(t.posts.c.id)
            .distinct()
            .join_from(t.parts, t.posts, t.posts.c.id == t.parts.c.post_id)
            .join(t.attempts, t.attempts.c.id == t.parts.c.attempt_id, isouter=True)
            .where(t.UNSETTLED, or_(_missed(), _unknown(now), _duplicate()))
            .order_by(t.posts.c.id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def _wake(self, query: Select[tuple[int, str, str]], now: DateTime, limit: int) -> list[str]:
        with self._database.read() as connection:
            rows = connection.execute(query.limit(limit)).all()
        # Two parts of a post may be found; a DISTINCT would tempt PostgreSQL to sort all posts by id.
        found = {row.id: f"{row.calendar}/{row.key}" for row in rows}
        return [name for post_id, name in found.items() if self._wake_one(query, post_id, now)]

    def _wake_one(self, query: Select[tuple[int, str, str]], post_id: int, now: DateTime) -> bool:
        with self._database.write() as connection:
            lock_post(connection, post_id)
            # Its sender may have come back meanwhile.
            if connection.execute(query.where(t.posts.c.id == post_id)).first() is None:
                return False
            wake(connection, post_id, now)
            return True


def _columns() -> Select[tuple[int, str, str]]:
    return select(t.posts.c.id, t.posts.c.calendar, t.posts.c.key)


def _dead_sends(now: DateTime) -> Select[tuple[int, str, str]]:
    return (
        _columns()
        .join_from(t.parts, t.posts, t.posts.c.id == t.parts.c.post_id)
        .join(t.attempts, t.attempts.c.id == t.parts.c.attempt_id)
        .where(
            t.UNSETTLED,
            t.parts.c.state == PartState.SENDING.value,
            t.attempts.c.lease_until <= now,
            _nobody_comes(now),
        )
    )


def _unattended(now: DateTime) -> Select[tuple[int, str, str]]:
    return (
        _columns()
        .join_from(t.parts, t.posts, t.posts.c.id == t.parts.c.post_id)
        .join(t.attempts, t.attempts.c.id == t.parts.c.attempt_id)
        .where(
            t.UNSETTLED,
            t.parts.c.state == PartState.UNCERTAIN.value,
            _is_asleep(),
            t.posts.c.on_absent != "ask",
            t.attempts.c.lease_until <= now,
        )
    )


def _in_flight() -> Select[tuple[int, int, DateTime]]:
    in_flight = t.parts.c.state.in_([state.value for state in UNDER_WAY])
    return (
        select(t.parts.c.post_id, t.parts.c.id.label("part_id"), t.attempts.c.started_at)
        .join_from(t.parts, t.posts, t.posts.c.id == t.parts.c.post_id)
        .join(t.attempts, t.attempts.c.id == t.parts.c.attempt_id)
        .where(t.UNSETTLED, in_flight)
        .order_by(t.attempts.c.started_at, t.parts.c.id)
    )


def _unsent(now: DateTime) -> Select[tuple[int, str, str]]:
    of_post = t.parts.c.post_id == t.posts.c.id
    waits = t.parts.c.state.in_((PartState.PLANNED.value, PartState.ARMED.value))
    return (
        _columns()
        .where(
            t.posts.c.due_at.between(now - _LOOK_BACK, now + _LOOK_AHEAD),
            t.posts.c.wake_at.is_(None),
            exists().where(of_post, waits),
            ~exists().where(of_post, t.UNSETTLED),  # the others wait for that part
        )
        .order_by(t.posts.c.due_at)
    )


def _is_asleep() -> ColumnElement[bool]:
    """``wake_at IS NULL``, worded so that its index, which has every post that is done there, is not searched."""
    never = literal(_NEVER, Instant)
    return func.coalesce(t.posts.c.wake_at, never) == never


def _nobody_comes(now: DateTime) -> ColumnElement[bool]:
    return or_(_is_asleep(), t.posts.c.wake_at > now)


def _missed() -> ColumnElement[bool]:
    return and_(t.parts.c.state == PartState.MISSED.value, t.posts.c.late_then != "skip")


def _unknown(now: DateTime) -> ColumnElement[bool]:
    asked_for = and_(_is_asleep(), t.posts.c.on_absent == "ask")
    patience_ran_out = t.attempts.c.started_at <= now - PATIENCE
    return and_(t.parts.c.state == PartState.UNCERTAIN.value, or_(asked_for, patience_ran_out))


def _duplicate() -> ColumnElement[bool]:
    decided = exists().where(
        t.decisions.c.part_id == t.parts.c.id, t.decisions.c.attempt_id == t.parts.c.attempt_id
    )
    refused = t.parts.c.state == PartState.REFUSED.value
    return and_(refused, t.attempts.c.outcome == DUPLICATE, ~decided)
