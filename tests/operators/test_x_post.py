"""The form: what people send with it, and what becomes of it."""

from __future__ import annotations

from pathlib import Path

import pendulum
import pytest

from x_provider.ledger import PartState

DAGS = Path(__file__).parents[2] / "dags"


@pytest.fixture
def submit(run_dag, set_up):
    """Trigger x_post as the form does: every field is sent, those left alone as null."""
    from airflow.dag_processing.dagbag import DagBag

    dag = DagBag(str(DAGS / "x_post.py")).dags["x_post"]
    defaults = {name: param for name, param in dag.params.dump().items()}

    def submit(**fields):
        dag_run = run_dag(dag, run_conf={**defaults, "account": set_up.x_conn_id, **fields})
        return dag_run

    return submit


def states(dag_run):
    return {name: str(dag_run.get_task_instance(name).state) for name in ("plan", "upload_media", "create_post")}


def test_a_text_goes_out_at_once(submit, sandbox):
    assert submit(text="Hello from the form").state == "success"
    assert [post["text"] for post in sandbox.posts()] == ["Hello from the form"]
