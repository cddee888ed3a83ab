"""What a person decides about a post that stopped, and what they need to know for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pendulum import DateTime, Duration
from sqlalchemy import Connection, or_, select

from x_provider.ledger import tables as t
from x_provider.ledger.charges import charge_part
from x_provider.ledger.database import Database, LedgerError
from x_provider.ledger.follow_ups import give_up_follow_ups, take_up_again
from x_provider.ledger.moves import VOID, has_unposted_parts, is_given_up
from x_provider.ledger.posts import load_post, lock_post, wake
from x_provider.ledger.receipts import insert_receipt
from x_provider.ledger.records import Part, Post, Receipt
from x_provider.ledger.states import PartState

SOMEBODY = "somebody"
DUPLICATE = "duplicate"
"""Outcome of an attempt that X refused since the account has that text already."""
PATIENCE = Duration(hours=1)
"""How long the engine may try to find out by itself before a person may, or is asked to, decide."""

_ENDED = (PartState.REFUSED, PartState.MISSED)
_UNKNOWN = (DUPLICATE, "lease_expired", "receipt_taken", "uncertain")
"""Outcomes of attempts that may have left a post on X."""


@dataclass(frozen=True)
class Standing:
    """Where a post stands: the first of its parts that is not on X, and what the calendar says of it."""

    part_id: int
    state: PartState
    attempt_id: int | None
    revision: str
    due_at: DateTime


def standing_of(post: Post) -> Standing | None:
    """Where the post stands; None when all of it is on X, or it was withdrawn."""
    part = next((part for part in post.parts if part.state is not PartState.POSTED), None)
    if part is None:
        return None
    return Standing(part.id, part.state, part.attempt_id, post.revision, post.due_at)


class OvertakenError(LedgerError):
    """The post does not stand any more where it stood when a person was asked."""


@dataclass(frozen=True)
class Decision:
    """What a person decided about one part, for the evidence trail."""

    part: int
    decided_at: DateTime
    decision: str
    by: str
    words: str


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

    def tell_once(self, post_id: int, what: str) -> bool:
        """Whether this is still to be told about the post: true until something else was, or it is resumed.

        :param what: a digest of what is told, up to 64 characters.
        """
        news = or_(t.posts.c.told.is_(None), t.posts.c.told != what)
        with self._database.write() as connection:
            return (
                connection.execute(
                    t.posts.update().where(t.posts.c.id == post_id, news).values(told=what)
                ).rowcount
                == 1
            )

    def untold(self, post_id: int) -> None:
        """What was to be told about the post could not be: the next failure tells it."""
        with self._database.write() as connection:
            connection.execute(t.posts.update().where(t.posts.c.id == post_id).values(told=None))

    def is_given_up(self, part: Part) -> bool:
        """Whether a person has given the part up as it stands, and nobody has decided otherwise since."""
        with self._database.read() as connection:
            return is_given_up(connection, part.id, part.attempt_id)

    def decisions(self, post_id: int) -> list[Decision]:
        """Every decision about any part of the post, oldest first."""
        query = (
            select(t.decisions, t.parts.c.position)
            .join_from(t.decisions, t.parts, t.parts.c.id == t.decisions.c.part_id)
            .where(t.parts.c.post_id == post_id)
            .order_by(t.decisions.c.id)
        )
        with self._database.read() as connection:
            return [
                Decision(row.position + 1, row.decided_at, row.decision, row.decided_by, row.words)
                for row in connection.execute(query)
            ]

    def resume(
        self, post_id: int, *, now: DateTime, by: str = SOMEBODY, only_if: Standing | None = None
    ) -> Post:
        """Send after all what was refused or missed, or what is not on X though it may have been sent.

        It goes out at its due time, or at once if that has passed. A late post that waits for another try is
        tried at once. One that was given up while it was being sent, or looked for, is wanted again: what became of
        it is found out, and it is sent again as its entry says.

        :param by: who decided it.
        :param only_if: where the post must still stand.
        :raises OvertakenError: when it stands elsewhere.
        :raises LedgerError: when there is nothing to resume, or the engine is still finding out.
        """
        with self._database.write() as connection:
            post, part = _hold(connection, post_id, only_if)
            due_at = (part.due_at if part is not None else None) or post.due_at
            if part is not None and part.state is PartState.UNCERTAIN:
                self._send_again(connection, post, part, now=now, by=by)
            goes_on = part is not None and _goes_on(connection, part, is_late=due_at <= now)
            if not _move_all(connection, post_id, _ENDED, PartState.PLANNED) and not goes_on:
                raise _nothing(connection, post_id, "refused, missed or late, so there is nothing to resume")
            take_up_again(connection, post_id)
            # Its late policy asked for a person, or would call it missed again: the person has decided.
            # What stopped it is to be told anew if it stops it again.
            decided = {"late_then": "resumed", "told": None}
            connection.execute(t.posts.update().where(t.posts.c.id == post_id).values(**decided))
            # Long before its time the work on it begins when it would have begun anyway.
            lead = select(t.posts.c.lead_seconds).where(t.posts.c.id == post_id)
            begins_at = due_at.subtract(seconds=connection.execute(lead).scalar_one())
            wake(connection, post_id, max(now, begins_at))
            _note(connection, part, "resume", by=by, words="to be sent", now=now)
            return load_post(connection, post_id)

    def _send_again(self, connection: Connection, post: Post, part: Part, *, now: DateTime, by: str) -> None:
        started_at = _started_at(connection, part)
        if _is_looked_for(post, started_at, now):
            if is_given_up(connection, part.id, part.attempt_id):
                return  # that is taken back; whether it is to be sent again is being found out
            raise LedgerError(
                f"post {post.name} may be on X: it was sent at {started_at.isoformat()} and is being looked for. It"
                f" settles by itself; to send it again without knowing, wait until {started_at + PATIENCE}"
            )
        why = f"{by} decided that it is not on X: it is sent again"
        this = t.parts.c.id == part.id, t.parts.c.state == PartState.UNCERTAIN.value
        connection.execute(t.parts.update().where(*this).values(state=PartState.ARMED.value, why=why))

    def void(
        self,
        post_id: int,
        *,
        why: str,
        now: DateTime,
        by: str = SOMEBODY,
        only_if: Standing | None = None,
    ) -> Post:
        """Give the rest of the post up: what is not on X is not sent any more, and nothing waits for its likes.

        One that is being sent at this moment cannot be called back: what becomes of it is found out, and it is not
        sent again; so with one of unknown outcome, while it is looked for. Where only a person can say what became
        of it, it counts as not posted from then on; look at the timeline before.
        What is on X, or may come there, is still taken down where its entry says so; where nothing but that is
        left, that is what is given up.

        :param by: who decided it.
        :param only_if: where the post must still stand: where it stood when a person was asked, who has looked.
        :raises OvertakenError: when it stands elsewhere.
        :raises LedgerError: when all of it is on X, or what may come there is given up already.
        """
        with self._database.write() as connection:
            post, part = _hold(connection, post_id, only_if)
            # What X refused stays refused, but somebody has looked at it.
            states = [*_ENDED, PartState.PLANNED, PartState.ARMED]
            settles = part is not None and _settles_itself(
                connection, post, part, has_looked=only_if is not None, now=now
            )
            if not settles:
                states.append(PartState.UNCERTAIN)
            moved = _move_all(connection, post_id, states, PartState.REFUSED, why=why)
            is_on_x = settles or any(each.receipt for each in post.parts)
            is_again = part is not None and is_given_up(connection, part.id, part.attempt_id)
            but_deletion = is_on_x and not is_again
            gave_up = give_up_follow_ups(connection, post_id, why=why, now=now, but_deletion=but_deletion)
            is_called_off = settles and not is_again
            if not (moved or gave_up or is_called_off) and not give_up_follow_ups(
                connection, post_id, why=why, now=now
            ):
                raise _nothing(connection, post_id, "still to be sent, so there is nothing to give up")
            if not settles:
                wake(connection, post_id, None)
            _note(connection, part, VOID, by=by, words=why, now=now)
            return load_post(connection, post_id)

    def adopt(
        self,
        post_id: int,
        receipt: Receipt,
        *,
        position: int | None = None,
        by: str = SOMEBODY,
        only_if: Standing | None = None,
    ) -> Post:
        """Take a post on X for a part that may have been sent: a person has seen that it is the one.

        :param position: which part of a thread, from 0; the first one possible when left out.
        :param by: who decided it.
        :param only_if: where the post must still stand.
        :raises OvertakenError: when it stands elsewhere.
        :raises LedgerError: when that part is neither uncertain nor ended after an unknown outcome (refused as a
            duplicate, or given up), or the post on X is another part's.
        """
        with self._database.write() as connection:
            post, _ = _hold(connection, post_id, only_if)
            part = next(
                (
                    part
                    for part in post.parts
                    if position in (None, part.position) and _may_be_on_x(connection, part)
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
            if part.state is PartState.REFUSED and not is_given_up(connection, part.id, part.attempt_id):
                # With it the rest of its thread was refused.
                _move_all(connection, post_id, (PartState.REFUSED,), PartState.PLANNED)
            insert_receipt(connection, part.id, post.account, receipt)
            charge_part(connection, part.attempt_id, account=post.account, receipt=receipt)
            unfinished = has_unposted_parts(connection, post_id)
            wake(connection, post_id, receipt.received_at if unfinished else None)
            _note(connection, part, "adopt", by=by, words=receipt.url, now=receipt.received_at)
            return load_post(connection, post_id)


def _hold(connection: Connection, post_id: int, only_if: Standing | None) -> tuple[Post, Part | None]:
    """The post, held until the transaction ends, and the part that it stands at."""
    lock_post(connection, post_id)
    post = load_post(connection, post_id)
    standing = standing_of(post)
    if only_if is not None and standing != only_if:
        raise OvertakenError(
            f"post {post.name} was {only_if.state} when the question was asked and is {post.state} by now, or its"
            " calendar changed: nothing was done"
        )
    return post, next((part for part in post.parts if standing and part.id == standing.part_id), None)


def _goes_on(connection: Connection, part: Part, *, is_late: bool) -> bool:
    """Whether there is something to resume of a part that has not ended."""
    if part.state is PartState.SENDING:
        return is_given_up(connection, part.id, part.attempt_id)
    waits = part.state in (PartState.PLANNED, PartState.ARMED)
    return part.state is PartState.UNCERTAIN or (waits and is_late)


def _settles_itself(
    connection: Connection, post: Post, part: Part, *, has_looked: bool, now: DateTime
) -> bool:
    """Whether the part may be on X, or come there, and what became of it is found out without a person."""
    if part.state is PartState.UNCERTAIN and not has_looked:
        return _is_looked_for(post, _started_at(connection, part), now)
    return part.state is PartState.SENDING


def _started_at(connection: Connection, part: Part) -> DateTime:
    attempt = select(t.attempts.c.started_at).where(t.attempts.c.id == part.attempt_id)
    started_at: DateTime = connection.execute(attempt).scalar_one()
    return started_at


def _is_looked_for(post: Post, started_at: DateTime, now: DateTime) -> bool:
    """Of a part of unknown outcome: whether it still settles by itself, and is no person's to settle yet."""
    return post.wake_at is not None and now < started_at + PATIENCE


def _may_be_on_x(connection: Connection, part: Part) -> bool:
    if part.state is not PartState.REFUSED:
        return part.state is PartState.UNCERTAIN
    outcome = select(t.attempts.c.outcome).where(t.attempts.c.id == part.attempt_id)
    return connection.execute(outcome).scalar_one_or_none() in _UNKNOWN


def _note(
    connection: Connection, part: Part | None, decision: str, *, by: str, words: str, now: DateTime
) -> None:
    if part is not None:
        row = {"part_id": part.id, "attempt_id": part.attempt_id, "decision": decision, "words": words}
        connection.execute(t.decisions.insert().values(decided_at=now, decided_by=by, **row))


def _move_all(
    connection: Connection,
    post_id: int,
    old: Sequence[PartState],
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
