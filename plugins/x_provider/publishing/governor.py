"""The governor: nobody asks X what X will not answer yet, nor for what may not be paid, in any process.

Creating a post is reserved in the ledger together with its attempt, its place in the rate window and its money alike.
What any other call cost X's answer tells.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from decimal import Decimal

import pendulum
from pendulum import DateTime

from x_provider.client import (
    Call,
    Charge,
    RateWindow,
    ResponseFacts,
    XClient,
    XError,
    XNotPaidFor,
    XOutOfCredits,
    XRateLimited,
    XSpendCapReached,
    charge_of_post,
    expected_charge,
)
from x_provider.ledger import CREATE_FAMILY, Cost, Ledger, Part, PartState, Post, Window

_CYCLE_SECONDS = 3_600

_log = logging.getLogger(__name__)


def governed(
    client: XClient,
    ledger: Ledger,
    *,
    account: str,
    clock: Callable[[], DateTime],
    beyond_budget: bool = False,
) -> XClient:
    """The client, held back while a rate window that it would need is known to be used up, or its money is.

    A call that is held back raises :class:`XRateLimited` with the reset, as X's own refusal would, or
    :class:`XNotPaidFor`; X is not asked. What X charges is written down, and where X takes no more money nothing
    that costs any leaves after it.

    :param beyond_budget: no budget holds its calls back: for finding out what became of posts whose money a budget
        holds until that is known.
    """

    def before_request(call: Call) -> None:
        if call.family == CREATE_FAMILY:
            return
        now = clock()
        expected = expected_charge(call, now)
        if expected is not None:
            _refuse_unpaid(ledger, account, call.family, None if beyond_budget else expected.usd, now)
        until = ledger.limits.blocked_until(account, [call.family], now=now)
        if until is not None:
            raise XRateLimited(
                family=call.family,
                reset_at=until,
                detail=f"known since an earlier answer, so X was not asked; account {account}",
                next_step=f"It is allowed again at {until.isoformat()}.",
            )

    def on_response(facts: ResponseFacts) -> None:
        if isinstance(facts.error, XOutOfCredits | XSpendCapReached):
            _break_off(ledger, account, facts.error, clock())
        if facts.family == CREATE_FAMILY:
            return
        if facts.charge is not None:
            charge = facts.charge
            near = ledger.charges.add(
                account, cost_of(charge), what=facts.family, at=clock(), resources=charge.resources
            )
            if near is not None:
                _log.warning("%s", near.warning())
        if any(window.exhausted for window in facts.windows):
            ledger.limits.note(account, facts.family, windows_of(facts.windows))

    return client.watched(before_request=before_request, on_response=on_response)


def costs_of(post: Post, part: Part, *, at: DateTime) -> tuple[Cost, Decimal]:
    """What sending a part will cost, and what the parts after it will (US dollars)."""
    later = [each for each in post.parts if each.position > part.position]
    waiting = [each for each in later if each.state is not PartState.POSTED]
    return _cost(part, at), sum((_cost(each, at).usd for each in waiting), Decimal(0))


def cost_of(charge: Charge) -> Cost:
    """What X charges, as the ledger keeps it."""
    return Cost(charge.kind, charge.usd, charge.units)


def to_go_on(error: XError, account: str) -> str:
    """How to let an account go on that X takes no more money for, as a sentence; empty for any other error."""
    if not isinstance(error, XOutOfCredits | XSpendCapReached):
        return ""
    return f" Nothing of it that costs money leaves until then: `airflow x budget {account} --reset`."


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


def _refuse_unpaid(ledger: Ledger, account: str, family: str, usd: Decimal | None, now: DateTime) -> None:
    breaker = ledger.controls.breaker_of(account, now)
    if breaker is not None:
        raise XNotPaidFor(family=family, detail=str(breaker), until=breaker.ends_at)
    held = None if usd is None else ledger.charges.held(account, usd, now=now)
    if held is not None:
        raise XNotPaidFor(family=family, detail=held.why, until=held.until)


def _break_off(ledger: Ledger, account: str, error: XOutOfCredits | XSpendCapReached, now: DateTime) -> None:
    ends_at = _day(error.reset_date) if isinstance(error, XSpendCapReached) else None
    if ends_at is not None and ends_at <= now:
        # X may be late with its own cycle, or its day may not be UTC's: it is asked again soon.
        ends_at = now.add(seconds=_CYCLE_SECONDS) if ends_at > now.subtract(days=2) else None
    if ledger.controls.break_off(account, why=str(error).rstrip("."), now=now, ends_at=ends_at):
        _log.error("account %s: %s%s", account, error, to_go_on(error, account))


def _day(written: str | None) -> DateTime | None:
    """The beginning of a day that X names (UTC); None where it names none that can be read."""
    try:
        found = pendulum.parse(written or "", tz="UTC")
        return found.in_timezone("UTC") if isinstance(found, DateTime) else None
    except (ValueError, OverflowError):
        return None


def _cost(part: Part, at: DateTime) -> Cost:
    return cost_of(charge_of_post(str(part.content.get("text") or ""), at))
