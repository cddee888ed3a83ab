"""The content calendar: its model, reading and checking its file, planning what applying it would do."""

from __future__ import annotations

from x_provider.calendar.findings import Finding
from x_provider.calendar.model import (
    Calendar,
    LatePolicy,
    MediaSpec,
    PartSpec,
    PollSpec,
    PostSpec,
    revision_of,
)
from x_provider.calendar.plan import KnownPost, Plan, plan
from x_provider.calendar.reading import Reading, read_calendar

__all__ = [
    "Calendar",
    "Finding",
    "KnownPost",
    "LatePolicy",
    "MediaSpec",
    "PartSpec",
    "Plan",
    "PollSpec",
    "PostSpec",
    "Reading",
    "plan",
    "read_calendar",
    "revision_of",
]
