"""The trigger that fires a post at its due instant, inside the triggerer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import Any

import pendulum
from airflow.triggers.base import BaseTrigger, TriggerEvent
from pendulum import DateTime

from x_provider.hooks.problems import XConnectionError
from x_provider.hooks.publisher import aopen_publisher
from x_provider.ledger import LedgerError
from x_provider.publishing import Fired, Publisher, ReceiptNotStoredError, utc_now
from x_provider.publishing.engine import AnotherAccountError
from x_provider.publishing.firing import FiringPool
from x_provider.triggers.waiting import in_thread, next_try, sleep_until

_OPEN_SECONDS = 30.0
"""So long ahead a post is read and its request signed: a busy machine does not read a thousand in ten seconds."""
_WARM_SECONDS = 2.0
_LEDGER_PAUSES = (2, 5, 10, 30)
_WARMING = ThreadPoolExecutor(max_workers=8, thread_name_prefix="x-warm")
_FIRING = FiringPool()


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
        self._told: list[str] = []

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
        except AnotherAccountError as error:
            self.log.warning("%s", error)
            yield TriggerEvent({"post_id": self.post_id, "error": str(error)})
        except Exception as error:
            self.log.exception("post %s: the trigger failed; the task decides what to do next", self.post_id)
            yield TriggerEvent({"post_id": self.post_id, "error": f"{type(error).__name__}: {error}"})

    async def _publish(self) -> None:
        fire_at = _instant(self.fire_at)
        publisher = await self._meet_account()
        failures = 0
        while True:
            # Late enough to see credentials that changed while the post waited.
            await sleep_until(fire_at.subtract(seconds=_OPEN_SECONDS))
            publisher = await self._open_anew(publisher, by=fire_at.subtract(seconds=_WARM_SECONDS))
            try:
                fired = await self._fire_at(fire_at, publisher)
            except LedgerError as error:
                if not error.may_pass:
                    raise
                pause = _LEDGER_PAUSES[min(failures, len(_LEDGER_PAUSES) - 1)]
                failures += 1
                fire_at = utc_now().add(seconds=pause)
                self.log.warning("post %s: %s Trying again at %s", self.post_id, error, fire_at)
                continue
            failures = 0
            if fired.retry_at is None:
                return
            fire_at = fired.retry_at
            self.log.warning("%s", next_try(fired))

    async def _meet_account(self) -> Publisher | None:
        # Airflow learns to mask an account's secrets at the first look, which stops all triggers for 50 ms: fifty
        # accounts must not be met in the last seconds. What is wrong is said when it matters.
        with suppress(Exception):
            return await self._open()
        return None

    async def _open_anew(self, known: Publisher | None, *, by: DateTime) -> Publisher:
        """The account as its connection says by now; as it was known where Airflow cannot be asked in time."""
        if known is None:
            return await self._open()
        left = max((by - utc_now()).total_seconds(), 1)
        try:
            return await asyncio.wait_for(self._open(), left)
        except Exception as error:
            if isinstance(error, XConnectionError) and not error.may_pass:
                raise
            self.log.warning(
                "account %s could not be looked up anew (%s: %s), so post %s is sent with what is known of it",
                self.account,
                type(error).__name__,
                error,
                self.post_id,
            )
            return known

    async def _open(self) -> Publisher:
        return await aopen_publisher(
            account=self.account,
            ledger_conn_id=self.ledger_conn_id,
            report=self._told.append,
            aside=_FIRING.aside,
        )

    async def _fire_at(self, fire_at: DateTime, publisher: Publisher) -> Fired:
        # A thousand reads take seconds: long before the instant, which is for sending.
        preparing = [asyncio.ensure_future(self._make_ready(fire_at, publisher.look_ahead, self.post_id))]
        await sleep_until(fire_at.subtract(seconds=_WARM_SECONDS))
        warm = partial(publisher.client.warm, at_most=_FIRING.per_account)
        preparing.append(asyncio.ensure_future(self._make_ready(fire_at, warm)))
        try:
            fired = await self._fire(publisher, fire_at)
        finally:
            # Writing the log is paperwork: it would slow down the posts of the same instant.
            told, self._told[:] = list(self._told), []
            for words in told:
                self.log.info(words)
        await asyncio.gather(*preparing)
        return fired

    async def _make_ready(self, fire_at: DateTime, what: Callable[..., None], *arguments: Any) -> None:
        def in_time() -> None:
            if utc_now() < fire_at:  # afterwards it would only be in the way of those that fire
                what(*arguments)

        # Only a help: what is wrong with the ledger, the account or X is for the firing to find out.
        try:
            await in_thread(_WARMING, in_time)
        except Exception as error:
            self.log.warning("not everything could be made ready ahead of time: %s", error)

    async def _fire(self, publisher: Publisher, fire_at: DateTime) -> Fired:
        is_leaving = False
        # The pool watches the clock, not this coroutine: a thousand that wake at one instant are slow.
        shot = _FIRING.submit(
            self.account,
            fire_at.timestamp(),
            # With the context goes the address of the task's log.
            partial(copy_context().run, publisher.fire, self.post_id),
            is_urgent=lambda fired: is_leaving or fired.retry_at is not None,
        )
        try:
            return await asyncio.shield(asyncio.wrap_future(shot))
        except asyncio.CancelledError:
            if not shot.cancel():
                # It is on its way: what comes of it must reach the ledger, or at least the log.
                is_leaving = True
                _FIRING.tell_all()
                await self._last_words(shot)
            raise

    async def _last_words(self, shot: Future[Fired]) -> None:
        try:
            await asyncio.wrap_future(shot)
        except ReceiptNotStoredError as error:
            self.log.exception(
                "post %s is on X, and nobody could tell the ledger: %s", self.post_id, error.evidence
            )
        except Exception:
            self.log.exception("post %s: firing it failed; the ledger knows how far it came", self.post_id)


def _instant(written: str) -> DateTime:
    parsed = pendulum.parse(written)
    if not isinstance(parsed, DateTime):
        raise TypeError(f"fire_at must be an instant in ISO 8601 with an offset, not {written!r}")
    return parsed
