"""What X lets only some accounts do, by their plan for the API or their X Premium: as data, with dates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

import pendulum

from x_provider.calendar.fields import Fields
from x_provider.calendar.findings import Severity
from x_provider.calendar.times import roughly
from x_provider.text import extract_cashtags

ApiPlan = Literal["self-serve", "enterprise"]
API_PLANS = ("self-serve", "enterprise")


@dataclass(frozen=True)
class Restriction:
    """What X refuses from some accounts.

    :param what: the rule as a sentence.
    :param plans: the API plans that it holds for.
    :param unless_premium: whether an account with X Premium is free of it.
    :param since: the day from which it holds; None when X gives none.
    :param read_on: the day on which the page said so.
    :param severity: a ``warning`` where nobody can tell offline whether X will refuse.
    """

    what: str
    page: str
    read_on: date
    since: date | None = None
    plans: tuple[ApiPlan, ...] = ("self-serve", "enterprise")
    unless_premium: bool = False
    severity: Severity = "error"

    def __str__(self) -> str:
        when = f"since {self.since}" if self.since else f"as of {self.read_on}"
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
"""How long after a post X takes a new version of it: its page on editing says 30 minutes, its changelog an hour."""


@dataclass(frozen=True)
class Rights:
    """What kind of account the posts are for.

    :param plan: of the app on X's developer platform.
    :param premium: whether the account has X Premium.
    """

    plan: ApiPlan = "self-serve"
    premium: bool = False

    def lack(self, restriction: Restriction) -> bool:
        """Whether the restriction holds for such an account."""
        return self.plan in restriction.plans and not (restriction.unless_premium and self.premium)


def check_rights(fields: Fields, rights: Rights) -> None:
    """Say which fields of a part X refuses from such an account."""
    _hold(fields, "quote", QUOTES, rights, "Take it out, or write plan: enterprise if that is the app's plan")
    _hold(
        fields, "edit_of", EDITS, rights, "Take it out, or write premium: true if the account has X Premium"
    )
    _hold(fields, "reply_to", REPLIES, rights)


def check_cashtags(fields: Fields, text: str, rights: Rights) -> None:
    """Say of one part's text whether it has more cashtags than X takes from such an account."""
    cashtags = extract_cashtags(text)
    if len(cashtags) > 1 and rights.lack(CASHTAGS):
        tags = ", ".join(f"${tag}" for tag in cashtags[:5])
        hint = "Write the others without $, or plan: enterprise if that is the app's plan"
        fields.error("text", f"has {len(cashtags)} cashtags ({tags}); {CASHTAGS}", hint)


def check_edit(fields: Fields, edited: str, due_at: pendulum.DateTime) -> None:
    """Say of an edit that X will not take it any more when it is due.

    :param edited: X id of the post that gets a new version; it carries the time at which the post was made.
    """
    made_at = pendulum.from_timestamp(((int(edited) >> 22) + 1_288_834_974_657) / 1000)
    age = (due_at - made_at).total_seconds()
    sure, most = (60 * minutes for minutes in EDIT_MINUTES)
    if age > most:
        message = (
            f"the post will be {roughly(age)} old by then; X takes edits within {EDIT_MINUTES[1]} minutes"
        )
        fields.error("edit_of", message, "Make it a post of its own, or delete the old one first")
    elif age > sure:
        message = (
            f"the post will be {roughly(age)} old by then; X may refuse edits after {EDIT_MINUTES[0]} minutes"
        )
        fields.warning("edit_of", message)


def _hold(
    fields: Fields, name: str, restriction: Restriction, rights: Rights, hint: str | None = None
) -> None:
    if fields.has(name) and rights.lack(restriction):
        say = fields.error if restriction.severity == "error" else fields.warning
        say(name, str(restriction), hint)
