"""The trigger that fires a post at its due instant, inside the triggerer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pendulum
from airflow.triggers.base import BaseTrigger, TriggerEvent
from pendulum import DateTime

from x_provider.hooks.publisher import aopen_publisher
from x_provider.publishing import Publisher, ReceiptNotStoredError
from x_provider.triggers.waiting import in_thread, sleep_until

_OPEN_SECONDS = 10.0
_WARM_SECONDS = 2.0
_WARMING = ThreadPoolExecutor(max_workers=8, thread_name_prefix="x-warm")
_FIRING = ThreadPoolExecutor(max_workers=32, thread_name_prefix="x-fire")


class XPublishTrigger(BaseTrigger):
    """Sleep until the post is due, send it, and report what the ledger says about it then.

    It may run more than once, and twice at a time: the ledger lets one of them send.

    :param post_id: the post in the ledger.
    :param account: the Airflow connection id of its account.
    :param fire_at: the due instant, ISO 8601 with offset.
    :param ledger_conn_id: the Airflow connection of the ledger's database.
    """

    def __init__(self, *, post_id: int, account: str, fire_at: str, ledger_conn_id: str = "x_ledger") -> None:
        # No parsing here: an exception in a trigger's __init__ kills the whole triggerer.
        super().__init__()
        self.post_id = post_id
        self.account = account
        self.fire_at = fire_at
        self.ledger_conn_id = ledger_conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "x_provider.triggers.publish.XPublishTrigger",
            {
                "post_id": self.post_id,
                "account": self.account,
                "fire_at": self.fire_at,
                "ledger_conn_id": self.ledger_conn_id,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        try:
            await self._publish()
            yield TriggerEvent({"post_id": self.post_id})
        except ReceiptNotStoredError as error:
            self.log.exception("post %s is on X; the task tells the ledger", self.post_id)
            yield TriggerEvent({"post_id": self.post_id, "receipt": error.evidence})
        except Exception as error:
            self.log.exception("post %s: the trigger failed; the task decides what to do next", self.post_id)
            yield TriggerEvent({"post_id": self.post_id, "error": f"{type(error).__name__}: {error}"})

    async def _publish(self) -> None:
        fire_at = _instant(self.fire_at)
        while True:
            # Late enough to see credentials that changed while the post waited.
            await sleep_until(fire_at.subtract(seconds=_OPEN_SECONDS))
            publisher = await aopen_publisher(
                account=self.account, ledger_conn_id=self.ledger_conn_id, report=self.log.info
            )
            await sleep_until(fire_at.subtract(seconds=_WARM_SECONDS))
            warming = asyncio.ensure_future(in_thread(_WARMING, self._warm, publisher))
            await sleep_until(fire_at)
            fired = await in_thread(_FIRING, publisher.fire, self.post_id)
            await warming
            if fired.retry_at is None:
                return
            fire_at = fired.retry_at
            self.log.warning("post %s: %s; trying again at %s", fired.post.name, fired.why, fire_at)

    def _warm(self, publisher: Publisher) -> None:
        # Only a help: whether X can be reached is for the firing to find out.
        try:
            publisher.warm()
        except Exception as error:
            self.log.warning("no connection opened ahead of time: %s", error)


def _instant(written: str) -> DateTime:
    parsed = pendulum.parse(written)
    if not isinstance(parsed, DateTime):
        raise TypeError(f"fire_at must be an instant in ISO 8601 with an offset, not {written!r}")
    return parsed
