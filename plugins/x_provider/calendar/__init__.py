"""The content calendar: its model, reading and checking its file, planning what applying it would do."""

from __future__ import annotations

from x_provider.calendar.direct import DIRECT_FIELDS, EntryReading, read_entry
from x_provider.calendar.findings import Finding
from x_provider.calendar.model import (
    BlackoutSpec,
    Calendar,
    FollowUpSpec,
    LatePolicy,
    MediaSpec,
    PartSpec,
    PollSpec,
    PostSpec,
    SubtitlesSpec,
    VideoSpec,
    revision_of,
)
from x_provider.calendar.plan import KnownPost, Plan, plan
from x_provider.calendar.reading import Reading, read_calendar

__all__ = [
    "DIRECT_FIELDS",
    "BlackoutSpec",
    "Calendar",
    "EntryReading",
    "Finding",
    "FollowUpSpec",
    "KnownPost",
    "LatePolicy",
    "MediaSpec",
    "PartSpec",
    "Plan",
    "PollSpec",
    "PostSpec",
    "Reading",
    "SubtitlesSpec",
    "VideoSpec",
    "plan",
    "read_calendar",
    "read_entry",
    "revision_of",
]
