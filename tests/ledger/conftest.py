from __future__ import annotations

import pendulum
import pytest
from sqlalchemy import make_url, text

from x_provider.ledger import Ledger, PostDraft

NOW = pendulum.datetime(2026, 12, 1, 8, 0, 0)


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
