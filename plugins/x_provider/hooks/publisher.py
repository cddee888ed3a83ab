"""Opening the engine for an account, by the names of Airflow connections."""

from __future__ import annotations

from collections.abc import Callable

from x_provider.hooks.ledger import LedgerHook
from x_provider.hooks.x import XHook
from x_provider.publishing import Publisher


def open_publisher(
    *, account: str, ledger_conn_id: str, report: Callable[[str], None] | None = None
) -> Publisher:
    """The engine for one account. It looks up connections, so it blocks: call it from a thread.

    :param account: the account's Airflow connection id (type ``x``).
    :param ledger_conn_id: the Airflow connection of the ledger's database.
    :param report: told, in words, what the engine is doing.
    """
    ledger = LedgerHook(ledger_conn_id).ledger()
    return Publisher(ledger, XHook(account).get_conn(), account=account, report=report)
