"""An Airflow whose components are started one by one, so that a test can kill and replace each of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from airflow_harness import RunningAirflow, kill_session, processes_of, settings_of

_COMMANDS = {
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}
HEARTBEAT_SECONDS = 1
DEAD_AFTER_SECONDS = 4
"""Without a heartbeat for so long a triggerer counts as dead, and another takes its triggers over."""


@dataclass(eq=False)
class Component:
    """One component with all the processes it has made; they share a session of their own."""

    name: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """SIGKILL all of it at once, as a power cut would."""
        kill_session(self.process)

    def talking_to(self, url: str) -> list[int]:
        """Those of its processes that have a connection to *url* open."""
        port = int(url.rpartition(":")[2])
        found = []
        for pid in processes_of(self.process.pid):
            with suppress(psutil.Error):
                links = psutil.Process(pid).net_connections("tcp")
                if any(
                    link.raddr and link.raddr.port == port and link.status == "ESTABLISHED" for link in links
                ):
                    found.append(pid)
        return found


@dataclass
class AirflowInParts(RunningAirflow):
    """A running Airflow; ``process`` is its API server."""

    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    components: list[Component] = field(default_factory=list)

    def start(self, name: str, **settings: str) -> Component:
        """Start one more component: ``scheduler``, ``triggerer`` and so on.

        :param settings: environment variables on top, for it alone.
        """
        started = Component(name, _start(_COMMANDS[name], self.home, {**self.environment, **settings}))
        self.components.append(started)
        return started

    def the(self, name: str) -> Component:
        """The newest living component of that name."""
        return next(
            component
            for component in reversed(self.components)
            if component.name == name and component.process.poll() is None
        )

    def stop(self) -> None:
        """End every process of every component, and no other; what they would still tidy up is thrown away."""
        for component in self.components:
            component.kill()


def start_in_parts(home: Path, extra: Mapping[str, str] | None = None) -> AirflowInParts:
    """Start an API server, a scheduler, a DAG processor and a triggerer (SQLite, LocalExecutor).

    A dead triggerer's triggers are taken over after ``DEAD_AFTER_SECONDS`` instead of half a minute.

    :param home: an empty directory that becomes AIRFLOW_HOME.
    :param extra: environment variables on top, such as ``AIRFLOW_CONN_...``.
    """
    url, passwords, environment = settings_of(home, extra)
    environment |= {
        "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": str(HEARTBEAT_SECONDS),
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": str(DEAD_AFTER_SECONDS),
    }
    migrated = _start(["db", "migrate"], home, environment).wait(300)
    if migrated:
        raise RuntimeError(f"airflow db migrate failed:\n{(home / 'standalone.log').read_text()[-4000:]}")
    server = Component("api-server", _start(_COMMANDS["api-server"], home, environment))
    running = AirflowInParts(
        url, home, server.process, passwords, environment=environment, components=[server]
    )
    for name in ("scheduler", "dag-processor", "triggerer"):
        running.start(name)
    return running


def _start(command: list[str], home: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    with (home / "standalone.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "airflow", *command],
            env=dict(environment),
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
