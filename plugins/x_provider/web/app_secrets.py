"""The apps' secrets, for a route that anybody may ask for any connection."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor

from x_provider.hooks.webhooks import AppSecrets

_FRESH_SECONDS = 60
_LAST_SECONDS = 600
_MOST_MISSING = 500
_MOST_LOOKUPS = 20
_NAMES_SECONDS = 1
_COMPLAINT_SECONDS = 60

_log = logging.getLogger(__name__)


class NoAnswerError(RuntimeError):
    """Nobody could be asked for a connection, or too many others ask."""


class Secrets:
    """Looks secrets up once a minute, whatever anybody asks for.

    One that is known is given while it is looked up anew, for ten minutes at most. Names that the ledger or a look
    before knows have a thread of their own: behind strangers' names, of which there is no end, X would wait.

    :param look_up: gives the secrets of a connection; blocks.
    :param accounts: gives the connections that the ledger knows; blocks.
    """

    def __init__(
        self, look_up: Callable[[str], AppSecrets | None], accounts: Callable[[], Collection[str]]
    ) -> None:
        self._asked = look_up
        self._accounts = accounts
        self._ours, self._strangers, self._ledger = (
            ThreadPoolExecutor(1, thread_name_prefix=f"x-webhook-{of}")
            for of in ("ours", "strangers", "ledger")
        )
        self._known: dict[str, tuple[float, AppSecrets]] = {}
        self._missing: dict[str, float] = {}
        self._pending: dict[str, asyncio.Task[AppSecrets | None]] = {}
        self._strange = 0
        self._names: Collection[str] | None = None
        self._naming: asyncio.Task[None] | None = None
        self._named_at = self._complained = -float("inf")

    async def of(self, conn_id: str) -> AppSecrets | None:
        """The secrets; None where there is no such connection.

        :raises NoAnswerError: when that is not known by now.
        """
        looked_up, secrets = self._known.get(conn_id, (-float("inf"), None))
        age = time.monotonic() - looked_up
        if age < _FRESH_SECONDS:
            return secrets
        if time.monotonic() < self._missing.get(conn_id, 0.0):
            return None
        is_ours = secrets is not None or conn_id in await self._ledgers()
        lookup = self._pending.get(conn_id)
        if lookup is None:
            if not is_ours and self._strange >= _MOST_LOOKUPS:
                raise NoAnswerError
            lookup = self._pending[conn_id] = asyncio.create_task(self._look_up(conn_id, is_ours=is_ours))
            lookup.add_done_callback(
                lambda done: done.cancelled() or done.exception()
            )  # nobody may wait for it
        if secrets is not None and age < _LAST_SECONDS:
            return secrets
        return await asyncio.shield(lookup)

    async def _ledgers(self) -> Collection[str]:
        """The names that the ledger knows, or knew when it could last be asked."""
        if time.monotonic() - self._named_at > _FRESH_SECONDS and (
            self._naming is None or self._naming.done()
        ):
            self._named_at = time.monotonic()
            self._naming = asyncio.create_task(self._name())
        if self._names is None and self._naming is not None:
            await asyncio.wait({self._naming}, timeout=_NAMES_SECONDS)
        return self._names or ()

    async def _name(self) -> None:
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._ledger, self._accounts)
            self._names = frozenset(found)
        except Exception as error:
            self._complain("the ledger could not be asked for its accounts", error)

    async def _look_up(self, conn_id: str, *, is_ours: bool) -> AppSecrets | None:
        self._strange += not is_ours
        try:
            thread = self._ours if is_ours else self._strangers
            found = await asyncio.get_running_loop().run_in_executor(thread, self._asked, conn_id)
        except Exception as error:
            self._complain(f"connection {conn_id} could not be looked up", error)
            raise NoAnswerError from None
        finally:
            self._strange -= not is_ours
            del self._pending[conn_id]
        if found is not None:
            self._known[conn_id] = time.monotonic(), found  # as many as there are connections
            return found
        self._known.pop(conn_id, None)
        if len(self._missing) >= _MOST_MISSING:
            self._missing.clear()
        self._missing[conn_id] = time.monotonic() + _FRESH_SECONDS
        return None

    def _complain(self, what: str, error: Exception) -> None:
        # Strangers must not be able to fill the disk with what they ask for.
        if time.monotonic() - self._complained > _COMPLAINT_SECONDS:
            self._complained = time.monotonic()
            _log.error("%s: %s. This is said once a minute", what, type(error).__name__)
