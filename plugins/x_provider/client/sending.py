"""How calls are sent: time-outs, repeats, signatures made ahead. What sends them is in ``transport``."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from x_provider.client.calls import Call

if TYPE_CHECKING:
    from requests import PreparedRequest

_SIGNED_SECONDS = 60
"""How long a signature is good for; X refuses one whose time is some minutes off."""


@dataclass(frozen=True)
class Timeouts:
    """How long to wait for X, in seconds.

    :param connect: until a connection is open (for each address that X's name has).
    :param read: for the next piece of an answer.
    """

    connect: float = 5
    read: float = 30


@dataclass(frozen=True)
class Repeats:
    """How often a call that does no harm twice is sent, and the pauses between.

    :param attempts: at most so many in all; 1 never repeats.
    :param first_pause: seconds before the second attempt; doubled before each further one.
    """

    attempts: int = 3
    first_pause: float = 0.5


@dataclass
class SignedCall:
    """A call built and signed ahead of the moment at which it is sent."""

    call: Call
    credentials: str
    signed_at: float
    request: PreparedRequest | None = field(repr=False)

    def take(self, *, credentials: str) -> PreparedRequest | None:
        """The request, once; None when it is not to be used: taken, too old, or signed by another."""
        is_old = time.monotonic() - self.signed_at > _SIGNED_SECONDS
        request, self.request = self.request, None
        return None if is_old or credentials != self.credentials else request
