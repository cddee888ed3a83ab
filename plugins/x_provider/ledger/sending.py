"""Sending: the moves of a part, each one statement that names the state it expects to find."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

from pendulum import DateTime
from sqlalchemy import Connection, Row, func, or_, select
from sqlalchemy.exc import IntegrityError

from x_provider.ledger import tables as t
from x_provider.ledger.charges import charge_part, hold_month, warn
from x_provider.ledger.controls import halt_of, hold_halts
from x_provider.ledger.database import Database
from x_provider.ledger.limits import Window, give_back, note, take
from x_provider.ledger.moves import (
    close_attempt,
    first_marker,
    is_given_up,
    move,
    move_to_posted,
    move_to_sending,
    open_attempt,
    settle_post,
    why_given_up,
)
from x_provider.ledger.posts import lock_post, wake
from x_provider.ledger.receipts import insert_receipt, newest_own_id
from x_provider.ledger.records import Attempt, Content, Cost, Held, Origin, Part, Post, Receipt
from x_provider.ledger.states import UNDER_WAY, PartState, may_move
from x_provider.ledger.together import Together

CREATE_FAMILY = "create_post"
"""What the rate windows of creating posts are kept under."""


class _OvertakenError(Exception):
    """Somebody else moved the part first: what was written for it is taken back."""


class ReceiptTakenError(RuntimeError):
    """The post on X that a part was about to take as its receipt is another part's."""


class NotRecordedHereError(RuntimeError):
    """The attempt that a receipt is of was recorded in another ledger than this."""


class Sending:
    """Attempts, receipts and the state machine.

    A move answers whether it happened: False means that somebody else moved the part first, and the
    caller must read it anew instead of going on.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._together = Together(database)

    def arm(self, post: Post, part: Part) -> bool:
        """Make the part ready to fire, provided that the post still is the revision the caller checked."""
        with self._database.write() as connection:
            if not _is_current(connection, post):
                return False
            return move(connection, part.id, PartState.PLANNED, PartState.ARMED, why=None)

    def begin(
        self,
        post: Post,
        part: Part,
        *,
        user_id: str,
        sender: str,
        clock: Callable[[], DateTime],
        lease_seconds: float,
        cost: Cost | None = None,
        thread_usd: Decimal = Decimal(0),
    ) -> Attempt | Held | None:
        """Record the attempt and move armed → sending; only the caller who gets an attempt may send.

        The post is woken when the lease runs out, so that somebody finds out what a dead sender did.

        :param user_id: of the account on X, on whose timeline the post would appear.
        :param sender: who sends (host, process), for the evidence trail.
        :param clock: the present instant, read once the ledger is ours.
        :param lease_seconds: after it the sender counts as dead and the outcome as unknown.
        :param cost: what X charges once the part is on X; until that is known either way it counts as spent.
        :param thread_usd: what the later parts of its thread will cost: a budget that they do not fit into must not
            leave half a thread.
        :returns: what holds the account back, if anything does; None when the part was not armed, an earlier
            part of its thread is not on X, or the post changed.
        """

        def begin(connection: Connection) -> Attempt | Held | None:
            row = lock_post(connection, post.id)
            if not _is_this(row, post):
                return None
            hold_halts(connection)
            now, began = clock(), time.monotonic()
            if (halt := halt_of(connection, post.account, now)) is not None:
                return Held("halted", str(halt), halt.ends_at)
            usd = cost.usd if cost else Decimal(0)
            month = hold_month(connection, post.account, now=now) if row.budget is not None else None
            if month is not None and not month.allows(usd + thread_usd):
                return month.held(usd + thread_usd)
            if (reset_at := take(connection, post.account, CREATE_FAMILY, now=now)) is not None:
                return Held("rate_limited", f"X's rate limit of {post.account} is used up", reset_at)
            lease_until = now.add(seconds=lease_seconds)
            marker = _marker(connection, post, part)
            attempt_id = open_attempt(
                connection,
                part.id,
                revision=post.revision,
                started_at=now,
                lease_until=lease_until,
                user_id=user_id,
                newest_own_id=marker,
                sender=sender,
                cost=cost,
            )
            if not move_to_sending(connection, part, post_id=post.id, attempt_id=attempt_id):
                raise _OvertakenError
            wake(connection, post.id, lease_until)
            warning = None
            if month is not None and month.comes_near(usd):
                warn(connection, month)
                warning = replace(month, on_its_way=month.on_its_way + usd).warning()
            return Attempt(
                attempt_id, part.id, post.id, now, lease_until, user_id, marker, warning=warning, began=began
            )

        with suppress(_OvertakenError):
            return self._together.write(begin)
        return None

    def attempt_of(self, post: Post, part: Part) -> Attempt | None:
        """The newest attempt to send the part."""
        with self._database.read() as connection:
            row = connection.execute(
                select(t.attempts).where(t.attempts.c.id == part.attempt_id)
            ).one_or_none()
        if row is None:
            return None
        return Attempt(
            row.id,
            part.id,
            post.id,
            row.started_at,
            row.lease_until,
            row.user_id,
            row.newest_own_id,
            row.outcome,
            finished_at=row.finished_at,
        )

    def began_at(self, attempt: Attempt, *, but_ended: Collection[str]) -> DateTime:
        """When the first attempt on the part began, those that ended in one of these outcomes left out."""
        ended = t.attempts.c.outcome
        query = select(func.min(t.attempts.c.started_at)).where(
            t.attempts.c.part_id == attempt.part_id, or_(ended.is_(None), ended.not_in(but_ended))
        )
        with self._database.read() as connection:
            began_at: DateTime | None = connection.execute(query).scalar()
            return began_at or attempt.started_at

    def being_sent(self, account: str, *, but: Attempt, now: DateTime) -> list[Content]:
        """The contents of the account's other parts that are being sent at this moment, by senders that live."""
        query = (
            select(t.parts.c.content)
            .join_from(t.parts, t.posts, t.posts.c.id == t.parts.c.post_id)
            .join(t.attempts, t.attempts.c.id == t.parts.c.attempt_id)
            .where(
                t.posts.c.account == account,
                t.parts.c.state == PartState.SENDING.value,
                t.parts.c.id != but.part_id,
                t.attempts.c.lease_until > now,
            )
        )
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def posted(
        self,
        attempt: Attempt,
        receipt: Receipt,
        *,
        account: str,
        request_id: str | None = None,
        http_status: int | None = None,
        windows: Iterable[Window] = (),
        origin: Origin | None = None,
    ) -> bool:
        """The attempt's post is on X: keep the receipt. Repeating it changes nothing.

        An answer that comes after the lease ran out, or after somebody gave the attempt up, still counts: it is
        proof.

        :param windows: what X's answer said about rate limits.
        :param origin: of an attempt that somebody has carried here, who may have come to another ledger.
        :returns: False when another attempt was begun meanwhile, or the post changed and will be sent as changed.
        :raises ReceiptTakenError: when another part has that very post as its receipt.
        :raises NotRecordedHereError: when the attempt is not this ledger's: then nothing is written.
        """
        try:
            return self._posted(
                attempt,
                receipt,
                account=account,
                request_id=request_id,
                http_status=http_status,
                windows=windows,
                origin=origin,
            )
        except IntegrityError:
            raise ReceiptTakenError(
                f"{receipt.url} is another part's receipt already; both parts say the same, so look at both"
            ) from None

    def _posted(
        self,
        attempt: Attempt,
        receipt: Receipt,
        *,
        account: str,
        request_id: str | None,
        http_status: int | None,
        windows: Iterable[Window],
        origin: Origin | None,
    ) -> bool:
        def keep(connection: Connection) -> bool:
            if origin is not None and not _is_recorded(connection, attempt, origin, account=account):
                raise NotRecordedHereError
            settle_post(connection, attempt.post_id, part_id=attempt.part_id)
            if not move_to_posted(connection, attempt.part_id, attempt_id=attempt.id):
                raise _OvertakenError
            close_attempt(
                connection,
                attempt.id,
                finished_at=receipt.received_at,
                outcome="adopted" if receipt.adopted else "posted",
                http_status=http_status,
                request_id=request_id,
            )
            insert_receipt(connection, attempt.part_id, account, receipt)
            # Windows before spending, as an attempt takes them, or the two could wait for each other.
            note(connection, account, CREATE_FAMILY, windows)
            charge_part(connection, attempt.id, account=account, receipt=receipt)
            return True

        with suppress(_OvertakenError):
            return self._together.write(keep)
        kept = select(t.receipts.c.x_id).where(t.receipts.c.part_id == attempt.part_id)
        with self._database.read() as connection:
            return connection.execute(kept).scalar_one_or_none() == receipt.x_id

    def finish(
        self,
        attempt: Attempt,
        to: PartState,
        *,
        outcome: str,
        now: DateTime,
        why: str,
        wake_at: DateTime | None,
        http_status: int | None = None,
        request_id: str | None = None,
        words: str | None = None,
        windows: Iterable[Window] = (),
        never_sent: bool = False,
    ) -> bool:
        """The attempt ended without a receipt: back to armed, refused, or uncertain.

        :param wake_at: when somebody else must look after the post; None when only a person can.
        :param windows: what X's answer said about rate limits.
        :param never_sent: whether the request did not even leave, so that X did not count it.
        :returns: False when somebody else moved the part first. What a person gave up meanwhile is not armed again,
            but refused.
        """
        with self._database.write() as connection:
            account = lock_post(connection, attempt.post_id).account
            note(connection, account, CREATE_FAMILY, windows)
            if never_sent:
                give_back(connection, account, CREATE_FAMILY, now=now)
            given_up = why_given_up(connection, attempt.part_id, attempt.id)
            if to is PartState.ARMED and given_up is not None:
                to, wake_at, why = PartState.REFUSED, None, given_up
            if not move(connection, attempt.part_id, PartState.SENDING, to, why=why, attempt_id=attempt.id):
                return False
            close_attempt(
                connection,
                attempt.id,
                finished_at=now,
                outcome=outcome,
                http_status=http_status,
                request_id=request_id,
                words=words,
            )
            wake(connection, attempt.post_id, wake_at)
            return True

    def expire(self, post: Post, part: Part, *, now: DateTime, why: str) -> DateTime | None:
        """See after a part that is being sent: once its lease has run out, its outcome is unknown.

        :returns: the end of the lease while it runs, else None: the part is ``uncertain`` now.
        """
        with self._database.write() as connection:
            lock_post(connection, post.id)
            lease_until: DateTime | None = connection.execute(
                select(t.attempts.c.lease_until).where(t.attempts.c.id == part.attempt_id)
            ).scalar_one_or_none()
            if lease_until is not None and lease_until > now:
                return lease_until
            old, new = PartState.SENDING, PartState.UNCERTAIN
            if move(connection, part.id, old, new, why=why, attempt_id=part.attempt_id):
                close_attempt(connection, part.attempt_id, finished_at=now, outcome="lease_expired")
            return None

    def resend(self, post: Post, part: Part, *, why: str) -> bool:
        """The part was looked for on X and is not there: uncertain → armed, unless it was given up meanwhile."""
        with self._database.write() as connection:
            lock_post(connection, post.id)
            if is_given_up(connection, part.id, part.attempt_id):
                return False
            old, new = PartState.UNCERTAIN, PartState.ARMED
            return move(connection, part.id, old, new, why=why, attempt_id=part.attempt_id)

    def refuse(self, post: Post, part: Part, *, why: str) -> bool:
        """X has refused the part for good, as was found out since: uncertain → refused, and with it all that is
        unsent of the post, in one transaction. Nobody is woken for the post again.

        :returns: False when the post changed, or somebody else moved the part first: then nothing is moved.
        """
        with self._database.write() as connection:
            return _is_current(connection, post) and _refuse(connection, post, part, why=why)

    def refuse_given_up(self, post: Post, part: Part) -> bool:
        """What a person gave up while it was being sent is not on X: as :meth:`refuse`, in that person's words.

        :returns: False also when nobody has given it up, or it was taken back.
        """
        with self._database.write() as connection:
            if not _is_current(connection, post):
                return False
            why = why_given_up(connection, part.id, part.attempt_id)
            return why is not None and _refuse(connection, post, part, why=why)

    def wait(self, post: Post, part: Part, *, why: str, wake_at: DateTime | None) -> bool:
        """Say what keeps a part waiting, and when somebody must look after it again; None: a person must.

        :returns: False when the post changed, or the part waits no more.
        """
        with self._database.write() as connection:
            if not _is_current(connection, post):
                return False
            waiting = [state.value for state in (PartState.PLANNED, PartState.ARMED, PartState.UNCERTAIN)]
            this = t.parts.c.id == part.id, t.parts.c.state.in_(waiting)
            if connection.execute(t.parts.update().where(*this).values(why=why)).rowcount != 1:
                return False
            wake(connection, post.id, wake_at)
            if wake_at is None:
                # Whoever sweeps leaves it to the person too, whatever the calendar says of what is not found.
                this_post = t.posts.c.id == post.id
                connection.execute(t.posts.update().where(this_post).values(on_absent="ask"))
            return True

    def postpone(self, post: Post, part: Part, *, due_at: DateTime, wake_at: DateTime) -> bool:
        """Say when a part that follows later is due, now that the one before it is on X.

        :param wake_at: when somebody must look after it, whoever waits for it now.
        :returns: False when the post changed, or the part waits no more.
        """
        with self._database.write() as connection:
            if not _is_current(connection, post):
                return False
            waiting = [PartState.PLANNED.value, PartState.ARMED.value]
            this = t.parts.c.id == part.id, t.parts.c.state.in_(waiting)
            postponed = t.parts.update().where(*this).values(due_at=due_at, why=None)
            if connection.execute(postponed).rowcount != 1:
                return False
            wake(connection, post.id, wake_at)
            return True

    def give_up(self, post: Post, to: PartState, *, why: str) -> bool:
        """Move every unsent part to ``refused`` or ``missed``; nobody is woken for the post again.

        :returns: False when the post changed, when a part of it is on its way, or when somebody has resumed meanwhile
            what was to be missed: then nothing is moved.
        """
        with self._database.write() as connection:
            if not _is_current(connection, post) or _is_on_its_way(connection, post.id):
                return False
            if to is PartState.MISSED and not _is_as_late(connection, post):
                return False
            moved = _move_unsent(connection, post, to, why=why)
            if moved:
                wake(connection, post.id, None)
            return moved


def _is_current(connection: Connection, post: Post) -> bool:
    """Whether the post, held from here on, still is what the caller has read."""
    return _is_this(lock_post(connection, post.id), post)


def _is_this(row: Row[Any, Any, Any, Any, Any], post: Post) -> bool:
    now, read = (row.account, row.revision, row.due_at), (post.account, post.revision, post.due_at)
    return bool(now == read)


def _is_as_late(connection: Connection, post: Post) -> bool:
    """Whether the post's late policy is the one that was read: who resumes it replaces that."""
    late_then = select(t.posts.c.late_then).where(t.posts.c.id == post.id)
    return bool(connection.execute(late_then).scalar_one() == post.late_then)


def _is_recorded(connection: Connection, attempt: Attempt, origin: Origin, *, account: str) -> bool:
    """Whether the attempt is the one of that number here."""
    query = (
        select(t.posts.c.calendar, t.posts.c.key, t.posts.c.account, t.attempts.c.started_at)
        .join_from(t.attempts, t.parts, t.parts.c.id == t.attempts.c.part_id)
        .join(t.posts, t.posts.c.id == t.parts.c.post_id)
        .where(
            t.attempts.c.id == attempt.id,
            t.parts.c.id == attempt.part_id,
            t.posts.c.id == attempt.post_id,
        )
    )
    row = connection.execute(query).one_or_none()
    if row is None or origin.name not in (None, f"{row.calendar}/{row.key}"):
        return False
    if origin.started_at is None:
        return bool(row.account == account)
    return bool(row.started_at == origin.started_at)


def _refuse(connection: Connection, post: Post, part: Part, *, why: str) -> bool:
    old, new = PartState.UNCERTAIN, PartState.REFUSED
    if not move(connection, part.id, old, new, why=why, attempt_id=part.attempt_id):
        return False
    _move_unsent(connection, post, new, why=why)
    wake(connection, post.id, None)
    return True


def _move_unsent(connection: Connection, post: Post, to: PartState, *, why: str) -> bool:
    moved = [
        move(connection, part.id, state, to, why=why)
        for part in post.parts
        for state in (PartState.PLANNED, PartState.ARMED)
        if may_move(state, to)
    ]
    return any(moved)


def _is_on_its_way(connection: Connection, post_id: int) -> bool:
    under_way = [state.value for state in UNDER_WAY]
    query = select(t.parts.c.id).where(t.parts.c.post_id == post_id, t.parts.c.state.in_(under_way)).limit(1)
    return connection.execute(query).first() is not None


def _marker(connection: Connection, post: Post, part: Part) -> str | None:
    """The newest post of the account that is surely older than anything an attempt on this part created."""
    if part.attempt_id is None:
        return newest_own_id(connection, post.account)
    # An earlier attempt's post may show up only now: the account's later posts are no bound for it.
    return first_marker(connection, part.id)
