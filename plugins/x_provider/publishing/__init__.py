"""The exactly-once engine: what the calendar plans goes out once, and the ledger knows it."""

from __future__ import annotations

from x_provider.publishing.accounts import post_url, who_is
from x_provider.publishing.drafts import Applied, apply, draft, known_blackouts, known_posts, planned_files
from x_provider.publishing.engine import Fired, Publisher, utc_now
from x_provider.publishing.files import MediaUnusableError
from x_provider.publishing.governor import governed
from x_provider.publishing.media import MediaPreparer, Prepared, hand_over_at
from x_provider.publishing.outcomes import Outcome, decide
from x_provider.publishing.queue import take_due
from x_provider.publishing.receipts import (
    AnotherLedgerError,
    PostedTwiceError,
    ReceiptNotStoredError,
    keep_evidence,
)

__all__ = [
    "AnotherLedgerError",
    "Applied",
    "Fired",
    "MediaPreparer",
    "MediaUnusableError",
    "Outcome",
    "PostedTwiceError",
    "Prepared",
    "Publisher",
    "ReceiptNotStoredError",
    "apply",
    "decide",
    "draft",
    "governed",
    "hand_over_at",
    "keep_evidence",
    "known_blackouts",
    "known_posts",
    "planned_files",
    "post_url",
    "take_due",
    "utc_now",
    "who_is",
]
