"""What the webhook's route needs of Airflow's connections. Everything here blocks: call it from a thread."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from x_provider.hooks.apps import app_of
from x_provider.hooks.ledger import LedgerHook
from x_provider.hooks.problems import XConnectionError
from x_provider.ledger import Ledger, ReceivedEvent

_KEPT_SECONDS = 60


@dataclass(frozen=True)
class AppSecrets:
    """What X signs deliveries with.

    :param consumer_secret: the app's API key secret.
    :param client_secret: its OAuth 2.0 client secret; None where it has none.
    """

    consumer_secret: str = field(repr=False)
    client_secret: str | None = field(default=None, repr=False)


def app_secrets(conn_id: str) -> AppSecrets | None:
    """The secrets of the app behind a connection of type ``x``; None where there is none, or no secret in it.

    In an environment variable Airflow finds it by any spelling: only that in small letters is its name.

    :raises XConnectionError: when Airflow cannot be asked.
    """
    if conn_id != conn_id.lower() and f"AIRFLOW_CONN_{conn_id.upper()}" in os.environ:
        return None
    app = app_of(conn_id)
    return AppSecrets(app.api_key_secret, app.client_secret) if app and app.api_key_secret else None


class EventShelf:
    """Writes events into the ledger behind a connection, which is looked up anew every minute.

    While it cannot be looked up, the ledger of before is used.
    """

    def __init__(self, ledger_conn_id: str = LedgerHook.default_conn_name) -> None:
        self._conn_id = ledger_conn_id
        self._hook: LedgerHook | None = None
        self._looked_up = -float("inf")

    def store(self, events: Sequence[ReceivedEvent]) -> None:
        """Keep the events, all or none.

        :raises LedgerError: when the ledger cannot be used.
        :raises XConnectionError: when its connection cannot.
        """
        try:
            self._ledger().events.store(events)
        except Exception:
            self._looked_up = -float("inf")
            raise

    def accounts(self) -> list[str]:
        """Every connection that the ledger has met as an account; raises as :meth:`store`."""
        return self._ledger().accounts.names()

    def _ledger(self) -> Ledger:
        if self._hook is None or time.monotonic() - self._looked_up > _KEPT_SECONDS:
            found = LedgerHook(self._conn_id)
            try:
                found.url()
            except XConnectionError as error:
                if self._hook is None or not error.may_pass:
                    raise
            else:
                self._hook = found
            self._looked_up = time.monotonic()
        return self._hook.ledger()
