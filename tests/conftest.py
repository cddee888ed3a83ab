from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# Airflow reads its environment when it is first imported: before that, the harness gives the tests their own.
sys.path.insert(0, str(Path(__file__).parent / "harness"))
pytest_plugins = ["airflow_harness"]

from long import IS_LONG, REASON  # noqa: E402
from postgres import own_database, server_or_skip  # noqa: E402
from sandbox_server import SandboxServer, start_sandbox  # noqa: E402


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the processes that share a run (`pytest -n`) each do one kind of long test, those first.

    One does all that needs a whole Airflow, one the crashes, one what needs a browser only: each is started once.
    """
    groups = ("airflow", "faults", "browser", None)

    def group(item: pytest.Item) -> str | None:
        if item.get_closest_marker("system") is not None:
            return "airflow"
        folder = item.path.parent.name
        return folder if folder in ("faults", "browser") else None

    for item in items:
        if name := group(item):
            item.add_marker(pytest.mark.xdist_group(name))
        if not IS_LONG and item.get_closest_marker("long") is not None:
            item.add_marker(pytest.mark.skip(reason=REASON))
    items.sort(key=lambda item: groups.index(group(item)))


@pytest.fixture(scope="session")
def sandbox_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServer]:
    """One X for all tests of the session; use `sandbox` to get it empty."""
    server = start_sandbox(tmp_path_factory.mktemp("sandbox"), "--processing-seconds", "0.2")
    yield server
    server.stop()


@pytest.fixture
def sandbox(sandbox_server: SandboxServer) -> SandboxServer:
    """An X without posts, media, faults and used-up rate limits."""
    sandbox_server.reset()
    return sandbox_server


@pytest.fixture
def own_sandbox(tmp_path: Path) -> Iterator[Any]:
    """Start sandboxes that a test may kill or restart, all with the same state: `own_sandbox(*options)`."""
    started: list[SandboxServer] = []

    def start(*options: str) -> SandboxServer:
        started.append(start_sandbox(tmp_path, *options))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="session")
def postgres_url():
    """A PostgreSQL database of the session's own; without a server its tests are skipped."""
    with own_database(server_or_skip()) as url:
        yield url
