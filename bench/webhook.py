"""How many signed events a second X's webhook takes, beside an empty route of a plugin, and whether any is lost.

    python bench/webhook.py --seconds 30

One Airflow API server with one worker; events come over loopback from another process, each a mention of 2.5 kB.
The empty route is an `async def` of FastAPI that returns {}, in a plugin of its own in the same API server; it is
asked with GET, so it has no body to read. Both are measured in turns in the same run, by the clock and by the CPU
time that the API server took. Then it is killed (SIGKILL) in the middle of a stream, and every event it had
acknowledged has to be in the ledger.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import requests
from running_airflow import end_cleanly, say
from sqlalchemy import select

from x_demo.services import Service, free_port, session_members, start, tool, wait_until
from x_provider.events.receiving import read_delivery, scope_of
from x_provider.ledger import Ledger
from x_provider.ledger import tables as t
from x_provider.publishing import utc_now

sys.path.insert(0, str(Path(__file__).parent))

from webhook_sender import event

AT_LEAST = 0.7
ROUNDS = 3
EMPTY_PLUGIN = """
from airflow.plugins_manager import AirflowPlugin
from fastapi import FastAPI

app = FastAPI()

@app.get("/empty")
async def empty():
    return {}

class EmptyPlugin(AirflowPlugin):
    name = "empty"
    fastapi_apps = [{"name": "empty", "app": app, "url_prefix": "/bench"}]
"""


class ApiServer:
    """Airflow's API server alone, one worker, in a home of its own."""

    def __init__(self, folder: Path, ledger_url: str) -> None:
        self._folder = folder
        self.secret = secrets.token_urlsafe(32)
        self.port = free_port(8080)
        self.url = f"http://127.0.0.1:{self.port}"
        plugins = folder / "plugins"
        plugins.mkdir()
        (plugins / "empty_route.py").write_text(EMPTY_PLUGIN)
        self.environment = {
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(plugins),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
            "AIRFLOW__API__SECRET_KEY": secrets.token_hex(16),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW_CONN_X_LEDGER": ledger_url,
            "AIRFLOW_CONN_X_BENCH": json.dumps({"conn_type": "x", "login": "key", "password": self.secret}),
        }
        command = [tool("airflow"), "db", "migrate"]
        subprocess.run(
            command, env={**os.environ, **self.environment}, check=True, capture_output=True, timeout=180
        )

    def start(self) -> Service:
        """Start it and wait until it answers."""
        command = [
            tool("airflow"),
            "api-server",
            "--workers",
            "1",
            "--host",
            "127.0.0.1",
            "--port",
            str(self.port),
        ]
        service = start("api-server", command, log=self._folder / "api.log", environment=self.environment)
        wait_until(self._answers, seconds=120, what="the API server answers", services=[service])
        return service

    def _answers(self) -> bool:
        with suppress(requests.RequestException):
            challenge = requests.get(f"{self.url}/x/webhook/x_bench?crc_token=ready", timeout=5)
            return challenge.ok and requests.get(f"{self.url}/bench/empty", timeout=5).ok
        return False

    def load(self, path: str, *options: str) -> subprocess.Popen[str]:
        """Begin to send from another process."""
        command = [
            sys.executable,
            str(Path(__file__).with_name("webhook_sender.py")),
            self.url + path,
            *options,
        ]
        return subprocess.Popen(
            command, env={**os.environ, "X_BENCH_SECRET": self.secret}, stdout=subprocess.PIPE, text=True
        )

    def kill(self, service: Service) -> None:
        """SIGKILL all its processes, as a power cut would."""
        with suppress(ProcessLookupError):
            os.killpg(service.process.pid, signal.SIGKILL)
        service.process.wait(10)


def rate(sender: subprocess.Popen[str]) -> tuple[float, dict[str, Any]]:
    """Answers with 200 a second, and what the sender saw."""
    told = json.loads(sender.communicate(timeout=300)[0])
    return told["statuses"].get("200", 0) / told["seconds"], told


def worked(service: Service) -> float:
    """CPU-seconds that the server's processes have taken so far."""
    taken = 0.0
    for pid in session_members(service.process.pid):
        with suppress(psutil.Error):
            times = psutil.Process(pid).cpu_times()
            taken += times.user + times.system
    return taken


def stored(ledger: Ledger) -> set[str]:
    """The keys of all events in the ledger."""
    with ledger.database.read() as connection:
        return set(connection.execute(select(t.events.c.event_key)).scalars())


def missing(ledger: Ledger, secret: str, files: list[Path]) -> tuple[int, int]:
    """How many events were acknowledged, and how many of them the ledger does not have."""
    uuids = [uuid for file in files for uuid in file.read_text().split()]
    now = utc_now()
    scope = scope_of(secret)
    keys = {read_delivery(event(uuid), app="x_bench", received_at=now, scope=scope)[0].key for uuid in uuids}
    return len(keys), len(keys - stored(ledger))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--seconds", type=float, default=30, help="for each of the two routes (default: %(default)s)"
    )
    parser.add_argument("--connections", type=int, default=64, help="(default: %(default)s)")
    parser.add_argument("--ledger", help="SQLAlchemy URL of an empty database (default: SQLite)")
    options = parser.parse_args()
    end_cleanly()
    with tempfile.TemporaryDirectory(prefix="x-webhook-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        ledger = Ledger(options.ledger or f"sqlite:///{folder}/ledger.db")
        ledger.database.upgrade()
        say("preparing an Airflow")
        server = ApiServer(folder, ledger.database.url.render_as_string(hide_password=False))
        service = server.start()
        try:
            measure(server, service, ledger, folder, options)
            killed(server, service, ledger, folder, options)
        finally:
            service.stop()
            ledger.database.dispose()


@dataclass
class Measured:
    """One route over all rounds."""

    rates: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    cpu_seconds: float = 0.0

    def add(self, service: Service, sender: Callable[[], subprocess.Popen[str]]) -> None:
        """Measure once more."""
        before = worked(service)
        each, told = rate(sender())
        self.cpu_seconds += worked(service) - before
        self.rates.append(each)
        self.statuses.update(told["statuses"])

    @property
    def rate(self) -> float:
        """Requests a second."""
        return statistics.mean(self.rates)

    @property
    def cpu_ms(self) -> float:
        """CPU-milliseconds of the server a request."""
        return 1000 * self.cpu_seconds / max(self.statuses["200"], 1)


def measure(
    server: ApiServer, service: Service, ledger: Ledger, folder: Path, options: argparse.Namespace
) -> None:
    """Both routes in turns."""
    turn = ["--seconds", str(options.seconds / ROUNDS), "--connections", str(options.connections)]
    rate(server.load("/bench/empty", "--empty", "--seconds", "1"))
    rate(server.load("/x/webhook/x_bench", "--first", "900000000", "--seconds", "1"))
    empty, events, files = Measured(), Measured(), []
    for number in range(ROUNDS):
        files.append(folder / f"acknowledged-{number}")
        first = ["--first", str(number * 10_000_000), "--acknowledged", str(files[-1])]
        empty.add(service, lambda: server.load("/bench/empty", "--empty", *turn))
        events.add(service, lambda first=first: server.load("/x/webhook/x_bench", *turn, *first))
        say(f"round {number + 1}: empty route {empty.rates[-1]:.0f}/s, webhook {events.rates[-1]:.0f}/s")
    acknowledged, lost = missing(ledger, server.secret, files)
    print(
        f"\nempty route {empty.rate:.0f} requests/s ({empty.cpu_ms:.2f} ms CPU each), webhook {events.rate:.0f}"
        f" events/s ({events.cpu_ms:.2f} ms CPU each)\nby the clock {events.rate / empty.rate:.2f} of the empty"
        f" route (at least {AT_LEAST}), by CPU time {empty.cpu_ms / events.cpu_ms:.2f}"
        f"\nanswers {dict(events.statuses)}; acknowledged {acknowledged}, of these not in the ledger {lost}"
    )


def killed(
    server: ApiServer, service: Service, ledger: Ledger, folder: Path, options: argparse.Namespace
) -> None:
    """Kill the server in the middle of a stream; what it acknowledged must be there."""
    file = folder / "acknowledged-killed"
    turn = ["--seconds", "8", "--connections", str(options.connections)]
    sender = server.load("/x/webhook/x_bench", *turn, "--first", "800000000", "--acknowledged", str(file))
    time.sleep(4)
    server.kill(service)
    _, told = rate(sender)
    acknowledged, lost = missing(ledger, server.secret, [file])
    print(
        f"killed in the middle: {told['broken']} of {options.connections} connections broke; acknowledged"
        f" {acknowledged}, of these not in the ledger {lost}"
    )


if __name__ == "__main__":
    main()
