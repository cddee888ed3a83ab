"""Follow-ups: what is to happen once people like a post, or some time after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal

from pendulum import DateTime, Duration, duration
from sqlalchemy import ColumnElement, Connection, Row, Update, or_, select

from x_provider.ledger import tables as t
from x_provider.ledger.database import Database
from x_provider.ledger.records import FollowUp, FollowUpDraft

_WAITING = "waiting"
_VOID = "void"

FollowUpEnd = Literal["done", "expired", "failed"]


@dataclass(frozen=True)
class FollowUpRecord:
    """One line of what is to happen, or has happened, once a post has found its likes or its time has come.

    :param likes: how many it takes; None where it happens at its time.
    :param within: how long after the post they count.
    :param after: when it happens, so long after the post; None where it waits for likes.
    :param acts: what the account does then, in words.
    :param state: ``waiting``, how it ended, or ``void``: given up, or the post was taken down before.
    :param likes_seen: when it was last looked at.
    :param due_at: of one with a time that waits: when, as soon as the post is on X.
    """

    position: int
    likes: int | None
    within: Duration | None
    after: Duration | None
    acts: tuple[str, ...]
    state: str
    likes_seen: int | None
    why: str | None
    due_at: DateTime | None = None

    def __str__(self) -> str:
        what = " and ".join(self.acts)
        if self.after is not None:
            due = f", due {self.due_at.isoformat()}" if self.due_at else ""
            return f"{what} {self.after.in_words()} after the post: {self.state}{due}"
        within = f" within {self.within.in_words()}" if self.within else ""
        seen = f", {self.likes_seen:,} seen" if self.likes_seen is not None else ""
        return f"{what} at {self.likes or 0:,} likes{within}: {self.state}{seen}"


class FollowUps:
    """What waits for likes, or for its time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def accounts(self) -> list[str]:
        """The accounts with a post on X that something waits for."""
        query = select(t.receipts.c.account).distinct().where(t.follow_ups.c.state == _WAITING)
        with self._database.read() as connection:
            on_x = query.select_from(_ROOTS).where(_MAY_HAPPEN)
            return list(connection.execute(on_x.order_by(t.receipts.c.account)).scalars())

    def of(self, post_id: int) -> list[FollowUpRecord]:
        """What follows the post, or has followed it, in the order of its entry."""
        of_post = t.follow_ups.c.post_id == post_id
        query = select(t.follow_ups).where(of_post).order_by(t.follow_ups.c.position)
        root = t.parts.c.post_id == post_id, t.parts.c.position == 0
        posted = select(t.receipts.c.posted_at).join_from(t.parts, t.receipts).where(*root)
        with self._database.read() as connection:
            posted_at = connection.execute(posted).scalar_one_or_none()
            return [_record(row, posted_at) for row in connection.execute(query)]

    def waiting(self, account: str) -> list[FollowUp]:
        """Those of the account's posts that are on X, oldest post first.

        Of a post whose first part is deleted only its own taking down: more of it may be on X.
        """
        columns = t.follow_ups.c
        query = (
            select(
                columns.id,
                columns.post_id,
                columns.position,
                columns.likes,
                columns.within_seconds,
                columns.after_seconds,
                columns.repost,
                columns.undo_repost,
                columns.delete,
                columns.content,
                columns.looked_at,
                t.posts.c.calendar,
                t.posts.c.key,
                t.posts.c.on_absent,
                t.parts.c.content.label("root"),
                t.receipts.c.x_id,
                t.receipts.c.posted_at,
            )
            .select_from(_ROOTS)
            .where(columns.state == _WAITING, t.receipts.c.account == account, _MAY_HAPPEN)
            .order_by(t.receipts.c.posted_at, columns.post_id, columns.position)
        )
        with self._database.read() as connection:
            return [FollowUp(**row._mapping) for row in connection.execute(query)]

    def waits(self, follow_up: FollowUp) -> bool:
        """Whether it still does, as it was read: nobody has ended it, given it up, or planned it anew."""
        query = select(t.follow_ups.c.state).where(*_as_read(follow_up))
        with self._database.read() as connection:
            return connection.execute(query).scalar_one_or_none() == _WAITING

    def look(self, follow_up: FollowUp, *, likes: int | None, now: DateTime) -> None:
        """The post had so many likes when it was looked at, which were not enough; None: X did not say."""
        seen: dict[str, Any] = {"looked_at": now}
        if likes is not None:
            seen["likes_seen"] = likes
        with self._database.write() as connection:
            connection.execute(_this(follow_up).values(**seen))

    def end(
        self,
        follow_up: FollowUp,
        state: FollowUpEnd,
        *,
        now: DateTime,
        likes: int | None = None,
        why: str | None = None,
    ) -> bool:
        """Nothing is left to do for it; False when somebody else has ended it first.

        :param likes: how many the post had, if it was looked at.
        :param why: what stopped it.
        """
        ended: dict[str, Any] = {"state": state, "looked_at": now, "why": why}
        if likes is not None:
            ended["likes_seen"] = likes
        with self._database.write() as connection:
            return connection.execute(_this(follow_up).values(**ended)).rowcount == 1


_ROOTS = (
    t.follow_ups.join(t.posts, t.posts.c.id == t.follow_ups.c.post_id)
    .join(t.parts, (t.parts.c.post_id == t.posts.c.id) & (t.parts.c.position == 0))
    .join(t.receipts, t.receipts.c.part_id == t.parts.c.id)
)
_MAY_HAPPEN = or_(t.receipts.c.deleted_at.is_(None), t.follow_ups.c.delete)


def _this(follow_up: FollowUp) -> Update:
    return t.follow_ups.update().where(*_as_read(follow_up), t.follow_ups.c.state == _WAITING)


def _as_read(follow_up: FollowUp) -> list[ColumnElement[bool]]:
    # A row that was planned anew may have taken the id of one that is gone.
    columns = t.follow_ups.c
    same = ("id", "post_id", "likes", "after_seconds", "repost", "undo_repost", "delete")
    return [columns[name].is_not_distinct_from(getattr(follow_up, name)) for name in same]


def _record(row: Row[Any], posted_at: DateTime | None) -> FollowUpRecord:
    acts = {
        "repost": row.repost,
        "take the repost back": row.undo_repost,
        "take the post down": row.delete,
        "answer": row.content is not None,
    }
    is_due = posted_at is not None and row.after_seconds is not None and row.state == _WAITING
    return FollowUpRecord(
        position=row.position,
        likes=row.likes,
        within=None if row.within_seconds is None else duration(seconds=row.within_seconds),
        after=None if row.after_seconds is None else duration(seconds=row.after_seconds),
        acts=tuple(act for act, is_done in acts.items() if is_done),
        state=row.state,
        likes_seen=row.likes_seen,
        why=row.why,
        due_at=posted_at.add(seconds=row.after_seconds) if posted_at and is_due else None,
    )


def give_up_follow_ups(
    connection: Connection, post_id: int, *, why: str, now: DateTime, but_deletion: bool = False
) -> bool:
    """Nothing more comes of the post; False when nothing was to follow it.

    :param but_deletion: only what follows a post that is on X: its own taking down goes on.
    """
    waiting = [t.follow_ups.c.post_id == post_id, t.follow_ups.c.state == _WAITING]
    if but_deletion:
        waiting.append(~t.follow_ups.c.delete)
    ended = t.follow_ups.update().where(*waiting).values(state=_VOID, why=why, looked_at=now)
    return connection.execute(ended).rowcount > 0


def replace_follow_ups(connection: Connection, post_id: int, drafts: Sequence[FollowUpDraft]) -> None:
    """What the post's entry says now takes the place of what it said, also of what was given up of that; what has
    happened stays, and does not happen again."""
    of_post = t.follow_ups.c.post_id == post_id
    connection.execute(t.follow_ups.delete().where(of_post, t.follow_ups.c.state.in_((_WAITING, _VOID))))
    happened = list(connection.execute(select(t.follow_ups).where(of_post)))
    taken = {row.position for row in happened}
    places = (place for place in count() if place not in taken)
    rows = []
    for draft in drafts:
        said = {
            "likes": draft.likes,
            "within_seconds": draft.within_seconds,
            "after_seconds": draft.after_seconds,
            "repost": draft.repost,
            "undo_repost": draft.undo_repost,
            "delete": draft.delete,
            "content": None if draft.content is None else dict(draft.content),
        }
        its = next((row for row in happened if all(row._mapping[key] == said[key] for key in said)), None)
        if its is not None:
            happened.remove(its)
        else:
            rows.append({"post_id": post_id, "position": next(places), "state": _WAITING, **said})
    if rows:
        connection.execute(t.follow_ups.insert(), rows)


def take_up_again(connection: Connection, post_id: int) -> None:
    """What was given up with a post follows it again, since the post is to be sent after all."""
    given_up = t.follow_ups.update().where(t.follow_ups.c.post_id == post_id, t.follow_ups.c.state == _VOID)
    connection.execute(given_up.values(state=_WAITING, why=None))
