"""Due times and durations as people write them."""

from __future__ import annotations

import re
import zoneinfo
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache

import pendulum

from x_provider.calendar.findings import nearest, quoted

_UNIT_SECONDS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3_600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
    **dict.fromkeys(("w", "week", "weeks"), 604_800),
}
_AMOUNT = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*([a-z]+)\s*", re.ASCII)
_RELATIVE = re.compile(r"now(?:\s*\+\s*(\S.*))?", re.IGNORECASE)
_ABSOLUTE = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ]\s*(\d\d?:\d\d(?::\d\d(?:\.\d{1,6})?)?)\s*(Z|z|[+-]\d\d:?\d\d)?", re.ASCII
)
_EXAMPLE = "write 2026-12-01 09:00 (local), 2026-12-01T09:00:00+01:00, or now + 30 s"


class TimeError(ValueError):
    """A time or duration cannot be used; ``hint`` says what to write instead."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True)
class DueTime:
    """A due time: the instant, and how it was written, spaces normalised."""

    instant: pendulum.DateTime
    written: str


def due_time(written: str, zone: str, now: pendulum.DateTime) -> DueTime:
    """Read ``at``: a local time in ``zone``, a time with an offset, or ``now + 30 s``.

    :raises TimeError: when it is none of these, or a local time that does not exist or exists twice because
        the clocks change.
    """
    normal = " ".join(written.split())
    relative = _RELATIVE.fullmatch(normal)
    try:
        if relative:
            normal = normal.lower()
            # Whole seconds: a due time is what people can read off a clock.
            seconds = duration_seconds(relative[1].lower(), bare_unit=None) if relative[1] else 0
            return DueTime(now.in_timezone("UTC").add(seconds=seconds), normal)
        return DueTime(_absolute(normal, zone), normal)
    except OverflowError:
        raise TimeError(f"{quoted(written)} is beyond all calendars", "Correct the year") from None


def duration_seconds(written: str, *, bare_unit: str | None = "min") -> int:
    """Read a duration such as ``90 s``, ``15 min``, ``1 h 30 min`` or ``1 day``.

    :param bare_unit: the unit of a number without one; None when it must have one.
    :raises TimeError: when it is none.
    """
    text = written.strip().lower()
    if bare_unit is not None and re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text, re.ASCII):
        text += bare_unit
    total = 0.0
    position = 0
    while (amount := _AMOUNT.match(text, position)) and amount[2] in _UNIT_SECONDS:
        total += float(amount[1]) * _UNIT_SECONDS[amount[2]]
        position = amount.end()
    if not text or position != len(text):
        raise TimeError(f"{quoted(written)} is no duration", "Write for example 90 s, 15 min, 2 h or 1 day")
    return round(total)


def roughly(seconds: float) -> str:
    """A duration in its largest unit: ``3 hours``."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        count = int(seconds // length)
        if count:
            return f"{count:,} {unit}{'s' if count > 1 else ''}"
    return "less than a second"


def checked_zone(name: str) -> str:
    """The name, if it is that of a time zone.

    :raises TimeError: with the zone that was probably meant.
    """
    try:
        return zoneinfo.ZoneInfo(name).key
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        guess = _similar_zone(name)
        hint = f"Did you mean {guess}?" if guess else "Write for example Europe/Berlin or UTC"
        raise TimeError(f"there is no time zone {quoted(name)}", hint) from None


@lru_cache(maxsize=256)  # the same slip may be in thousands of entries
def _similar_zone(name: str) -> str | None:
    zones = sorted(zoneinfo.available_timezones())
    by_city = {zone.rsplit("/", 1)[-1]: zone for zone in zones if "/" in zone and not zone.startswith("Etc")}
    city = name.rsplit("/", 1)[-1].strip().replace(" ", "_").title()
    if city in by_city:
        return by_city[city]
    return nearest(name, zones) or by_city.get(nearest(city, by_city) or "")


def _absolute(text: str, zone: str) -> pendulum.DateTime:
    match = _ABSOLUTE.fullmatch(text)
    if match is None:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            raise TimeError(f"{quoted(text)} has no time of day", f"Write for example {text} 09:00")
        raise TimeError(f"{quoted(text)} is no time that can be read", _EXAMPLE[0].upper() + _EXAMPLE[1:])
    date, clock, offset = match.groups()
    try:
        local = datetime.fromisoformat(f"{date}T{_full_clock(clock)}")
        if offset is None:
            return _in_zone(local, zone)
        return pendulum.instance(local.replace(tzinfo=_offset(offset))).in_timezone("UTC")
    except TimeError:
        raise
    except ValueError as error:
        raise TimeError(f"{quoted(text)} does not exist: {error}", "Correct the date or the time") from None


def _full_clock(clock: str) -> str:
    hours, minutes, seconds = (*clock.split(":"), "00")[:3]
    whole, _, fraction = seconds.partition(".")
    return f"{hours:0>2}:{minutes}:{whole}.{fraction:0<6}"


def _offset(written: str) -> timezone:
    if written in "Zz":
        return timezone.utc
    hours, minutes = int(written[1:3]), int(written[-2:])
    if hours > 14 or minutes > 59:
        raise ValueError(f"no zone is {written} from UTC")
    distance = timedelta(hours=hours, minutes=minutes)
    return timezone(-distance if written[0] == "-" else distance)


def _in_zone(local: datetime, zone: str) -> pendulum.DateTime:
    rules = zoneinfo.ZoneInfo(zone)
    first, second = local.replace(tzinfo=rules, fold=0), local.replace(tzinfo=rules, fold=1)
    if first.utcoffset() == second.utcoffset():
        return pendulum.instance(first.astimezone(timezone.utc))
    if first.astimezone(timezone.utc).astimezone(rules).replace(tzinfo=None) == local:
        raise TimeError(
            f"{local:%Y-%m-%d %H:%M} happens twice in {zone}, because the clocks go back",
            f"Write {_iso(first)} for the first or {_iso(second)} for the second",
        )
    # Read with the offset before the gap it lands after it, and the other way round.
    before = second.astimezone(timezone.utc).astimezone(rules)
    after = first.astimezone(timezone.utc).astimezone(rules)
    raise TimeError(
        f"{local:%Y-%m-%d %H:%M} does not exist in {zone}, because the clocks go forward",
        f"Write {_iso(before)} for before the change or {_iso(after)} for after it",
    )


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds" if moment.second else "minutes")
