"""One entry of a calendar, from YAML to a sound post or to findings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pendulum

from x_provider.calendar.fields import Fields
from x_provider.calendar.findings import quoted
from x_provider.calendar.model import LatePolicy, PartSpec, PostSpec, WhenAbsent, WhenLate
from x_provider.calendar.parts import PART_FIELDS, read_part
from x_provider.calendar.times import DueTime, checked_zone, due_time, roughly

MAX_PARTS = 100
_ENTRY_FIELDS = ("id", "at", "timezone", "account", "late", "on_absent", "thread")
_WHEN_LATE = ("publish", "skip", "ask")
_WHEN_ABSENT = ("resend", "ask")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_MAX_GRACE_SECONDS = 366 * 86_400


@dataclass(frozen=True)
class Header:
    """What a calendar says once for all of its entries."""

    name: str
    timezone: str
    account: str
    late: LatePolicy
    long_posts: bool
    folder: Path
    on_absent: WhenAbsent = "resend"


def entry_fields() -> tuple[str, ...]:
    """The names of the fields that an entry may have."""
    return _ENTRY_FIELDS + PART_FIELDS


def read_id(fields: Fields, name: str, example: str) -> str | None:
    """Read an id, which becomes part of names and addresses: letters, digits, dots, dashes, underscores."""
    value = fields.required(name, example)
    if value is None or _ID.fullmatch(value):
        return value
    proposal = re.sub(r"[^A-Za-z0-9._-]+", "-", value).strip("-._")[:100] or example
    hint = f"Write for example {name}: {proposal}"
    fields.error(
        name, f"{quoted(value)} may have only letters, digits, dots, dashes and underscores, up to 100", hint
    )
    return None


def read_post(
    fields: Fields, id: str, header: Header, *, now: pendulum.DateTime, is_known: bool
) -> PostSpec | None:
    """Read one entry; what is wrong with it goes to the fields' report.

    :param is_known: the ledger has the post already, so a due time in the past is no news.
    :returns: the post, which is to be used only if nothing was wrong; None when none can be made.
    """
    timezone = read_zone(fields, default=header.timezone)
    late = read_late(fields, header.late)
    on_absent = read_on_absent(fields, header.on_absent)
    due = _due(fields, timezone, now) if timezone else None
    parts = _parts(fields, header)
    account = _account(fields, header)
    if due is None or not parts:
        return None
    if not is_known:
        check_past(fields, due.instant, late, now)
    return PostSpec(
        id=id,
        account=account,
        due_at=due.instant,
        at=due.written,
        timezone=timezone or header.timezone,
        parts=parts,
        late=late,
        on_absent=on_absent,
        line=fields.line,
    )


def read_zone(fields: Fields, *, default: str | None) -> str | None:
    """Read ``timezone``; None when it is wrong, or missing where there is no default."""
    name = fields.text("timezone") if default else fields.required("timezone", "Europe/Berlin")
    if name is None:
        return None if fields.has("timezone") else default
    return fields.attempt("timezone", lambda: checked_zone(name))


def read_late(fields: Fields, default: LatePolicy) -> LatePolicy:
    """Read ``late: {grace, then}``; what it does not say is taken from the default."""
    late = fields.mapping("late", known=("grace", "then"))
    if late is None:
        return default
    grace = late.duration("grace")
    if grace is not None and grace > _MAX_GRACE_SECONDS:
        late.error("grace", "is longer than a year", "Write for example 15 min")
        grace = None
    then = late.choice("then", _WHEN_LATE)
    return LatePolicy(
        grace_seconds=default.grace_seconds if grace is None else grace,
        then=cast("WhenLate", then) if then else default.then,
    )


def read_on_absent(fields: Fields, default: WhenAbsent) -> WhenAbsent:
    """Read ``on_absent``; the default where it is missing or wrong."""
    choice = fields.choice("on_absent", _WHEN_ABSENT)
    return cast("WhenAbsent", choice) if choice else default


def _account(fields: Fields, header: Header) -> str:
    account = fields.text("account")
    return account.strip() if account else header.account


def _due(fields: Fields, zone: str, now: pendulum.DateTime) -> DueTime | None:
    written = fields.required("at", "2026-12-01 09:00")
    return fields.attempt("at", lambda: due_time(written, zone, now)) if written is not None else None


def check_past(fields: Fields, due_at: pendulum.DateTime, late: LatePolicy, now: pendulum.DateTime) -> None:
    """Blame the entry for a due time in the past: within its grace it goes out at once, after it not at all."""
    behind = (now - due_at).total_seconds()
    if behind > late.grace_seconds:
        message = f"was due {roughly(behind)} ago, on {due_at.format('YYYY-MM-DD HH:mm')} UTC"
        fields.error("at", message, "Give it a new at, or remove the entry")
    elif behind > 0:
        fields.warning("at", f"was due {roughly(behind)} ago: it goes out at once")


def _parts(fields: Fields, header: Header) -> list[PartSpec]:
    if not fields.has("thread"):
        return [read_part(fields, folder=header.folder, long_posts=header.long_posts)]
    beside = [name for name in PART_FIELDS if fields.has(name)]
    if beside:
        message = f"stands beside thread: a post is either one {beside[0]} or a thread"
        fields.error(beside[0], message, f"Move {beside[0]} into one of the thread's parts")
    nodes = fields.sequence("thread") or []
    if not 1 <= len(nodes) <= MAX_PARTS:
        fields.error("thread", f"has {len(nodes)} parts; it takes 1 to {MAX_PARTS}")
        return []
    parts = []
    for index, node in enumerate(nodes):
        part = fields.item("thread", index, node, known=PART_FIELDS)
        if part is None:
            continue
        if index and part.has("reply_to"):
            part.error(
                "reply_to", "only a thread's first part may have it; the others answer the part before them"
            )
        parts.append(read_part(part, folder=header.folder, long_posts=header.long_posts))
    return parts
