"""The trigger that tells the ledger of a post on X, as soon as the ledger is there again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from x_provider.hooks.ledger import LedgerHook
from x_provider.publishing import AnotherLedgerError, PostedTwiceError, keep_evidence
from x_provider.triggers.waiting import in_thread

_PAUSE_SECONDS = 10
_KEEPING = ThreadPoolExecutor(max_workers=4, thread_name_prefix="x-receipt")


class XKeepReceiptTrigger(BaseTrigger):
    """Write a receipt into the ledger, again and again until it can be.

    Airflow's own database holds the receipt with the trigger's arguments meanwhile, so neither a dead triggerer
    nor a retry of the task loses it.

    :param receipt: what the ledger must be told, plain JSON, without secrets.
    :param ledger_conn_id: the Airflow connection of the ledger's database.
    """

    def __init__(self, *, receipt: Mapping[str, Any], ledger_conn_id: str = "x_ledger") -> None:
        # No parsing here: an exception in a trigger's __init__ kills the whole triggerer.
        super().__init__()
        self.receipt = receipt
        self.ledger_conn_id = ledger_conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "x_provider.triggers.receipt.XKeepReceiptTrigger",
            {"receipt": self.receipt, "ledger_conn_id": self.ledger_conn_id},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        while True:
            # Ahead of the first try too: a task resumed within about a second of parking may be marked failed.
            await asyncio.sleep(_PAUSE_SECONDS)
            try:
                hook = await LedgerHook.aget(self.ledger_conn_id)
                await in_thread(_KEEPING, keep_evidence, hook.ledger(), self.receipt)
            except (PostedTwiceError, AnotherLedgerError) as error:
                yield TriggerEvent({"conflict": str(error)})
                return
            except Exception as error:
                self.log.warning("%s; trying again in %s s", error, _PAUSE_SECONDS)
            else:
                yield TriggerEvent({"post_id": self.receipt["post_id"]})
                return
