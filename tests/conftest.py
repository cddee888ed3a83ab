from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text

# Airflow reads its environment when it is first imported: before that, the harness gives the tests their own.
sys.path.insert(0, str(Path(__file__).parent / "harness"))
pytest_plugins = ["airflow_harness"]

from sandbox_server import SandboxServer, start_sandbox  # noqa: E402


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the processes that share a run (`pytest -n`) each do one kind of long test, those first.

    One does all that needs a whole Airflow, which takes a core; one does the crashes.
    """
    groups = ("airflow", "faults", None)

    def group(item: pytest.Item) -> str | None:
        if item.get_closest_marker("system") is not None:
            return "airflow"
        return "faults" if item.path.parent.name == "faults" else None

    for item in items:
        if name := group(item):
            item.add_marker(pytest.mark.xdist_group(name))
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
    server = os.environ.get("X_TEST_POSTGRES_URL")
    if not server:
        pytest.skip("X_TEST_POSTGRES_URL names no PostgreSQL server")
    name = f"x_test_{uuid.uuid4().hex[:12]}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield make_url(server).set(database=name)
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()
