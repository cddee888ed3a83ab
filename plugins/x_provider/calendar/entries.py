"""One entry of a calendar, from YAML to a sound post or to findings."""

from __future__ import annotations

import pendulum

from x_provider.calendar.attachments import Attachments
from x_provider.calendar.fields import Fields
from x_provider.calendar.header import Header, read_late, read_on_absent, read_zone
from x_provider.calendar.link_rules import LINK_FIELDS, EntryLinks, read_link_rules
from x_provider.calendar.model import LatePolicy, PostSpec
from x_provider.calendar.parts import PART_FIELDS, PartReader
from x_provider.calendar.plans import check_edit
from x_provider.calendar.sequels import SEQUEL_FIELDS, read_follow_ups, read_parts
from x_provider.calendar.shelf import Shelf
from x_provider.calendar.times import DueTime, due_time, roughly

_ENTRY_FIELDS = ("id", "at", "timezone", "account", "late", "on_absent", *SEQUEL_FIELDS, *LINK_FIELDS)


def entry_fields() -> tuple[str, ...]:
    """The names of the fields that an entry may have."""
    return _ENTRY_FIELDS + PART_FIELDS


def read_post(
    fields: Fields,
    id: str,
    header: Header,
    shelf: Shelf,
    *,
    now: pendulum.DateTime,
    is_known: bool,
    is_history: bool = False,
    called: str | None = None,
) -> PostSpec | None:
    """Read one entry; what is wrong with it goes to the fields' report.

    :param is_known: the ledger has the post already, so a due time in the past is no news.
    :param is_history: it is on its way or on X: what is not on this machine is not fetched for it.
    :param called: what ``{id}`` in the parameters of links stands for; the id where left out.
    :returns: the post, which is to be used only if nothing was wrong; None when none can be made.
    """
    timezone = read_zone(fields, default=header.timezone)
    late = read_late(fields, header.late)
    on_absent = read_on_absent(fields, header.on_absent)
    due = _due(fields, timezone, now) if timezone else None
    account = _account(fields, header)
    rights = header.rights_of(account).at(due.instant if due else None)
    reader = PartReader(
        rights,
        Attachments(shelf, rights, fetch=not is_history),
        EntryLinks(
            read_link_rules(fields, header.links),
            calendar=header.name,
            id=called or id,
            at=due.instant if due else None,
        ),
    )
    parts = read_parts(fields, reader)
    follow_ups = read_follow_ups(fields, reader, parts)
    if due is None or not parts:
        return None
    if not is_known:
        check_past(fields, due.instant, late, now)
    if (edited := parts[0].edit_of) is not None:
        check_edit(fields, edited, due.instant)
    return PostSpec(
        id=id,
        account=account,
        due_at=due.instant,
        at=due.written,
        timezone=timezone or header.timezone,
        parts=parts,
        late=late,
        on_absent=on_absent,
        follow_ups=follow_ups,
        line=fields.line,
    )


def check_past(fields: Fields, due_at: pendulum.DateTime, late: LatePolicy, now: pendulum.DateTime) -> None:
    """Blame the entry for a due time in the past: within its grace it goes out at once, after it not at all."""
    behind = (now - due_at).total_seconds()
    if behind > late.grace_seconds:
        message = f"was due {roughly(behind)} ago, on {due_at.format('YYYY-MM-DD HH:mm')} UTC"
        fields.error("at", message, "Give it a new at, or remove the entry")
    elif behind > 0:
        fields.warning("at", f"was due {roughly(behind)} ago: it goes out at once")


def _account(fields: Fields, header: Header) -> str:
    account = fields.text("account")
    return account.strip() if account else header.account


def _due(fields: Fields, zone: str, now: pendulum.DateTime) -> DueTime | None:
    written = fields.required("at", "2026-12-01 09:00")
    return fields.attempt("at", lambda: due_time(written, zone, now)) if written is not None else None
