"""The ready DAGs as Airflow reads them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("dags")  # the files are read and measured once

REPOSITORY = Path(__file__).parents[2]
DAG_FILES = sorted((REPOSITORY / "dags").glob("*.py"))

# Libraries for media and migrations: nothing that describing a DAG needs.
HEAVY = ("PIL", "alembic", "av", "tweepy", "xdk")
DEAREST_SHARE = 0.2

# Each file in processes of its own that have imported Airflow and nothing else.
_MEASURE = """
import json, os, runpy, sys, time
import airflow.sdk
from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, AssetWatcher, BaseOperator, Param, dag, task
airflow, known = time.process_time(), set(sys.modules)
for path in sys.argv[1:] * 2:
    if os.fork() == 0:
        started = time.process_time()
        runpy.run_path(path)
        file, brought = time.process_time() - started, sorted(set(sys.modules) - known)
        print(json.dumps({"path": path, "airflow": airflow, "file": file, "modules": brought}), flush=True)
        os._exit(0)
    os.wait()
"""


@pytest.fixture(scope="module")
def dag_bag(airflow_home: Path):
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(str(REPOSITORY / "dags"))


def test_the_ready_dags_are_there() -> None:
    ready = {"x_calendar", "x_publish", "x_post", "x_insights", "x_upkeep", "x_ask", "x_follow_up"}
    assert ready <= {file.stem for file in DAG_FILES}


def test_every_dag_loads(dag_bag) -> None:
    assert dag_bag.import_errors == {}
    assert set(dag_bag.dags) == {file.stem for file in DAG_FILES}


def test_every_dag_survives_serialization(dag_bag) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    for dag_id, dag in dag_bag.dags.items():
        stored = json.loads(json.dumps(DagSerialization.to_dict(dag)))
        assert DagSerialization.from_dict(stored).dag_id == dag_id


def test_every_dag_is_documented(dag_bag) -> None:
    for dag_id, dag in dag_bag.dags.items():
        assert dag.doc_md, dag_id
        assert "x" in dag.tags, dag_id
        assert dag.owner not in ("", "airflow"), dag_id


def test_every_task_that_defers_can_be_tried_again(dag_bag) -> None:
    # A task that is resumed within a second of parking may be failed by a stale executor event.
    for dag in dag_bag.dags.values():
        for task in dag.tasks:
            if getattr(task, "partial_kwargs", vars(task)).get(
                "deferrable", task.task_type in ("XCreatePostOperator", "XAskPersonOperator")
            ):
                assert task.retries, f"{dag.dag_id}.{task.task_id}"


def _measure_imports() -> list[dict]:
    command = [sys.executable, "-c", _MEASURE, *map(str, DAG_FILES)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]


@pytest.fixture(scope="module")
def imports() -> dict[str, dict]:
    """What importing each DAG file takes, as a part of what Airflow takes in the same process; the modules it brings.

    By CPU-seconds, which depend on what else the machine does: the least of up to six measurements counts.
    """
    least: dict[str, dict] = {}
    for _ in range(6):
        for cost in _measure_imports():
            share = cost["file"] / cost["airflow"]
            if cost["path"] not in least or share < least[cost["path"]]["share"]:
                least[cost["path"]] = {"share": share, "modules": cost["modules"]}
        if all(each["share"] < DEAREST_SHARE for each in least.values()):
            break
    return least


@pytest.mark.timeout(300)
@pytest.mark.parametrize("file", DAG_FILES, ids=lambda file: file.stem)
def test_a_dag_file_costs_little_more_to_import_than_airflow_itself(file: Path, imports) -> None:
    modules = imports[str(file)]["modules"]
    assert [name for name in HEAVY if name in modules] == []
    assert imports[str(file)]["share"] < DEAREST_SHARE, sorted({name.split(".")[0] for name in modules})
