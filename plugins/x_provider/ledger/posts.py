"""Planning: which posts there are, when they are due, who looks after them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from pendulum import DateTime
from sqlalchemy import Connection, Row, Select, bindparam, func, select
from sqlalchemy.exc import IntegrityError

from x_provider.ledger import tables as t
from x_provider.ledger.database import Database, LedgerError
from x_provider.ledger.follow_ups import replace_follow_ups
from x_provider.ledger.moves import is_given_up
from x_provider.ledger.records import Content, DuePost, Part, Post, PostDraft, PostOutline, Receipt
from x_provider.ledger.relocating import relocate
from x_provider.ledger.states import UNSENT, PartState

_LONGEST_NUMBER = 18
"""Digits of a post's number; the databases take no longer ones."""

# Built once: building a statement takes five times as long as running it.
_POST = select(t.posts).where(t.posts.c.id == bindparam("post"))
_budget = select(t.budgets.c.monthly).where(t.budgets.c.account == t.posts.c.account).scalar_subquery()
_LOCK = (
    select(t.posts.c.id, t.posts.c.account, t.posts.c.revision, t.posts.c.due_at, _budget.label("budget"))
    .where(t.posts.c.id == bindparam("post"))
    .with_for_update()
)
_WAKE = t.posts.update().where(t.posts.c.id == bindparam("post")).values(wake_at=bindparam("then"))
_CLAIM = (
    t.posts.update()
    .where(t.posts.c.id == bindparam("post"), t.posts.c.wake_at == bindparam("was"))
    .values(wake_at=bindparam("until"), taken_by=bindparam("taker"))
)
_PARTS = (
    select(t.parts, t.receipts)
    .join_from(t.parts, t.receipts, t.receipts.c.part_id == t.parts.c.id, isouter=True)
    .where(t.parts.c.post_id.in_(bindparam("posts", expanding=True)))
    .order_by(t.parts.c.post_id, t.parts.c.position)
)


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

    def named(self, name: str) -> Post:
        """The post that people call ``calendar/key``, or by its number in the ledger.

        :raises LedgerError: when the ledger has no such post.
        """
        if name.isdecimal():
            if len(name) > _LONGEST_NUMBER:
                raise LedgerError(
                    f"the ledger has no post {name}; write calendar/entry as in the calendar file"
                )
            return self.get(int(name))
        calendar, _, key = name.partition("/")
        post = self.find(calendar, key)
        if post is None:
            raise LedgerError(
                f"the ledger has no post {name!r}; write calendar/entry as in the calendar file"
            )
        return post

    def outline(self, calendar: str) -> list[PostOutline]:
        """What a plan needs of every post of a calendar, however many: no content is read."""
        columns = (t.posts.c.id, t.posts.c.key, t.posts.c.revision, t.posts.c.due_at, t.parts.c.state)
        query = (
            select(*columns)
            .join_from(t.posts, t.parts, t.parts.c.post_id == t.posts.c.id)
            .where(t.posts.c.calendar == calendar)
            .order_by(t.posts.c.id, t.parts.c.position)
        )
        outlines: list[PostOutline] = []
        with self._database.read() as connection:
            for _, rows in groupby(connection.execute(query), key=lambda row: row.id):
                parts = list(rows)
                states = tuple(PartState(row.state) for row in parts)
                outlines.append(PostOutline(parts[0].key, parts[0].revision, parts[0].due_at, states))
        return outlines

    def all(self) -> list[Post]:
        """Every post of the ledger that has not been withdrawn, by due time."""
        with self._database.read() as connection:
            rows = connection.execute(select(t.posts).order_by(t.posts.c.due_at, t.posts.c.id)).all()
            return [post for post in _with_parts(connection, rows) if post.parts]

    def put(self, draft: PostDraft, *, now: DateTime) -> bool:
        """Plan the post, or replace what was planned under its name, in one transaction.

        Armed parts are disarmed by it. Of a thread that stopped half-way the parts that are on X must stay
        as they are; the others may change.

        :returns: False, and nothing is changed, when what would change is on X or on its way there.
        """
        for _ in range(2):
            try:
                with self._database.write() as connection:
                    post_id = _id_of(connection, draft.calendar, draft.key)
                    if post_id is not None:
                        lock_post(connection, post_id)
                        return _replace(connection, post_id, draft, now)
                    _insert(connection, draft, now)
                    return True
            except IntegrityError:  # somebody else planned it in the meantime: now it is there
                continue
        raise LedgerError(f"post {draft.calendar}/{draft.key} is being planned by several at once; try again")

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

    def relocate(self, calendar: str, drafts: Sequence[PostDraft]) -> list[str]:
        """Take over where the files of posts lie by now, of drafts that say what was planned and nothing else.

        What is on X, or on its way there, stays.

        :returns: the keys of those that lay elsewhere.
        """
        return relocate(self._database, calendar, drafts)

    def withdraw(self, calendar: str, key: str) -> bool:
        """Take the post off the plan, armed or not; False when some of it is on its way or on X."""
        with self._database.write() as connection:
            post_id = _id_of(connection, calendar, key)
            if post_id is None:
                return False
            lock_post(connection, post_id)
            if not all(state in UNSENT for state in _states(connection, post_id).values()):
                return False
            connection.execute(
                t.parts.update().where(t.parts.c.post_id == post_id).values(state=PartState.WITHDRAWN.value)
            )
            wake(connection, post_id, None)
            return True

    def due(self, now: DateTime, *, limit: int = 1000) -> list[DuePost]:
        """The posts that somebody must look after by ``now``, the most urgent first."""
        query = _due_columns().where(t.posts.c.wake_at <= now).limit(limit)
        with self._database.read() as connection:
            return _due_posts(connection, query)

    def due_in_turns(self, now: DateTime, *, limit: int) -> list[DuePost]:
        """As :meth:`due`, but one post of each account after the other: no account's backlog fills the list."""
        first = t.posts.c.wake_at, t.posts.c.id
        turn = func.row_number().over(partition_by=t.posts.c.account, order_by=first).label("turn")
        due = _due_columns().add_columns(turn).order_by(None).where(t.posts.c.wake_at <= now).subquery()
        query = select(due).order_by(due.c.turn, due.c.wake_at, due.c.id).limit(limit)
        with self._database.read() as connection:
            return _due_posts(connection, query)

    def claim(self, until: Mapping[DuePost, DateTime], *, taker: str | None = None) -> int:
        """Take posts on, all at once: nobody else is woken for one until then.

        :param taker: who takes them on, to be found again by :meth:`taken`.
        :returns: how many it got; of the others somebody was faster.
        """
        if not until:
            return 0
        with self._database.write() as connection:
            return sum(
                connection.execute(
                    _CLAIM, {"post": post.id, "was": post.wake_at, "until": instant, "taker": taker}
                ).rowcount
                # In the order in which relocating holds them, too.
                for post, instant in sorted(until.items(), key=lambda each: each[0].id)
            )

    def taken(self, taker: str) -> list[DuePost]:
        """The posts that ``taker`` has taken on and that still need somebody, by due time."""
        taken = t.posts.c.taken_by == taker, t.posts.c.wake_at.is_not(None)
        query = _due_columns().where(*taken).order_by(None).order_by(t.posts.c.due_at, t.posts.c.id)
        with self._database.read() as connection:
            return _due_posts(connection, query)


def _due_columns() -> Select[Any]:
    columns = (t.posts.c.id, t.posts.c.calendar, t.posts.c.key, t.posts.c.account, t.posts.c.due_at)
    return select(*columns, t.posts.c.wake_at).order_by(t.posts.c.wake_at, t.posts.c.id)


def _due_posts(connection: Connection, query: Select[Any]) -> list[DuePost]:
    rows = connection.execute(query)
    return [DuePost(r.id, f"{r.calendar}/{r.key}", r.account, r.due_at, r.wake_at) for r in rows]


def lock_post(connection: Connection, post_id: int) -> Row[Any, Any, Any, Any, Any]:
    """What makes a post this one (account, revision, due time), held until the transaction ends; and whether its
    account has a budget.

    Moves of one post happen one after the other.
    """
    row = connection.execute(_LOCK, {"post": post_id}).one_or_none()
    if row is None:
        raise LedgerError(f"the ledger has no post {post_id}; was it planned in another ledger database?")
    return row


def wake(connection: Connection, post_id: int, at: DateTime | None) -> None:
    """Set when somebody must look after the post next; None when nobody needs to."""
    connection.execute(_WAKE, {"post": post_id, "then": at})


def load_post(connection: Connection, post_id: int) -> Post:
    rows = connection.execute(_POST, {"post": post_id}).all()
    if not rows:
        raise LedgerError(f"the ledger has no post {post_id}; was it planned in another ledger database?")
    return _with_parts(connection, rows)[0]


def _with_parts(connection: Connection, rows: Sequence[Row[Any]]) -> list[Post]:
    of_post: dict[int, list[Part]] = {row.id: [] for row in rows}
    ids = list(of_post)
    for start in range(0, len(ids), 500):  # SQLite limits the number of bound values
        for row in connection.execute(_PARTS, {"posts": ids[start : start + 500]}):
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
            on_absent=row.on_absent,
        )
        for row in rows
    ]


def _part(row: Row[Any]) -> Part:
    receipt = None
    if row.x_id is not None:
        receipt = Receipt(row.x_id, row.url, row.posted_at, row.received_at, row.adopted, row.deleted_at)
    state = PartState(row.state)
    return Part(row.id, row.position, row.content, state, row.attempt_id, row.why, receipt, row.due_at)


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
        "on_absent": draft.on_absent,
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
    if draft.follow_ups:
        replace_follow_ups(connection, post_id, draft.follow_ups)
    return post_id


def _insert_part(connection: Connection, post_id: int, position: int, content: Content) -> None:
    connection.execute(
        t.parts.insert().values(
            post_id=post_id, position=position, content=dict(content), state=PartState.PLANNED.value
        )
    )


def _states(connection: Connection, post_id: int) -> dict[int, PartState]:
    rows = connection.execute(select(t.parts.c.position, t.parts.c.state).where(t.parts.c.post_id == post_id))
    return {row.position: PartState(row.state) for row in rows}


def _replace(connection: Connection, post_id: int, draft: PostDraft, now: DateTime) -> bool:
    states = _states(connection, post_id)
    on_x = {position for position, state in states.items() if state is PartState.POSTED}
    if not all(state in UNSENT for position, state in states.items() if position not in on_x):
        return False
    if len(on_x) == len(states) or not _agree(connection, post_id, on_x, draft):
        return False
    connection.execute(
        t.posts.update()
        .where(t.posts.c.id == post_id)
        .values(planned_at=now, taken_by=None, **_columns(draft))
    )
    _supersede_decisions(connection, post_id, now)
    of_post = t.parts.update().where(t.parts.c.post_id == post_id)
    for position, content in enumerate(draft.contents):
        if position in on_x:
            continue
        if position in states:
            connection.execute(
                of_post.where(t.parts.c.position == position).values(
                    content=dict(content), state=PartState.PLANNED.value, why=None, due_at=None
                )
            )
        else:
            _insert_part(connection, post_id, position, content)
    # Parts beyond the new end keep their row: attempts may point at it.
    connection.execute(
        of_post.where(t.parts.c.position >= len(draft.contents)).values(state=PartState.WITHDRAWN.value)
    )
    replace_follow_ups(connection, post_id, draft.follow_ups)
    if len(on_x) == len(draft.contents):  # cut to what is on X: nothing is left to do
        connection.execute(t.posts.update().where(t.posts.c.id == post_id).values(wake_at=None))
    return True


def _supersede_decisions(connection: Connection, post_id: int, now: DateTime) -> None:
    """What a person gave up of the entry as it was, they did not give up of what it says now."""
    unsent = t.parts.c.post_id == post_id, t.parts.c.state != PartState.POSTED.value
    for part in connection.execute(select(t.parts.c.id, t.parts.c.attempt_id).where(*unsent)).all():
        if is_given_up(connection, part.id, part.attempt_id):
            row = {"part_id": part.id, "attempt_id": part.attempt_id, "decision": "plan", "decided_at": now}
            connection.execute(
                t.decisions.insert().values(decided_by="its entry", words="planned anew", **row)
            )


def _agree(connection: Connection, post_id: int, on_x: set[int], draft: PostDraft) -> bool:
    """Whether the draft leaves the parts that are on X as they are."""
    if not on_x:
        return True
    # Another account would answer the first one's post.
    if lock_post(connection, post_id).account != draft.account:
        return False
    rows = connection.execute(
        select(t.parts.c.position, t.parts.c.content).where(
            t.parts.c.post_id == post_id, t.parts.c.position.in_(on_x)
        )
    )
    return all(
        row.position < len(draft.contents) and row.content == dict(draft.contents[row.position])
        for row in rows
    )
