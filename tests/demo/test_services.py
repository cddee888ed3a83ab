from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from x_demo.airflow import Airflow
from x_demo.running import RunningDemo
from x_demo.services import DemoError, Service, session_members, start, stop_session, uninterrupted

PARENT = """
import subprocess, sys, time
child = "import signal, time; {child}; print('ready', flush=True); time.sleep(600)"
subprocess.Popen([sys.executable, "-c", child])
time.sleep(600)
"""
HOLD = """
import sys, time
from pathlib import Path
from x_demo.airflow import Airflow
from x_demo.running import RunningDemo
with RunningDemo(Path(sys.argv[1])) as running:
    running.remember([], ["Airflow   http://localhost:8080"])
    print("held", flush=True)
    time.sleep(600)
"""


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Start a service with a child: `family("what the child does first")`; all is ended with the test."""
    started: list[Service] = []

    def start_family(child: str = "pass") -> Service:
        log = tmp_path / "family.log"
        service = start("family", [sys.executable, "-c", PARENT.format(child=child)], log=log, environment={})
        started.append(service)
        until(lambda: "ready" in log.read_text())
        return service

    yield start_family
    for service in started:
        stop_session(service.process.pid)
        service.process.wait(timeout=10)


@pytest.fixture
def living_demo(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait(timeout=10)


def record(directory: Path, session: int, log: Path) -> None:
    left = {"services": [{"name": "family", "session": session, "log": str(log)}]}
    (directory / "running.json").write_text(json.dumps(left))


def test_a_service_is_ended_with_every_process_it_made(family) -> None:
    service = family()
    assert len(session_members(service.process.pid)) == 2
    service.stop()
    assert session_members(service.process.pid) == []


def test_a_child_that_ignores_sigterm_is_ended_too(family, monkeypatch) -> None:
    monkeypatch.setattr("x_demo.services._GRACE_SECONDS", 0.3)
    service = family("signal.signal(signal.SIGTERM, signal.SIG_IGN)")
    service.stop()
    assert session_members(service.process.pid) == []


def test_what_a_killed_demo_left_is_ended_even_when_its_first_process_is_gone(family, tmp_path) -> None:
    service = family()
    service.process.kill()
    service.process.wait(timeout=10)
    record(tmp_path, service.process.pid, service.log)
    with RunningDemo(tmp_path) as running:
        assert running.stop_leftovers() == ["family"]
    assert session_members(service.process.pid) == []
    assert not (tmp_path / "running.json").exists()


def test_a_session_that_does_not_write_to_the_demos_log_is_somebody_elses(family, tmp_path) -> None:
    service = family()
    record(tmp_path, service.process.pid, tmp_path / "another.log")
    with RunningDemo(tmp_path) as running:
        assert running.stop_leftovers() == []
    assert len(session_members(service.process.pid)) == 2


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", '{"services": 1}', '{"services": [1, {}, {"name": "a", "session": "b"}]}'],
)
def test_a_damaged_record_is_no_obstacle(tmp_path, content) -> None:
    (tmp_path / "running.json").write_text(content)
    with RunningDemo(tmp_path) as running:
        assert running.stop_leftovers() == []


def test_a_living_demo_is_left_alone_and_named(living_demo, tmp_path) -> None:
    with pytest.raises(DemoError, match=rf"process {living_demo.pid}") as refusal, RunningDemo(tmp_path):
        pass
    assert "http://localhost:8080" in str(refusal.value)
    assert living_demo.poll() is None
    assert (tmp_path / "running.json").exists()


def test_a_killed_demo_makes_room_for_the_next(living_demo, tmp_path) -> None:
    living_demo.kill()
    living_demo.wait(timeout=10)
    with RunningDemo(tmp_path) as running:
        assert running.stop_leftovers() == []


def test_a_service_gets_nothing_that_leads_to_a_real_x_or_airflow(tmp_path, monkeypatch) -> None:
    for name in (
        "AIRFLOW_HOME",
        "AIRFLOW__CORE__EXECUTOR",
        "AIRFLOW_CONN_X_DEFAULT",
        "X_CALENDAR",
        "TWITTER_KEY",
    ):
        monkeypatch.setenv(name, "real")
    monkeypatch.setenv("LANGUAGE_OF_THE_SHELL", "kept")
    log = tmp_path / "environment.log"
    show = "import json, os; print(json.dumps(dict(os.environ)))"
    service = start("show", [sys.executable, "-c", show], log=log, environment={"X_CALENDAR": "demo.yaml"})
    assert service.process.wait(timeout=20) == 0
    seen = json.loads(log.read_text())
    assert {name for name, value in seen.items() if value == "real"} == set()
    assert seen["X_CALENDAR"] == "demo.yaml"
    assert seen["LANGUAGE_OF_THE_SHELL"] == "kept"
    assert seen["PATH"].startswith(str(Path(sys.executable).parent))


def test_an_interruption_waits_until_what_was_begun_is_recorded() -> None:
    done = []

    def begin_and_record() -> None:
        with uninterrupted(signal.SIGTERM):
            os.kill(os.getpid(), signal.SIGTERM)
            until(lambda: signal.SIGTERM not in signal.sigpending())
            done.append("recorded")

    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            begin_and_record()
        assert done == ["recorded"]
        assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGTERM, previous)


def test_a_service_that_has_ended_is_reported_with_the_end_of_its_log(tmp_path) -> None:
    service = start(
        "broken", [sys.executable, "-c", "raise SystemExit('no space')"], log=tmp_path / "log", environment={}
    )
    service.process.wait(timeout=20)
    with pytest.raises(DemoError, match=r"broken ended with exit code 1(.|\n)*no space"):
        service.require_alive()


def test_the_printed_command_line_asks_the_demos_own_airflow(tmp_path) -> None:
    home = tmp_path / "of a demo" / "airflow"
    home.mkdir(parents=True)
    command = Airflow(home, tmp_path / "demo.yaml").command
    assert command.endswith("airflow x status")
    shown = command.replace(" x status", " config get-value database sql_alchemy_conn")
    shell = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    said = subprocess.run(shown, shell=True, env=shell, capture_output=True, text=True, check=True)
    assert str(home) in said.stdout
