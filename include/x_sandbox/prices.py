"""What X bills for requests: its price list, with the day from which it counts.

https://docs.x.com/x-api/getting-started/pricing
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

CREATE = "Content: Create"
CREATE_WITH_URL = "Content: Create (with URL)"
SUMMONED_REPLY = "Content: Create (summoned reply)"
MANAGE = "Content: Manage"
INTERACTION = "User Interaction: Create"
INTERACTION_DELETE = "Interaction: Delete"
MEDIA_METADATA = "Media Metadata"
POST_READ = "Posts: Read"
OWNED_READ = "Owned Reads"
USER_READ = "User: Read"
MEDIA_READ = "Media: Read"
EVENT = "Activity: Event"
POST_READS = (POST_READ, OWNED_READ)


@dataclass(frozen=True)
class PriceList:
    """US dollars a request, or a resource that was read, from a day on."""

    since: date
    usd: dict[str, Decimal]


PRICE_LISTS = [
    PriceList(
        date(2026, 4, 20),
        {
            CREATE: Decimal("0.015"),
            CREATE_WITH_URL: Decimal("0.200"),
            SUMMONED_REPLY: Decimal("0.010"),
            MANAGE: Decimal("0.005"),
            INTERACTION: Decimal("0.015"),
            INTERACTION_DELETE: Decimal("0.010"),
            MEDIA_METADATA: Decimal("0.005"),
            POST_READ: Decimal("0.005"),
            OWNED_READ: Decimal("0.001"),
            USER_READ: Decimal("0.010"),
            MEDIA_READ: Decimal("0.005"),
            EVENT: Decimal("0.005"),
        },
    ),
]
"""The oldest first; before the first one its prices count as well."""


def price(kind: str, day: date) -> Decimal:
    """Return what one request, or one resource, of a kind costs on a day (UTC)."""
    valid = [prices for prices in PRICE_LISTS if prices.since <= day] or PRICE_LISTS[:1]
    return valid[-1].usd[kind]
