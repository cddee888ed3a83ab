"""Connections of a real set-up, a sandbox behind them, and DAGs of one task."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pendulum
import pytest
from new_ledger import new_ledger
from PIL import Image

from x_provider.ledger import Ledger

A_RUN = pendulum.datetime(2026, 12, 1, 9)


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
    # Names of its own a test: the hooks keep what they looked up for a minute.
    x_conn_id, ledger_conn_id = f"x_{tmp_path.name}", f"x_ledger_{tmp_path.name}"
    url = new_ledger(tmp_path)
    monkeypatch.setenv(f"AIRFLOW_CONN_{x_conn_id.upper()}", sandbox.connection())
    monkeypatch.setenv(f"AIRFLOW_CONN_{ledger_conn_id.upper()}", url)
    ledger = Ledger(url)
    yield SetUp(x_conn_id, ledger_conn_id, ledger)
    ledger.database.dispose()


@pytest.fixture
def run_task(run_dag, request):
    """Run one operator as the only task of a DAG and give its task instance.

    Every call is the same run again, as after a clear, unless it brings a ``logical_date`` of its own.
    """
    from airflow.sdk import DAG

    def run(operator: type, *, logical_date: pendulum.DateTime = A_RUN, **arguments: Any) -> Any:
        with DAG(request.function.__name__, schedule=None) as dag:
            operator(task_id="only", **arguments)
        dag_run = run_dag(dag, logical_date=logical_date, run_after=logical_date)
        return dag_run.get_task_instance("only")

    return run


@pytest.fixture
def result_of(run_task):
    """What an operator returns; the task must succeed."""

    def result_of(operator: type, **arguments: Any) -> Any:
        ti = run_task(operator, **arguments)
        assert ti.state == "success"
        return ti.xcom_pull(task_ids="only")

    return result_of


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task parks for two seconds already, and what has failed is tried again after one.

    The product's five and more are for an Airflow whose scheduler may be slower; ``dag.test()`` has none.
    """
    from x_provider.operators import parking, publishing, uploading
    from x_provider.publishing import stops
    from x_provider.triggers import media

    for module in (parking, publishing, uploading):
        monkeypatch.setattr(module, "SHORTEST_DEFERRAL_SECONDS", 2)
    monkeypatch.setattr(media, "_SHORTEST_SECONDS", 2)
    monkeypatch.setattr(stops, "SHORTEST_PAUSE_SECONDS", 1)


@pytest.fixture
def load_dag(set_up, monkeypatch: pytest.MonkeyPatch):
    """Load one of the ready DAGs, its ledger the test's own.

    A DAG names connections by their defaults; the test's tasks find the test's ledger under that name.
    """
    from airflow.dag_processing.dagbag import DagBag

    def load(dag_id: str) -> Any:
        dag = DagBag(str(Path(__file__).parents[2] / "dags" / f"{dag_id}.py")).dags[dag_id]
        for task in dag.tasks:
            if hasattr(task, "ledger_conn_id"):
                task.ledger_conn_id = set_up.ledger_conn_id
        return dag

    return load


@pytest.fixture
def picture(tmp_path: Path):
    """Make a picture and give its path."""

    def make(name: str = "dome.png", colour: tuple[int, int, int] = (10, 20, 60)) -> Path:
        Image.new("RGB", (64, 36), colour).save(tmp_path / name)
        return tmp_path / name

    return make
