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
from x_demo.running import RunningDemo
from x_demo.services import DemoError, Service, free_port, start, tool, uninterrupted, wait_until
from x_provider.ledger import Ledger, LedgerError, PartState, Post

_BRAND = "Nordlicht Observatory:nordlicht"  # whose calendar it is
_ENDED = (PartState.POSTED, PartState.REFUSED, PartState.UNCERTAIN, PartState.MISSED)


_INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Run the demo; the exit code is 0 when everything went out as promised."""
    options = _arguments()
    for number in _INTERRUPTIONS:
        signal.signal(number, signal.default_int_handler)
    home = options.directory / datetime.now().astimezone().strftime("%Y-%m-%d-%H%M%S")
    try:
        with RunningDemo(options.directory) as running:
            for name in running.stop_leftovers():
                _say(f"ended {name} of an earlier demo that was killed")
            home.mkdir()
            services: list[Service] = []
            try:
                return _run(options, home, running, services)
            finally:
                _stop(services)
    except KeyboardInterrupt:
        return 130
    except (DemoError, LedgerError, OSError, requests.RequestException) as error:
        print(f"\nThe demo cannot go on: {error}.", file=sys.stderr)
        if home.exists():
            print(f"What it recorded and logged is in {home}.", file=sys.stderr)
        return 1


def _run(options: argparse.Namespace, home: Path, running: RunningDemo, services: list[Service]) -> int:
    started = time.monotonic()
    _say(f"starting a local X and Airflow; their data and logs are in {home}")
    sandbox = _start_sandbox(home, running, services)
    airflow = Airflow(home / "airflow", options.calendar)
    links = [f"Airflow   {airflow.access}", f"Timeline  {sandbox['url']}", f"Terminal  {airflow.command}"]
    with uninterrupted(*_INTERRUPTIONS):
        services.append(airflow.start())
        running.remember(services, links)
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
        _stay(links, services)
    return 1 if wrong else 0


def _start_sandbox(home: Path, running: RunningDemo, services: list[Service]) -> dict[str, Any]:
    credentials = home / "credentials.json"
    log = home / "sandbox.log"
    state = home / "sandbox"
    command = [tool("x-sandbox"), "serve", "--port", str(free_port(8090))]
    command += ["--state", str(state), "--credentials", str(credentials), "--account", _BRAND]
    with uninterrupted(*_INTERRUPTIONS):
        services.append(start("x-sandbox", command, log=log, environment={}))
        running.remember(services, [])
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
            following = min(post.due_at for post in posts if post.id not in told)
            _say(
                f"{len(told)} of {len(posts)} posts are out, {armed} armed; "
                f"the next is due at {following.in_tz('local').format('HH:mm:ss')}"
            )
        if datetime.now().astimezone() > deadline:
            return posts
        for service in services:
            service.require_alive()
        time.sleep(0.25)


def _stay(links: list[str], services: list[Service]) -> None:
    print("\n" + "\n".join(links) + "\n\nAll of it stays up until you press Ctrl-C.", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            for service in services:
                service.require_alive()
            time.sleep(1)


def _stop(services: list[Service]) -> None:
    for number in _INTERRUPTIONS:
        signal.signal(number, signal.SIG_IGN)
    # A terminal that was closed takes no words any more; the services must end all the same.
    with contextlib.suppress(OSError):
        print()
        _say("stopping …")
    for service in reversed(services):
        service.stop()


def _say(words: str) -> None:
    print(f"{datetime.now().astimezone():%H:%M:%S}  {words}", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m x_demo", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="assert that all went out as promised, then exit"
    )
    parser.add_argument(
        "--calendar",
        type=_file,
        default=PROJECT / "include" / "calendar" / "demo.yaml",
        help="the calendar to publish (default: %(default)s)",
    )
    parser.add_argument(
        "--directory",
        type=_absolute,
        default=PROJECT / ".demo",
        help="where each demo keeps its data and logs (default: %(default)s)",
    )
    return parser.parse_args()


def _absolute(path: str) -> Path:
    # What the demo starts has other working directories.
    return Path(path).expanduser().resolve()


def _file(path: str) -> Path:
    if not _absolute(path).is_file():
        raise argparse.ArgumentTypeError(f"there is no file {_absolute(path)}")
    return _absolute(path)


if __name__ == "__main__":
    sys.exit(main())
