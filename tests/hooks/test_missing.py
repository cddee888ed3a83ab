"""An Airflow that cannot be asked for a connection is not one that has none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# As the API server is: it asks the metadata database itself, and nobody supervises it.
_PROGRAM = """
import asyncio, json, os
from x_provider.hooks.finding import found
from x_provider.hooks.ledger import LedgerHook
from x_provider.hooks.problems import XConnectionError
from x_provider.hooks.webhooks import EventShelf, app_secrets

def told(ask, *arguments):
    try:
        return str(ask(*arguments))
    except XConnectionError as error:
        return f"{error} may_pass={error.may_pass}"

shelf = EventShelf()
answers = {
    "sync": told(lambda: LedgerHook("x_books").url()),
    "async": told(lambda: asyncio.run(LedgerHook.aget("x_books")).url()),
    "secrets": told(app_secrets, "x_books"),
    "found": told(found, "x_books"),
    "kept": told(shelf.store, []),
}
del os.environ["AIRFLOW_CONN_X_LEDGER"]
shelf._looked_up = -float("inf")
answers["still kept"] = told(shelf.store, [])
answers["new shelf"] = told(EventShelf().store, [])
print(json.dumps(answers))
"""


@pytest.fixture
def ask(tmp_path: Path):
    def ask(database: Path) -> dict[str, str]:
        environment = os.environ | {
            "AIRFLOW_HOME": str(tmp_path),
            "_AIRFLOW_PROCESS_CONTEXT": "server",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database}",
            "AIRFLOW_CONN_X_LEDGER": f"sqlite:///{tmp_path}/books.db",
        }
        run = subprocess.run(
            [sys.executable, "-c", _PROGRAM],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
            env=environment,
        )
        answers: dict[str, str] = json.loads(run.stdout.splitlines()[-1])
        return answers

    return ask


def test_a_metadata_database_that_is_away_never_opens_a_second_ledger(ask, tmp_path: Path) -> None:
    answers = ask(tmp_path / "no" / "such" / "folder.db")
    for name in ("sync", "async", "secrets", "new shelf"):
        assert "could not look it up (MetastoreBackend: OperationalError)" in answers[name], name
        assert answers[name].endswith("may_pass=True"), name
    assert answers["kept"] == answers["still kept"] == "None"
    assert not (tmp_path / "x_ledger.db").exists()


def test_an_airflow_without_tables_is_named_since_it_is_another_than_the_one_meant(
    ask, tmp_path: Path
) -> None:
    answers = ask(tmp_path / "airflow.db")
    for name in ("sync", "async", "secrets", "found", "new shelf"):
        assert (
            f"the Airflow database of this shell has no tables: AIRFLOW_HOME={tmp_path}" in answers[name]
        ), name
        assert "Set AIRFLOW_HOME to that of your Airflow" in answers[name], name
        assert "API server's log" not in answers[name], name
    assert not (tmp_path / "x_ledger.db").exists()
