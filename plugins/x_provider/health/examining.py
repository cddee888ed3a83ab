"""All checks, in the order in which one would look."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from x_provider.health import account_checks, airflow_checks, event_checks, ledger_checks
from x_provider.health.check import Check
from x_provider.health.guarding import guarded
from x_provider.ledger import Ledger

_MEND_AIRFLOW = "Mend Airflow's database: `airflow db check`, and [database] sql_alchemy_conn"
_MEND_LEDGER = "Nothing is sent without it: mend this first"
_MEND_ACCOUNT = "Look at the ledger and the keys above, then at the connection under Admin > Connections"


def examine(
    accounts: Sequence[str] = (),
    *,
    online: bool = True,
    ask_x: bool = False,
    ledger_conn_id: str = "x_ledger",
) -> Iterator[Check]:
    """Look at everything, one after the other; nothing is changed, and nothing that a check meets is raised.

    :param accounts: Airflow connections; none for all there are.
    :param online: look at X's clock and at the webhooks, too, which costs time and no money.
    :param ask_x: read each account's user at X, which costs $0.010 each.
    :param ledger_conn_id: the Airflow connection of the ledger's database.
    """
    ledger: Ledger | None = None
    for found in guarded("ledger", lambda: ledger_checks.database(ledger_conn_id), _MEND_LEDGER):
        if isinstance(found, Ledger):
            ledger = found
        else:
            yield found
    if ledger is not None:
        room = partial(ledger_checks.disk, ledger, Path(tempfile.gettempdir()))
        yield from _one("disk", room, "Look at the disk of the ledger")
        yield from _one("keys", partial(ledger_checks.keys, ledger), "See docs/accounts.md, Keys")
    away = list(guarded("airflow", airflow_checks.database, _MEND_AIRFLOW))
    yield from away
    if not away:  # else each would wait for it, to say the same
        yield from _airflow()
    if ledger is None:
        return
    wanted: list[str] = list(accounts)
    if not wanted:
        names = partial(account_checks.names, ledger, in_airflow=not away)
        for name in guarded("accounts", names, _MEND_LEDGER):
            if isinstance(name, Check):
                yield name
            else:
                wanted.append(name)
    for conn_id in wanted:
        look = partial(account_checks.account, conn_id, ledger, ask_x=ask_x, ledger_conn_id=ledger_conn_id)
        yield from guarded(f"account {conn_id}", look, _MEND_ACCOUNT)
    if not wanted:
        step = "Create a connection of type X (Twitter), or `airflow x login NAME --client-id ID`"
        yield Check("accounts", "warning", "there is no account", step)
    of_x = list(_x(wanted, ledger_conn_id)) if online else []
    yield from of_x
    is_registered = any(check.name.startswith("webhook ") for check in of_x)
    events = partial(event_checks.events, ledger, is_registered=is_registered, airflow_answers=not away)
    yield from guarded("events", events, _MEND_LEDGER)
    yield from _one("stops", partial(ledger_checks.stops, ledger), _MEND_LEDGER)
    yield from _one("posts", partial(ledger_checks.posts, ledger), _MEND_LEDGER)


def _airflow() -> Iterator[Check]:
    yield from guarded("airflow", airflow_checks.components, _MEND_AIRFLOW)
    yield from guarded("DAGs", airflow_checks.dags, _MEND_AIRFLOW)
    yield from _one("watcher", airflow_checks.watcher, _MEND_AIRFLOW)
    yield from _one("pool", airflow_checks.pool, _MEND_AIRFLOW)


def _x(conn_ids: Sequence[str], ledger_conn_id: str) -> Iterator[Check]:
    yield from guarded("clock", lambda: account_checks.clocks(conn_ids), _MEND_ACCOUNT)
    webhooks = partial(account_checks.webhooks, conn_ids, ledger_conn_id=ledger_conn_id)
    yield from guarded("webhooks", webhooks, _MEND_ACCOUNT)


def _one(name: str, look: Callable[[], Check], next_step: str) -> Iterator[Check]:
    return guarded(name, lambda: [look()], next_step)
