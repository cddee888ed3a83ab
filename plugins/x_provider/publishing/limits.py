"""From what X says about rate limits to what the ledger keeps."""

from __future__ import annotations

from collections.abc import Iterable

from x_provider.client import RateWindow, XError, XRateLimited
from x_provider.ledger import Window


def windows_of(said: Iterable[RateWindow]) -> list[Window]:
    """The windows that an answer reported."""
    return [Window(each.name, each.limit, each.remaining, each.reset_at) for each in said]


def windows_of_refusal(error: XError) -> list[Window]:
    """The windows that a refusal reported; where it named none that is exhausted, one until its reset."""
    if not isinstance(error, XRateLimited):
        return []
    windows = windows_of(error.windows)
    if error.reset_at is not None and all(window.remaining > 0 for window in windows):
        windows = [Window("15-minute", 0, 0, error.reset_at)]
    return windows
