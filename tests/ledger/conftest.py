from __future__ import annotations

import time
from collections.abc import Callable

import pendulum
import pytest
from drafting import draft_of
from sqlalchemy import make_url, text

from x_provider.ledger import Ledger
from x_provider.ledger import tables as t

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


@pytest.fixture
def much_else(ledger):
    """60,000 other posts: one half is planned for next month, the other is on X since last month."""
    rows = [
        {
            "calendar": "c", "key": str(n), "account": "x", "revision": "r", "at": "now", "timezone": "UTC",
            "due_at": NOW.add(days=30, seconds=n) if n % 2 else NOW.subtract(days=30, seconds=n),
            "wake_at": NOW.add(days=30) if n % 2 else None, "late_grace_seconds": 900, "late_then": "ask",
            "on_absent": "ask", "lead_seconds": 120, "planned_at": NOW,
        }
        for n in range(60_000)
    ]  # fmt: skip
    with ledger.database.write() as connection:
        connection.execute(t.posts.insert(), rows)
        connection.execute(
            text(
                "INSERT INTO x_parts (post_id, position, content, state) SELECT id, 0, '{}',"
                " CASE WHEN wake_at IS NULL THEN 'posted' ELSE 'planned' END FROM x_posts WHERE calendar = 'c'"
            )
        )
        connection.execute(text("ANALYZE"))


@pytest.fixture
def reads_less_than_all(ledger):
    """Whether a look at the ledger takes less time than reading every part once."""

    def seconds_of(look: Callable[[], object]) -> float:
        started = time.perf_counter()
        look()
        return time.perf_counter() - started

    def reads_less_than_all(look: Callable[[], object]) -> bool:
        every = text("SELECT count(*) FROM x_parts WHERE state LIKE '%d'")
        with ledger.database.read() as connection:
            reading_all = min(seconds_of(lambda: connection.execute(every).all()) for _ in range(3))
        return min(seconds_of(look) for _ in range(5)) < reading_all

    return reads_less_than_all
