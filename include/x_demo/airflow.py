"""A real Airflow on its embedded defaults (SQLite, LocalExecutor), driven over its REST API."""

from __future__ import annotations

import json
import secrets
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import requests
import yaml

from x_demo.services import DemoError, Service, free_port, start, tool, wait_until

_PATIENCE_SECONDS = 30
PROJECT = Path(__file__).resolve().parents[2]


@dataclass
class Airflow:
    """One standalone Airflow in ``home``."""

    home: Path
    calendar: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    """Environment variables on top of the demo's own."""

    def __post_init__(self) -> None:
        self.port = free_port(8080)
        self.url = f"http://localhost:{self.port}"
        self.password = secrets.token_urlsafe(9)
        self._session = requests.Session()
        self.service: Service | None = None

    @property
    def access(self) -> str:
        """Where a person finds it, and how to log in."""
        return f"{self.url}   user admin, password {self.password}"

    @property
    def command(self) -> str:
        """What asks it from a terminal; without its home, that is another Airflow."""
        return f"AIRFLOW_HOME={shlex.quote(str(self.home))} {shlex.quote(tool('airflow'))} x status"

    @property
    def ledger(self) -> Path:
        """The ledger's database file."""
        return self.home / "x_ledger.db"

    def start(self) -> Service:
        """Start it; it is not ready yet."""
        self.home.mkdir(parents=True, exist_ok=True)
        passwords = self.home / "passwords.json"
        passwords.write_text(json.dumps({"admin": self.password}))
        passwords.chmod(0o600)
        self.service = start(
            "airflow",
            [tool("airflow"), "standalone"],
            log=self.home.parent / "airflow.log",
            environment=self._environment(passwords),
        )
        return self.service

    def wait_ready(self) -> None:
        """Wait until every component reports that it is healthy and the DAGs are there."""
        assert self.service is not None
        wait_until(self._healthy, seconds=120, what="Airflow becomes healthy", services=[self.service])
        answer = self._session.post(
            f"{self.url}/auth/token", json={"username": "admin", "password": self.password}, timeout=10
        )
        answer.raise_for_status()
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        wanted = {file.stem for file in (PROJECT / "dags").glob("x_*.py")}
        wait_until(
            lambda: wanted <= self._read_dags(),
            seconds=60,
            what="Airflow reads the DAGs",
            services=[self.service],
        )

    def set_up(self, credentials: dict[str, Any], *, base_url: str) -> None:
        """Create what ``airflow_settings.yaml`` names, with the local X's credentials filled in."""
        settings = yaml.safe_load((PROJECT / "airflow_settings.yaml").read_text())["airflow"]
        account = credentials["accounts"][0]
        # Airflow's form offers for editing only the fields that the stored connection has.
        template = next(entry for entry in settings["connections"] if entry["conn_id"] == "x_default")
        self.post(
            "connections",
            {
                "connection_id": "x_default",
                "conn_type": "x",
                # Airflow 3.3.2 tests no stored connection that has no port.
                "host": base_url.rpartition(":")[0],
                "port": int(base_url.rpartition(":")[2]),
                "login": credentials["api_key"],
                "password": credentials["api_secret"],
                "extra": json.dumps(
                    {
                        **template["conn_extra"],
                        "auth": "oauth1",
                        "access_token": account["access_token"],
                        "access_token_secret": account["access_token_secret"],
                    }
                ),
            },
        )
        for pool in settings.get("pools") or []:
            if pool.get("pool_name"):
                self.post(
                    "pools",
                    {
                        "name": pool["pool_name"],
                        "slots": int(pool["pool_slot"]),
                        "description": pool["pool_description"],
                    },
                )

    def run(self, dag_id: str) -> dict[str, Any]:
        """Start a DAG run and wait for its end; the run as the API shows it."""
        assert self.service is not None
        run_id = f"demo__{datetime.now(timezone.utc):%Y%m%dT%H%M%S.%f}"
        self.post(f"dags/{dag_id}/dagRuns", {"logical_date": None, "dag_run_id": run_id})
        run: dict[str, Any] = {}

        def ended() -> bool:
            run.update(self.get(f"dags/{dag_id}/dagRuns/{run_id}"))
            return run["state"] in ("success", "failed")

        wait_until(ended, seconds=120, what=f"the run {run_id} of {dag_id} ends", services=[self.service])
        return run

    def unpause(self, dag_id: str) -> None:
        """Let a DAG run that was created paused."""
        self._answer("PATCH", f"dags/{dag_id}", {"is_paused": False})

    def findings(self, run: dict[str, Any]) -> list[str]:
        """What lint found wrong with the calendar in a run of x_calendar, one line each."""
        address = f"dags/x_calendar/dagRuns/{run['dag_run_id']}/taskInstances/lint/xcomEntries"
        if not any(entry["key"] == "errors" for entry in self.get(address)["xcom_entries"]):
            log = self.get(f"dags/x_calendar/dagRuns/{run['dag_run_id']}/taskInstances/lint/logs/1")[
                "content"
            ]
            return [line["event"] for line in log if line["event"].startswith(str(self.calendar))]
        found: list[str] = self.get(f"{address}/errors?deserialize=true")["value"]
        return found

    def get(self, path: str) -> dict[str, Any]:
        """GET below ``/api/v2``."""
        return self._answer("GET", path, None)

    def post(self, path: str, body: dict[str, Any]) -> None:
        """POST below ``/api/v2``; what exists already is as good as created."""
        self._answer("POST", path, body)

    def _answer(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            answer = self._session.request(method, f"{self.url}/api/v2/{path}", json=body, timeout=30)
            # On SQLite a busy Airflow answers 500 when another component holds the database too long.
            if answer.status_code < 500 or time.monotonic() > deadline:
                break
            time.sleep(0.5)
        if not answer.ok and answer.status_code != 409:
            raise DemoError(f"Airflow answered {answer.status_code} to {method} {path}: {answer.text[:500]}")
        found: dict[str, Any] = answer.json()
        return found

    def _read_dags(self) -> set[str]:
        errors = self.get("importErrors")["import_errors"]
        if errors:
            raise DemoError(
                "Airflow cannot import a DAG:\n" + "\n".join(error["stack_trace"] for error in errors)
            )
        return {dag["dag_id"] for dag in self.get("dags")["dags"]}

    def _healthy(self) -> bool:
        try:
            health = self._session.get(f"{self.url}/api/v2/monitor/health", timeout=5).json()
        except (requests.RequestException, ValueError):
            return False
        return all(
            (health.get(part) or {}).get("status") == "healthy"
            for part in ("metadatabase", "scheduler", "triggerer", "dag_processor")
        )

    def _environment(self, passwords: Path) -> dict[str, str]:
        return {
            "AIRFLOW_HOME": str(self.home),
            "X_CALENDAR": str(self.calendar),
            "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__PARALLELISM": "8",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            **self.settings,
        }
