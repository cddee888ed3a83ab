"""The watcher: wakes DAG x_publish when posts come due within their lead time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from x_provider.hooks.ledger import LedgerHook
from x_provider.ledger import DuePost
from x_provider.publishing import utc_now

_REPEAT_SECONDS = 20
_RECOVERY_SECONDS = 10


class XDuePostsTrigger(BaseEventTrigger):
    """Look into the ledger again and again, and send an event when a post needs somebody.

    The event only wakes: whoever is woken reads the ledger. It is repeated while a post is not taken on,
    since Airflow merges events and may drop one that arrives while a run is being made.

    :param ledger_conn_id: the Airflow connection of the ledger's database.
    :param poll_seconds: the pause between two looks.
    """

    def __init__(self, *, ledger_conn_id: str = "x_ledger", poll_seconds: float = 1.0) -> None:
        super().__init__()
        self.ledger_conn_id = ledger_conn_id
        self.poll_seconds = poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "x_provider.triggers.due.XDuePostsTrigger",
            {"ledger_conn_id": self.ledger_conn_id, "poll_seconds": self.poll_seconds},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        # A watcher that ends is started again at once and for ever, so it waits out its troubles itself.
        told: dict[int, float] = {}
        while True:
            try:
                due = await self._look()
            except Exception:
                self.log.exception("cannot read the ledger; looking again in %s s", _RECOVERY_SECONDS)
                await asyncio.sleep(_RECOVERY_SECONDS)
                continue
            now = asyncio.get_running_loop().time()
            told = {post.id: told[post.id] for post in due if post.id in told}
            if any(now - told.get(post.id, -_REPEAT_SECONDS) >= _REPEAT_SECONDS for post in due):
                told = {post.id: now for post in due}
                self.log.info("%s posts need somebody, first %s", len(due), due[0].name)
                yield TriggerEvent({"due": len(due)})
            await asyncio.sleep(self.poll_seconds)

    async def _look(self) -> list[DuePost]:
        hook = await LedgerHook.aget(self.ledger_conn_id)  # shared for a minute, then looked up anew
        return await asyncio.to_thread(hook.ledger().posts.due, utc_now(), limit=500)
