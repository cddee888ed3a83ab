"""What a calendar says once for all of its entries."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import cast

from x_provider.calendar.fields import Fields
from x_provider.calendar.findings import quoted
from x_provider.calendar.link_rules import LINK_FIELDS, LinkRules, read_link_rules
from x_provider.calendar.model import LatePolicy, WhenAbsent, WhenLate
from x_provider.calendar.plans import Rights, read_plan
from x_provider.calendar.times import checked_zone
from x_provider.calendar.yaml_tree import Mapping as MappingNode

RIGHTS_FIELDS = ("plan", "premium")
HEADER_FIELDS = (
    "calendar",
    "timezone",
    "account",
    *RIGHTS_FIELDS,
    "accounts",
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

    :param rights: what kind of account they are for, unless ``rights_by_account`` names it.
    :param links: what becomes of the links in their texts.
    """

    name: str
    timezone: str
    account: str
    late: LatePolicy = field(default_factory=LatePolicy)
    on_absent: WhenAbsent = "resend"
    rights: Rights = field(default_factory=Rights)
    links: LinkRules = field(default_factory=LinkRules)
    rights_by_account: Mapping[str, Rights] = field(default_factory=dict)

    def rights_of(self, account: str) -> Rights:
        """What kind of account one of the entries' accounts is."""
        is_other = account != self.account or account in self.rights_by_account
        return replace(self.rights_by_account.get(account, self.rights), account=account, is_named=is_other)


def read_header(fields: Fields) -> Header | None:
    """Read a calendar's own fields; None where its name or zone is missing or wrong."""
    name = read_id(fields, "calendar", "december")
    timezone = read_zone(fields, default=None)
    account = (fields.text("account") or DEFAULT_ACCOUNT).strip()
    defaults = fields.mapping("defaults", known=("late", "on_absent"))
    late = read_late(defaults, LatePolicy()) if defaults else LatePolicy()
    on_absent = read_on_absent(defaults, "resend") if defaults else "resend"
    rights = read_rights(fields)
    by_account = _read_accounts(fields, rights)
    links = read_link_rules(fields, LinkRules())
    if name is None or timezone is None:
        return None
    return Header(name, timezone, account, late, on_absent, rights, links, by_account)


def read_rights(fields: Fields, default: Rights | None = None) -> Rights:
    """Read ``plan`` and ``premium``: what kind of account the posts are for.

    :param default: where what they do not say is taken from.
    """
    default = default or Rights()
    plan = read_plan(fields) if fields.node("plan") is not None else default.plan
    premium = fields.flag("premium")
    return Rights(plan, default.premium if premium is None else premium)


def doubt_accounts(fields: Fields, header: Header, used: Collection[str]) -> None:
    """Warn of a name under ``accounts`` that no entry has, but nearly.

    :param used: the accounts that the entries are published with.
    """
    others = [account for account in used if account not in header.rights_by_account]
    for name in header.rights_by_account:
        # Accounts begin alike (x_brand, x_press): only a slip of the fingers is near enough.
        for meant in get_close_matches(name, others, n=1, cutoff=0.8) if name not in used else ():
            message = f"no entry is published with {quoted(name)}: what it says holds for none"
            fields.warning("accounts", message, f"Did you mean {meant}?")


def _read_accounts(fields: Fields, default: Rights) -> dict[str, Rights]:
    """Read ``accounts: {x_brand: {premium: true}}``: the rights of accounts that differ from the default."""
    node = fields.node("accounts")
    if node is not None and not isinstance(node, MappingNode):
        hint = "Write for example accounts: {x_brand: {premium: true}}"
        fields.error("accounts", "must have the names of accounts, and behind each what holds for it", hint)
    if not isinstance(node, MappingNode):
        return {}
    # Their names are those of Airflow connections: any is known.
    accounts = fields.mapping("accounts", known=tuple(node.fields))
    said = {name: accounts.mapping(name, known=RIGHTS_FIELDS) for name in node.fields} if accounts else {}
    return {name: read_rights(own, default) for name, own in said.items() if own is not None}


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
