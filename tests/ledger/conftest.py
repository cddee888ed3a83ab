from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import signature

import pendulum
import pytest
from airflow_harness import wait_for
from drafting import draft_of
from new_ledger import new_ledger
from sqlalchemy import event, make_url, text

from x_provider.ledger import Ledger
from x_provider.ledger import tables as t
from x_provider.ledger.database import Database

NOW = pendulum.datetime(2026, 12, 1, 8, 0, 0)


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request, tmp_path):
    """Where the test's ledger is; nothing is there where the test itself asks for it, to make the tables."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgres_url")
    is_asked_for = "ledger_url" in signature(request.function).parameters
    return make_url(f"sqlite:///{tmp_path}/ledger.db" if is_asked_for else new_ledger(tmp_path))


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
def wait_until_waiting(ledger):
    """Wait until so many of PostgreSQL's clients wait for a lock."""
    mine = "datname = current_database() AND wait_event_type = 'Lock'"
    query = text(f"SELECT count(*) FROM pg_stat_activity WHERE {mine}")

    def waiting() -> int:
        with ledger.database.read() as connection:
            return connection.execute(query).scalar_one()

    return lambda count: wait_for(f"{count} that wait", lambda: waiting() == count, within=10, every=0.02)


@pytest.fixture
def much_else(ledger):
    """60,000 other posts: one half is planned for next month, the other is on X since last month."""
    described = {
        "calendar": "c", "account": "x", "revision": "r", "at": "now", "timezone": "UTC", "late_grace_seconds": 900,
        "late_then": "ask", "on_absent": "ask", "lead_seconds": 120, "planned_at": NOW,
    }  # fmt: skip
    rows = [
        {"key": "planned", "due_at": NOW.add(days=30), "wake_at": NOW.add(days=30), **described},
        {"key": "sent", "due_at": NOW.subtract(days=30), "wake_at": None, **described},
    ]
    copied = ", ".join(column.name for column in t.posts.c if column.name not in {"id", "key"})
    with ledger.database.write() as connection:
        connection.execute(t.posts.insert(), rows)
        connection.execute(
            text(
                "WITH RECURSIVE numbers(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM numbers WHERE n < 30000)"
                f" INSERT INTO x_posts (key, {copied}) SELECT key || n, {copied}"
                " FROM x_posts CROSS JOIN numbers WHERE calendar = 'c'"
            )
        )
        connection.execute(
            text(
                "INSERT INTO x_parts (post_id, position, content, state) SELECT id, 0, '{}',"
                " CASE WHEN wake_at IS NULL THEN 'posted' ELSE 'planned' END FROM x_posts WHERE calendar = 'c'"
            )
        )
        connection.execute(text("ANALYZE"))


@pytest.fixture
def reads_less_than_all(ledger, ledger_url):
    """Whether a look at the ledger reads less than a tenth of what reading every part once does."""
    work = steps_of if ledger_url.get_backend_name() == "sqlite" else pages_of

    def read_all() -> None:
        with ledger.database.read() as connection:
            connection.execute(text("SELECT count(*) FROM x_parts WHERE state LIKE '%d'")).all()

    def reads_less_than_all(look: Callable[[], object]) -> bool:
        return work(ledger.database, look) * 10 < work(ledger.database, read_all)

    return reads_less_than_all


@pytest.fixture
def statements_of(ledger):
    """How many statements something sends to the database, transactions' beginnings left out."""

    def statements_of(look: Callable[[], object]) -> int:
        sent: list[str] = []

        def note(_, __, statement, *_rest) -> None:
            sent.append(statement)

        with listening(ledger.database, note):
            look()
        return sum(not statement.startswith("BEGIN") for statement in sent)

    return statements_of


def steps_of(database: Database, look: Callable[[], object]) -> int:
    """The hundreds of instructions that SQLite's machine executes for it."""
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1

    def count(_, cursor, *_rest) -> None:
        cursor.connection.set_progress_handler(step, 100)

    with listening(database, count):
        look()
    return steps


def pages_of(database: Database, look: Callable[[], object]) -> int:
    """The pages that PostgreSQL visits for it."""
    pages = 0

    def count(_, cursor, statement, parameters, *_rest) -> None:
        nonlocal pages
        explained = cursor.connection.execute(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", parameters
        )
        (told,) = explained.fetchone()[0]
        pages += told["Plan"]["Shared Hit Blocks"] + told["Plan"]["Shared Read Blocks"]

    with listening(database, count):
        look()
    return pages


@contextmanager
def listening(database: Database, count: Callable[..., None]) -> Iterator[None]:
    event.listen(database._engine, "before_cursor_execute", count)
    try:
        yield
    finally:
        event.remove(database._engine, "before_cursor_execute", count)
