"""How X reads a text: its weighted length, its links, mentions and tags; and what is made of one: parts of a
thread, links with parameters. Pure functions."""

from __future__ import annotations

from x_provider.text.addresses import post_id_of
from x_provider.text.entities import extract_cashtags, extract_hashtags, extract_mentions, extract_urls
from x_provider.text.length import (
    MAX_WEIGHTED_LENGTH,
    PREMIUM_MAX_LENGTH,
    invalid_characters,
    weighted_length,
)
from x_provider.text.links import tag_address, tag_links, without_links
from x_provider.text.splitting import Numbering, SplittingError, split

__all__ = [
    "MAX_WEIGHTED_LENGTH",
    "PREMIUM_MAX_LENGTH",
    "Numbering",
    "SplittingError",
    "extract_cashtags",
    "extract_hashtags",
    "extract_mentions",
    "extract_urls",
    "invalid_characters",
    "post_id_of",
    "split",
    "tag_address",
    "tag_links",
    "weighted_length",
    "without_links",
]
