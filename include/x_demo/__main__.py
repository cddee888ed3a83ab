"""``make demo`` and ``make demo-check``: calendar → publish → insights on this machine."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import requests

from x_demo.airflow import PROJECT, Airflow
from x_demo.report import complaints, lateness_ms, summary, table
from x_demo.services import DemoError, Service, free_port, remember, start, stop_leftovers, tool, wait_until
from x_provider.ledger import Ledger, LedgerError, PartState, Post

_ENDED = (PartState.POSTED, PartState.REFUSED, PartState.UNCERTAIN, PartState.MISSED)


def main() -> int:
    """Run the demo; the exit code is 0 when everything went out as promised."""
    options = _arguments()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    home = options.directory / datetime.now().astimezone().strftime("%Y-%m-%d-%H%M%S")
    record = options.directory / "running.json"
    services: list[Service] = []
    try:
        home.mkdir(parents=True)
        for name in stop_leftovers(record):
            _say(f"ended {name} of an earlier demo that was killed")
        return _run(options, home, record, services)
    except KeyboardInterrupt:
        print()
        return 130
    except (DemoError, LedgerError, OSError, requests.RequestException) as error:
        print(f"\nThe demo cannot go on: {error}\nEverything recorded so far is in {home}.", file=sys.stderr)
        return 1
    finally:
        _stop(services, record)


def _run(options: argparse.Namespace, home: Path, record: Path, services: list[Service]) -> int:
    started = time.monotonic()
    _say(f"starting a local X and Airflow; their data and logs are in {home}")
    sandbox = _start_sandbox(home, services, record)
    airflow = Airflow(home / "airflow", options.calendar.resolve())
    services.append(airflow.start())
    remember(record, services)
    airflow.wait_ready()
    airflow.set_up(sandbox["credentials"], base_url=sandbox["url"])
    _say(f"Airflow is up after {time.monotonic() - started:.0f} s: {airflow.access}")
    _say(f"the local X shows its timeline: {sandbox['url']}")

    _say("DAG x_calendar reads the calendar …")
    run = airflow.run("x_calendar")
    for finding in airflow.findings(run):
        print(f"          {finding}", file=sys.stderr)
    ledger = Ledger(f"sqlite:///{airflow.ledger}")
    posts = ledger.posts.all()
    if not posts:
        raise DemoError(
            f"x_calendar ended as {run['state']} and planned nothing: {airflow.url}/dags/x_calendar"
        )
    last = max(post.due_at for post in posts)
    _say(f"{len(posts)} posts are planned, the last for {last.in_tz('local').format('HH:mm:ss')}")
    posts = _watch(ledger, services)

    _say("DAG x_insights brings the numbers back …")
    airflow.run("x_insights")
    on_x = [part.receipt.x_id for post in posts for part in post.parts if part.receipt]
    measured = sum(len(ledger.snapshots.of_post(x_id)) for x_id in on_x)
    print(f"\n{table(posts)}\n\n{summary(posts, measured)}")
    timeline = requests.get(f"{sandbox['url']}/_sandbox/posts", timeout=30).json()["posts"]
    wrong = complaints(posts, timeline, measured)
    for complaint in wrong:
        print(f"NOT AS PROMISED: {complaint}", file=sys.stderr)
    if not wrong:
        print("Every post is on the timeline exactly once, in order, its media byte for byte.")
    _say(f"done after {time.monotonic() - started:.0f} s")
    if not options.check:
        _stay(airflow, sandbox["url"], services)
    return 1 if wrong else 0


def _start_sandbox(home: Path, services: list[Service], record: Path) -> dict[str, Any]:
    credentials = home / "credentials.json"
    log = home / "sandbox.log"
    state = home / "sandbox"
    command = [tool("x-sandbox"), "serve", "--port", str(free_port(8090))]
    command += ["--state", str(state), "--credentials", str(credentials)]
    services.append(start("x-sandbox", command, log=log, environment={}))
    remember(record, services)
    url: list[str] = []

    def ready() -> bool:
        lines = [line for line in log.read_text().splitlines() if line.startswith("x-sandbox ready: ")]
        url.extend(line.split(": ", 1)[1].strip() for line in lines)
        return bool(lines)

    wait_until(ready, seconds=30, what="the local X listens", services=services)
    return {"url": url[0], "credentials": json.loads(credentials.read_text())}


def _watch(ledger: Ledger, services: list[Service]) -> list[Post]:
    told: set[int] = set()
    last_words = 0.0
    deadline = max(post.due_at for post in ledger.posts.all()).add(seconds=90)
    while True:
        posts = ledger.posts.all()
        for post in posts:
            if post.id not in told and post.state in _ENDED:
                told.add(post.id)
                last_words = time.monotonic()
                late = lateness_ms(post)
                _say(
                    f"{post.key}: {post.state}"
                    + (f", {late:.0f} ms after its time" if late is not None else "")
                )
        if len(told) == len(posts):
            return posts
        if time.monotonic() - last_words > 10:
            last_words = time.monotonic()
            armed = sum(post.state is PartState.ARMED for post in posts)
            _say(f"{len(told)} of {len(posts)} posts are out, {armed} armed")
        if datetime.now().astimezone() > deadline:
            return posts
        for service in services:
            service.require_alive()
        time.sleep(0.25)


def _stay(airflow: Airflow, sandbox_url: str, services: list[Service]) -> None:
    print(f"\nAirflow   {airflow.access}\nTimeline  {sandbox_url}\n\nBoth stay up until you press Ctrl-C.")
    while True:
        for service in services:
            service.require_alive()
        time.sleep(1)


def _stop(services: list[Service], record: Path) -> None:
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    if services:
        _say("stopping …")
    for service in reversed(services):
        service.stop()
    with contextlib.suppress(FileNotFoundError):
        record.unlink()
    signal.signal(signal.SIGINT, previous)


def _say(words: str) -> None:
    print(f"{datetime.now().astimezone():%H:%M:%S}  {words}", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m x_demo", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="assert that all went out as promised, then exit"
    )
    parser.add_argument(
        "--calendar",
        type=Path,
        default=PROJECT / "include" / "calendar" / "demo.yaml",
        help="the calendar to publish (default: %(default)s)",
    )
    parser.add_argument(
        "--directory",
        type=Path,
        default=PROJECT / ".demo",
        help="where each demo keeps its data and logs (default: %(default)s)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
