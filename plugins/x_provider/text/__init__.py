"""How X reads a text: its weighted length, its links and its cashtags. Pure functions."""

from __future__ import annotations

from x_provider.text.entities import extract_cashtags, extract_urls
from x_provider.text.length import (
    MAX_WEIGHTED_LENGTH,
    PREMIUM_MAX_LENGTH,
    invalid_characters,
    weighted_length,
)

__all__ = [
    "MAX_WEIGHTED_LENGTH",
    "PREMIUM_MAX_LENGTH",
    "extract_cashtags",
    "extract_urls",
    "invalid_characters",
    "weighted_length",
]
