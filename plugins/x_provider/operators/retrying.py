"""When a failed task is tried again: what the failure says, before what the task was given."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseOperator, Context, RetryDecision, RetryPolicy
from airflow.sdk.exceptions import AirflowException
from pendulum import DateTime

from x_provider.ledger import LedgerError
from x_provider.publishing import utc_now

_GROWTH = 3
_JITTER_SECONDS = 5
"""Many tasks may wait for one window to open: they need not all come in the same second."""


class XTriggerFailedError(AirflowException):
    """The trigger that was to send the post ended early; the ledger knows how far it came."""


@dataclass(frozen=True)
class XRetryPolicy(RetryPolicy):
    """Decide from the exception, or what caused it, whether and when a task is tried again.

    A used-up rate limit: when its window opens, be that in 24 hours; the task holds no slot meanwhile. X, the
    ledger or the trigger not there: after growing pauses. What X refuses for good, and what only a person can
    mend (login, permission, credits, caps, budget): not at all. Anything else: as the task's ``retries`` and
    ``retry_delay`` say. No policy goes beyond ``retries``, and Airflow itself never repeats what ended in
    ``AirflowFailException``.

    It runs in the worker, which reads it from the DAG file; the scheduler is told only the pause.

    :param first_pause_seconds: before the first retry where nothing says how long; each next is three times
        as long, give or take a quarter.
    :param longest_pause_seconds: what no such pause exceeds.
    """

    first_pause_seconds: float = 10
    longest_pause_seconds: float = 900

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,  # noqa: ARG002
        context: Context | None = None,  # noqa: ARG002
    ) -> RetryDecision:
        for error in _with_causes(exception):
            decision = self._decide(error, try_number)
            if decision is not None:
                return decision
        return RetryDecision.default()

    def serialize(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> XRetryPolicy:
        return cls(**data)

    def _decide(self, error: BaseException, try_number: int) -> RetryDecision | None:
        from x_provider import client as x  # noqa: PLC0415  (requests, which parsing a DAG does not need)

        if isinstance(error, x.XRateLimited):
            return RetryDecision.retry(
                self._until(error.reset_at), f"{error} Tried again when the window opens."
            )
        if isinstance(error, x.XUnreachable | x.XUnavailable | LedgerError | XTriggerFailedError):
            return RetryDecision.retry(self._pause(try_number), str(error))
        unpaid = x.XOutOfCredits | x.XSpendCapReached | x.XUsageCapped | x.XNotPaidFor
        for_a_person = x.XNeedsLogin | x.XPermission | unpaid
        if isinstance(error, x.XRefused | for_a_person):
            return RetryDecision.fail(f"{error} Trying again would not help.")
        return None

    def _until(self, reset_at: DateTime | None) -> timedelta:
        if reset_at is None:
            return timedelta(seconds=self.longest_pause_seconds)
        left = max((reset_at - utc_now()).total_seconds(), 0)
        return timedelta(seconds=left + random.uniform(0, _JITTER_SECONDS))  # noqa: S311

    def _pause(self, try_number: int) -> timedelta:
        growth = _GROWTH ** min(try_number - 1, 20)
        pause = min(self.first_pause_seconds * growth, self.longest_pause_seconds)
        return timedelta(seconds=pause * random.uniform(0.75, 1.25))  # noqa: S311


class XOperator(BaseOperator):
    """What all operators of this provider share: :class:`XRetryPolicy` decides about their retries.

    :param retry_policy: another policy instead.
    """

    def __init__(self, *, retry_policy: RetryPolicy | None = None, **kwargs: Any) -> None:
        super().__init__(retry_policy=retry_policy or XRetryPolicy(), **kwargs)


def _with_causes(exception: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    error: BaseException | None = exception
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__
