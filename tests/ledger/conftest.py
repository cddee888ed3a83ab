from __future__ import annotations

import pendulum
import pytest
from drafting import draft_of
from sqlalchemy import make_url, text

from x_provider.ledger import Ledger

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
    """A post as the ledger takes it, due at ``NOW`` unless said otherwise."""

    def draft(key="hello", *, texts=("Hello",), due_at=NOW, **fields):
        return draft_of(*texts, key=key, due_at=due_at, at=due_at.to_datetime_string(), **fields)

    return draft
