"""What X charges: prices with their dates, for whoever tells people of them or counts them.

https://docs.x.com/x-api/getting-started/pricing
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from pendulum import DateTime

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


def dollars(usd: Decimal) -> str:
    """An amount as people write it: with cents, below a dollar with tenths of a cent as X's prices are."""
    finest = -int(usd.normalize().as_tuple().exponent)
    return f"${usd:.{max(finest, 3 if 0 < usd < 1 else 2)}f}"
