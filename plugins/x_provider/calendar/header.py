"""What a calendar says once for all of its entries."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import cast

from x_provider.calendar.fields import Fields
from x_provider.calendar.findings import quoted
from x_provider.calendar.link_rules import LINK_FIELDS, LinkRules, read_link_rules
from x_provider.calendar.model import LatePolicy, WhenAbsent, WhenLate
from x_provider.calendar.plans import API_PLANS, ApiPlan, Rights
from x_provider.calendar.times import checked_zone

HEADER_FIELDS = (
    "calendar",
    "timezone",
    "account",
    "plan",
    "premium",
    *LINK_FIELDS,
    "defaults",
    "blackouts",
    "posts",
)
DEFAULT_ACCOUNT = "x_default"
_WHEN_LATE = ("publish", "skip", "ask")
_WHEN_ABSENT = ("resend", "ask")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_MAX_GRACE_SECONDS = 366 * 86_400


@dataclass(frozen=True)
class Header:
    """What a calendar says once for all of its entries.

    :param rights: what kind of account they are for.
    :param links: what becomes of the links in their texts.
    """

    name: str
    timezone: str
    account: str
    late: LatePolicy = field(default_factory=LatePolicy)
    on_absent: WhenAbsent = "resend"
    rights: Rights = field(default_factory=Rights)
    links: LinkRules = field(default_factory=LinkRules)


def read_header(fields: Fields) -> Header | None:
    """Read a calendar's own fields; None where its name or zone is missing or wrong."""
    name = read_id(fields, "calendar", "december")
    timezone = read_zone(fields, default=None)
    account = (fields.text("account") or DEFAULT_ACCOUNT).strip()
    defaults = fields.mapping("defaults", known=("late", "on_absent"))
    late = read_late(defaults, LatePolicy()) if defaults else LatePolicy()
    on_absent = read_on_absent(defaults, "resend") if defaults else "resend"
    rights = read_rights(fields)
    links = read_link_rules(fields, LinkRules())
    if name is None or timezone is None:
        return None
    return Header(name, timezone, account, late, on_absent, rights, links)


def read_rights(fields: Fields) -> Rights:
    """Read ``plan`` and ``premium``: what kind of account the posts are for."""
    plan = fields.choice("plan", API_PLANS) or "self-serve"
    return Rights(cast("ApiPlan", plan), fields.flag("premium") or False)


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
