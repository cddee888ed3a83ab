"""What X lets only some accounts do, by their plan for the API or their X Premium: as data, with dates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Literal, cast

import pendulum

from x_provider.calendar.fields import Fields
from x_provider.calendar.findings import Severity, quoted
from x_provider.calendar.times import roughly
from x_provider.ids import created_at
from x_provider.text import extract_cashtags

ApiPlan = Literal["self-serve", "enterprise"]
API_PLANS = ("self-serve", "enterprise")
_SELF_SERVE = frozenset({"basic", "free", "pay per use", "pay-per-use", "payg", "ppu", "pro"})
"""What X calls, or has called, what is not Enterprise; to those who still have Basic or Pro the same is refused."""


@dataclass(frozen=True)
class Restriction:
    """What X refuses from some accounts.

    :param what: the rule as a sentence.
    :param plans: the API plans that it holds for.
    :param unless_premium: whether an account with X Premium is free of it.
    :param since: the day from which it holds, for posts due then; None when X gives none. One to come may be in here.
    :param until: the day from which it holds no more.
    :param read_on: the day on which the page said so.
    :param severity: a ``warning`` where nobody can tell offline whether X will refuse.
    """

    what: str
    page: str
    read_on: date
    since: date | None = None
    until: date | None = None
    plans: tuple[ApiPlan, ...] = ("self-serve", "enterprise")
    unless_premium: bool = False
    severity: Severity = "error"

    def holds(self, due_at: pendulum.DateTime | None) -> bool:
        """Whether X refuses it from a post that is due then (days are UTC's); None: nobody knows when it is due."""
        if due_at is None:
            return True
        day = due_at.in_timezone("UTC").date()
        return (self.since is None or self.since <= day) and (self.until is None or day < self.until)

    def __str__(self) -> str:
        when = f"since {self.since}" if self.since else f"as of {self.read_on}"
        if self.since and self.since > self.read_on:
            when = f"from {self.since} on"
        if self.until:
            when += f" until {self.until}"
        return f"{self.what} ({when}, {self.page})"


_AUGUST = date(2026, 8, 22)
_CHANGES = "https://docs.x.com/changelog"

QUOTES = Restriction(
    "X's self-serve plans refuse quote posts; only Enterprise has them",
    "https://docs.x.com/x-api/posts/create-post",
    _AUGUST,
    since=date(2026, 4, 20),
    plans=("self-serve",),
)
CASHTAGS = Restriction(
    "X's self-serve plans refuse more than one cashtag a post",
    "https://docs.x.com/x-api/posts/manage-tweets/integrate",
    _AUGUST,
    plans=("self-serve",),
)
REPLIES = Restriction(
    "X's self-serve plans answer somebody else's post only where its author has mentioned or quoted the account;"
    " its own posts are fine",
    _CHANGES,
    _AUGUST,
    since=date(2026, 2, 23),
    plans=("self-serve",),
    severity="warning",
)
LONG_TEXTS = Restriction(
    "only X Premium takes texts above 280 characters, up to 25,000",
    _CHANGES,
    _AUGUST,
    since=date(2024, 8, 20),
    unless_premium=True,
)
EDITS = Restriction(
    "only X Premium edits posts",
    "https://docs.x.com/x-api/fundamentals/edit-posts",
    _AUGUST,
    unless_premium=True,
)
EDIT_MINUTES = (30, 60)
"""How long after a post X takes a new version of it: its page on editing says 30 minutes, its changelog an hour.
Both count from its first version, however often it was edited since."""
MOST_EDITS = 5
"""So many new versions X takes of a post."""


@dataclass(frozen=True)
class Rights:
    """What kind of account the posts are for.

    :param plan: of the app on X's developer platform.
    :param premium: whether the account has X Premium.
    :param due_at: when the post is due, which decides what X refuses by then.
    :param account: the Airflow connection of the account, for those who are told what it lacks.
    :param is_named: whether a calendar says them under ``accounts``, by the account's name.
    """

    plan: ApiPlan = "self-serve"
    premium: bool = False
    due_at: pendulum.DateTime | None = None
    account: str = "the account"
    is_named: bool = False

    def at(self, due_at: pendulum.DateTime | None) -> Rights:
        """The same for a post that is due then."""
        return replace(self, due_at=due_at)

    def lack(self, restriction: Restriction) -> bool:
        """Whether the restriction holds for such an account when the post is due."""
        concerned = self.plan in restriction.plans and not (restriction.unless_premium and self.premium)
        return concerned and restriction.holds(self.due_at)

    @property
    def if_enterprise(self) -> str:
        """What to write where the plan is the other one, for a hint."""
        return f"{self._written('plan: enterprise')} if that is the plan of {self.account}'s app"

    @property
    def if_premium(self) -> str:
        """What to write where the account has X Premium, for a hint."""
        return f"{self._written('premium: true')} if {self.account} has X Premium"

    def _written(self, right: str) -> str:
        return f"accounts: {{{self.account}: {{{right}}}}}" if self.is_named else right


def read_plan(fields: Fields) -> ApiPlan:
    """Read ``plan``: of the app on X's developer platform."""
    written = (fields.text("plan") or "").strip()
    if written.lower() in _SELF_SERVE:
        message = f"must be one of {', '.join(API_PLANS)}, not {quoted(written)}"
        fields.error("plan", message, "Write plan: self-serve, which is all of X's plans but Enterprise")
        return "self-serve"
    return cast("ApiPlan", fields.choice("plan", API_PLANS) or "self-serve")


def check_rights(fields: Fields, rights: Rights) -> None:
    """Say which fields of a part X refuses from such an account."""
    _hold(fields, "quote", QUOTES, rights, f"Take it out, or write {rights.if_enterprise}")
    _hold(fields, "edit_of", EDITS, rights, f"Take it out, or write {rights.if_premium}")
    _hold(fields, "reply_to", REPLIES, rights, f"Write {rights.if_enterprise}")


def check_cashtags(fields: Fields, text: str, rights: Rights) -> None:
    """Say of one part's text whether it has more cashtags than X takes from such an account."""
    cashtags = extract_cashtags(text)
    if len(cashtags) > 1 and rights.lack(CASHTAGS):
        tags = ", ".join(f"${tag}" for tag in cashtags[:5])
        hint = f"Write the others without $, or {rights.if_enterprise}"
        fields.error("text", f"has {len(cashtags)} cashtags ({tags}); {CASHTAGS}", hint)


def check_edit(fields: Fields, edited: str, due_at: pendulum.DateTime) -> None:
    """Say of an edit that X will not take it any more when it is due.

    :param edited: X id of the version that gets a new one; it carries the time at which that one was made, and
        the post may be older.
    """
    late = late_edit(edited, due_at)
    if late is not None and late.severity == "error":
        fields.error("edit_of", late.message, late.hint)
    elif late is not None:
        fields.warning("edit_of", late.message)


_BEFORE_SNOWFLAKES = pendulum.datetime(2010, 11, 1)


@dataclass(frozen=True)
class LateEdit:
    """That a post is too old for a new version, or may be: then it is a warning."""

    severity: Severity
    message: str
    hint: str = "Make it a post of its own, or delete the old one first"


def late_edit(first: str, due_at: pendulum.DateTime) -> LateEdit | None:
    """Whether X will not take a new version of a post any more.

    :param first: X id of the post's first version, from which on X counts; a later one makes the post look younger.
    """
    age = (due_at - (created_at(first) or _BEFORE_SNOWFLAKES)).total_seconds()
    sure, most = (60 * minutes for minutes in EDIT_MINUTES)
    begin = f"the post will be {roughly(age)} old by then"
    if age > most:
        return LateEdit("error", f"{begin}; X takes edits within {EDIT_MINUTES[1]} minutes")
    if age > sure:
        return LateEdit("warning", f"{begin}; X may refuse edits after {EDIT_MINUTES[0]} minutes")
    return None


def _hold(fields: Fields, name: str, restriction: Restriction, rights: Rights, hint: str) -> None:
    if fields.has(name) and rights.lack(restriction):
        say = fields.error if restriction.severity == "error" else fields.warning
        say(name, str(restriction), hint)
