"""What the commands do. Each prints its result; an error is one line and exit code 1."""

from __future__ import annotations

import functools
import getpass
import os
import sys
from argparse import Namespace
from collections.abc import Callable

import pendulum
from airflow.cli.simple_table import AirflowConsole
from pendulum import DateTime

from x_provider.calendar.times import TimeError, checked_zone, due_time
from x_provider.cli import overview
from x_provider.hooks.credentials import XConnectionError
from x_provider.hooks.ledger import LedgerHook
from x_provider.hooks.publisher import open_publisher
from x_provider.ledger import EVERY_ACCOUNT, Ledger, LedgerError, Receipt
from x_provider.publishing import post_url, utc_now

NEEDS_SOMEBODY = 2
"""Exit code of `status --check` when something is stopped or a post waits for a person."""


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
    shown = overview.overview(_ledger(args), now=utc_now())
    overview.show(shown, output=args.output)
    if args.check and overview.needs_somebody(shown):
        sys.exit(NEEDS_SOMEBODY)


@_explained
def show(args: Namespace) -> None:
    """Show a post's parts, receipts and attempts."""
    ledger = _ledger(args)
    post = ledger.posts.named(args.post)
    if args.output == "table":
        print(f"{post.name}, post {post.id} of the ledger, account {post.account}")
        print(f"due {post.due_at.isoformat()} ({post.at} {post.timezone}), revision {post.revision[:12]}")
        for part in post.parts:
            where = part.receipt.url if part.receipt else (part.why or "")
            print(f"part {part.position + 1}: {part.state}  {where}")
        for each in ledger.deciding.decisions(post.id):
            print(
                f"{each.decided_at.isoformat()}: {each.by} decided on part {each.part}: {each.decision}, {each.words}"
            )
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
    post = ledger.posts.named(args.post)
    publisher = open_publisher(account=post.account, ledger_conn_id=args.ledger_conn_id, report=print)
    fired = publisher.fire(post.id)
    print(
        f"{post.name} is {fired.post.state}" + (f"; next look at {fired.retry_at}" if fired.retry_at else "")
    )


@_explained
def resume(args: Namespace) -> None:
    """Send a refused, missed or unfound post after all, or try a late one now."""
    ledger = _ledger(args)
    post = ledger.deciding.resume(ledger.posts.named(args.post).id, now=utc_now(), by=getpass.getuser())
    print(f"{post.name} is planned again; DAG x_publish sends what is missing of it")


@_explained
def adopt(args: Namespace) -> None:
    """Say which post on X an uncertain post is."""
    from x_provider.client.ids import created_at, post_id_of  # noqa: PLC0415  (as above)

    ledger = _ledger(args)
    post = ledger.posts.named(args.post)
    x_id = post_id_of(args.url)
    if x_id is None:
        raise LedgerError(
            f"{args.url!r} is neither a post's address (https://x.com/<user>/status/<id>) nor its id"
        )
    publisher = open_publisher(account=post.account, ledger_conn_id=args.ledger_conn_id)
    now = utc_now()
    receipt = Receipt(x_id, post_url(publisher.user(), x_id), created_at(x_id) or now, now, adopted=True)
    position = None if args.part is None else args.part - 1
    ledger.deciding.adopt(post.id, receipt, position=position, by=getpass.getuser())
    print(f"{post.name} is {receipt.url}")


@_explained
def void(args: Namespace) -> None:
    """Give up what is left of a post."""
    ledger = _ledger(args)
    by = getpass.getuser()
    why = f"given up by {by} (airflow x void)"
    post = ledger.deciding.void(ledger.posts.named(args.post).id, why=why, now=utc_now(), by=by)
    print(f"{post.name} is given up; nothing more of it is sent")


@_explained
def stop(args: Namespace) -> None:
    """Pull the kill switch, now or for a time to come."""
    now = utc_now()
    starts_at = _instant(args.from_, "--from", args.timezone, now) if args.from_ else None
    ends_at = _instant(args.until, "--until", args.timezone, now) if args.until else None
    if starts_at is not None and starts_at <= now:
        starts_at = None  # at once, whatever the clocks of other machines say
    if ends_at is not None and ends_at <= (starts_at or now):
        raise LedgerError(
            f"--until {args.until} ({ends_at.isoformat()}) is not after the start"
            f" ({(starts_at or now).isoformat()}): nothing was stopped"
        )
    by = getpass.getuser()
    _ledger(args).controls.stop(
        account=args.account, why=args.why, by=by, now=now, starts_at=starts_at, ends_at=ends_at
    )
    start = f"From {starts_at.isoformat()} on nothing is" if starts_at else "Stopped. Nothing more is"
    end = f"{ends_at.isoformat()}, or " if ends_at else ""
    print(f"{start} sent until {end}airflow x go" + _account_option(args))


@_explained
def go(args: Namespace) -> None:
    """Let go on what was stopped."""
    ledger, now = _ledger(args), utc_now()
    who = "everything" if args.account == EVERY_ACCOUNT else args.account
    if not ledger.controls.go(account=args.account, now=now):
        raise LedgerError(f"{who} was not stopped by hand; airflow x status shows what is stopped")
    print(
        "Going on. What is past its grace by now is not sent of itself: it is skipped, or you are asked"
        " (airflow x status; DAG x_ask)."
    )
    for halt in ledger.controls.halts(now):
        if halt.starts_at <= now and args.account in (EVERY_ACCOUNT, halt.account):
            print(f"Still stopped: {halt}")


@_explained
def upgrade(args: Namespace) -> None:
    """Bring the ledger's schema to this release's version."""
    ledger = _ledger(args)
    ledger.database.upgrade()
    print(f"{ledger.database!r} is up to date")


def _instant(written: str, option: str, zone: str | None, now: DateTime) -> DateTime:
    try:
        return due_time(written, checked_zone(zone or pendulum.local_timezone().name), now).instant
    except TimeError as error:
        raise LedgerError(f"{option}: {error.message}. {error.hint}") from None


def _account_option(args: Namespace) -> str:
    return "" if args.account == EVERY_ACCOUNT else f" --account {args.account}"


def _ledger(args: Namespace) -> Ledger:
    return LedgerHook(args.ledger_conn_id).ledger()
