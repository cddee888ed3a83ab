"""Local times around the changes of the clocks: what cannot be meant is refused with what could be."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from x_provider.calendar.times import TimeError, due_time

NOW = pendulum.datetime(2026, 11, 20, 12)
PROPOSAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?[+-]\d\d:\d\d")

SKIPPED = [
    ("Europe/Berlin", "2027-03-28 02:00", "2027-03-28T01:00+01:00", "2027-03-28T03:00+02:00"),
    ("Europe/Berlin", "2027-03-28 02:59", "2027-03-28T01:59+01:00", "2027-03-28T03:59+02:00"),
    ("America/New_York", "2027-03-14 02:30", "2027-03-14T01:30-05:00", "2027-03-14T03:30-04:00"),
    # Lord Howe changes by half an hour.
    ("Australia/Lord_Howe", "2027-10-03 02:15", "2027-10-03T01:45+10:30", "2027-10-03T02:45+11:00"),
]
REPEATED = [
    ("Europe/Berlin", "2027-10-31 02:00", "2027-10-31T02:00+02:00", "2027-10-31T02:00+01:00"),
    ("Europe/Berlin", "2027-10-31 02:59", "2027-10-31T02:59+02:00", "2027-10-31T02:59+01:00"),
    ("America/New_York", "2027-11-07 01:30", "2027-11-07T01:30-04:00", "2027-11-07T01:30-05:00"),
    ("Australia/Lord_Howe", "2027-04-04 01:45", "2027-04-04T01:45+11:00", "2027-04-04T01:45+10:30"),
]
BESIDE = [
    ("Europe/Berlin", "2027-03-28 01:59", "2027-03-28T00:59Z"),
    ("Europe/Berlin", "2027-03-28 03:00", "2027-03-28T01:00Z"),
    ("Europe/Berlin", "2027-10-31 01:59", "2027-10-30T23:59Z"),
    ("Europe/Berlin", "2027-10-31 03:00", "2027-10-31T02:00Z"),
    ("America/New_York", "2027-03-14 01:59", "2027-03-14T06:59Z"),
    ("America/New_York", "2027-03-14 03:00", "2027-03-14T07:00Z"),
    ("America/New_York", "2027-11-07 00:59", "2027-11-07T04:59Z"),
    ("America/New_York", "2027-11-07 02:00", "2027-11-07T07:00Z"),
    ("Australia/Lord_Howe", "2027-10-03 01:59", "2027-10-02T15:29Z"),
    ("Australia/Lord_Howe", "2027-10-03 02:30", "2027-10-02T15:30Z"),
    ("Australia/Lord_Howe", "2027-04-04 01:29", "2027-04-03T14:29Z"),
    ("Australia/Lord_Howe", "2027-04-04 02:00", "2027-04-03T15:30Z"),
]
CHANGES = [
    ("Europe/Berlin", "2027-03-28", -60),
    ("Europe/Berlin", "2027-10-31", 60),
    ("America/New_York", "2027-03-14", -60),
    ("America/New_York", "2027-11-07", 60),
    ("Australia/Lord_Howe", "2027-10-03", -30),
    ("Australia/Lord_Howe", "2027-04-04", 30),
    ("Asia/Kolkata", "2027-03-28", 0),
]
ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Africa/Casablanca",
    "UTC",
]


@pytest.mark.parametrize(("zone", "at", "before", "after"), SKIPPED)
def test_a_time_that_the_clocks_skip_is_refused_with_the_times_around_it(read, zone, at, before, after):
    reading = read(f"  - {{id: a, at: {at}, timezone: {zone}, text: Hello}}\n")
    assert reading.calendar.broken == {"a"}
    (finding,) = reading.findings
    assert f"does not exist in {zone}, because the clocks go forward" in finding.message
    assert finding.hint == f"Write {before} for before the change or {after} for after it"


@pytest.mark.parametrize(("zone", "at", "first", "second"), REPEATED)
def test_a_time_that_happens_twice_is_refused_with_both_readings(read, zone, at, first, second):
    reading = read(f"  - {{id: a, at: {at}, timezone: {zone}, text: Hello}}\n")
    assert reading.calendar.broken == {"a"}
    (finding,) = reading.findings
    assert f"happens twice in {zone}, because the clocks go back" in finding.message
    assert finding.hint == f"Write {first} for the first or {second} for the second"


@pytest.mark.parametrize(("zone", "at", "instant"), BESIDE)
def test_the_minutes_beside_a_change_are_sure(zone, at, instant):
    assert due_time(at, zone, NOW).instant == pendulum.parse(instant)


@pytest.mark.parametrize(("zone", "sunday", "shift_minutes"), CHANGES)
def test_a_weekly_post_keeps_its_local_time_over_a_change(zone, sunday, shift_minutes):
    mondays = [pendulum.parse(sunday).add(days=1, weeks=week) for week in (-2, -1, 0, 1)]
    dues = [due_time(f"{day:YYYY-MM-DD} 09:00", zone, NOW).instant for day in mondays]
    assert [due.in_timezone(zone).format("HH:mm") for due in dues] == ["09:00"] * 4
    weeks = [(later - earlier).total_minutes() - 7 * 24 * 60 for earlier, later in pairwise(dues)]
    assert weeks == [0, shift_minutes, 0]


@given(
    zone=st.sampled_from(ZONES),
    day=st.sampled_from([day for _, day, _ in CHANGES])
    | st.dates(date(2026, 12, 1), date(2028, 12, 31)).map(str),
    minute=st.integers(0, 5 * 60),
)
def test_a_local_time_is_either_one_instant_or_two_proposals_around_it(zone, day, minute):
    local = datetime.fromisoformat(f"{day}T00:00") + timedelta(minutes=minute)
    reads_so = {
        instant
        for fold in (0, 1)
        if (instant := local.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(timezone.utc))
        and instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == local
    }
    try:
        due = due_time(f"{local:%Y-%m-%d %H:%M}", zone, NOW)
    except TimeError as error:
        earlier, later = (due_time(written, zone, NOW).instant for written in PROPOSAL.findall(error.hint))
        assert len(reads_so) in (0, 2)
        assert timedelta(0) < later - earlier <= timedelta(hours=1)
        assert not reads_so or reads_so == {earlier, later}
    else:
        assert reads_so == {due.instant}
