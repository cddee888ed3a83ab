"""Hooks inside tasks, run by ``dag.test()`` on the test run's own metadata database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def store(airflow_home: Path):
    """Store a connection in the metadata database; it is removed after the test."""
    from airflow.models import Connection
    from airflow.utils.session import create_session

    stored: list[str] = []

    def store(conn_id: str, **fields: Any) -> None:
        with create_session() as session:
            session.add(Connection(conn_id=conn_id, **fields))
        stored.append(conn_id)

    yield store
    with create_session() as session:
        session.query(Connection).filter(Connection.conn_id.in_(stored)).delete()


@pytest.fixture
def result_of(run_dag):
    """What a function returns as the only task of a DAG."""
    from airflow.sdk import DAG, task

    def result_of(function) -> Any:
        with DAG(f"run_{function.__name__}", schedule=None) as dag:
            task(function, task_id="only")()
        dag_run = run_dag(dag)
        assert dag_run.state == "success"
        return dag_run.get_task_instance("only").xcom_pull(task_ids="only")

    return result_of


def test_a_task_reaches_x_by_a_stored_connection(store, result_of, sandbox) -> None:
    account = sandbox.accounts[0]
    keys = {name: account[name] for name in ("access_token", "access_token_secret")}
    store(
        "x_stored",
        conn_type="x",
        host=sandbox.url,
        login=sandbox.credentials["api_key"],
        password=sandbox.credentials["api_secret"],
        extra=json.dumps(keys),
    )

    def who_am_i() -> str:
        from x_provider.hooks import XHook

        return XHook("x_stored").get_conn(to_post=True).me().username

    assert result_of(who_am_i) == account["username"]


def test_a_task_without_a_ledger_connection_gets_the_file_in_the_airflow_home(
    result_of, airflow_home: Path
) -> None:
    def where() -> str:
        from x_provider.hooks import LedgerHook

        return str(LedgerHook().url())

    assert result_of(where) == f"sqlite:///{airflow_home}/x_ledger.db"
