"""What a person decides about a post that stopped, and what they need to know for it."""

from __future__ import annotations

from dataclasses import dataclass

from pendulum import DateTime
from sqlalchemy import Connection, func, select

from x_provider.ledger import tables as t
from x_provider.ledger.database import Database, LedgerError
from x_provider.ledger.posts import load_post, lock_post, wake
from x_provider.ledger.receipts import insert_receipt
from x_provider.ledger.records import Post, Receipt
from x_provider.ledger.sending import has_unposted_parts
from x_provider.ledger.states import PartState

STOPPED = frozenset({PartState.REFUSED, PartState.MISSED, PartState.UNCERTAIN})


@dataclass(frozen=True)
class AttemptRecord:
    """One line of a post's evidence trail."""

    part: int
    started_at: DateTime
    finished_at: DateTime | None
    sender: str
    outcome: str | None
    http_status: int | None
    request_id: str | None
    words: str | None


class Deciding:
    """The evidence about a post, and the decisions only a person may take."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def counts(self) -> dict[PartState, int]:
        """How many parts stand in each state."""
        query = select(t.parts.c.state, func.count()).group_by(t.parts.c.state)
        with self._database.read() as connection:
            return {PartState(state): count for state, count in connection.execute(query)}

    def stopped(self, *, limit: int = 100) -> list[Post]:
        """The posts that a person must look at (refused, missed) or that the engine is finding out about."""
        query = (
            select(t.parts.c.post_id)
            .where(t.parts.c.state.in_([state.value for state in STOPPED]))
            .distinct()
            .order_by(t.parts.c.post_id.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            return [load_post(connection, post_id) for post_id in connection.execute(query).scalars()]

    def attempts(self, post_id: int) -> list[AttemptRecord]:
        """Every attempt to send any part of the post, oldest first."""
        query = (
            select(t.attempts, t.parts.c.position)
            .join_from(t.attempts, t.parts, t.parts.c.id == t.attempts.c.part_id)
            .where(t.parts.c.post_id == post_id)
            .order_by(t.attempts.c.id)
        )
        with self._database.read() as connection:
            return [
                AttemptRecord(
                    part=row.position + 1,
                    started_at=row.started_at,
                    finished_at=row.finished_at,
                    sender=row.sender,
                    outcome=row.outcome,
                    http_status=row.http_status,
                    request_id=row.request_id,
                    words=row.words,
                )
                for row in connection.execute(query)
            ]

    def resume(self, post_id: int, *, now: DateTime) -> Post:
        """Plan what was refused or missed anew: it goes out at its due time, or at once if that has passed.

        A late post that waits for another try is tried at once.

        :raises LedgerError: when nothing of the post is refused, missed or late.
        """
        with self._database.write() as connection:
            due_at = lock_post(connection, post_id).due_at
            moved = _move_all(connection, post_id, (PartState.REFUSED, PartState.MISSED), PartState.PLANNED)
            waits = load_post(connection, post_id).state in (PartState.PLANNED, PartState.ARMED)
            if not moved and not (waits and due_at <= now):
                raise _nothing(connection, post_id, "refused, missed or late, so there is nothing to resume")
            # Its late policy asked for a person, or would call it missed again: the person has decided.
            connection.execute(t.posts.update().where(t.posts.c.id == post_id).values(late_then="resumed"))
            wake(connection, post_id, now)
            return load_post(connection, post_id)

    def void(self, post_id: int, *, why: str) -> Post:
        """Give the rest of the post up: what is not on X is not sent any more.

        An uncertain part counts as not posted from then on; look at the timeline before.

        :raises LedgerError: when all of it is on X or being sent at this moment.
        """
        with self._database.write() as connection:
            lock_post(connection, post_id)
            states = (PartState.PLANNED, PartState.ARMED, PartState.UNCERTAIN, PartState.MISSED)
            if not _move_all(connection, post_id, states, PartState.REFUSED, why=why):
                raise _nothing(connection, post_id, "waiting or uncertain, so there is nothing to give up")
            wake(connection, post_id, None)
            return load_post(connection, post_id)

    def adopt(self, post_id: int, receipt: Receipt, *, position: int | None = None) -> Post:
        """Take a post on X for an uncertain part: a person has seen that it is the one.

        :param position: which part of a thread, from 0; the first uncertain one when left out.
        :raises LedgerError: when that part is not uncertain, or the post on X is another part's.
        """
        with self._database.write() as connection:
            lock_post(connection, post_id)
            post = load_post(connection, post_id)
            part = next(
                (
                    part
                    for part in post.parts
                    if part.state is PartState.UNCERTAIN and position in (None, part.position)
                ),
                None,
            )
            if part is None:
                raise _nothing(connection, post_id, "uncertain, so there is nothing to adopt for")
            taken = connection.execute(
                select(t.receipts.c.part_id).where(t.receipts.c.x_id == receipt.x_id)
            ).scalar_one_or_none()
            if taken is not None:
                raise LedgerError(f"{receipt.url} is another part's post already; which one did you mean?")
            connection.execute(
                t.parts.update().where(t.parts.c.id == part.id).values(state=PartState.POSTED.value, why=None)
            )
            insert_receipt(connection, part.id, post.account, receipt)
            unfinished = has_unposted_parts(connection, post_id)
            wake(connection, post_id, receipt.received_at if unfinished else None)
            return load_post(connection, post_id)


def _move_all(
    connection: Connection,
    post_id: int,
    old: tuple[PartState, ...],
    new: PartState,
    *,
    why: str | None = None,
) -> bool:
    done = connection.execute(
        t.parts.update()
        .where(t.parts.c.post_id == post_id, t.parts.c.state.in_([state.value for state in old]))
        .values(state=new.value, why=why)
    )
    return done.rowcount > 0


def _nothing(connection: Connection, post_id: int, words: str) -> LedgerError:
    post = load_post(connection, post_id)
    states = ", ".join(f"part {part.position + 1} {part.state}" for part in post.parts) or "withdrawn"
    return LedgerError(f"nothing of post {post.name} is {words} ({states})")
