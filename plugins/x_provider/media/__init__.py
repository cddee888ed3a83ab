"""Media files: where they are, what they are, whether X takes them, and how to make it take them.

What decodes and what fetches is imported on first use: most calendars are read for their texts.
"""

from __future__ import annotations

from x_provider.media.errors import MediaError
from x_provider.media.fetching import Fetcher, FetchSettings
from x_provider.media.fitting import Fitted, changeable, fit
from x_provider.media.inspecting import inspect, sha256_of
from x_provider.media.limits import (
    MAX_ALT_LENGTH,
    MAX_IMAGES,
    MAX_TAGGED_USERS,
    Measured,
    MediaCategory,
    Severity,
    breaches,
)
from x_provider.media.sources import MediaSources
from x_provider.media.subtitles import read_subtitles
from x_provider.media.urls import is_url, shown

__all__ = [
    "MAX_ALT_LENGTH",
    "MAX_IMAGES",
    "MAX_TAGGED_USERS",
    "FetchSettings",
    "Fetcher",
    "Fitted",
    "Measured",
    "MediaCategory",
    "MediaError",
    "MediaSources",
    "Severity",
    "breaches",
    "changeable",
    "fit",
    "inspect",
    "is_url",
    "read_subtitles",
    "sha256_of",
    "shown",
]
