"""Connections of a real set-up, a sandbox behind them, and DAGs of one task."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from x_provider.ledger import Ledger


@dataclass
class SetUp:
    """An account on the sandbox and a ledger, by the names of their connections."""

    x_conn_id: str
    ledger_conn_id: str
    ledger: Ledger

    @property
    def ids(self) -> dict[str, str]:
        """What an operator is given of them."""
        return {"x_conn_id": self.x_conn_id, "ledger_conn_id": self.ledger_conn_id}


@pytest.fixture
def set_up(sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    account = sandbox.accounts[0]
    # Names of its own a test: the hooks keep what they looked up for a minute.
    x_conn_id, ledger_conn_id = f"x_{tmp_path.name}", f"x_ledger_{tmp_path.name}"
    connection = {
        "conn_type": "x",
        "host": sandbox.url,
        "login": sandbox.credentials["api_key"],
        "password": sandbox.credentials["api_secret"],
        "extra": {name: account[name] for name in ("access_token", "access_token_secret")},
    }
    monkeypatch.setenv(f"AIRFLOW_CONN_{x_conn_id.upper()}", json.dumps(connection))
    monkeypatch.setenv(f"AIRFLOW_CONN_{ledger_conn_id.upper()}", f"sqlite:///{tmp_path}/ledger.db")
    # The ready DAGs know only the default names.
    monkeypatch.setenv("AIRFLOW_CONN_X_LEDGER", f"sqlite:///{tmp_path}/ledger.db")
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    yield SetUp(x_conn_id, ledger_conn_id, ledger)
    ledger.database.dispose()


@pytest.fixture
def run_task(run_dag, request):
    """Run one operator as the only task of a DAG: ``run_task(XCreatePostOperator, text="Hello")``.

    A further call runs it again in a new run, or with ``run_id`` in the run of that name.
    """
    from airflow.sdk import DAG

    def run(operator: type, **arguments: Any) -> Any:
        with DAG(request.node.name.replace("[", ".").replace("]", "")[:200], schedule=None) as dag:
            operator(task_id="only", **arguments)
        return run_dag(dag).get_task_instance("only")

    return run


@pytest.fixture
def picture(tmp_path: Path):
    """Make a picture and give its path."""

    def make(name: str = "dome.png", colour: tuple[int, int, int] = (10, 20, 60)) -> Path:
        Image.new("RGB", (64, 36), colour).save(tmp_path / name)
        return tmp_path / name

    return make
