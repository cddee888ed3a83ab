"""The trigger that waits, without a worker slot, until X has processed a post's files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from x_provider.hooks.publisher import aopen_publisher
from x_provider.publishing import utc_now
from x_provider.publishing.engine import AnotherAccountError
from x_provider.triggers.waiting import in_thread, sleep_until

_SHORTEST_SECONDS = 6
"""A task resumed within about a second of parking may be marked failed (a known race of Airflow 3.3)."""
_ASKING = ThreadPoolExecutor(max_workers=8, thread_name_prefix="x-media")


class XMediaProcessedTrigger(BaseTrigger):
    """Ask X about a post's files as often as X wants, until all are processed or the post is about to be due.

    What it learns is in the ledger: it may run more than once, twice at a time, and end on another triggerer.
    It uploads nothing, since the files need not be where the triggerer runs.

    :param post_id: the post in the ledger.
    :param account: the Airflow connection id of its account.
    :param ledger_conn_id: the Airflow connection of the ledger's database.
    """

    def __init__(self, *, post_id: int, account: str, ledger_conn_id: str = "x_ledger") -> None:
        # No parsing here: an exception in a trigger's __init__ kills the whole triggerer.
        super().__init__()
        self.post_id = post_id
        self.account = account
        self.ledger_conn_id = ledger_conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "x_provider.triggers.media.XMediaProcessedTrigger",
            {"post_id": self.post_id, "account": self.account, "ledger_conn_id": self.ledger_conn_id},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        try:
            await self._wait_for_processing()
            yield TriggerEvent({"post_id": self.post_id})
        except AnotherAccountError as error:
            self.log.warning("%s", error)
            yield TriggerEvent({"post_id": self.post_id, "error": str(error)})
        except Exception as error:
            self.log.exception("post %s: the trigger failed; the task decides what to do next", self.post_id)
            yield TriggerEvent({"post_id": self.post_id, "error": f"{type(error).__name__}: {error}"})

    async def _wait_for_processing(self) -> None:
        ask_at = utc_now().add(seconds=_SHORTEST_SECONDS)
        while ask_at is not None:
            await sleep_until(ask_at)
            # Opened anew each time, to see credentials that changed meanwhile; lookups are shared for a minute.
            publisher = await aopen_publisher(
                account=self.account, ledger_conn_id=self.ledger_conn_id, report=self.log.info
            )
            ask_at = await in_thread(_ASKING, publisher.ask_about_media, self.post_id)
