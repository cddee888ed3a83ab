"""X's ids: snowflakes that carry their own time of creation."""

from __future__ import annotations

import pendulum
from pendulum import DateTime

_EPOCH_MS = 1_288_834_974_657
_FIRST_SNOWFLAKE = 300_000_000_000_000  # ids below it were given out in sequence, before November 2010


def created_at(x_id: str) -> DateTime | None:
    """When X created the object with that id, to the millisecond; None for an id that carries no time."""
    number = int(x_id)
    if number < _FIRST_SNOWFLAKE:
        return None
    return pendulum.from_timestamp(((number >> 22) + _EPOCH_MS) / 1000)
