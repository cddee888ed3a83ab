"""One time for all processes of a world, which jumps ahead when every one of them only waits."""

from __future__ import annotations

import http.client
import json
import math
import mmap
import time
from urllib.parse import urlsplit

import pendulum
from pendulum import DateTime

_AHEAD, _CREATING_AT, _SLOTS = 0, 1, 2
_POLL_SECONDS = 0.001
RUNNING, GONE = 0.0, math.inf


class SharedTime:
    """What the processes share: how far ahead the world is, and until when each of them waits."""

    def __init__(self) -> None:
        self._numbers = memoryview(mmap.mmap(-1, 4096)).cast("d")
        self._processes = 0

    def reset(self) -> None:
        """Begin a new world at the machine's time."""
        self._numbers[_AHEAD] = self._numbers[_CREATING_AT] = 0.0

    def enter(self, processes: int) -> None:
        """So many processes begin together; their slots are counted from 0."""
        self._processes = processes
        for slot in range(processes):
            self.set(slot, RUNNING)

    def set(self, slot: int, until: float) -> None:
        """The process waits until then (epoch seconds of the world), is ``RUNNING`` or ``GONE``."""
        self._numbers[_SLOTS + slot] = until

    @property
    def now(self) -> float:
        """Epoch seconds of the world."""
        return time.time() + self._numbers[_AHEAD]

    @property
    def creating_at(self) -> float:
        """When a request that creates a post last left, by the machine's clock."""
        return self._numbers[_CREATING_AT]

    def creating(self) -> None:
        """A request that creates a post leaves now."""
        self._numbers[_CREATING_AT] = time.time()

    def is_next(self, slot: int) -> bool:
        """Whether all others are gone or wait for longer than this one."""
        waits = self._numbers[_SLOTS : _SLOTS + self._processes].tolist()
        return min(waits) == waits[slot] != RUNNING

    def ahead_at(self, instant: float) -> float:
        """How far ahead of the machine's clock the world must be for that to be its present instant."""
        return max(self._numbers[_AHEAD], instant - time.time() + 0.001)

    def jump(self, ahead: float) -> None:
        """Be so far ahead of the machine's clock, if the world is not further ahead already."""
        self._numbers[_AHEAD] = max(self._numbers[_AHEAD], ahead)


class WorldClock:
    """The clock of one process, which may be wrong.

    :param skew: seconds by which this process's clock is ahead of the world's.
    :param x_skew: seconds by which X's clock is.
    :param patience: seconds after a create within which X may still be at work on it: time stands still.
    """

    def __init__(
        self, shared: SharedTime, slot: int, x: str, *, skew: float, x_skew: float, patience: float
    ) -> None:
        self._shared = shared
        self._slot = slot
        self._skew = skew
        self._x_skew = x_skew
        self._patience = patience
        self._x = http.client.HTTPConnection(urlsplit(x).netloc)

    def __call__(self) -> DateTime:
        return pendulum.from_timestamp(self._shared.now + self._skew)

    def sleep(self, seconds: float) -> None:
        """Wait for so long."""
        self.sleep_until(self().add(seconds=seconds))

    def sleep_until(self, instant: DateTime) -> None:
        """Wait until this process's clock shows ``instant``."""
        until = instant.timestamp() - self._skew
        self._shared.set(self._slot, until)
        while self._shared.now < until:
            if self._shared.is_next(self._slot) and time.time() >= self._shared.creating_at + self._patience:
                # X first: what it creates is then never older, by its own clock, than the instant it was sent at.
                ahead = self._shared.ahead_at(until)
                self._tell_x(ahead)
                self._shared.jump(ahead)
            else:
                time.sleep(_POLL_SECONDS)
        self._shared.set(self._slot, RUNNING)

    def _tell_x(self, ahead: float) -> None:
        settings = json.dumps({"clock_ahead_seconds": ahead + self._x_skew})
        self._x.request("POST", "/_sandbox/settings", settings)
        self._x.getresponse().read()
