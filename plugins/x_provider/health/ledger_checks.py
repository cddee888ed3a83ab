"""The ledger: its database, its keys, and whether anything in it waits for somebody."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from airflow.configuration import conf

from x_provider.health.check import Check
from x_provider.hooks.keys import sealer
from x_provider.hooks.ledger import LedgerHook
from x_provider.hooks.problems import XConnectionError
from x_provider.ledger import EVERY_ACCOUNT, Ledger, LedgerError, PartState, Standstill
from x_provider.ledger.database import HEAD
from x_provider.publishing import utc_now

_ONE_MACHINE = ("LocalExecutor", "SequentialExecutor")
_LEAST_FREE = 1_000_000_000
_OVERDUE_SECONDS = 60


def database(ledger_conn_id: str) -> Iterator[Check | Ledger]:
    """The database's check, then the ledger itself where it can be used."""
    try:
        ledger = LedgerHook(ledger_conn_id).ledger()
        ledger.database.try_to_write()
    except (LedgerError, XConnectionError) as error:
        yield Check("ledger", "failed", str(error), "Nothing is sent without it: mend this first")
        return
    where = ledger.database.url.render_as_string(hide_password=True)
    executor = str(conf.get("core", "executor"))
    words = f"{where}, schema {HEAD}, can be written"
    if ledger.database.url.get_backend_name() == "sqlite" and executor not in _ONE_MACHINE:
        yield Check(
            "ledger",
            "warning",
            f"{words}; the executor is {executor}, and several machines cannot share an SQLite file",
            f"Point the connection {ledger_conn_id} to PostgreSQL, unless all of Airflow runs on one machine",
        )
    else:
        yield Check("ledger", "ok", words)
    yield ledger


def disk(ledger: Ledger, scratch: Path) -> Check:
    """Room for the ledger's file and for media that are fetched."""
    places = {scratch}
    if ledger.database.url.get_backend_name() == "sqlite" and ledger.database.url.database:
        places.add(Path(ledger.database.url.database).parent)
    free = {place: shutil.disk_usage(place).free for place in places}
    words = ", ".join(f"{free[place] / 1e9:,.1f} GB free in {place}" for place in sorted(places))
    if min(free.values()) < _LEAST_FREE:
        return Check(
            "disk", "warning", words, "Make room: a video may take 1 GB, and a full disk stops the ledger"
        )
    return Check("disk", "ok", words)


def keys(ledger: Ledger) -> Check:
    """Whether the tokens of every login can be opened."""
    stored = [*ledger.tokens.all(), *ledger.user_keys.all()]
    try:
        opener = sealer()
        for login in stored:
            opener.open(login.sealed, what=f"the login of account {login.account}")
    except LedgerError as error:
        return Check("keys", "failed" if stored else "warning", str(error), "See docs/accounts.md, Keys")
    return Check("keys", "ok", f"they open {len(stored)} {'login' if len(stored) == 1 else 'logins'}")


def stops(ledger: Ledger) -> Check:
    """What is held back, by people, blackouts or for lack of money."""
    halts = ledger.controls.halts(utc_now())
    if not halts:
        return Check("stops", "ok", "nothing is stopped")
    is_all = any(halt.account == EVERY_ACCOUNT for halt in halts)
    return Check(
        "stops",
        "failed" if is_all else "warning",
        "; ".join(str(halt) for halt in halts),
        "If it is meant, nothing; else `airflow x go`, or `airflow x budget --reset` where X wants money",
    )


def posts(ledger: Ledger) -> Check:
    """Whether posts wait past their time, or for a person."""
    now = utc_now()
    late = ledger.overview.waiting(now.subtract(seconds=_OVERDUE_SECONDS), limit=3)
    still = ledger.overview.stopped(now, limit=3)
    counts = ledger.overview.counts()
    planned = counts.get(PartState.PLANNED, 0) + counts.get(PartState.ARMED, 0)
    said = ["1 part to be sent" if planned == 1 else f"{planned:,} parts to be sent"]
    if late.count:
        said.append(_which(late, "waits past its due time", "wait past their due time"))
    if still.count:
        said.append(_which(still, "stands still", "stand still"))
    if late.count:
        return Check(
            "posts",
            "failed",
            "; ".join(said),
            "Look at the accounts, the watcher and the triggerer above, then `airflow x status`",
        )
    if still.count:
        return Check("posts", "warning", "; ".join(said), "`airflow x status` names them and what to do")
    return Check("posts", "ok", "; ".join(said))


def _which(found: Standstill, does: str, do: str) -> str:
    if found.count == 1:
        return f"1 post {does}: {found.posts[0].name}"
    return f"{found.count:,} posts {do}, such as {found.posts[0].name}"
