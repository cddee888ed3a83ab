"""From X's answers to what becomes of a part: the one table that decides about sending again."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pendulum import DateTime

from x_provider.client import (
    XDuplicate,
    XError,
    XForbidden,
    XNeedsLogin,
    XNotFound,
    XNotPaidFor,
    XOutOfCredits,
    XPermission,
    XRateLimited,
    XRefused,
    XSpendCapReached,
    XUnreachable,
    XUsageCapped,
)
from x_provider.ledger import ACCOUNT_STOPPED, OVER_BUDGET, PartState

RATE_LIMIT_PAUSE_SECONDS = 900
LOGIN_PATIENCE_SECONDS = 120
"""X answers 401 to good credentials now and then, for seconds; what lasts longer needs a person."""
PARENT_PAUSE_SECONDS = 2
PARENT_PATIENCE_SECONDS = 60
"""A reply may be refused while X does not show its fresh parent everywhere yet."""


@dataclass(frozen=True)
class Outcome:
    """What stopped a part.

    :param name: kept in the attempt's row.
    :param state: where it leaves the part.
    :param retry_at: when trying again is safe and makes sense; None when somebody else must act first.
    """

    name: str
    state: PartState
    retry_at: DateTime | None = None


def decide(
    error: XError,
    *,
    now: DateTime,
    pause: float,
    late: float = math.inf,
    parent_age: float | None = None,
    may_upload_again: bool = False,
) -> Outcome:
    """The outcome of a create that ended in ``error``.

    ``armed`` only where X provably created nothing; whatever is not in this table is uncertain.

    :param pause: seconds to wait where nothing else says how long.
    :param late: seconds since the post was due; who is only just late has patience with an odd answer.
    :param parent_age: seconds since the part's parent in its thread was created; None for a root.
    :param may_upload_again: whether media that X does not know are worth another upload.
    """
    if isinstance(error, XRateLimited):
        reset_at = error.reset_at or now.add(seconds=RATE_LIMIT_PAUSE_SECONDS)
        # By a clock that is ahead of X's the reset may seem to be over.
        return Outcome("rate_limited", PartState.ARMED, max(reset_at, now.add(seconds=pause)))
    if isinstance(error, XUnreachable | XNotPaidFor):
        name = OVER_BUDGET if isinstance(error, XNotPaidFor) else "not_sent"
        return Outcome(name, PartState.ARMED, now.add(seconds=pause))
    if isinstance(error, XNeedsLogin | XPermission | XOutOfCredits | XSpendCapReached | XUsageCapped):
        may_pass = isinstance(error, XNeedsLogin) and late < LOGIN_PATIENCE_SECONDS
        return Outcome(ACCOUNT_STOPPED, PartState.ARMED, now.add(seconds=pause) if may_pass else None)
    if isinstance(error, XForbidden | XNotFound) and _is_about_a_fresh_parent(error, parent_age):
        return Outcome("parent_not_visible", PartState.ARMED, now.add(seconds=PARENT_PAUSE_SECONDS))
    if isinstance(error, XRefused):
        media_gone = Outcome("media_gone", PartState.ARMED, now)
        return media_gone if may_upload_again else Outcome("refused", PartState.REFUSED)
    return Outcome(
        "duplicate" if isinstance(error, XDuplicate) else "uncertain",
        PartState.UNCERTAIN,
        now.add(seconds=pause),
    )


def decide_before_sending(error: XError, *, now: DateTime, pause: float, late: float = math.inf) -> Outcome:
    """The outcome of a call that comes before the create (an upload, who the account is).

    Nothing was created by it: only a refusal for good ends the post.
    """
    outcome = decide(error, now=now, pause=pause, late=late)
    if outcome.state is PartState.UNCERTAIN:
        return Outcome("not_ready", PartState.ARMED, outcome.retry_at)
    return outcome


def _is_about_a_fresh_parent(error: XError, parent_age: float | None) -> bool:
    if parent_age is None or parent_age > PARENT_PATIENCE_SECONDS:
        return False
    words = (error.detail or "").lower()
    return "reply" in words or "not visible" in words or "deleted" in words or isinstance(error, XNotFound)
