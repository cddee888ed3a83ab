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
from x_provider.cli import money, overview
from x_provider.hooks.ledger import LedgerHook
from x_provider.hooks.problems import XConnectionError
from x_provider.hooks.publisher import open_publisher
from x_provider.hooks.x import XHook
from x_provider.ledger import EVERY_ACCOUNT, UNDER_WAY, Halt, Ledger, LedgerError, Post
from x_provider.notifications.addresses import page_of
from x_provider.publishing import utc_now
from x_provider.publishing.asking import receipt_at, x_id_at

NEEDS_SOMEBODY = 2
"""Exit code of `status --check` when something is stopped or a post waits for a person."""


def explained(command: Callable[[Namespace], None]) -> Callable[[Namespace], None]:
    """Let the command say in one line what went wrong."""
    group = command.__module__.rpartition(".")[2]
    name = command.__name__.rstrip("_")
    spoken = name if group in ("commands", "login") else f"{group} {name}"

    @functools.wraps(command)
    def run(args: Namespace) -> None:
        from x_provider.accounts import LoginRefused  # noqa: PLC0415  (as the next)
        from x_provider.client import XError  # noqa: PLC0415  (requests, which most commands do not need)

        # As `airflow connections test` does: without it Airflow's own database is not asked for connections,
        # and the ledger would silently be another one.
        os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
        try:
            command(args)
        except (LedgerError, XConnectionError, XError, LoginRefused) as error:
            sys.exit(f"airflow x {spoken}: {error}")

    return run


@explained
def status(args: Namespace) -> None:
    """Count the posts by state, a thread's parts one by one, and name those that stand still."""
    shown = overview.overview(_ledger(args), now=utc_now())
    overview.show(shown, output=args.output)
    if args.check and overview.needs_somebody(shown):
        sys.exit(NEEDS_SOMEBODY)


@explained
def show(args: Namespace) -> None:
    """Show a post's parts, receipts and attempts."""
    ledger = _ledger(args)
    post = ledger.posts.named(args.post)
    if args.output == "table":
        print(f"{post.name}, post {post.id} of the ledger, account {post.account}")
        print(f"in Airflow: {page_of(post.name)}")
        print(f"due {post.due_at.isoformat()} ({post.at} {post.timezone}), revision {post.revision[:12]}")
        on_x = [part.receipt.x_id for part in post.parts if part.receipt]
        engaged = ledger.events.engagement_counts(on_x) if on_x else {}
        for part in post.parts:
            follows = f"follows at {part.due_at.isoformat()}" if part.due_at else ""
            where = part.receipt.url if part.receipt else (part.why or follows)
            if part.receipt and part.receipt.deleted_at:
                where += f", deleted at {part.receipt.deleted_at.isoformat()}"
            if part.receipt and (told := str(engaged[part.receipt.x_id])):
                where += f", X has told of {told}"
            print(f"part {part.position + 1}: {part.state}  {where}")
        for follow_up in ledger.follow_ups.of(post.id):
            print(f"follow-up {follow_up.position + 1}: {follow_up}  {follow_up.why or ''}".rstrip())
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


@explained
def reconcile(args: Namespace) -> None:
    """Find out what X did about a post, or all of unknown outcome, and go on with it: what is due is sent."""
    ledger = _ledger(args)
    if args.post is not None:
        _reconcile(ledger.posts.named(args.post), args.ledger_conn_id)
        return
    failed = []
    unknown = [ledger.posts.get(post_id) for post_id in ledger.overview.unknown(utc_now())]
    for post in unknown:
        try:
            _reconcile(post, args.ledger_conn_id)
        except (LedgerError, XConnectionError) as error:
            failed.append(post.name)
            print(f"{post.name}: {error}")
    if failed:
        raise LedgerError(
            f"{len(failed)} of {len(unknown)} posts were left as they were: {', '.join(failed)}"
        )
    if not unknown:
        print("of no post the outcome is unknown")


def _reconcile(post: Post, ledger_conn_id: str) -> None:
    publisher = open_publisher(account=post.account, ledger_conn_id=ledger_conn_id, report=print)
    fired = publisher.fire(post.id)
    print(
        f"{post.name} is {fired.post.state}" + (f"; next look at {fired.retry_at}" if fired.retry_at else "")
    )


@explained
def resume(args: Namespace) -> None:
    """Send a refused, missed or unfound post after all, or try a late one now."""
    ledger = _ledger(args)
    post = ledger.deciding.resume(ledger.posts.named(args.post).id, now=utc_now(), by=getpass.getuser())
    if any(part.state in UNDER_WAY for part in post.parts):
        print(
            f"{post.name} is wanted again; what may be on X is looked for, and what is missing of it is sent"
        )
        return
    print(f"{post.name} is planned again; DAG x_publish sends what is missing of it")


@explained
def adopt(args: Namespace) -> None:
    """Say which post on X an uncertain post is."""
    ledger = _ledger(args)
    post = ledger.posts.named(args.post)
    if args.part is not None and not 1 <= args.part <= len(post.parts):
        raise LedgerError(
            f"{post.name} has no part {args.part}: its parts count from 1 to {len(post.parts)}. Nothing was done"
        )
    x_id_at(args.url, post=post)  # what is no address needs no connection to be refused
    publisher = open_publisher(account=post.account, ledger_conn_id=args.ledger_conn_id)
    receipt = receipt_at(args.url, post=post, user=publisher.user(), now=utc_now(), x=publisher.client)
    position = None if args.part is None else args.part - 1
    ledger.deciding.adopt(post.id, receipt, position=position, by=getpass.getuser())
    print(f"{post.name} is {receipt.url}")


@explained
def void(args: Namespace) -> None:
    """Give up what is left of a post."""
    ledger = _ledger(args)
    by = getpass.getuser()
    why = f"given up by {by} (airflow x void)"
    post = ledger.deciding.void(ledger.posts.named(args.post).id, why=why, now=utc_now(), by=by)
    if any(part.state in UNDER_WAY for part in post.parts):
        print(
            f"{post.name} is given up. A part of it is being sent at this moment, or may be on X already: what"
            " became of it is found out, and nothing more is sent;"
            f" `airflow x show {post.name}` tells whether it is on X"
        )
    else:
        print(f"{post.name} is given up; nothing more of it is sent")
    for each in ledger.follow_ups.of(post.id):
        if each.state == "waiting":
            print(f"still to come: {each}; say `airflow x void {post.name}` once more to give that up too")


@explained
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
    ledger, by = _ledger(args), getpass.getuser()
    ledger.controls.stop(
        account=args.account, why=args.why, by=by, now=now, starts_at=starts_at, ends_at=ends_at
    )
    of_whom = "" if args.account == EVERY_ACCOUNT else f" of account {args.account}"
    start = f"From {starts_at.isoformat()} on nothing" if starts_at else "Stopped. Nothing more"
    end = f"{ends_at.isoformat()}, or " if ends_at else ""
    print(f"{start}{of_whom} is sent until {end}airflow x go" + _account_option(args))
    _say_which(ledger)
    if doubt := ledger.overview.doubt_about(args.account):
        print(f"WARNING: {doubt}")


@explained
def go(args: Namespace) -> None:
    """Let go on what was stopped."""
    ledger, now = _ledger(args), utc_now()
    who = "everything" if args.account == EVERY_ACCOUNT else args.account
    if not ledger.controls.go(account=args.account, now=now):
        _say_which(ledger)
        standing = [str(halt) for halt in _halts_of(args.account, ledger, now)]
        raise LedgerError(
            f"{who} was not stopped by hand; "
            + (
                f"what holds it: {'; '.join(standing)}"
                if standing
                else "airflow x status shows what is stopped"
            )
        )
    print(
        "Going on. What is past its grace by now is not sent of itself: it is skipped, or you are asked"
        " (airflow x status; DAG x_ask)."
    )
    for halt in _halts_of(args.account, ledger, now):
        print(f"Still stopped: {halt}")
    _say_which(ledger)


@explained
def budget(args: Namespace) -> None:
    """Show what accounts have cost, set what they may cost, or let go on what X refused for lack of money."""
    ledger = _ledger(args)
    changes = [
        name for name in ("set_", "remove", "reset", "usage") if getattr(args, name) not in (None, False)
    ]
    if changes and not args.account:
        raise LedgerError(
            f"--{changes[0].rstrip('_')} needs an account: airflow x budget ACCOUNT …; nothing was done"
        )
    if args.set_ is not None and args.remove:
        raise LedgerError("--set and --remove exclude each other; nothing was done")
    if changes:
        money.change(ledger, args, now=utc_now(), by=getpass.getuser())
    if args.set_ is not None and (doubt := ledger.overview.doubt_about(args.account)):
        print(f"WARNING: {doubt}")
    if args.usage:
        money.show_usage(ledger, XHook(args.account, args.ledger_conn_id), now=utc_now(), output=args.output)
    else:
        money.show(money.spending(ledger, args.account, month=args.month, now=utc_now()), output=args.output)


@explained
def upgrade(args: Namespace) -> None:
    """Bring the ledger's schema to this release's version."""
    ledger = _ledger(args)
    ledger.database.upgrade()
    print(f"The ledger {ledger.database} is up to date")


def _instant(written: str, option: str, zone: str | None, now: DateTime) -> DateTime:
    try:
        return due_time(written, checked_zone(zone or pendulum.local_timezone().name), now).instant
    except TimeError as error:
        raise LedgerError(f"{option}: {error.message}. {error.hint}") from None


def _halts_of(account: str, ledger: Ledger, now: DateTime) -> list[Halt]:
    """What is in force and holds the account, or anybody when it is about every one."""
    return [
        halt
        for halt in ledger.controls.halts(now)
        if halt.starts_at <= now and (account == EVERY_ACCOUNT or halt.account in (EVERY_ACCOUNT, account))
    ]


def _say_which(ledger: Ledger) -> None:
    """Name the ledger that was acted on: in a shell that lacks its address, a fresh file takes its place."""
    print(f"Ledger: {ledger.database}")
    if not ledger.overview.has_posts():
        print(
            "WARNING: NO POST WAS EVER PLANNED IN THIS LEDGER. If yours are in another one, nothing has changed for"
            " them: give this shell the AIRFLOW_HOME of your Airflow, and its AIRFLOW_CONN_X_LEDGER where it has one"
        )


def _account_option(args: Namespace) -> str:
    return "" if args.account == EVERY_ACCOUNT else f" --account {args.account}"


def _ledger(args: Namespace) -> Ledger:
    return LedgerHook(args.ledger_conn_id).ledger()
