"""What X delivers to a webhook: read apart into events, and written down before it is acknowledged.

https://docs.x.com/x-api/activity/introduction and, deprecated, https://docs.x.com/x-api/account-activity/introduction
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from pendulum import DateTime

from x_provider.ledger import ReceivedEvent

POST_EVENTS = ("tweet_create_events", "tweet_delete_events")
"""What is read of the Account Activity API; of other events, private messages among them, only names are kept."""

_APP = b"the app that X tells"
_STEP_SECONDS = 0.002
_DEEPEST = 100  # of X's own, which quote posts that quote posts, a dozen; Python takes some 900

_log = logging.getLogger(__name__)


class UnreadableDeliveryError(ValueError):
    """The body is not what X delivers; the message says what it is."""


class NotKeptError(RuntimeError):
    """The events were not written down, or nobody knows: X is to bring them again."""


def read_delivery(
    body: bytes, *, app: str, received_at: DateTime, scope: str | None = None
) -> list[ReceivedEvent]:
    """The events of one delivery.

    The same event, delivered again, replayed, or with others beside it, has the same key; told to two
    subscriptions with other filters it is two events, since X bills them and means other people by them.

    :param app: the connection whose app X told.
    :param scope: the app itself, which several connections may be of: an event is one of its app. By default the
        connection stands for it.
    :raises UnreadableDeliveryError: for what is no JSON object in UTF-8, or nested too deep to be handled.
    """
    try:
        told = json.loads(body.decode())
    except (ValueError, RecursionError):
        raise UnreadableDeliveryError(
            f"the {len(body)} bytes are no JSON in UTF-8; were they cut short?"
        ) from None
    if not isinstance(told, dict):
        raise UnreadableDeliveryError("the body is JSON, but no object")
    if body.count(b"{") + body.count(b"[") > _DEEPEST and _is_deeper(told, _DEEPEST):
        raise UnreadableDeliveryError(f"the body is JSON, but nested more than {_DEEPEST} deep")
    return [
        ReceivedEvent(_digest([scope or app, *identity]), app, text, received_at)
        for identity, text in _events(told, body)
    ]


def scope_of(consumer_secret: str) -> str:
    """What stands for an app, whichever connection of it is told; it says nothing of the secret."""
    return hmac.digest(consumer_secret.encode(), _APP, "sha256").hex()


def _events(told: dict[str, Any], body: bytes) -> Iterator[tuple[list[Any], str]]:
    """What makes each event itself, and its JSON."""
    found = told.get("data")
    listed = found if isinstance(found, list) else [found]
    activities = [each for each in listed if isinstance(each, dict)]
    for each in activities:
        uuid = each.get("event_uuid")
        of = [each.get("event_type"), each.get("filter")]
        yield (
            ["activity", uuid, *of] if uuid else ["activity", each],
            body.decode() if len(activities) == 1 else _written({"data": each}),
        )
    if activities:
        return
    user = told.get("for_user_id")
    statuses = [(name, each) for name in POST_EVENTS for each in _listed(told.get(name))]
    for name, each in statuses:
        yield (
            ["account", user, name, _id_of(each) or each],
            body.decode() if len(statuses) == 1 else _written({"for_user_id": user, name: [each]}),
        )
    if not statuses:
        yield ["other", told], _written({"for_user_id": user, "names": sorted(told)})


def _is_deeper(told: Any, levels: int) -> bool:
    level = [told]
    for _ in range(levels):
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, dict | list)
        ]
    return bool(level)


def _id_of(status: Any) -> str | None:
    if not isinstance(status, dict):
        return None
    about = status.get("status") if isinstance(status.get("status"), dict) else status
    found = about.get("id_str") or about.get("id") if isinstance(about, dict) else None
    return str(found) if found else None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _written(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


@dataclass
class _Waiting:
    events: list[ReceivedEvent]
    size: int
    done: asyncio.Future[None]


class EventWriter:
    """Writes events down for many requests at once: what arrives while a batch is written becomes the next batch.

    For one event loop; the database is a thread's business.

    :param store: writes events down, all or none; when it returns they are on the disk.
    :param most_waiting: events that may wait; where that many do no more are taken, so that a flood takes no more
        memory. A delivery may hold more by itself.
    :param most_bytes: the same, in bytes of their bodies.
    :param most_a_batch: events of one transaction.
    :param gather: seconds for which a batch waits at most while others arrive: a transaction costs as much as ten
        events.
    :param patience: seconds for a batch. Who waits longer is told that it was not kept, though it may be.
    """

    def __init__(
        self,
        store: Callable[[Sequence[ReceivedEvent]], object],
        *,
        most_waiting: int = 5_000,
        most_bytes: int = 32 * 1024 * 1024,
        most_a_batch: int = 500,
        gather: float = 0.02,
        patience: float = 8.0,
    ) -> None:
        self._store = store
        self._most_waiting = most_waiting
        self._most_bytes = most_bytes
        self._most_a_batch = most_a_batch
        self._gather = gather
        self._patience = patience
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="x-events")
        self._waiting: deque[_Waiting] = deque()
        self._events = 0
        self._bytes = 0
        self._hangs = False
        self._work: asyncio.Task[None] | None = None

    async def keep(self, events: list[ReceivedEvent]) -> None:
        """Return once the events are on the disk.

        :raises NotKeptError: when too many wait, or the ledger cannot be used or takes too long.
        """
        size = sum(len(event.body) for event in events)
        if self._hangs or self._events >= self._most_waiting or self._bytes + size > self._most_bytes:
            raise NotKeptError("too many events wait to be written down")
        loop = asyncio.get_running_loop()
        waiting = _Waiting(events, size, loop.create_future())
        self._waiting.append(waiting)
        self._events += len(events)
        self._bytes += size
        if self._work is None:
            self._work = loop.create_task(self._write_all())
        await waiting.done

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown(wait=False)

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                await self._company()
                await self._write(self._next_batch())
        finally:
            self._work = None

    async def _company(self) -> None:
        steps = max(1, round(self._gather / _STEP_SECONDS))
        for _ in range(steps):
            before = self._events
            await asyncio.sleep(_STEP_SECONDS)
            if self._events == before or self._events >= self._most_a_batch:
                return

    def _next_batch(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        count = 0
        while self._waiting and (not batch or count + len(self._waiting[0].events) <= self._most_a_batch):
            batch.append(self._waiting.popleft())
            count += len(batch[-1].events)
        return batch

    async def _write(self, batch: list[_Waiting]) -> None:
        events = [event for waiting in batch for event in waiting.events]
        writing = asyncio.get_running_loop().run_in_executor(self._thread, self._store, events)
        await asyncio.wait({writing}, timeout=self._patience)
        if not writing.done():
            slow = NotKeptError(f"the ledger has taken more than {self._patience:g} s")
            self._hangs = True
            self._end([*batch, *self._waiting], slow)
            self._waiting.clear()
            # One thread writes: until it is free nothing else can be.
            await asyncio.wait({writing})
            self._hangs = False
            writing.exception()
            return
        error = writing.exception()
        if error is None:
            self._end(batch, None)
        else:
            _log.error("%s events were not kept, X is to bring them again: %s", len(events), error)
            self._end(batch, NotKeptError(f"the ledger cannot be used: {error}"))

    def _end(self, batch: Sequence[_Waiting], error: NotKeptError | None) -> None:
        for waiting in batch:
            self._events -= len(waiting.events)
            self._bytes -= waiting.size
            if waiting.done.done():  # who asked has gone
                continue
            if error is None:
                waiting.done.set_result(None)
            else:
                waiting.done.set_exception(error)
