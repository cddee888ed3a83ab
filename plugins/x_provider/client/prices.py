"""What X charges for a call: prices with their dates, and the charge of an answer.

https://docs.x.com/x-api/getting-started/pricing
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from pendulum import DateTime

from x_provider.client.calls import Call
from x_provider.text import extract_urls

PRICING_PAGE = "https://docs.x.com/x-api/getting-started/pricing"

POST_CREATE = "post_create"
POST_CREATE_WITH_URL = "post_create_with_url"
SUMMONED_REPLY = "summoned_reply"
POST_DELETE = "post_delete"
POST_READ = "post_read"
OWNED_READ = "owned_read"
USER_READ = "user_read"
MEDIA_METADATA = "media_metadata"
REPOST = "repost"
INTERACTION_DELETE = "interaction_delete"
CONTENT_MANAGE = "content_manage"
ACTIVITY_EVENT = "activity_event"


@dataclass(frozen=True)
class Price:
    """What one unit of something costs from a day on.

    :param kind: what is paid for, such as ``post_create``.
    :param usd: US dollars a unit.
    :param since: the first day (UTC) that this price is known of.
    :param source: the page that says so.
    :param note: what is assumed, where the page leaves it open.
    """

    kind: str
    usd: Decimal
    since: date
    source: str = PRICING_PAGE
    note: str = ""


_PAY_PER_USE, _OVERHAUL, _ONE_TABLE = date(2026, 2, 6), date(2026, 4, 20), date(2026, 6, 8)

PRICES: tuple[Price, ...] = (
    Price(POST_CREATE, Decimal("0.010"), _PAY_PER_USE),
    Price(POST_CREATE, Decimal("0.015"), _OVERHAUL),
    Price(POST_CREATE_WITH_URL, Decimal("0.010"), _PAY_PER_USE),
    Price(
        POST_CREATE_WITH_URL,
        Decimal("0.200"),
        _OVERHAUL,
        note="X does not say what counts as a URL; assumed is what it shortens, a bare example.com too",
    ),
    Price(
        SUMMONED_REPLY,
        Decimal("0.010"),
        _ONE_TABLE,
        note="X's answer does not tell a summoned reply from another, so it is counted as a post",
    ),
    Price(
        POST_DELETE,
        Decimal("0.010"),
        _ONE_TABLE,
        note='X names no price for deleting a post; assumed is that of "Interaction: Delete"',
    ),
    Price(
        POST_READ,
        Decimal("0.005"),
        _PAY_PER_USE,
        note="a post that is read again within the same UTC day is billed once, as a rule",
    ),
    Price(OWNED_READ, Decimal("0.001"), _OVERHAUL, note="only where the account owns the developer app"),
    Price(USER_READ, Decimal("0.010"), _PAY_PER_USE),
    Price(
        MEDIA_METADATA,
        Decimal("0.005"),
        _ONE_TABLE,
        note="alt text, warnings and subtitles alike; X's page is about v2, assumed is the same of v1.1",
    ),
    Price(REPOST, Decimal("0.015"), _OVERHAUL, note='the price of "User Interaction: Create"'),
    Price(INTERACTION_DELETE, Decimal("0.010"), _ONE_TABLE),
    Price(CONTENT_MANAGE, Decimal("0.005"), _ONE_TABLE),
    Price(
        ACTIVITY_EVENT,
        Decimal("0.005"),
        _OVERHAUL,
        note="X bills each post event that it delivers as a post read; assumed is that of every subscription",
    ),
)
"""X's prices for pay-per-use, in the order in which they came. A new price is a new row."""

_KINDS = {
    "create_post": POST_CREATE,
    "delete_post": POST_DELETE,
    "get_posts": POST_READ,
    "user_timeline": POST_READ,
    "me": USER_READ,
    "user": USER_READ,
    "media_metadata": MEDIA_METADATA,
    "media_subtitles": MEDIA_METADATA,
    "repost": REPOST,
    "undo_repost": INTERACTION_DELETE,
    "hide_reply": CONTENT_MANAGE,
}
"""By family of calls; what is not here is free: uploads, asking how far they are, asking for the usage."""
_READS = {POST_READ: "post", OWNED_READ: "post", USER_READ: "user"}
"""What is billed by resource, and what that is."""


@dataclass(frozen=True)
class Charge:
    """What X bills for one answer.

    :param kind: what was paid for, such as ``post_create``.
    :param units: how many: posts or users that were read, else 1.
    :param usd: US dollars for all of them.
    :param resources: what was read, such as ``post/1900…``: the same is billed once a UTC day.
    """

    kind: str
    units: int
    usd: Decimal
    resources: tuple[str, ...] = ()


def price_of(kind: str, at: DateTime | date) -> Price:
    """The price of one unit at an instant; before the first known price, that one.

    :raises KeyError: for a kind that X does not charge for.
    """
    rows = [price for price in PRICES if price.kind == kind]
    if not rows:
        raise KeyError(
            f"no price is known of {kind!r}; there are {', '.join(sorted({p.kind for p in PRICES}))}"
        )
    day = at.in_timezone("UTC").date() if isinstance(at, DateTime) else at
    return max((row for row in rows if row.since <= day), key=lambda row: row.since, default=rows[0])


def charge(kind: str, at: DateTime | date, *, units: int = 1, resources: Sequence[str] = ()) -> Charge:
    """What so many units of a kind cost at an instant."""
    return Charge(kind, units, units * price_of(kind, at).usd, tuple(resources))


def charge_of_post(text: str, at: DateTime | date) -> Charge:
    """What creating a post of this text costs: a link makes it thirteen times as expensive."""
    return charge(POST_CREATE_WITH_URL if has_url(text) else POST_CREATE, at)


@lru_cache(maxsize=4096)
def has_url(text: str) -> bool:
    """Whether X sees a link in the text, be it a bare ``example.com``."""
    # Finding links takes the slow import of a library, which most texts can do without.
    return "." in text and bool(extract_urls(text))


def charge_of(
    call: Call, answer: Mapping[str, Any], at: DateTime, *, app_owner_id: str | None = None
) -> Charge | None:
    """What X bills for a successful answer; None where that is nothing. Refusals are never billed.

    :param answer: its body.
    :param app_owner_id: X id of the account, where it owns the developer app: its own timeline costs less.
    """
    kind = _kind_of(call, app_owner_id)
    if kind is None:
        return None
    if kind not in _READS:
        return charge(kind, at)
    resources = _resources(answer, _READS[kind])
    return charge(kind, at, units=len(resources), resources=resources) if resources else None


def expected_charge(call: Call, at: DateTime, *, app_owner_id: str | None = None) -> Charge | None:
    """What a call will cost before X has answered it, None where it is free.

    Of posts that are asked for by id, all of them; of a timeline, one post: more is known when it is read.
    """
    kind = _kind_of(call, app_owner_id)
    if kind is None:
        return None
    return charge(kind, at, units=call.params.get("ids", "").count(",") + 1)


def _kind_of(call: Call, app_owner_id: str | None) -> str | None:
    kind = _KINDS.get(call.family)
    if kind == POST_CREATE and has_url(str((call.json or {}).get("text") or "")):
        return POST_CREATE_WITH_URL
    if call.family == "user_timeline" and app_owner_id is not None:
        return OWNED_READ if call.path.split("/")[3] == app_owner_id else kind
    return kind


def _resources(answer: Mapping[str, Any], thing: str) -> list[str]:
    found = answer.get("data") or ()
    listed = found if isinstance(found, list) else [found]
    ids = [each.get("id") for each in listed if isinstance(each, Mapping)]
    return [f"{thing}/{x_id}" for x_id in dict.fromkeys(ids) if x_id]
