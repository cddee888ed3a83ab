"""The watcher of what X has told: wakes DAG x_events when there is something to be handled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from x_provider.hooks.ledger import LedgerHook
from x_provider.publishing import utc_now

_REPEAT_SECONDS = 20
_RECOVERY_SECONDS = 10


class XEventsTrigger(BaseEventTrigger):
    """Look into the ledger again and again, and send an event when X has told something.

    It only wakes: for what is new, for the rest when some were taken on, and again while nobody takes on what is
    there, since Airflow may drop an event that arrives while a run is being made.

    :param ledger_conn_id: the Airflow connection of the ledger's database.
    :param poll_seconds: the pause between two looks.
    """

    def __init__(self, *, ledger_conn_id: str = "x_ledger", poll_seconds: float = 2.0) -> None:
        super().__init__()
        self.ledger_conn_id = ledger_conn_id
        self.poll_seconds = poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "x_provider.triggers.events.XEventsTrigger",
            {"ledger_conn_id": self.ledger_conn_id, "poll_seconds": self.poll_seconds},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        # A watcher that ends is started again at once and for ever, so it waits out its troubles itself.
        told: tuple[int, int] | None = None
        told_at = -float("inf")
        while True:
            try:
                at_hand = await self._look()
            except Exception:
                self.log.exception("cannot read the ledger; looking again in %s s", _RECOVERY_SECONDS)
                await asyncio.sleep(_RECOVERY_SECONDS)
                continue
            now = asyncio.get_running_loop().time()
            if at_hand is not None and (at_hand != told or now - told_at >= _REPEAT_SECONDS):
                told, told_at = at_hand, now
                yield TriggerEvent({"newest": at_hand[0]})
            await asyncio.sleep(self.poll_seconds)

    async def _look(self) -> tuple[int, int] | None:
        hook = await LedgerHook.aget(self.ledger_conn_id)  # shared for a minute, then looked up anew
        return await asyncio.to_thread(hook.ledger().events.at_hand, utc_now())
