"""The notice of a stopped post where its worker was killed: Airflow then calls it in the DAG processor."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
from airflow_harness import start_airflow, wait_for

from x_provider.ledger import Ledger

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]

SECRET = "B0SECRETxoxSECRET"
DAG = '''
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


@pytest.fixture
def told():
    """What a chat's webhook was told, and the connection to it."""
    told: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["content-length"])))["text"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield told, {"conn_type": "http", "password": f"http://127.0.0.1:{server.server_address[1]}/{SECRET}"}
    server.shutdown()
    server.server_close()


def test_a_post_whose_worker_is_killed_is_told_by_the_dag_processor(
    own_sandbox, told, tmp_path: Path
) -> None:
    texts, notices = told
    sandbox = own_sandbox()  # what it is asked for here it would do in the middle of a later test
    url = f"sqlite:///{tmp_path}/ledger.db"
    for folder in ("dags", "home"):
        (tmp_path / folder).mkdir()
    (tmp_path / "dags" / "killed.py").write_text(DAG)
    airflow = start_airflow(
        tmp_path / "home",
        {
            "AIRFLOW_CONN_X_DEFAULT": sandbox.connection(),
            "AIRFLOW_CONN_X_LEDGER": url,
            "AIRFLOW_CONN_X_NOTICES": json.dumps(notices),
            "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags"),
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "2",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "10",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
        },
    )
    try:
        wait_for("a healthy Airflow", airflow.is_healthy, within=150)
        wait_for("the DAG", lambda: airflow.request("GET", "/api/v2/dags/killed").ok, within=60)
        sandbox.faults("delay_before", method="POST", path="/2/tweets", seconds=120, times=1)
        run = airflow.request("POST", "/api/v2/dags/killed/dagRuns", json={"logical_date": None}).json()
        path = f"/api/v2/dags/killed/dagRuns/{run['dag_run_id']}/taskInstances/publish.create_post/0"
        ledger = Ledger(url)
        wait_for(
            "the post being sent",
            lambda: str(getattr(ledger_post(ledger), "state", "")) == "sending",
            within=90,
        )
        worker = psutil.Process(airflow.get(path)["pid"])
        for process in (worker.parent(), worker):
            process.kill()
        (text,) = wait_for("the notice", lambda: list(texts), within=90)
        assert "is being sent, but its task has failed" in text
        assert "Text: Half-way" in text
        assert f"{airflow.url}/dags/killed/runs/" in text
        assert "/tasks/publish.create_post/mapped/0" in text
        assert "airflow x reconcile" in text
        logs = [file.read_text(errors="replace") for file in (tmp_path / "home" / "logs").rglob("*.log")]
        assert any("is being sent, but its task has failed" in log for log in logs)
        assert not any(SECRET in log for log in (*logs, airflow.logs()))
        ledger.database.dispose()
    finally:
        airflow.stop()


def ledger_post(ledger: Ledger):
    return next(iter(ledger.posts.all()), None)
