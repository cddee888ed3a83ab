"""Pytest plugin: an Airflow home of the test run's own, and a whole running Airflow for system tests.

Airflow reads its environment when it is first imported, so this module sets it while pytest starts.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest
import requests
from leaks import leaks, secrets_of
from sandbox_server import SandboxServer

REPOSITORY = Path(__file__).parents[2]
Found = TypeVar("Found")


def _environment(home: Path) -> dict[str, str]:
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__FERNET_KEY": "dGVzdHMtb25seS1mZXJuZXQta2V5LW5vdC1zZWNyZXQ=",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
    }


def pytest_configure(config: pytest.Config) -> None:
    """Point Airflow at a temporary home, whatever the developer's own environment says."""
    if "airflow" in sys.modules:
        raise pytest.UsageError("airflow was imported before its test home was set; see tests/harness")
    home = Path(tempfile.mkdtemp(prefix="x-provider-airflow-"))
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    for name in [
        name for name in os.environ if name.startswith(("AIRFLOW__", "AIRFLOW_CONN_", "AIRFLOW_VAR_"))
    ]:
        del os.environ[name]
    (home / "dags").mkdir()
    os.environ.update(_environment(home))
    # ``dag.test()`` reads all of the folder each time: a test that wants one of the ready DAGs loads it.
    os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(home / "dags")


@pytest.fixture(scope="session")
def airflow_home() -> Path:
    """The home of the Airflow that tests import, its metadata database migrated: ``dag.test()`` works."""
    from airflow.sdk import DAG, task
    from airflow.utils.db import initdb

    initdb()
    # The first run in a process imports much of Airflow, which is nothing a test of punctuality should see.
    with DAG("first_run", schedule=None) as dag:

        @task
        def nothing() -> None:
            pass

        nothing()
    _run_dag(dag)
    return Path(os.environ["AIRFLOW_HOME"])


@pytest.fixture
def run_dag(airflow_home: Path) -> Callable[..., Any]:
    """Run a DAG that a test made, by ``dag.test()``: ``run_dag(dag, run_conf={…})`` gives its DAG run."""
    return _run_dag


@pytest.fixture(scope="session")
def store_dag(airflow_home: Path) -> Callable[..., None]:
    """Store a DAG in Airflow's metadata database, as its DAG processor does."""
    return _store_dag


def _run_dag(dag: Any, **options: Any) -> Any:
    # It runs only what Airflow has stored before, which the DAGs of a test's own are not.
    _store_dag(dag)
    return dag.test(**options)


def _store_dag(dag: Any) -> None:
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

    bag = DagBag(os.devnull)
    bag.bag_dag(dag)
    DagBundlesManager().sync_bundles_to_db()
    sync_bag_to_db(bag, "dags-folder", None)


def wait_for(what: str, look: Callable[[], Found | None], *, within: float, every: float = 0.2) -> Found:
    """Return the first truthy answer of *look*; fail the test when none comes *within* so many seconds."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(every)
    pytest.fail(f"{what}: not seen within {within:g} s")


def _free_ports(count: int) -> list[int]:
    """Ports below those that Linux gives to clients: nobody gets them until Airflow, much later, listens."""
    ports: set[int] = set()
    while len(ports) < count:
        port = 10_000 + secrets.randbelow(22_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            ports.add(port)
    return list(ports)


@dataclass
class RunningAirflow:
    """A running Airflow (API server, scheduler, DAG processor, triggerer) and a REST client for it."""

    url: str
    home: Path
    process: subprocess.Popen[bytes]
    passwords: Mapping[str, str] = field(repr=False)
    _tokens: dict[str, str] = field(default_factory=dict, repr=False)

    def token(self, user: str = "admin") -> str:
        """Log *user* in (``admin``, ``op``, ``user`` or ``viewer``) and return the bearer token."""
        if user not in self._tokens:
            login = {"username": user, "password": self.passwords[user]}
            answer = requests.post(f"{self.url}/auth/token", json=login, timeout=30)
            answer.raise_for_status()
            self._tokens[user] = answer.json()["access_token"]
        return self._tokens[user]

    def request(self, method: str, path: str, *, user: str = "admin", **kwargs: Any) -> requests.Response:
        """Send one request to the REST API as *user*, whatever its outcome."""
        headers = {"Authorization": f"Bearer {self.token(user)}", **kwargs.pop("headers", {})}
        return requests.request(method, f"{self.url}{path}", headers=headers, timeout=60, **kwargs)

    def get(self, path: str, *, user: str = "admin", **params: Any) -> Any:
        """The JSON answer of a GET that has to succeed."""
        answer = self.request("GET", path, user=user, params=params)
        assert answer.ok, f"GET {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def logs(self) -> str:
        """What all components have printed so far."""
        return (self.home / "standalone.log").read_text(errors="replace")

    def is_healthy(self) -> bool:
        """Whether every component reports itself alive."""
        if self.process.poll() is not None:
            pytest.fail(f"Airflow ended with code {self.process.returncode}:\n{self.logs()[-4000:]}")
        with suppress(requests.RequestException, ValueError):
            health = requests.get(f"{self.url}/api/v2/monitor/health", timeout=5).json()
            parts = ("metadatabase", "scheduler", "dag_processor", "triggerer")
            return all((health.get(part) or {}).get("status") == "healthy" for part in parts)
        return False

    def wait_until_healthy(self) -> None:
        """Wait for every component; fail with what they printed."""
        deadline = time.monotonic() + 300  # beside other tests, on two cores
        while not self.is_healthy():
            if time.monotonic() > deadline:
                pytest.fail(f"Airflow did not become healthy:\n{self.logs()[-8000:]}")
            time.sleep(0.2)

    def stop(self) -> None:
        """End every process of the session that :func:`start_airflow` opened, and no other.

        What they would still tidy up is thrown away.
        """
        kill_session(self.process)


def kill_session(leader: subprocess.Popen[bytes]) -> None:
    """SIGKILL every process of the session that *leader* was started with at once, as a power cut would."""
    while alive := processes_of(leader.pid):  # one of them may have forked meanwhile
        for pid in alive:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        leader.poll()
        time.sleep(0.05)
    leader.wait(10)


def processes_of(session: int) -> list[int]:
    """The living processes of a session that the harness opened."""
    found = []
    for process in psutil.process_iter(["status"]):
        with suppress(ProcessLookupError, psutil.Error):
            if os.getsid(process.pid) == session and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def settings_of(home: Path, extra: Mapping[str, str] | None) -> tuple[str, Mapping[str, str], dict[str, str]]:
    """The API server's address, the users' passwords, and the environment of every component."""
    api, worker_logs, trigger_logs = _free_ports(3)
    url = f"http://127.0.0.1:{api}"
    passwords = {user: secrets.token_urlsafe(12) for user in ("admin", "op", "user", "viewer")}
    (home / "passwords.json").write_text(json.dumps(passwords))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
        **_environment(home),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "AIRFLOW__API__PORT": str(api),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(16),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{user}:{user}" for user in passwords),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(worker_logs),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(trigger_logs),
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        **(extra or {}),
    }
    return url, passwords, environment


def start_airflow(home: Path, extra: Mapping[str, str] | None = None) -> RunningAirflow:
    """Start ``airflow standalone`` (SQLite, LocalExecutor) in its own session on free ports.

    :param home: an empty directory that becomes AIRFLOW_HOME.
    :param extra: environment variables on top, such as ``AIRFLOW_CONN_...``.
    """
    url, passwords, environment = settings_of(home, extra)
    with (home / "standalone.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", "standalone"],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    return RunningAirflow(url, home, process, passwords)


@pytest.fixture(scope="session")
def standalone(
    tmp_path_factory: pytest.TempPathFactory, sandbox_server: SandboxServer
) -> Iterator[RunningAirflow]:
    """A whole Airflow, shared by the system tests of a run; mark those tests ``system``.

    When all of them are done, nothing that it has written may hold a secret of the X that they spoke to.
    """
    running = start_airflow(tmp_path_factory.mktemp("airflow-standalone"))
    try:
        running.wait_until_healthy()
        yield running
        assert leaks(running.home, secrets_of(sandbox_server)) == []
    finally:
        running.stop()
