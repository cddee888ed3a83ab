"""The governor: nobody asks X what X has said it will not answer yet, in any process.

Creating a post has its own reservation in the ledger, made together with the attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pendulum import DateTime

from x_provider.client import RateWindow, ResponseFacts, XClient, XError, XRateLimited
from x_provider.ledger import CREATE_FAMILY, Ledger, Window


def governed(client: XClient, ledger: Ledger, *, account: str, clock: Callable[[], DateTime]) -> XClient:
    """The client, held back while a rate window that it would need is known to be used up.

    A call that is held back raises :class:`XRateLimited` with the reset, as X's own refusal would; X is not
    asked.
    """

    def before_request(family: str) -> None:
        if family == CREATE_FAMILY:
            return
        until = ledger.limits.blocked_until(account, [family], now=clock())
        if until is not None:
            raise XRateLimited(
                family=family,
                reset_at=until,
                detail=f"known since an earlier answer, so X was not asked; account {account}",
                next_step=f"It is allowed again at {until.isoformat()}.",
            )

    def on_response(facts: ResponseFacts) -> None:
        if facts.family != CREATE_FAMILY and any(window.exhausted for window in facts.windows):
            ledger.limits.note(account, facts.family, windows_of(facts.windows))

    return client.watched(before_request=before_request, on_response=on_response)


def windows_of(said: Iterable[RateWindow]) -> list[Window]:
    """The windows that an answer reported, as the ledger keeps them."""
    return [Window(each.name, each.limit, each.remaining, each.reset_at) for each in said]


def windows_of_refusal(error: XError) -> list[Window]:
    """The windows that a refusal reported; where it named none that is exhausted, one until its reset."""
    if not isinstance(error, XRateLimited):
        return []
    windows = windows_of(error.windows)
    if error.reset_at is not None and all(window.remaining > 0 for window in windows):
        windows = [Window("15-minute", 0, 0, error.reset_at)]
    return windows
