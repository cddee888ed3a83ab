"""Databases of a test's own on the PostgreSQL server that the environment names."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import URL, create_engine, make_url, text


def server_or_skip() -> URL:
    """Where databases can be made; without it the test is skipped."""
    server = os.environ.get("X_TEST_POSTGRES_URL")
    if not server:
        pytest.skip("X_TEST_POSTGRES_URL names no PostgreSQL server")
    return make_url(server)


@contextmanager
def own_database(server: URL) -> Iterator[URL]:
    """An empty database, gone afterwards."""
    name = f"x_test_{uuid.uuid4().hex[:12]}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        # No test ends the server, so that waiting for its disk at every commit would prove nothing.
        connection.execute(text(f"ALTER DATABASE {name} SET synchronous_commit = off"))
    try:
        yield server.set(database=name)
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()
