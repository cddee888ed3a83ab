from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from x_sandbox.clock import Clock, iso
from x_sandbox.receivers import Receivers
from x_sandbox.settings import Settings
from x_sandbox.webhooks import Webhook, Webhooks

KEPT = 10_000
"""How many deliveries are remembered, for the controls and for replays."""
WAITING = 10_000
WORKERS = 4
WATCH_SECONDS = 0.2


@dataclass
class Delivery:
    """One event on its way to one webhook.

    :param event_id: `event_uuid`, or the post's id for the Account Activity API.
    :param body: the JSON, byte for byte as it is signed.
    :param at: epoch seconds of the event.
    :param status: `waiting`, `delivered`, `failed`, `held` (the webhook is invalid), `dropped` (too many wait,
        or webhook deleted).
    :param origin: `event`, `copy` or `replay`.
    """

    webhook_id: str
    event_type: str
    event_id: str
    body: bytes
    at: float
    origin: str = "event"
    subscription_id: str | None = None
    status: str = "waiting"
    attempts: list[dict[str, Any]] = field(default_factory=list)

    def listing(self) -> dict[str, Any]:
        """Return what the controls show of it: neither body nor signature."""
        shown = {name: value for name, value in vars(self).items() if name != "body"}
        return {**shown, "at": iso(self.at), "bytes": len(self.body)}


class Deliveries:
    """Brings events to webhooks in the background, and challenges the webhooks from time to time."""

    def __init__(
        self,
        clock: Clock,
        webhooks: Webhooks,
        receivers: Receivers,
        settings: Callable[[], Settings],
        on_delivered: Callable[[Delivery], None],
    ) -> None:
        self._clock = clock
        self._webhooks = webhooks
        self._receivers = receivers
        self._settings = settings
        self._on_delivered = on_delivered
        self._queue: asyncio.Queue[Delivery] = asyncio.Queue()
        self._kept: deque[Delivery] = deque(maxlen=KEPT)
        self._waiting = 0
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin; to be called in the server's event loop."""
        self._tasks = [asyncio.create_task(self._work()) for _ in range(WORKERS)]
        self._tasks.append(asyncio.create_task(self._watch()))

    async def stop(self) -> None:
        """End at once; what is not delivered yet is lost."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def clear(self) -> None:
        for delivery in self._kept:
            delivery.status = "dropped"
        self._kept.clear()

    def add(self, delivery: Delivery) -> None:
        """Queue an event for its webhook, as many times as the setting `webhook_copies` says."""
        for number in range(max(1, self._settings().webhook_copies)):
            self._enqueue(delivery if number == 0 else _again(delivery, "copy"))

    def replay(self, webhook_id: str, start: float, end: float) -> int:
        """Deliver a webhook's events of a time span once more; return how many."""
        found = [
            delivery
            for delivery in self._kept
            if delivery.webhook_id == webhook_id and delivery.origin == "event" and start <= delivery.at < end
        ]
        for delivery in found:
            self._enqueue(_again(delivery, "replay"))
        return len(found)

    def counts(self) -> Counter[str]:
        """Count the remembered deliveries by status."""
        return Counter(delivery.status for delivery in self._kept)

    def listing(self, newest: int = KEPT) -> list[dict[str, Any]]:
        """Return the newest of the remembered deliveries, oldest first."""
        first = max(0, len(self._kept) - newest)
        return [delivery.listing() for delivery in islice(self._kept, first, None)]

    async def challenge(self, webhook: Webhook) -> str | None:
        """Challenge a webhook and keep the outcome; return the fault, or None."""
        fault = await self._receivers.challenge(webhook.url)
        self._webhooks.checked(webhook, valid=fault is None)
        return fault

    def _enqueue(self, delivery: Delivery) -> None:
        self._kept.append(delivery)
        if self._waiting >= WAITING:
            delivery.status = "dropped"
            return
        self._waiting += 1
        self._queue.put_nowait(delivery)

    async def _work(self) -> None:
        while True:
            delivery = await self._queue.get()
            if delivery.status == "waiting":
                await self._attempt(delivery)
            if delivery.status != "waiting":
                self._waiting -= 1

    async def _attempt(self, delivery: Delivery) -> None:
        webhook = self._webhooks.get(delivery.webhook_id)
        if webhook is None:
            delivery.status = "dropped"
            return
        if not webhook.valid:
            delivery.status = "held"
            return
        at = self._clock.now()
        reply = await self._receivers.deliver(webhook.url, delivery.body)
        delivery.attempts.append(
            {"at": iso(at), "status": reply.status, "fault": reply.fault, "signed": bool(reply.signatures)}
        )
        settings, made = self._settings(), len(delivery.attempts)
        if reply.fault is None:
            delivery.status = "delivered"
            with contextlib.suppress(OSError):  # a full disk
                self._on_delivered(delivery)
        elif made >= settings.webhook_attempts:
            delivery.status = "failed"
        elif delivery.status == "waiting":
            seconds = settings.webhook_backoff_seconds * 2 ** (made - 1)
            asyncio.get_running_loop().call_later(seconds, self._queue.put_nowait, delivery)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            every = self._settings().webhook_crc_seconds
            for webhook in self._webhooks.all():
                if abs(self._clock.now() - webhook.checked_at) >= every:  # the clock can be set back, too
                    with contextlib.suppress(OSError):  # a full disk: the next round tries again
                        await self.challenge(webhook)


def _again(delivery: Delivery, origin: str) -> Delivery:
    return Delivery(
        delivery.webhook_id,
        delivery.event_type,
        delivery.event_id,
        delivery.body,
        delivery.at,
        origin,
        delivery.subscription_id,
    )
