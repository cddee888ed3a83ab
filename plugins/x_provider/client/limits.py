"""What X's answers say about rate limits.

https://docs.x.com/x-api/fundamentals/rate-limits
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import pendulum
from pendulum import DateTime

FIXED_WINDOW_MINUTES = 15
"""The length of X's short windows; the longest that a refusal without headers can last."""

_PREFIXES = {
    "15-minute": "x-rate-limit-",
    "app-24-hour": "x-app-limit-24hour-",
    "user-24-hour": "x-user-limit-24hour-",
}


@dataclass(frozen=True)
class RateWindow:
    """One of the windows that X counts a call in.

    :param name: ``15-minute``, ``app-24-hour`` or ``user-24-hour``.
    :param limit: calls that the window allows in all.
    :param remaining: calls that are left of it.
    :param reset_at: when the window starts anew (UTC).
    """

    name: str
    limit: int
    remaining: int
    reset_at: DateTime

    @property
    def exhausted(self) -> bool:
        """Whether the next call would be refused."""
        return self.remaining <= 0


def rate_windows(headers: Mapping[str, str]) -> tuple[RateWindow, ...]:
    """The windows that an answer reports; one with missing or unreadable figures is left out.

    :param headers: of the answer, names in any case.
    """
    found = {name.lower(): value for name, value in headers.items()}
    windows = (_window(name, prefix, found) for name, prefix in _PREFIXES.items())
    return tuple(window for window in windows if window is not None)


def blocked_until(windows: Iterable[RateWindow]) -> DateTime | None:
    """When calls are allowed again: the latest reset among the exhausted windows.

    The 15-minute reset alone misleads while a 24-hour cap is used up, since both must have room.
    """
    return max((window.reset_at for window in windows if window.exhausted), default=None)


def refused_until(headers: Mapping[str, str]) -> DateTime | None:
    """When a call that was answered with 429 may be sent again.

    Where no window admits to being exhausted, the fallbacks are ``retry-after``, the short window's reset,
    and one whole short window counted from the answer's date; None only for an answer without any of them.
    """
    windows = rate_windows(headers)
    exhausted = blocked_until(windows)
    if exhausted is not None:
        return exhausted
    found = {name.lower(): value for name, value in headers.items()}
    date = answer_date(headers)
    retry_after = found.get("retry-after", "")
    if date is not None and retry_after.isdigit():
        return date.add(seconds=int(retry_after))
    short = next((window for window in windows if window.name == "15-minute"), None)
    if short is not None:
        return short.reset_at
    return date.add(minutes=FIXED_WINDOW_MINUTES) if date is not None else None


def answer_date(headers: Mapping[str, str]) -> DateTime | None:
    """The answer's ``date`` header (UTC, whole seconds); None when it has none or it is unreadable."""
    written = next((value for name, value in headers.items() if name.lower() == "date"), None)
    if written is None:
        return None
    try:
        return pendulum.instance(parsedate_to_datetime(written)).in_timezone("UTC")
    except (TypeError, ValueError):
        return None


def _window(name: str, prefix: str, headers: Mapping[str, str]) -> RateWindow | None:
    try:
        return RateWindow(
            name,
            limit=int(headers[f"{prefix}limit"]),
            remaining=int(headers[f"{prefix}remaining"]),
            reset_at=pendulum.from_timestamp(int(headers[f"{prefix}reset"])),
        )
    except (KeyError, ValueError, OverflowError, OSError):
        return None
