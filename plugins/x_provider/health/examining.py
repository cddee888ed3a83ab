"""All checks, in the order in which one would look."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from x_provider.health import account_checks, airflow_checks, ledger_checks
from x_provider.health.check import Check
from x_provider.ledger import Ledger


def examine(
    accounts: Sequence[str] = (),
    *,
    online: bool = True,
    ask_x: bool = False,
    ledger_conn_id: str = "x_ledger",
) -> Iterator[Check]:
    """Look at everything, one after the other; nothing is changed.

    :param accounts: Airflow connections; none for all there are.
    :param online: look at X's clock and at the webhooks, too, which costs time and no money.
    :param ask_x: read each account's user at X, which costs $0.010 each.
    :param ledger_conn_id: the Airflow connection of the ledger's database.
    """
    ledger: Ledger | None = None
    for found in ledger_checks.database(ledger_conn_id):
        if isinstance(found, Ledger):
            ledger = found
        else:
            yield found
    if ledger is not None:
        yield ledger_checks.disk(ledger, Path(tempfile.gettempdir()))
        yield ledger_checks.keys(ledger)
    yield from airflow_checks.components()
    yield from airflow_checks.dags()
    yield airflow_checks.watcher()
    yield airflow_checks.pool()
    if ledger is None:
        return
    wanted = list(accounts) or account_checks.names(ledger)
    if not wanted:
        step = "Create a connection of type X (Twitter), or `airflow x login NAME --client-id ID`"
        yield Check("accounts", "warning", "there is no account", step)
    for conn_id in wanted:
        yield from account_checks.account(conn_id, ledger, ask_x=ask_x, ledger_conn_id=ledger_conn_id)
    if online:
        yield from account_checks.clocks(wanted)
        yield from account_checks.webhooks(wanted)
    yield ledger_checks.stops(ledger)
    yield ledger_checks.posts(ledger)
