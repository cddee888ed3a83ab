from __future__ import annotations

import os
import uuid

import pendulum
import pytest
from sqlalchemy import create_engine, make_url, text

from x_provider.ledger import Ledger, PostDraft

NOW = pendulum.datetime(2026, 12, 1, 8, 0, 0)


@pytest.fixture(scope="session")
def postgres_url():
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


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request, tmp_path):
    if request.param == "sqlite":
        return make_url(f"sqlite:///{tmp_path}/ledger.db")
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def ledger(ledger_url):
    ledger = Ledger(ledger_url)
    yield ledger
    if ledger_url.get_backend_name() == "postgresql":
        with ledger.database.write() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
    ledger.database.dispose()


@pytest.fixture
def draft():
    def make(
        key="hello", *, texts=("Hello",), revision="r1", due_at=NOW, lead_seconds=120, calendar="december"
    ):
        return PostDraft(
            calendar=calendar,
            key=key,
            account="x_default",
            revision=revision,
            at=due_at.to_datetime_string(),
            timezone="UTC",
            due_at=due_at,
            late_grace_seconds=900,
            late_then="publish",
            lead_seconds=lead_seconds,
            contents=[{"text": text} for text in texts],
        )

    return make
