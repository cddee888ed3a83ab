"""Planning: which posts there are, when they are due, who looks after them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pendulum import DateTime
from sqlalchemy import Connection, Row, select
from sqlalchemy.exc import IntegrityError

from x_provider.ledger import tables as t
from x_provider.ledger.database import Database, LedgerError
from x_provider.ledger.records import Content, DuePost, Part, Post, PostDraft, Receipt
from x_provider.ledger.states import PartState

OPEN_STATES = frozenset({PartState.PLANNED, PartState.REFUSED, PartState.MISSED, PartState.WITHDRAWN})
"""A post whose parts are all in one of these has left no trace on X: it may be changed and planned anew."""


class Posts:
    """The posts of all calendars."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, post_id: int) -> Post:
        """The post with its parts.

        :raises LedgerError: when the ledger has no such post.
        """
        with self._database.read() as connection:
            return load_post(connection, post_id)

    def find(self, calendar: str, key: str) -> Post | None:
        """The post that a calendar calls ``key``, if it was ever planned."""
        with self._database.read() as connection:
            post_id = _id_of(connection, calendar, key)
            return None if post_id is None else load_post(connection, post_id)

    def of_calendar(self, calendar: str) -> list[Post]:
        """Every post of a calendar, withdrawn ones included, by due time."""
        with self._database.read() as connection:
            rows = connection.execute(
                select(t.posts).where(t.posts.c.calendar == calendar).order_by(t.posts.c.due_at, t.posts.c.id)
            ).all()
            return _with_parts(connection, rows)

    def all(self) -> list[Post]:
        """Every post of the ledger that has not been withdrawn, by due time."""
        with self._database.read() as connection:
            rows = connection.execute(select(t.posts).order_by(t.posts.c.due_at, t.posts.c.id)).all()
            return [post for post in _with_parts(connection, rows) if post.parts]

    def put(self, draft: PostDraft, *, now: DateTime) -> bool:
        """Plan the post, or replace what was planned under its name, in one transaction.

        :returns: False, and nothing is changed, when some of it is already on its way or on X.
        """
        with self._database.write() as connection:
            post_id = _id_of(connection, draft.calendar, draft.key)
            if post_id is None:
                _insert(connection, draft, now)
                return True
            lock_post(connection, post_id)
            return _replace(connection, post_id, draft, now)

    def ensure(self, draft: PostDraft, *, now: DateTime) -> Post:
        """The post of that name, planned from ``draft`` if there is none: repeating it changes nothing."""
        found = self.find(draft.calendar, draft.key)
        if found is not None:
            return found
        try:
            with self._database.write() as connection:
                return load_post(connection, _insert(connection, draft, now))
        except IntegrityError:  # somebody else planned it in the meantime
            again = self.find(draft.calendar, draft.key)
            if again is None:
                raise
            return again

    def withdraw(self, calendar: str, key: str) -> bool:
        """Take the post off the plan; False when some of it is already on its way or on X."""
        with self._database.write() as connection:
            post_id = _id_of(connection, calendar, key)
            if post_id is None:
                return False
            lock_post(connection, post_id)
            if not _is_open(connection, post_id):
                return False
            connection.execute(
                t.parts.update().where(t.parts.c.post_id == post_id).values(state=PartState.WITHDRAWN.value)
            )
            connection.execute(t.posts.update().where(t.posts.c.id == post_id).values(wake_at=None))
            return True

    def due(self, now: DateTime, *, limit: int = 1000) -> list[DuePost]:
        """The posts that somebody must look after by ``now``, the most urgent first."""
        query = (
            select(
                t.posts.c.id,
                t.posts.c.calendar,
                t.posts.c.key,
                t.posts.c.account,
                t.posts.c.due_at,
                t.posts.c.wake_at,
            )
            .where(t.posts.c.wake_at <= now)
            .order_by(t.posts.c.wake_at)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [
                DuePost(r.id, f"{r.calendar}/{r.key}", r.account, r.due_at, r.wake_at)
                for r in connection.execute(query)
            ]

    def claim(self, due: DuePost, *, until: DateTime) -> bool:
        """Take the post on: nobody else is woken for it before ``until``. False when somebody was faster."""
        with self._database.write() as connection:
            done = connection.execute(
                t.posts.update()
                .where(t.posts.c.id == due.id, t.posts.c.wake_at == due.wake_at)
                .values(wake_at=until)
            )
            return done.rowcount == 1

    def wake(self, post_id: int, at: DateTime | None) -> None:
        """Set when somebody must look after the post next; None when nobody needs to."""
        with self._database.write() as connection:
            connection.execute(t.posts.update().where(t.posts.c.id == post_id).values(wake_at=at))


def lock_post(connection: Connection, post_id: int) -> Row[Any]:
    """The post's row, held until the transaction ends: moves of one post happen one after the other."""
    row = connection.execute(select(t.posts).where(t.posts.c.id == post_id).with_for_update()).one_or_none()
    if row is None:
        raise LedgerError(f"the ledger has no post {post_id}; was it planned in another ledger database?")
    return row


def load_post(connection: Connection, post_id: int) -> Post:
    rows = connection.execute(select(t.posts).where(t.posts.c.id == post_id)).all()
    if not rows:
        raise LedgerError(f"the ledger has no post {post_id}; was it planned in another ledger database?")
    return _with_parts(connection, rows)[0]


def _with_parts(connection: Connection, rows: Sequence[Row[Any]]) -> list[Post]:
    of_post: dict[int, list[Part]] = {row.id: [] for row in rows}
    ids = list(of_post)
    for start in range(0, len(ids), 500):  # SQLite limits the number of bound values
        for row in connection.execute(
            select(t.parts, t.receipts)
            .join_from(t.parts, t.receipts, t.receipts.c.part_id == t.parts.c.id, isouter=True)
            .where(t.parts.c.post_id.in_(ids[start : start + 500]))
            .order_by(t.parts.c.post_id, t.parts.c.position)
        ):
            of_post[row.post_id].append(_part(row))
    return [
        Post(
            id=row.id,
            calendar=row.calendar,
            key=row.key,
            account=row.account,
            revision=row.revision,
            at=row.at,
            timezone=row.timezone,
            due_at=row.due_at,
            late_grace_seconds=row.late_grace_seconds,
            late_then=row.late_then,
            wake_at=row.wake_at,
            parts=tuple(p for p in of_post[row.id] if p.state is not PartState.WITHDRAWN),
        )
        for row in rows
    ]


def _part(row: Row[Any]) -> Part:
    receipt = None
    if row.x_id is not None:
        receipt = Receipt(row.x_id, row.url, row.posted_at, row.received_at, row.adopted, row.deleted_at)
    return Part(row.id, row.position, row.content, PartState(row.state), row.attempt_id, row.why, receipt)


def _id_of(connection: Connection, calendar: str, key: str) -> int | None:
    query = select(t.posts.c.id).where(t.posts.c.calendar == calendar, t.posts.c.key == key)
    found: int | None = connection.execute(query).scalar_one_or_none()
    return found


def _columns(draft: PostDraft) -> dict[str, Any]:
    return {
        "account": draft.account,
        "revision": draft.revision,
        "at": draft.at,
        "timezone": draft.timezone,
        "due_at": draft.due_at,
        "late_grace_seconds": draft.late_grace_seconds,
        "late_then": draft.late_then,
        "lead_seconds": draft.lead_seconds,
        "wake_at": draft.wake_at,
    }


def _insert(connection: Connection, draft: PostDraft, now: DateTime) -> int:
    done = connection.execute(
        t.posts.insert().values(calendar=draft.calendar, key=draft.key, planned_at=now, **_columns(draft))
    )
    key = done.inserted_primary_key
    assert key is not None  # noqa: S101 - both databases return it
    post_id: int = key[0]
    for position, content in enumerate(draft.contents):
        _insert_part(connection, post_id, position, content)
    return post_id


def _insert_part(connection: Connection, post_id: int, position: int, content: Content) -> None:
    connection.execute(
        t.parts.insert().values(
            post_id=post_id, position=position, content=dict(content), state=PartState.PLANNED.value
        )
    )


def _is_open(connection: Connection, post_id: int) -> bool:
    states = connection.execute(select(t.parts.c.state).where(t.parts.c.post_id == post_id)).scalars()
    return all(PartState(state) in OPEN_STATES for state in states)


def _replace(connection: Connection, post_id: int, draft: PostDraft, now: DateTime) -> bool:
    if not _is_open(connection, post_id):
        return False
    connection.execute(
        t.posts.update().where(t.posts.c.id == post_id).values(planned_at=now, **_columns(draft))
    )
    positions = set(
        connection.execute(select(t.parts.c.position).where(t.parts.c.post_id == post_id)).scalars()
    )
    of_post = t.parts.update().where(t.parts.c.post_id == post_id)
    for position, content in enumerate(draft.contents):
        if position in positions:
            connection.execute(
                of_post.where(t.parts.c.position == position).values(
                    content=dict(content), state=PartState.PLANNED.value, why=None
                )
            )
        else:
            _insert_part(connection, post_id, position, content)
    # Parts beyond the new end keep their row: attempts may point at it.
    connection.execute(
        of_post.where(t.parts.c.position >= len(draft.contents)).values(state=PartState.WITHDRAWN.value)
    )
    return True
