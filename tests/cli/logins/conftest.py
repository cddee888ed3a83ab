"""Connections to log in, and people who do."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
import requests
from logging_in import CONSENT, remove_connection


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def account(sandbox, monkeypatch):
    """A connection in an environment variable, which Airflow cannot write."""
    app = sandbox.accounts[0]["oauth2"]
    extra = {"client_id": app["client_id"], "client_secret": app["client_secret"]}
    keys = {"login": sandbox.credentials["api_key"], "password": sandbox.credentials["api_secret"]}
    stored = {"conn_type": "x", "host": sandbox.url, **keys, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_X_CLI", json.dumps(stored))
    return sandbox


@pytest.fixture
def stored_account(sandbox, airflow_home):
    """A connection in Airflow's own database."""
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    with create_session() as session:
        session.add(
            Connection(
                conn_id="x_stored",
                conn_type="x",
                host=sandbox.url,
                login=sandbox.credentials["api_key"],
                password=sandbox.credentials["api_secret"],
                extra=json.dumps(
                    {"client_id": sandbox.accounts[0]["oauth2"]["client_id"], "bearer_token": "b"}
                ),
            )
        )
    yield "x_stored"
    remove_connection("x_stored")


@pytest.fixture
def change(stored_account):
    """Change fields of the stored connection's extra."""

    def change(**fields: str) -> None:
        from airflow.models.connection import Connection
        from airflow.utils.session import create_session

        with create_session() as session:
            stored = session.query(Connection).filter(Connection.conn_id == stored_account).one()
            stored.set_extra(json.dumps({**json.loads(stored.extra), **fields}))

    return change


@pytest.fixture
def person(monkeypatch):
    """Whoever sits before the browser that the command opens; gives how to wait for what it shows in the end."""
    shown: list[requests.Response] = []
    threads: list[threading.Thread] = []

    def last() -> requests.Response:
        for thread in threads:
            thread.join()
        return shown[-1]

    def person(act: Callable[[str], requests.Response]) -> Callable[[], requests.Response]:
        def open_browser(url: str) -> bool:
            threads.append(threading.Thread(target=lambda: shown.append(act(url))))
            threads[-1].start()
            return True

        monkeypatch.setattr("webbrowser.open", open_browser)
        return last

    yield person
    for thread in threads:
        thread.join()


@pytest.fixture
def person_with_a_pin(monkeypatch):
    """Let whoever sits at the terminal consent as bob and type the PIN that X shows."""
    shown: list[str] = []

    def read_pin(_question: str) -> str:
        page = requests.post(shown[-1], data=CONSENT, timeout=10).text
        return re.findall(r"<code>(\d+)</code>", page)[0]

    def person_with_a_pin() -> None:
        monkeypatch.setattr("webbrowser.open", shown.append)
        monkeypatch.setattr("builtins.input", read_pin)

    return person_with_a_pin


@pytest.fixture
def meanwhile(monkeypatch):
    """Let something happen between what a login keeps in the ledger and what it writes into the connection."""

    from x_provider.hooks import connections

    def meanwhile(happens: Callable[[], None]) -> None:
        write = connections.write_login

        def write_late(*args: Any, **kwargs: Any) -> str | None:
            monkeypatch.setattr(connections, "write_login", write)
            happens()
            return write(*args, **kwargs)

        monkeypatch.setattr(connections, "write_login", write_late)

    return meanwhile
