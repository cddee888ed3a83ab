"""Blackouts: the times in which nothing of a calendar's accounts goes out."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import pendulum

from x_provider.calendar.fields import Fields
from x_provider.calendar.findings import nearest, quoted
from x_provider.calendar.model import BlackoutSpec, LatePolicy, PostSpec
from x_provider.calendar.times import TimeError, due_time, roughly

BLACKOUT_FIELDS = ("from", "until", "why", "account")
MAX_BLACKOUTS = 1_000


def read_blackouts(
    fields: Fields, *, zone: str, account: str, accounts: Collection[str]
) -> list[BlackoutSpec]:
    """Read ``blackouts``; what is wrong with one goes to the fields' report, and it is not among the result.

    The caller must then apply nothing of the calendar: a post inside a blackout that nobody could read would
    go out.

    :param zone: in which times without an offset are meant.
    :param account: the calendar's own, which a blackout may name though no entry uses it at the moment.
    :param accounts: those that the calendar's entries use. A blackout without an account silences them all.
    """
    nodes = fields.sequence("blackouts") or []
    if len(nodes) > MAX_BLACKOUTS:
        fields.error("blackouts", f"{len(nodes):,} blackouts; a calendar takes {MAX_BLACKOUTS:,}")
        return []
    items = (fields.item("blackouts", index, node, known=BLACKOUT_FIELDS) for index, node in enumerate(nodes))
    read = [_blackout(item, zone, account, accounts) for item in items if item is not None]
    return [blackout for blackout in read if blackout is not None]


def free_at(blackouts: Iterable[BlackoutSpec], account: str, at: pendulum.DateTime) -> pendulum.DateTime:
    """The first instant, from ``at`` on, at which no blackout holds the account."""
    for blackout in sorted(blackouts, key=lambda blackout: blackout.starts_at):
        if blackout.holds(account, at):
            at = blackout.ends_at
    return at


def held_words(post: PostSpec, blackouts: Collection[BlackoutSpec]) -> str | None:
    """What an editor should know about a post that is due inside a blackout; None when it is not."""
    holding = next((b for b in blackouts if b.holds(post.account, post.due_at)), None)
    if holding is None:
        return None
    free = free_at(blackouts, post.account, post.due_at)
    late = (free - post.due_at).total_seconds()
    when = free.in_timezone(post.timezone).format("YYYY-MM-DD HH:mm:ss").removesuffix(":00")
    return (
        f"is due inside the blackout {quoted(holding.why)}: it can go out from {when} {post.timezone} on,"
        f" {roughly(late)} late; {_then(post.late, late)}"
    )


def changed(
    known: Collection[BlackoutSpec], wanted: Collection[BlackoutSpec], *, now: pendulum.DateTime
) -> list[tuple[str, BlackoutSpec]]:
    """The blackouts that are not over, in order: ``+`` new, ``-`` lifted, ``=`` as they were."""
    before, after = (
        {_without_line(b) for b in blackouts if b.ends_at > now} for blackouts in (known, wanted)
    )
    marks = {
        each: "=" if each in before & after else ("+" if each in after else "-") for each in before | after
    }
    return [(marks[each], each) for each in sorted(marks, key=lambda b: (b.starts_at, b.ends_at, marks[b]))]


def _without_line(blackout: BlackoutSpec) -> BlackoutSpec:
    return blackout.model_copy(update={"line": None})


def _then(late: LatePolicy, seconds: float) -> str:
    if seconds <= late.grace_seconds:
        return "that is within its grace, so it goes out then"
    if late.then == "skip":
        return "that is past its grace, so its late policy skips it"
    return "that is past its grace, so it is not sent of itself: a person is asked"


def _blackout(item: Fields, zone: str, own: str, accounts: Collection[str]) -> BlackoutSpec | None:
    starts_at, ends_at = _instant(item, "from", zone), _instant(item, "until", zone)
    why = item.required("why", "Christmas")
    silenced = _silenced(item, own, accounts)
    if starts_at is None or ends_at is None or why is None or silenced is None:
        return None
    if ends_at <= starts_at:
        item.error("until", "is not after from", "Give the time at which posts may go out again")
        return None
    return BlackoutSpec(
        starts_at=starts_at, ends_at=ends_at, why=" ".join(why.split()), accounts=silenced, line=item.line
    )


def _instant(fields: Fields, name: str, zone: str) -> pendulum.DateTime | None:
    written = fields.required(name, "2026-12-24 00:00")
    if written is None:
        return None
    # Any time read at every reading anew would move: the blackout would never be the one that was planned.
    return fields.attempt(name, lambda: _absolute(written, zone))


def _absolute(written: str, zone: str) -> pendulum.DateTime:
    if written.strip().lower().startswith("now"):
        hint = "Write a date and a time, such as 2026-12-24 00:00"
        raise TimeError(f"{quoted(written)} would move with every reading of the calendar", hint)
    return due_time(written, zone, pendulum.now("UTC")).instant


def _silenced(fields: Fields, own: str, accounts: Collection[str]) -> tuple[str, ...] | None:
    account = fields.text("account") if fields.node("account") is not None else ""
    if account is None:
        return None
    account = account.strip()
    if not account:
        return tuple(sorted(accounts))
    if account in accounts or account == own:
        return (account,)
    # A slip of the pen here would leave the account that was meant free to post.
    message = f"no entry of this calendar uses the account {quoted(account)}"
    guess = nearest(account, accounts)
    hint = f"Did you mean {guess}?" if guess else "Leave account out to mean all of the calendar's accounts"
    fields.error("account", message, f"{hint}. To stop any account by hand: airflow x stop")
    return None
