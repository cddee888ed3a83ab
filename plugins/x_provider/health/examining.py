"""All checks: those of this machine in the order in which one would look, then those that ask X."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from x_provider.client.listening import Webhook
from x_provider.health import (
    account_checks,
    airflow_checks,
    event_checks,
    ledger_checks,
    webhook_checks,
    x_checks,
)
from x_provider.health.check import Check, State
from x_provider.health.guarding import Patience, guarded
from x_provider.health.x_checks import AppOnX
from x_provider.ledger import Ledger

Found = TypeVar("Found")

_PATIENCE_SECONDS = 8
_PATIENCE_WITH_X_SECONDS = 6
_MEND_AIRFLOW = "Mend Airflow's database: `airflow db check`, and [database] sql_alchemy_conn"
_MEND_LEDGER = (
    "Nothing is sent without it, so mend this first: see that its database answers, and that no other program holds"
    " it locked"
)
_MEND_AIRFLOW_FIRST = "Mend Airflow's database first: the connection {} may be kept there"
_MEND_ACCOUNT = "Look at the ledger and the keys above, then at the connection, or at what keeps it"
_MEND_NETWORK = "Check the network, and the connection's base URL"
_MEND_WEBHOOK = "See that Airflow's API server answers at the webhook's address"


def examine(
    accounts: Sequence[str] = (),
    *,
    online: bool = True,
    ask_x: bool = False,
    ledger_conn_id: str = "x_ledger",
) -> Iterator[Check]:
    """Look at everything, one after the other; nothing is changed, and nothing that a check meets is raised.

    Whatever hangs, it ends within about 15 seconds, and within 8 where X is not asked.

    :param accounts: Airflow connections; none for all there are.
    :param online: look at X's clock and at the webhooks, too, which costs time and no money.
    :param ask_x: read each account's user at X, which costs $0.010 each.
    :param ledger_conn_id: the Airflow connection of the ledger's database.
    """
    patience = Patience(_PATIENCE_SECONDS)
    away = list(guarded("airflow", airflow_checks.database, _MEND_AIRFLOW, patience))
    ledgers: list[Ledger] = []
    step = _MEND_AIRFLOW_FIRST.format(ledger_conn_id) if away else _MEND_LEDGER
    opened = guarded("ledger", partial(ledger_checks.database, ledger_conn_id), step, patience)
    yield from _checks_of(opened, ledgers)
    for ledger in ledgers:
        room = partial(ledger_checks.disk, ledger, Path(tempfile.gettempdir()))
        yield from _one("disk", room, "Look at the disk of the ledger", patience)
        yield from _one("keys", partial(ledger_checks.keys, ledger), "See docs/accounts.md, Keys", patience)
    yield from away
    if not away:  # else each would wait for it, to say the same
        yield from _airflow(patience)
    for ledger in ledgers:
        yield from _one("stops", partial(ledger_checks.stops, ledger), _MEND_LEDGER, patience)
        yield from _one("posts", partial(ledger_checks.posts, ledger), _MEND_LEDGER, patience)
        events = partial(event_checks.events, ledger, airflow_answers=not away)
        told = list(guarded("events", partial(events, is_registered=False), _MEND_LEDGER, patience))
        x_may_know = online and all(check.state == "skipped" for check in told)
        if not x_may_know:
            yield from told
        wanted: list[str] = list(accounts)
        yield from _find(wanted, ledger, patience, in_airflow=not away)
        look = partial(account_checks.account, ledger=ledger, ledger_conn_id=ledger_conn_id)
        if not (online and ask_x):
            yield from _accounts(wanted, partial(look, ask_x_at=None), patience)
        of_x: list[Check] = []
        for check in _x(wanted, look if ask_x else None, patience) if online else ():
            of_x.append(check)
            yield check
        if any(check.name.startswith("webhook ") for check in of_x):
            told = list(guarded("events", partial(events, is_registered=True), _MEND_LEDGER, patience))
        if x_may_know:
            yield from told


def _checks_of(found: Iterator[Found | Check], others: list[Found]) -> Iterator[Check]:
    """The checks among what is found; the others go into the list."""
    for each in found:
        if isinstance(each, Check):
            yield each
        else:
            others.append(each)


def _airflow(patience: Patience) -> Iterator[Check]:
    yield from guarded("airflow", airflow_checks.components, _MEND_AIRFLOW, patience)
    yield from guarded("DAGs", airflow_checks.dags, _MEND_AIRFLOW, patience)
    yield from _one("watcher", airflow_checks.watcher, _MEND_AIRFLOW, patience)
    yield from _one("pool", airflow_checks.pool, _MEND_AIRFLOW, patience)


def _find(wanted: list[str], ledger: Ledger, patience: Patience, *, in_airflow: bool) -> Iterator[Check]:
    """Add all accounts that are known, where none is named."""
    if not wanted:
        names = partial(account_checks.names, ledger, in_airflow=in_airflow)
        yield from _checks_of(guarded("accounts", names, _MEND_LEDGER, patience), wanted)
    if not wanted:
        step = "Create a connection of type X (Twitter), or `airflow x login NAME --client-id ID`"
        yield Check("accounts", "warning", "there is no account", step)


def _accounts(
    wanted: Sequence[str], look: Callable[[str], Iterator[Check]], patience: Patience
) -> Iterator[Check]:
    for place, conn_id in enumerate(wanted):
        if patience.is_over:
            words = f"{', '.join(wanted[place:])}: not looked at, since what comes before them hangs"
            yield Check("accounts", "failed", words, "Mend that first")
            return
        yield from guarded(f"account {conn_id}", partial(look, conn_id), _MEND_ACCOUNT, patience)


def _x(
    wanted: Sequence[str], look: Callable[..., Iterator[Check]] | None, patience: Patience
) -> Iterator[Check]:
    """What only X can say. Where it does not answer once, it is not asked again.

    :param look: at an account whose user is to be read at X.
    :param patience: with what is not X's.
    """
    apps: list[AppOnX] = []
    found = guarded("connections", partial(x_checks.apps, wanted), _MEND_ACCOUNT, patience)
    yield from _checks_of(found, apps)
    patience = Patience(_PATIENCE_WITH_X_SECONDS)
    answering: list[str] = []
    for address in sorted({app.base_url for app in apps}):
        clock = partial(x_checks.clock, address)
        told = guarded(f"clock, {address}", clock, _MEND_NETWORK, patience)
        yield from _checks_of(told, answering)
    if look is not None:
        yield from _accounts(wanted, partial(look, ask_x_at=answering), patience)
    yield from _webhooks(apps, answering, patience)


def _webhooks(apps: Sequence[AppOnX], answering: list[str], patience: Patience) -> Iterator[Check]:
    asked: set[tuple[str, str]] = set()
    seen: set[str] = set()
    failures: list[Check] = []
    for app in apps:
        if app.key is None or app.key in asked or app.base_url not in answering:
            continue
        asked.add(app.key)
        listed: list[Webhook] = []
        known = partial(x_checks.webhooks, app, answering)
        for check in _checks_of(
            guarded(f"webhooks of {app.conn_id}", known, _MEND_NETWORK, patience), listed
        ):
            failures.append(check)
            yield check
        for webhook in listed:
            if webhook.id not in seen:
                seen.add(webhook.id)
                look = partial(webhook_checks.webhook, webhook, app)
                yield from _one(f"webhook {webhook.id}", look, _MEND_WEBHOOK, patience, otherwise="warning")
    if len(asked) > len(failures) and not seen:
        yield Check("webhooks", "skipped", "none is registered")


def _one(
    name: str, look: Callable[[], Check], next_step: str, patience: Patience, *, otherwise: State = "failed"
) -> Iterator[Check]:
    return guarded(name, lambda: [look()], next_step, patience, otherwise=otherwise)
