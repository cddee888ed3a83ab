"""From X's answers to what becomes of a part: the one table that decides about sending again."""

from __future__ import annotations

from dataclasses import dataclass

from pendulum import DateTime

from x_provider.client import (
    XDuplicate,
    XError,
    XNeedsLogin,
    XOutOfCredits,
    XPermission,
    XRateLimited,
    XRefused,
    XSpendCapReached,
    XUnreachable,
    XUsageCapped,
)
from x_provider.ledger import PartState

UNREACHABLE_PAUSE_SECONDS = 5


@dataclass(frozen=True)
class Outcome:
    """What becomes of a part after an attempt that brought no receipt.

    :param name: kept in the attempt's row.
    :param retry_at: when sending it again is safe and makes sense; None when a person must act first.
    """

    name: str
    state: PartState
    retry_at: DateTime | None = None


def decide(error: XError, *, now: DateTime) -> Outcome:
    """The outcome of a create that ended in ``error``.

    ``armed`` only where X provably created nothing; whatever is not in this table is uncertain.
    """
    if isinstance(error, XRateLimited):
        return Outcome("rate_limited", PartState.ARMED, error.reset_at or now.add(minutes=15))
    if isinstance(error, XUnreachable):
        return Outcome("not_sent", PartState.ARMED, now.add(seconds=UNREACHABLE_PAUSE_SECONDS))
    if isinstance(error, XDuplicate):
        return Outcome("duplicate", PartState.UNCERTAIN)
    if isinstance(error, XNeedsLogin | XPermission | XOutOfCredits | XSpendCapReached | XUsageCapped):
        return Outcome("account_stopped", PartState.ARMED)
    if isinstance(error, XRefused):
        return Outcome("refused", PartState.REFUSED)
    return Outcome("uncertain", PartState.UNCERTAIN)
