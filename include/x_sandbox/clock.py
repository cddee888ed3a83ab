from __future__ import annotations

import secrets
import time
from datetime import datetime, timezone

SNOWFLAKE_EPOCH_MS = 1_288_834_974_657


class Clock:
    """The sandbox's time: the machine's, set ahead by a number of seconds to rehearse expiry and ageing."""

    def __init__(self) -> None:
        self.ahead_seconds = 0.0

    def now(self) -> float:
        """Return the current instant in epoch seconds."""
        return time.time() + self.ahead_seconds


def iso(epoch: float) -> str:
    """Write an instant as X does: UTC, milliseconds, `Z`."""
    moment = datetime.fromtimestamp(round(epoch, 3), tz=timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_iso(text: str) -> float:
    """Read an RFC 3339 instant into epoch seconds.

    :raises ValueError: the text is no instant, or has no offset.
    """
    moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00").replace("z", "+00:00"))
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset")
    return moment.timestamp()


class Snowflakes:
    """Ids like X's: 64 bits, ordered by time, never twice."""

    def __init__(self) -> None:
        self._machine = secrets.randbelow(1 << 10) << 12
        self._last_ms = 0
        self._sequence = 0

    def next(self, at: float) -> str:
        """Make an id for the instant `at` (epoch seconds)."""
        milliseconds = int(at * 1000)
        if milliseconds > self._last_ms:
            self._last_ms, self._sequence = milliseconds, 0
        elif self._sequence == 0xFFF:
            self._last_ms, self._sequence = self._last_ms + 1, 0
        else:
            self._sequence += 1
        return str(((self._last_ms - SNOWFLAKE_EPOCH_MS) << 22) | self._machine | self._sequence)

    def advance_past(self, snowflake: str) -> None:
        """Never again make an id as old as `snowflake` (after a restart)."""
        self._last_ms = max(self._last_ms, (int(snowflake) >> 22) + SNOWFLAKE_EPOCH_MS)
