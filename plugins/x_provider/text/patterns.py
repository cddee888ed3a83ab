"""Patterns over Unicode's properties, which Python's own ``re`` does not know."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regex import Pattern


@cache
def pattern(written: str, *, ignore_case: bool = False) -> Pattern[str]:
    """Compile a pattern of the library ``regex`` at its first use: most who import this package match none."""
    import regex  # noqa: PLC0415  (a third of what importing this package would cost)

    return regex.compile(written, regex.IGNORECASE if ignore_case else 0)
