"""Which database a connection stands for."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import ErrorType
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import ErrorResponse

from x_provider.hooks import LedgerHook, XConnectionError


def url_of(monkeypatch: pytest.MonkeyPatch, connection: str) -> str:
    monkeypatch.setenv("AIRFLOW_CONN_X_BOOKS", connection)
    return LedgerHook("x_books").url().render_as_string(hide_password=False)


@pytest.mark.parametrize(
    ("connection", "url"),
    [
        ("sqlite:////var/lib/x/books.db", "sqlite:////var/lib/x/books.db"),
        ('{"conn_type": "sqlite", "host": "/var/lib/x/books.db"}', "sqlite:////var/lib/x/books.db"),
        ("postgres://u:p%40ss@db:5433/books", "postgresql+psycopg://u:p%40ss@db:5433/books"),
        ("postgresql://u:p@db/books?sslmode=require", "postgresql+psycopg://u:p@db/books?sslmode=require"),
        ("postgresql+psycopg://db/books", "postgresql+psycopg://db/books"),
        ("postgres://u@db/books?iam=true&sslmode=", "postgresql+psycopg://u@db/books"),
    ],
)
def test_a_connection_becomes_a_url(monkeypatch: pytest.MonkeyPatch, connection: str, url: str) -> None:
    assert url_of(monkeypatch, connection) == url


@pytest.mark.parametrize(
    ("connection", "words"),
    [
        ("sqlite:///books.db", "not an absolute path"),
        ("sqlite://", "names no SQLite file"),
        ("mysql://u:hidden@db/books", "lives in SQLite or PostgreSQL"),
        ("postgres://u:hidden@db", "names no database"),
        (
            '{"conn_type": "postgres", "schema": "b", "password": "hidden", "extra": "{oops"}',
            "not a JSON object",
        ),
    ],
)
def test_a_connection_that_is_no_ledger_is_explained(
    monkeypatch: pytest.MonkeyPatch, connection: str, words: str
) -> None:
    with pytest.raises(XConnectionError, match=words) as caught:
        url_of(monkeypatch, connection)
    assert "'x_books'" in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_a_password_shows_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_X_BOOKS", "postgres://u:hidden@db/books")
    hook = LedgerHook("x_books")
    assert "hidden" not in f"{hook.url()} {hook.url()!r} {hook!r} {hook.ledger()!r}"


def test_without_a_connection_the_ledger_is_a_file_in_the_airflow_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    expected = f"sqlite:///{tmp_path}/x_ledger.db"
    assert str(LedgerHook().url()) == expected
    assert str(asyncio.run(LedgerHook.aget()).url()) == expected


def test_another_name_has_to_be_defined(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    refused = "'x_legder': the ledger's connection is not defined. Correct its name.*AIRFLOW_CONN_X_LEGDER"
    with pytest.raises(XConnectionError, match=refused):
        LedgerHook("x_legder").ledger()
    with pytest.raises(XConnectionError, match=refused) as caught:
        asyncio.run(LedgerHook.aget("x_legder"))
    assert not caught.value.may_pass
    assert list(tmp_path.glob("*.db")) == []


class _Supervisor:
    """Answers every question with the same error, as the supervisor of a task does."""

    def __init__(self, error: ErrorType) -> None:
        self.answer = ErrorResponse(error=error)

    def send(self, message: Any) -> ErrorResponse:
        return self.answer

    async def asend(self, message: Any) -> ErrorResponse:
        return self.answer


def test_an_airflow_that_cannot_be_asked_never_opens_a_second_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    supervisor = _Supervisor(ErrorType.API_SERVER_ERROR)
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
    with pytest.raises(XConnectionError, match="could not look it up"):
        LedgerHook("x_unreachable").url()
    with pytest.raises(XConnectionError, match="could not look it up"):
        asyncio.run(LedgerHook.aget("x_unreachable"))


def test_a_task_whose_airflow_knows_no_ledger_gets_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    supervisor = _Supervisor(ErrorType.CONNECTION_NOT_FOUND)
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
    assert LedgerHook().url().drivername == "sqlite"


def test_the_ledger_of_a_hook_is_usable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_X_BOOKS", f"sqlite:///{tmp_path}/books.db")
    hook = LedgerHook("x_books")
    hook.ledger().database.upgrade()
    assert (tmp_path / "books.db").exists()
    assert hook.ledger() is hook.ledger()
