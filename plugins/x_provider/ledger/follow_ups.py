"""Follow-ups: what is to happen once people like a post."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pendulum import DateTime, Duration, duration
from sqlalchemy import Connection, Update, select

from x_provider.ledger import tables as t
from x_provider.ledger.database import Database
from x_provider.ledger.records import FollowUp, FollowUpDraft

_WAITING = "waiting"

FollowUpEnd = Literal["done", "expired", "failed"]


@dataclass(frozen=True)
class FollowUpRecord:
    """One line of what is to happen, or has happened, once a post has found its likes.

    :param within: how long after the post they count.
    :param answers: whether the account posts something as a reply then.
    :param state: ``waiting``, how it ended, or ``void``: a person gave it up.
    :param likes_seen: when it was last looked at.
    """

    position: int
    likes: int
    within: Duration
    repost: bool
    answers: bool
    state: str
    likes_seen: int | None
    why: str | None

    def __str__(self) -> str:
        acts = " and ".join(["repost"] * self.repost + ["answer"] * self.answers)
        seen = f", {self.likes_seen:,} seen" if self.likes_seen is not None else ""
        return f"{acts} at {self.likes:,} likes within {self.within.in_words()}: {self.state}{seen}"


class FollowUps:
    """What waits for likes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def accounts(self) -> list[str]:
        """The accounts with a post on X that something waits for."""
        query = select(t.receipts.c.account).distinct().where(t.follow_ups.c.state == _WAITING)
        with self._database.read() as connection:
            on_x = query.select_from(_ROOTS).where(t.receipts.c.deleted_at.is_(None))
            return list(connection.execute(on_x.order_by(t.receipts.c.account)).scalars())

    def of(self, post_id: int) -> list[FollowUpRecord]:
        """What waits for the post's likes, or has waited, in the order of its entry."""
        of_post = t.follow_ups.c.post_id == post_id
        query = select(t.follow_ups).where(of_post).order_by(t.follow_ups.c.position)
        with self._database.read() as connection:
            return [
                FollowUpRecord(
                    position=row.position,
                    likes=row.likes,
                    within=duration(seconds=row.within_seconds),
                    repost=row.repost,
                    answers=row.content is not None,
                    state=row.state,
                    likes_seen=row.likes_seen,
                    why=row.why,
                )
                for row in connection.execute(query)
            ]

    def waiting(self, account: str) -> list[FollowUp]:
        """Those of the account's posts that are on X, oldest post first; deleted ones left out."""
        columns = t.follow_ups.c
        query = (
            select(
                columns.id,
                columns.post_id,
                columns.position,
                columns.likes,
                columns.within_seconds,
                columns.repost,
                columns.content,
                t.posts.c.calendar,
                t.posts.c.key,
                t.posts.c.on_absent,
                t.parts.c.content.label("root"),
                t.receipts.c.x_id,
                t.receipts.c.posted_at,
            )
            .select_from(_ROOTS)
            .where(
                columns.state == _WAITING, t.receipts.c.account == account, t.receipts.c.deleted_at.is_(None)
            )
            .order_by(t.receipts.c.posted_at, columns.post_id, columns.position)
        )
        with self._database.read() as connection:
            return [FollowUp(**row._mapping) for row in connection.execute(query)]

    def waits(self, follow_up: FollowUp) -> bool:
        """Whether it still does: nobody has ended it or given it up."""
        query = select(t.follow_ups.c.state).where(t.follow_ups.c.id == follow_up.id)
        with self._database.read() as connection:
            return connection.execute(query).scalar_one_or_none() == _WAITING

    def look(self, follow_up: FollowUp, *, likes: int, now: DateTime) -> None:
        """The post had so many likes when it was looked at, which were not enough."""
        with self._database.write() as connection:
            seen = _this(follow_up).values(likes_seen=likes, looked_at=now)
            connection.execute(seen)

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


def _this(follow_up: FollowUp) -> Update:
    return t.follow_ups.update().where(t.follow_ups.c.id == follow_up.id, t.follow_ups.c.state == _WAITING)


def give_up_follow_ups(connection: Connection, post_id: int, *, why: str, now: DateTime) -> bool:
    """A person has decided that nothing more comes of the post; False when nothing waited for its likes."""
    waiting = t.follow_ups.c.post_id == post_id, t.follow_ups.c.state == _WAITING
    ended = t.follow_ups.update().where(*waiting).values(state="void", why=why, looked_at=now)
    return connection.execute(ended).rowcount > 0


def replace_follow_ups(connection: Connection, post_id: int, drafts: Sequence[FollowUpDraft]) -> None:
    """What the post's entry says now takes the place of what it said; what has happened stays."""
    of_post = t.follow_ups.c.post_id == post_id
    connection.execute(t.follow_ups.delete().where(of_post, t.follow_ups.c.state == _WAITING))
    happened = set(connection.execute(select(t.follow_ups.c.position).where(of_post)).scalars())
    rows = [
        {
            "post_id": post_id,
            "position": position,
            "likes": draft.likes,
            "within_seconds": draft.within_seconds,
            "repost": draft.repost,
            "content": None if draft.content is None else dict(draft.content),
            "state": _WAITING,
        }
        for position, draft in enumerate(drafts)
        if position not in happened
    ]
    if rows:
        connection.execute(t.follow_ups.insert(), rows)
