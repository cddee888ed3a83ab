"""What Airflow calls when something went wrong, in each of its processes: worker, DAG processor, triggerer."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest
from airflow_harness import RunningAirflow, start_airflow, wait_for
from sandbox_server import SandboxServer, start_sandbox

from x_provider.ledger import Ledger, PartState, Post

pytestmark = [pytest.mark.long, pytest.mark.system, pytest.mark.timeout(400)]

SECRET = "B0SECRETxoxSECRET"
KILLED = '''
from airflow.sdk import dag, task, task_group

from x_provider.notifications.stopped import XPostStoppedNotifier
from x_provider.operators.planning import XPlanPostOperator
from x_provider.operators.publishing import XCreatePostOperator


@dag(schedule=None, is_paused_upon_creation=False)
def killed():
    """As x_publish: mapped, told of the post by the task before."""

    @task
    def take_on(post_id):
        return [{"post_id": post_id}]

    @task_group
    def publish(post_id):
        XCreatePostOperator(
            task_id="create_post", post_id=post_id, on_failure_callback=XPostStoppedNotifier()
        )

    publish.expand_kwargs(take_on(XPlanPostOperator(task_id="plan", text="Half-way").output))


killed()
'''
TOLD = """
from datetime import timedelta

from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference, SyncCallback, dag, task

from x_provider.notifications.post import XNotifier


def at_once(callback):
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT, interval=timedelta(0), callback=callback
    )


@dag(
    schedule=None,
    is_paused_upon_creation=False,
    on_failure_callback=XNotifier(text="DAG {{ dag.dag_id }}: {{ reason }}"),
    deadline=[
        at_once(AsyncCallback(XNotifier, kwargs={"text": "Triggerer: {{ dag_run.dag_id }} is late"})),
        at_once(SyncCallback(XNotifier, kwargs={"text": "Executor: {{ dag_run.dag_id }} is late"})),
    ],
)
def told():
    @task(on_failure_callback=XNotifier(text="Task {{ ti.task_id }} has failed"))
    def measure():
        raise RuntimeError("the dome is shut")

    measure()


told()
"""


@dataclass
class Stage:
    """An Airflow with both DAGs, an X, a ledger, and what a chat's webhook was told."""

    airflow: RunningAirflow
    sandbox: SandboxServer
    ledger: Ledger
    chat: list[str] = field(default_factory=list)

    def run(self, dag_id: str) -> str:
        """Start a run once the DAG is there; its path in the REST API."""
        wait_for("the DAG", lambda: self.airflow.request("GET", f"/api/v2/dags/{dag_id}").ok, within=60)
        path = f"/api/v2/dags/{dag_id}/dagRuns"
        run = self.airflow.request("POST", path, json={"logical_date": None}).json()
        return f"{path}/{run['dag_run_id']}"

    def posts(self, dag_id: str) -> list[Post]:
        """What the DAG's runs have planned."""
        return [post for post in self.ledger.posts.all() if post.calendar == f"dag:{dag_id}"]

    def logs(self) -> list[str]:
        """All logs of tasks, callbacks and components."""
        files = (self.airflow.home / "logs").rglob("*.log")
        return [self.airflow.logs(), *(file.read_text(errors="replace") for file in files)]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("callbacks")
    for name in ("dags", "home", "x"):
        (folder / name).mkdir()
    (folder / "dags" / "killed.py").write_text(KILLED)
    (folder / "dags" / "told.py").write_text(TOLD)
    chat: list[str] = []
    webhook = _webhook(chat)
    sandbox = start_sandbox(folder / "x")
    url = f"sqlite:///{folder}/ledger.db"
    ledger = Ledger(url)
    airflow = start_airflow(
        folder / "home",
        {
            "AIRFLOW_CONN_X_DEFAULT": sandbox.connection(),
            "AIRFLOW_CONN_X_LEDGER": url,
            "AIRFLOW_CONN_X_NOTICES": json.dumps(
                {"conn_type": "http", "password": f"http://127.0.0.1:{webhook.server_address[1]}/{SECRET}"}
            ),
            "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "2",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "10",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
        },
    )
    try:
        airflow.wait_until_healthy()
        yield Stage(airflow, sandbox, ledger, chat)
    finally:
        airflow.stop()
        sandbox.stop()
        webhook.shutdown()
        webhook.server_close()
        ledger.database.dispose()


def _webhook(told: list[str]) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["content-length"])))["text"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def test_a_run_that_is_late_and_fails_is_posted_by_each_process_once(stage: Stage) -> None:
    path = stage.run("told")
    expected = [
        "DAG told: task_failure",
        "Executor: told is late",
        "Task measure has failed",
        "Triggerer: told is late",
    ]

    def all_posted() -> bool:
        posts = stage.posts("told")
        return len(posts) == len(expected) and all(post.state is PartState.POSTED for post in posts)

    wait_for("four posts", all_posted, within=150)
    assert sorted(post["text"] for post in stage.sandbox.posts()) == expected
    assert stage.airflow.get(path)["state"] == "failed"
    run_id = path.rpartition("/")[2]
    assert all(f"/{run_id}~" in post.key for post in stage.posts("told"))


def test_a_post_whose_worker_is_killed_is_told_by_the_dag_processor(stage: Stage) -> None:
    fault: dict[str, Any] = {"method": "POST", "path": "/2/tweets", "seconds": 120, "times": 1}
    stage.sandbox.faults("delay_before", **fault)
    path = f"{stage.run('killed')}/taskInstances/publish.create_post/0"

    def is_sending() -> bool:
        return [post.state for post in stage.posts("killed")] == [PartState.SENDING]

    wait_for("the post being sent", is_sending, within=90)
    worker = psutil.Process(stage.airflow.get(path)["pid"])
    for process in (worker.parent(), worker):
        process.kill()
    (text,) = wait_for("the notice", lambda: list(stage.chat), within=90)
    assert "is being sent, but its task has failed" in text
    assert "Text: Half-way" in text
    assert f"{stage.airflow.url}/dags/killed/runs/" in text
    assert "/tasks/publish.create_post/mapped/0" in text
    assert "airflow x reconcile" in text
    logs = stage.logs()
    assert any("is being sent, but its task has failed" in log for log in logs)
    assert not any(SECRET in log for log in logs)
