"""Whatever hangs, `airflow x doctor` and the health route say so, and end in seconds."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from x_provider.health.check import Check
from x_provider.health.guarding import Patience, guarded
from x_provider.web import health


class Silent:
    """Accepts connections and never answers."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.accepted: list[socket.socket] = []
        self.port = self._listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                self.accepted.append(self._listening.accept()[0])
            except OSError:
                return

    def close(self) -> None:
        self._listening.close()
        for connection in self.accepted:
            connection.close()


@pytest.fixture(autouse=True)
def nothing_is_left():
    """No look of this test keeps another test's from beginning."""
    yield
    for thread in threading.enumerate():
        if thread.name.startswith("check "):
            thread.join(40)


@pytest.fixture
def silent(nothing_is_left) -> Iterator[Silent]:
    server = Silent()
    yield server
    server.close()


@pytest.fixture
def locked(ledger, tmp_path, nothing_is_left):
    """Another program holds the ledger's file locked."""
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    yield
    other.close()


@pytest.fixture
def airflow_hangs(airflow_home, nothing_is_left):
    """Airflow's own database takes every statement and answers none."""
    from airflow import settings

    answered = threading.Event()

    def wait(*_: object) -> None:
        answered.wait(60)

    event.listen(settings.engine, "before_cursor_execute", wait)
    yield
    answered.set()
    event.remove(settings.engine, "before_cursor_execute", wait)


@pytest.fixture
def timed():
    """What a call gives; it must not take longer than so many seconds."""

    def timed(call, *, at_most: float):
        began = time.monotonic()
        result = call()
        assert time.monotonic() - began < at_most
        return result

    return timed


@pytest.mark.parametrize("options", [(), ("--ask-x",)])
def test_an_x_that_hangs_is_asked_once_and_after_all_that_is_here(
    ledger, account, silent, doctor, timed, monkeypatch, options
):
    for name, number in (("X_CLI", 0), ("X_SECOND", 1), ("X_THIRD", 0)):
        described = {**json.loads(account.connection(number)), "host": silent.url}
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(described))
    code, checks = timed(lambda: doctor(*options), at_most=8)
    clock = checks[f"clock, {silent.url}"]
    assert (code, clock["state"], len(silent.accepted)) == (2, "failed", 1)
    assert clock["words"] == f"X does not tell its time: ReadTimeout at {silent.url}"
    assert clock["next_step"] == f"Check the network, and the connection's base URL ({silent.url})"
    names = list(checks)
    before = ["ledger", "stops", "posts", *([] if options else ["account x_cli", "account x_third"])]
    assert sorted(before, key=names.index) == before
    assert names.index(before[-1]) < names.index(f"clock, {silent.url}")
    assert checks["account x_third"]["state"] == "ok"
    assert ("X was not asked" in checks["account x_third"]["words"]) is bool(options)


def test_a_ledger_that_is_locked_is_told_in_seconds_and_at_once_the_next_time(locked, account, timed):
    answer = timed(health.health, at_most=10)
    (found,) = (each for each in json.loads(answer.body)["checks"] if each["name"] == "ledger")
    assert (answer.status_code, found["state"], found["words"]) == (503, "failed", "no answer within 5 s")
    assert "no other program holds it locked" in found["next_step"]
    answer = timed(health.health, at_most=4)
    (found,) = (each for each in json.loads(answer.body)["checks"] if each["name"] == "ledger")
    assert (found["state"], found["words"][:14]) == ("failed", "no answer for ")


def test_a_postgresql_that_hangs_is_told_in_seconds(account, silent, doctor, timed, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_X_LEDGER", f"postgresql://me:secret@127.0.0.1:{silent.port}/ledger")
    code, checks = timed(doctor, at_most=10)
    assert (code, checks["ledger"]["words"]) == (2, "no answer within 5 s")
    assert "scheduler" in checks


def test_an_airflow_whose_database_hangs_keeps_nothing_else_from_being_told(
    ledger, account, airflow_hangs, doctor, timed
):
    code, checks = timed(doctor, at_most=12)
    assert (code, checks["airflow"]["words"]) == (2, "no answer within 5 s")
    assert checks["ledger"]["state"] == checks["posts"]["state"] == checks["account x_cli"]["state"] == "ok"
    assert checks.keys().isdisjoint({"watcher", "pool", "scheduler", "DAGs"})


def test_the_command_ends_without_waiting_for_what_hangs(ledger, account, silent, airflow_home):
    database = f"postgresql+psycopg://me:secret@127.0.0.1:{silent.port}/airflow"
    names = ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC")
    command = (str(Path(sys.executable).parent / "airflow"), "x", "doctor", "--output", "json")
    environment = {**os.environ, **dict.fromkeys(names, database)}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    checks = {each["name"]: each for each in json.loads(ended.stdout)["checks"]}
    assert (ended.returncode, checks["airflow"]["words"]) == (2, "no answer within 5 s")
    assert checks["posts"]["state"] == "ok"
    assert "Traceback" not in ended.stderr


def test_accounts_that_would_all_wait_for_the_same_are_named_once(ledger, airflow_hangs, doctor, timed):
    _, checks = timed(lambda: doctor("x_one", "x_two", "x_three"), at_most=14)
    assert checks["account x_one"]["words"] == "no answer within 3 s"
    assert checks["accounts"]["words"].startswith("x_two, x_three: not looked at")
    assert checks["events"]["state"] == "skipped"


def test_where_patience_is_over_nothing_more_is_begun():
    patience, answered, begun = Patience(0.1), threading.Event(), []

    def hang():
        yield Check("first", "ok", "seen")
        answered.wait(30)

    first, hung = guarded("second", hang, "Look into it", patience)
    (skipped,) = guarded("third", lambda: begun.append(1) or [], "Look into it", patience)
    answered.set()
    assert (first.name, hung.words, hung.next_step) == ("first", "no answer within 0.1 s", "Look into it")
    assert (skipped.state, begun) == ("failed", [])
