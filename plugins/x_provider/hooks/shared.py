"""One connection lookup for all coroutines that want the same one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Looked = TypeVar("Looked")


class SharedLookups(Generic[Key, Looked]):
    """Look each key up once, keep the answer a while, and let everybody who asks meanwhile wait for it.

    In the triggerer a connection travels through one socket to the API server: about 50 ms each, one after
    the other, seconds when the triggerer is busy. Fifty triggers of one account should not ask fifty times.

    :param look_up: asks for one key; its failures are not kept.
    :param seconds: how long an answer is good for.
    """

    def __init__(self, look_up: Callable[[Key], Awaitable[Looked]], *, seconds: float) -> None:
        self._look_up = look_up
        self._seconds = seconds
        self._lookups: dict[Key, tuple[float, asyncio.Task[Looked]]] = {}

    async def get(self, key: Key) -> Looked:
        """The answer for *key*; raises what the lookup raised."""
        loop = asyncio.get_running_loop()
        good_until, lookup = self._lookups.get(key, (0.0, None))
        if lookup is None or lookup.get_loop() is not loop or loop.time() > good_until or _has_failed(lookup):
            lookup = loop.create_task(self._ask(key))
            lookup.add_done_callback(_has_failed)
            self._lookups[key] = (loop.time() + self._seconds, lookup)
        # Who asked first may be cancelled; the others still wait.
        return await asyncio.shield(lookup)

    async def _ask(self, key: Key) -> Looked:
        return await self._look_up(key)


def _has_failed(lookup: asyncio.Task[Looked]) -> bool:
    return lookup.done() and (lookup.cancelled() or lookup.exception() is not None)
