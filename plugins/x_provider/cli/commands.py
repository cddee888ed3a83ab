"""What the commands do. Each prints its result; an error is one line and exit code 1."""

from __future__ import annotations

import functools
import getpass
import os
import sys
from argparse import Namespace
from collections.abc import Callable

from airflow.cli.simple_table import AirflowConsole

from x_provider.hooks.credentials import XConnectionError
from x_provider.hooks.ledger import LedgerHook
from x_provider.hooks.publisher import open_publisher
from x_provider.ledger import EVERY_ACCOUNT, Ledger, LedgerError, PartState, Post, Receipt
from x_provider.publishing import post_url, utc_now


def _explained(command: Callable[[Namespace], None]) -> Callable[[Namespace], None]:
    @functools.wraps(command)
    def run(args: Namespace) -> None:
        from x_provider.client import XError  # noqa: PLC0415  (requests, which most commands do not need)

        # As `airflow connections test` does: without it Airflow's own database is not asked for connections,
        # and the ledger would silently be another one.
        os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
        try:
            command(args)
        except (LedgerError, XConnectionError, XError) as error:
            sys.exit(f"airflow x {command.__name__}: {error}")

    return run


@_explained
def status(args: Namespace) -> None:
    """Count the posts by state, and name those that need somebody."""
    ledger = _ledger(args)
    counts = ledger.deciding.counts()
    console = AirflowConsole()
    console.print_as(
        [{"state": str(state), "parts": counts[state]} for state in PartState if state in counts],
        output=args.output,
    )
    if args.output == "table":
        for halt in ledger.controls.halts(utc_now()):
            print(f"STOPPED: {halt}")
        for post in ledger.deciding.stopped():
            why = next((part.why for part in post.parts if part.why), "")
            print(f"{post.state}: {post.name} (due {post.due_at.isoformat()}): {why}")


@_explained
def show(args: Namespace) -> None:
    """Show a post's parts, receipts and attempts."""
    ledger = _ledger(args)
    post = _find(ledger, args.post)
    if args.output == "table":
        print(f"{post.name}, post {post.id} of the ledger, account {post.account}")
        print(f"due {post.due_at.isoformat()} ({post.at} {post.timezone}), revision {post.revision[:12]}")
        for part in post.parts:
            where = part.receipt.url if part.receipt else (part.why or "")
            print(f"part {part.position + 1}: {part.state}  {where}")
    rows = [
        {
            "part": attempt.part,
            "started": attempt.started_at.isoformat(),
            "finished": attempt.finished_at.isoformat() if attempt.finished_at else "",
            "outcome": attempt.outcome or "",
            "status": attempt.http_status or "",
            "request id": attempt.request_id or "",
            "X's words": attempt.words or "",
            "sender": attempt.sender,
        }
        for attempt in ledger.deciding.attempts(post.id)
    ]
    AirflowConsole().print_as(rows, output=args.output)


@_explained
def reconcile(args: Namespace) -> None:
    """Find out what X did about a post, and go on with it."""
    ledger = _ledger(args)
    post = _find(ledger, args.post)
    publisher = open_publisher(account=post.account, ledger_conn_id=args.ledger_conn_id, report=print)
    fired = publisher.fire(post.id)
    print(
        f"{post.name} is {fired.post.state}" + (f"; next look at {fired.retry_at}" if fired.retry_at else "")
    )


@_explained
def resume(args: Namespace) -> None:
    """Send a refused or missed post after all, or try a late one now."""
    ledger = _ledger(args)
    post = ledger.deciding.resume(_find(ledger, args.post).id, now=utc_now())
    print(f"{post.name} is planned again; DAG x_publish sends what is missing of it")


@_explained
def adopt(args: Namespace) -> None:
    """Say which post on X an uncertain post is."""
    from x_provider.client.ids import created_at, post_id_of  # noqa: PLC0415  (as above)

    ledger = _ledger(args)
    post = _find(ledger, args.post)
    x_id = post_id_of(args.url)
    if x_id is None:
        raise LedgerError(
            f"{args.url!r} is neither a post's address (https://x.com/<user>/status/<id>) nor its id"
        )
    publisher = open_publisher(account=post.account, ledger_conn_id=args.ledger_conn_id)
    now = utc_now()
    receipt = Receipt(x_id, post_url(publisher.user(), x_id), created_at(x_id) or now, now, adopted=True)
    ledger.deciding.adopt(post.id, receipt, position=None if args.part is None else args.part - 1)
    print(f"{post.name} is {receipt.url}")


@_explained
def void(args: Namespace) -> None:
    """Give up what is left of a post."""
    ledger = _ledger(args)
    post = ledger.deciding.void(_find(ledger, args.post).id, why="given up by hand (airflow x void)")
    print(f"{post.name} is given up; nothing more of it is sent")


@_explained
def stop(args: Namespace) -> None:
    """Pull the kill switch."""
    _ledger(args).controls.stop(account=args.account, why=args.why, by=getpass.getuser(), now=utc_now())
    print("Stopped. Nothing more is sent until: airflow x go" + _account_option(args))


@_explained
def go(args: Namespace) -> None:
    """Let go on what was stopped."""
    if not _ledger(args).controls.go(account=args.account, now=utc_now()):
        raise LedgerError(f"{'everything' if args.account == '*' else args.account} is not stopped")
    print("Going on. What is late by now follows its late policy.")


@_explained
def upgrade(args: Namespace) -> None:
    """Bring the ledger's schema to this release's version."""
    ledger = _ledger(args)
    ledger.database.upgrade()
    print(f"{ledger.database!r} is up to date")


def _account_option(args: Namespace) -> str:
    return "" if args.account == EVERY_ACCOUNT else f" --account {args.account}"


def _ledger(args: Namespace) -> Ledger:
    return LedgerHook(args.ledger_conn_id).ledger()


def _find(ledger: Ledger, name: str) -> Post:
    if name.isdecimal():
        return ledger.posts.get(int(name))
    calendar, _, key = name.partition("/")
    post = ledger.posts.find(calendar, key)
    if post is None:
        raise LedgerError(f"the ledger has no post {name!r}; write calendar/entry as in the calendar file")
    return post
