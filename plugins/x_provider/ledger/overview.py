"""What stands where: how many parts in each state, which posts stand still, and what for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pendulum import DateTime, Duration
from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, or_, select, union

from x_provider.ledger import tables as t
from x_provider.ledger.controls import EVERY_ACCOUNT
from x_provider.ledger.database import Database
from x_provider.ledger.moves import VOID
from x_provider.ledger.posts import load_post
from x_provider.ledger.records import Post
from x_provider.ledger.states import PartState

ACCOUNT_STOPPED = "account_stopped"
"""Outcome of an attempt that X refused for what only a person can mend: login, permission, credits, a cap."""
PUNCTUAL = Duration(minutes=1)
"""What is not on X by then has been stopped by something, or nobody sends it."""

_LONGEST_WAIT = Duration(days=2)
"""Nothing waits longer for its next try: X's longest window is a day."""


@dataclass(frozen=True)
class Standstill:
    """Posts that stand still: those to look at first, and how many there are in all.

    :param for_a_person: the ids of those among ``posts`` that a person must do something about.
    """

    posts: list[Post]
    count: int
    for_a_person: frozenset[int]


class Overview:
    """The ledger as a whole. Only counting reads every part."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def counts(self) -> dict[PartState, int]:
        """How many parts stand in each state."""
        query = select(t.parts.c.state, func.count()).group_by(t.parts.c.state)
        with self._database.read() as connection:
            return {PartState(state): count for state, count in connection.execute(query)}

    def stopped(self, now: DateTime, *, limit: int = 100) -> Standstill:
        """What ended without being on X, or may be there: unknown outcomes first, then the newest post.

        Left out is what ended as somebody wanted it: given up by a person, or skipped by its late policy.
        """
        unknown_first = func.min(case((_is_unknown(now), 0), else_=1))
        every = _unsettled(or_(_is_unknown(now), _has_ended())).group_by(t.parts.c.post_id)
        first = every.order_by(unknown_first, t.parts.c.post_id.desc()).limit(limit)
        with self._database.read() as connection:
            posts = _load(connection, first)
            return Standstill(posts, _count(connection, every), frozenset(post.id for post in posts))

    def waiting(self, now: DateTime, *, limit: int = 100) -> Standstill:
        """What should be on X by now and waits to be sent: something stops it, or nobody sends it.

        The longest overdue first. It reads what is due within two days, however much is planned.
        """
        every = _waiting(now)
        with self._database.read() as connection:
            posts = _load(connection, every.limit(limit))
            parts = [part for post in posts for part in post.parts]
            attempts = [part.attempt_id for part in parts if part.attempt_id is not None]
            stopped = t.attempts.c.id.in_(attempts), t.attempts.c.outcome == ACCOUNT_STOPPED
            of_accounts = set(connection.execute(select(t.attempts.c.part_id).where(*stopped)).scalars())
            for_a_person = frozenset(
                post.id
                for post in posts
                if post.next_due_at <= now - PUNCTUAL or any(part.id in of_accounts for part in post.parts)
            )
            return Standstill(posts, _count(connection, every), for_a_person)

    def newest(self, *, limit: int = 10) -> list[Post]:
        """The posts that came to X last, the newest first: X's ids grow, and have an index."""
        query = (
            select(t.parts.c.post_id)
            .join_from(t.receipts, t.parts, t.parts.c.id == t.receipts.c.part_id)
            .where(t.parts.c.position == 0)
            .order_by(t.receipts.c.x_id.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            return _load(connection, query)

    def unknown(self, now: DateTime) -> list[int]:
        """The posts of which nobody knows whether X created them: no answer came, or their sender died."""
        query = _unsettled(_is_unknown(now)).distinct().order_by(t.parts.c.post_id)
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def accounts(self) -> list[str]:
        """Every account that a post was planned for, or whose user X has named."""
        query = union(select(t.accounts.c.account), select(t.posts.c.account))
        with self._database.read() as connection:
            return sorted(connection.execute(query).scalars())

    def has_posts(self) -> bool:
        """Whether a post was ever planned in it."""
        with self._database.read() as connection:
            return connection.execute(select(t.posts.c.id).limit(1)).first() is not None

    def doubt_about(self, account: str) -> str | None:
        """Why an account that was named may be a slip of the pen, in words; None where the ledger knows it."""
        if account == EVERY_ACCOUNT or self._knows(account):
            return None
        known = self.accounts()
        return (
            f"the ledger knows no account {account!r}: no post of it was ever planned. If that is a mistyped name,"
            f" it concerns nothing that goes out; the ledger knows {', '.join(known) or 'no account at all'}"
        )

    def _knows(self, account: str) -> bool:
        named = select(t.accounts.c.account).where(t.accounts.c.account == account)
        planned = select(t.posts.c.id).where(t.posts.c.account == account).limit(1)
        with self._database.read() as connection:
            return any(connection.execute(query).first() is not None for query in (named, planned))


def _unsettled(*which: ColumnElement[bool]) -> Select[Any]:
    return (
        select(t.parts.c.post_id)
        .join_from(t.parts, t.posts, t.posts.c.id == t.parts.c.post_id)
        .join(t.attempts, t.attempts.c.id == t.parts.c.attempt_id, isouter=True)
        .where(t.UNSETTLED, *which)
    )


def _is_unknown(now: DateTime) -> ColumnElement[bool]:
    sender_died = and_(t.parts.c.state == PartState.SENDING.value, t.attempts.c.lease_until <= now)
    return or_(t.parts.c.state == PartState.UNCERTAIN.value, sender_died)


def _has_ended() -> ColumnElement[bool]:
    decided = t.parts.alias()  # of a thread one part carries the decision, and all that it ended its words
    given_up = (
        select(t.decisions.c.id)
        .join_from(t.decisions, decided, decided.c.id == t.decisions.c.part_id)
        .where(
            decided.c.post_id == t.parts.c.post_id,
            t.decisions.c.decision == VOID,
            t.decisions.c.words == t.parts.c.why,
        )
        .correlate(t.parts)
        .exists()
    )
    missed = and_(t.parts.c.state == PartState.MISSED.value, t.posts.c.late_then != "skip")
    return or_(missed, and_(t.parts.c.state == PartState.REFUSED.value, ~given_up))


def _waiting(now: DateTime) -> Select[Any]:
    # By the queue's index first, whatever the databases think of the grouping.
    due = (
        select(t.posts.c.id, t.posts.c.due_at)
        .where(t.posts.c.wake_at <= now + _LONGEST_WAIT, t.posts.c.due_at <= now)
        .cte()
        .prefix_with("MATERIALIZED")
    )
    unsettled = select(t.parts.c.post_id).where(t.UNSETTLED)
    later = t.parts.alias()
    follows_later = select(later.c.id).where(later.c.post_id == due.c.id, later.c.due_at > now).exists()
    return (
        select(due.c.id)
        .join_from(due, t.parts, t.parts.c.post_id == due.c.id)
        .where(
            t.parts.c.state.in_((PartState.PLANNED.value, PartState.ARMED.value)),
            or_(t.parts.c.why.is_not(None), func.coalesce(t.parts.c.due_at, due.c.due_at) <= now - PUNCTUAL),
            ~follows_later,
            due.c.id.not_in(unsettled),  # the others wait for that part
        )
        .group_by(due.c.id, due.c.due_at)
        .order_by(due.c.due_at, due.c.id)
    )


def _load(connection: Connection, query: Select[Any]) -> list[Post]:
    return [load_post(connection, post_id) for post_id in connection.execute(query).scalars()]


def _count(connection: Connection, query: Select[Any]) -> int:
    return connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
