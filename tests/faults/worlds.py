"""Setting worlds up: a sandbox, a fork server and an empty database for each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import URL, make_url

from crashing import ForkServer  # isort: skip
from outages import outage  # isort: skip
from postgres import own_database  # isort: skip
from sandbox_server import start_sandbox  # isort: skip
from world import MOST_ACCOUNTS, World  # isort: skip

DATABASES = ("sqlite", "postgresql")


@contextmanager
def opened(
    number: int,
    folder: Path,
    *,
    postgres: URL | str | None = None,
    outage_seconds: float | None = None,
    late: bool = False,
) -> Iterator[list[World]]:
    """So many worlds alike.

    :param folder: empty; for the sandboxes and the SQLite files.
    :param postgres: a server on which databases can be made; SQLite when None.
    :param outage_seconds: how long the ledger is away when a process asks for it.
    :param late: whether it first does what it is told, and only the answer is lost.
    """
    with ExitStack() as stack:
        worlds = []
        for each in range(number):
            mine = folder / str(each)
            mine.mkdir(parents=True)
            ledger = make_url(f"sqlite:///{mine}/ledger.db")
            if postgres is not None:
                ledger = stack.enter_context(own_database(make_url(postgres)))
            errors = stack.enter_context((mine / "fork-server.txt").open("w"))
            server = ForkServer(mine / "airflow", errors)
            stack.callback(server.close)
            sandbox = start_sandbox(
                mine, "--no-rate-limits", "--processing-seconds", "0.1", "--accounts", str(MOST_ACCOUNTS)
            )
            stack.callback(sandbox.stop)
            away = None
            if outage_seconds is not None:
                away = stack.enter_context(outage(ledger, seconds=outage_seconds, late=late))
            worlds.append(World(sandbox.url, sandbox.credentials, ledger, server, outage=away))
            stack.callback(worlds[-1].close)
        yield worlds
