"""A real Airflow and a local X for benchmarks, both on this machine and gone afterwards."""

from __future__ import annotations

import json
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pendulum
import psutil
import requests
from pendulum import DateTime

from x_demo.airflow import Airflow
from x_demo.services import Service, start, tool, wait_until
from x_provider.ledger import Ledger, PartState
from x_provider.publishing.drafts import LEAD_SECONDS

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "harness"))

from drafting import draft_of

READY = "x-sandbox ready: "
TRIGGERER_CAPACITY = 2000
"""A triggerer takes 1000 triggers by default, the watcher among them: too few for a thousand posts at once."""


@dataclass
class LocalX:
    """A running sandbox."""

    service: Service
    url: str
    credentials: dict[str, Any]

    def created_at(self) -> dict[str, DateTime]:
        """When each text was created, by X's own clock.

        :raises RuntimeError: when a text is there twice.
        """
        posts = requests.get(f"{self.url}/_sandbox/posts", timeout=60).json()["posts"]
        found: dict[str, DateTime] = {}
        for post in posts:
            if post["text"] in found:
                raise RuntimeError(f"{post['text']!r} is on X twice")
            found[post["text"]] = pendulum.parse(post["created_at"])  # type: ignore[assignment]
        return found


@dataclass
class Stage:
    """Airflow, its ledger, X and the accounts' connections."""

    airflow: Airflow
    x: LocalX
    ledger: Ledger
    accounts: list[str]

    @property
    def services(self) -> list[Service]:
        assert self.airflow.service is not None
        return [self.x.service, self.airflow.service]

    def plan(self, calendar: str, dues: list[DateTime]) -> dict[str, DateTime]:
        """Plan a text for each due time, the accounts in turn; gives when each text is due."""
        planned = {}
        now = pendulum.now("UTC")
        for number, due_at in enumerate(dues):
            text = f"Post {number} of {calendar}"
            draft = draft_of(
                text,
                calendar=calendar,
                key=f"post-{number}",
                account=self.accounts[number % len(self.accounts)],
                due_at=due_at,
                lead_seconds=LEAD_SECONDS["text"],
            )
            self.ledger.posts.put(draft, now=now)
            planned[text] = due_at
        return planned

    def lateness(self, planned: dict[str, DateTime]) -> list[float]:
        """Seconds from each text's due time to its creation on X."""
        created = self.x.created_at()
        return [(created[text] - due_at).total_seconds() for text, due_at in planned.items()]

    def states(self, calendar: str) -> dict[PartState, int]:
        """How many of a calendar's posts stand where."""
        outline = self.ledger.posts.outline(calendar)
        states = [state for post in outline for state in post.states]
        return {state: states.count(state) for state in PartState}

    def deferred(self) -> int:
        """How many tasks wait in the triggerer."""
        answer = self.airflow.get("dags/x_publish/dagRuns/~/taskInstances?state=deferred&limit=1")
        return int(answer["total_entries"])

    def wait(self, what: str, condition: Callable[[], bool], *, seconds: float) -> None:
        """Wait while both services live."""
        wait_until(condition, seconds=seconds, what=what, services=self.services, every=1)


@contextmanager
def local_x(folder: Path, accounts: int) -> Iterator[LocalX]:
    """Run a sandbox with so many accounts; X's rate limits hold (100 posts in 15 minutes an account)."""
    log, credentials = folder / "x.log", folder / "credentials.json"
    command = [tool("x-sandbox"), "serve", "--port", "0", "--state", str(folder / "x")]
    command += ["--credentials", str(credentials)]
    for number in range(accounts):
        command += ["--account", f"Bench {number}:bench{number}"]
    service = start("x-sandbox", command, log=log, environment={})
    try:
        wait_until(lambda: READY in log.read_text(), seconds=30, what="X listens", services=[service])
        url = next(line for line in log.read_text().splitlines() if line.startswith(READY))
        yield LocalX(service, url.removeprefix(READY).strip(), json.loads(credentials.read_text()))
    finally:
        service.stop()


def connection(x: LocalX, number: int) -> str:
    """An account's Airflow connection, as its environment variable wants it."""
    account = x.credentials["accounts"][number]
    return json.dumps(
        {
            "conn_type": "x",
            "host": x.url,
            "login": x.credentials["api_key"],
            "password": x.credentials["api_secret"],
            "extra": {
                "auth": "oauth1",
                "access_token": account["access_token"],
                "access_token_secret": account["access_token_secret"],
            },
        }
    )


@contextmanager
def open_stage(folder: Path, *, accounts: int) -> Iterator[Stage]:
    """Run Airflow (standalone: one triggerer, SQLite, LocalExecutor) with DAG x_publish beside a local X."""
    with local_x(folder, accounts) as x:
        home = folder / "airflow"
        names = [f"x_bench_{number}" for number in range(accounts)]
        ledger_url = f"sqlite:///{home / 'x_ledger.db'}"
        settings = {
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",  # but for x_publish nothing is to run
            "AIRFLOW__TRIGGERER__CAPACITY": str(TRIGGERER_CAPACITY),
            "AIRFLOW_CONN_X_LEDGER": ledger_url,
            **{f"AIRFLOW_CONN_{name.upper()}": connection(x, n) for n, name in enumerate(names)},
        }
        airflow = Airflow(home, calendar=folder / "none.yaml", settings=settings)
        service = airflow.start()
        try:
            airflow.wait_ready()
            airflow.unpause("x_publish")
            ledger = Ledger(ledger_url)
            try:
                yield Stage(airflow, x, ledger, names)
            finally:
                ledger.database.dispose()
        finally:
            service.stop()


def busy_seconds() -> float:
    """CPU-seconds that the whole machine has worked so far, whoever it was for."""
    times = psutil.cpu_times()
    return float(times.user + times.system + times.nice + getattr(times, "steal", 0))


def quantile(values: list[float], share: float) -> float:
    """The value that so large a share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(len(ordered) * share) - 1))]


def row(name: str, late: list[float]) -> str:
    """One line of a table of lateness, in seconds."""
    figures = min(late), statistics.median(late), quantile(late, 0.99), max(late)
    return f"{name:<44}{len(late):>6}" + "".join(f"{figure:>10.3f}" for figure in figures)


def head() -> str:
    """The line above :func:`row`."""
    columns = ("posts", "first", "p50", "p99", "last")
    return f"{'seconds from the due instant to created_at':<44}{columns[0]:>6}" + "".join(
        f"{column:>10}" for column in columns[1:]
    )


def end_cleanly() -> None:
    """Let SIGTERM end what was started, as Ctrl-C does."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def say(words: str) -> None:
    """Tell what goes on."""
    print(f"{time.strftime('%H:%M:%S')}  {words}", flush=True)
