"""The moves of one part, each one statement that names the state it expects to find.

The statements stand ready-made: building one takes five times as long as running it, and a thousand posts may
be due at the same instant.
"""

from __future__ import annotations

from pendulum import DateTime
from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, or_, select

from x_provider.ledger import tables as t
from x_provider.ledger.records import Cost, Part
from x_provider.ledger.states import PartState, may_move

VOID = "void"
"""What a person has decided who gave a part up."""


def _in_one_of(state: ColumnElement[str], *states: PartState) -> ColumnElement[bool]:
    # An IN would be written anew at each execution, for as many values as there are.
    return or_(*(state == each.value for each in states))


def _is_done(state: ColumnElement[str]) -> ColumnElement[bool]:
    return _in_one_of(state, PartState.POSTED, PartState.WITHDRAWN)


def _needs_nobody(state: ColumnElement[str]) -> ColumnElement[bool]:
    return or_(_is_done(state), _in_one_of(state, PartState.REFUSED, PartState.MISSED))


_MOVE = (
    t.parts.update()
    .where(t.parts.c.id == bindparam("part"), t.parts.c.state == bindparam("old"))
    .values(state=bindparam("new"), why=bindparam("words"))
)
_says_what_was_sent = (
    select(t.attempts.c.id)
    .join_from(t.attempts, t.posts, t.posts.c.revision == t.attempts.c.revision)
    .where(t.attempts.c.id == bindparam("attempt"), t.posts.c.id == t.parts.c.post_id)
    .correlate(t.parts)
    .exists()
)
_RECEIVE = (
    t.parts.update()
    .where(
        t.parts.c.id == bindparam("part"),
        t.parts.c.attempt_id == bindparam("attempt"),
        or_(
            _in_one_of(t.parts.c.state, PartState.SENDING, PartState.UNCERTAIN),
            and_(
                _in_one_of(
                    t.parts.c.state,
                    PartState.PLANNED,
                    PartState.ARMED,
                    PartState.REFUSED,
                    PartState.MISSED,
                ),
                _says_what_was_sent,
            ),
        ),
    )
    .values(state=PartState.POSTED.value, why=None)
)
_MOVE_OF_ATTEMPT = _MOVE.where(t.parts.c.attempt_id == bindparam("attempt"))

_earlier = t.parts.alias("earlier")
_earlier_part_is_missing = (
    select(_earlier.c.id)
    .where(
        _earlier.c.post_id == bindparam("post"),
        _earlier.c.position < bindparam("place"),
        ~_is_done(_earlier.c.state),
    )
    .exists()
)
_SEND = (
    t.parts.update()
    .where(
        t.parts.c.id == bindparam("part"),
        t.parts.c.state == PartState.ARMED.value,
        t.parts.c.attempt_id.is_not_distinct_from(bindparam("last_attempt")),
        ~_earlier_part_is_missing,
    )
    .values(state=PartState.SENDING.value, why=None, attempt_id=bindparam("attempt"))
)

_ATTEMPT = t.attempts.insert()
_CLOSE = (
    t.attempts.update()
    .where(t.attempts.c.id == bindparam("attempt"))
    .values(
        finished_at=bindparam("at"),
        outcome=bindparam("ended"),
        http_status=bindparam("status"),
        request_id=bindparam("request"),
        words=bindparam("said"),
    )
)
_UNPOSTED = (
    select(t.parts.c.id)
    .where(t.parts.c.post_id == bindparam("post"), ~_needs_nobody(t.parts.c.state))
    .limit(1)
)
_HOLD = select(t.posts.c.id).where(t.posts.c.id == bindparam("post")).with_for_update()
_RECEIVED = (
    t.posts.update()
    .where(t.posts.c.id == bindparam("post"))
    .values(
        wake_at=case(
            (
                select(t.parts.c.id)
                .where(
                    t.parts.c.post_id == t.posts.c.id,
                    t.parts.c.id != bindparam("part"),
                    ~_needs_nobody(t.parts.c.state),
                )
                .exists(),
                t.posts.c.wake_at,
            ),
            else_=None,
        )
    )
)
_FIRST_MARKER = (
    select(t.attempts.c.newest_own_id)
    .where(t.attempts.c.part_id == bindparam("part"))
    .order_by(t.attempts.c.id)
    .limit(1)
)


def move(
    connection: Connection,
    part_id: int,
    old: PartState,
    new: PartState,
    *,
    why: str | None,
    attempt_id: int | None = None,
) -> bool:
    """Move the part, if it is where it is expected; False when somebody else moved it first.

    :param attempt_id: only while this is the part's newest attempt.
    """
    if not may_move(old, new):
        raise ValueError(f"no part may move from {old} to {new}")
    values = {"part": part_id, "old": old.value, "new": new.value, "words": why}
    if attempt_id is None:
        return connection.execute(_MOVE, values).rowcount == 1
    return connection.execute(_MOVE_OF_ATTEMPT, {**values, "attempt": attempt_id}).rowcount == 1


def move_to_sending(connection: Connection, part: Part, *, post_id: int, attempt_id: int) -> bool:
    """Move an armed part under a new attempt, provided that nobody has tried it since it was read and that every
    earlier part of its thread is on X.
    """
    values = {
        "part": part.id,
        "last_attempt": part.attempt_id,
        "attempt": attempt_id,
        "post": post_id,
        "place": part.position,
    }
    return connection.execute(_SEND, values).rowcount == 1


def move_to_posted(connection: Connection, part_id: int, *, attempt_id: int) -> bool:
    """Move a part to which its newest attempt's receipt came, whatever was believed of it meanwhile.

    False when a newer attempt has begun, or the post was changed and will be sent as changed.
    """
    return connection.execute(_RECEIVE, {"part": part_id, "attempt": attempt_id}).rowcount == 1


def settle_post(connection: Connection, post_id: int, *, part_id: int) -> None:
    """Hold the post, and let nobody be woken for it any more if of the other parts none is still to come."""
    if connection.dialect.name == "postgresql":
        # In a statement of its own: one that had to wait for the post would not see what its parts are since.
        connection.execute(_HOLD, {"post": post_id})
    connection.execute(_RECEIVED, {"post": post_id, "part": part_id})


def open_attempt(
    connection: Connection,
    part_id: int,
    *,
    revision: str,
    started_at: DateTime,
    lease_until: DateTime,
    user_id: str,
    newest_own_id: str | None,
    sender: str,
    cost: Cost | None,
) -> int:
    """Record an attempt, and give its id."""
    done = connection.execute(
        _ATTEMPT,
        {
            "part_id": part_id,
            "revision": revision,
            "started_at": started_at,
            "lease_until": lease_until,
            "user_id": user_id,
            "newest_own_id": newest_own_id,
            "sender": sender,
            "charge_kind": cost.kind if cost else None,
            "charge_usd": cost.usd if cost else None,
        },
    )
    key = done.inserted_primary_key
    assert key is not None  # noqa: S101 - both databases return it
    attempt_id: int = key[0]
    return attempt_id


def close_attempt(
    connection: Connection,
    attempt_id: int | None,
    *,
    finished_at: DateTime,
    outcome: str,
    http_status: int | None = None,
    request_id: str | None = None,
    words: str | None = None,
) -> None:
    """Record how an attempt ended, with X's own words."""
    values = {
        "attempt": attempt_id,
        "at": finished_at,
        "ended": outcome,
        "status": http_status,
        "request": request_id,
        "said": words,
    }
    connection.execute(_CLOSE, values)


def first_marker(connection: Connection, part_id: int) -> str | None:
    """The newest own post that the part's first attempt knew of."""
    marker: str | None = connection.execute(_FIRST_MARKER, {"part": part_id}).scalar_one()
    return marker


def has_unposted_parts(connection: Connection, post_id: int) -> bool:
    """Whether anything of the post is still to come."""
    return connection.execute(_UNPOSTED, {"post": post_id}).first() is not None


_DECIDED = (
    select(t.decisions.c.decision, t.decisions.c.words)
    .where(
        t.decisions.c.part_id == bindparam("part"),
        t.decisions.c.attempt_id.is_not_distinct_from(bindparam("attempt")),
    )
    .order_by(t.decisions.c.id.desc())
    .limit(1)
)


def is_given_up(connection: Connection, part_id: int, attempt_id: int | None) -> bool:
    """Whether a person has given the part up since that attempt, and nobody has taken it back."""
    return why_given_up(connection, part_id, attempt_id) is not None


def why_given_up(connection: Connection, part_id: int, attempt_id: int | None) -> str | None:
    """The words of the person who has; None where nobody has, or it was taken back."""
    decided = connection.execute(_DECIDED, {"part": part_id, "attempt": attempt_id}).one_or_none()
    return decided.words if decided is not None and decided.decision == VOID else None
