"""Posts that come from code or a form are held to the calendar's rules."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from x_provider.calendar import DIRECT_FIELDS, EntryReading, read_entry

NOW = pendulum.datetime(2026, 11, 20, 12)


def read(entry, **options) -> EntryReading:
    given = {"id": "a", "account": "x_default", "timezone": "UTC", "folder": Path("/nowhere"), "now": NOW}
    return read_entry(entry, **{**given, "source": "task x_post.plan", **options})


@pytest.mark.parametrize("at", [None, "", " ", "now"])
def test_without_a_time_it_is_due_now(at):
    post = read({"text": "Hello", "at": at}).post
    assert (post.due_at, post.at) == (NOW, "now")


@pytest.mark.parametrize(
    "at",
    [
        "2026-12-01T09:00:00.000Z",
        "2026-12-01 10:00 +01:00",
        datetime(2026, 12, 1, 9, tzinfo=timezone.utc),
        pendulum.datetime(2026, 12, 1, 10, tz="Europe/Berlin"),
        datetime(2026, 12, 1, 9),  # noqa: DTZ001  (naive: local in the zone)
    ],
)
def test_a_time_may_be_text_or_a_python_one(at):
    assert read({"text": "Hello", "at": at}).post.due_at == pendulum.datetime(2026, 12, 1, 9)


def test_the_entrys_own_zone_wins():
    entry = {"text": "Hello", "at": "2026-12-01 09:00", "timezone": "Europe/Berlin"}
    assert read(entry).post.due_at == pendulum.datetime(2026, 12, 1, 8)


def test_a_finding_names_the_task_and_the_field_and_no_line():
    (finding,) = read({"text": "x" * 281}).findings
    assert str(finding).startswith("task x_post.plan: error: text: is 1 too long: 281 of at most 280")


def test_what_a_form_sends_for_fields_left_alone_counts_as_not_given():
    empty = {"media": ["", None], "thread": [], "poll": {"options": [" "], "duration": None}, "quote": ""}
    assert read({"text": "Hello", **empty}) == read({"text": "Hello"})


def test_a_duration_may_be_a_python_one():
    assert read({"text": "Hello", "late": {"grace": timedelta(hours=2)}}).post.late.grace_seconds == 7200


@given(
    st.dictionaries(
        st.sampled_from(DIRECT_FIELDS) | st.text(max_size=5),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats()
            | st.text(max_size=40)
            | st.binary(max_size=5)
            | st.datetimes()
            | st.timedeltas(),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
            ),
            max_leaves=8,
        ),
        max_size=6,
    )
)
def test_nothing_makes_the_reading_fail_and_there_is_a_post_or_a_reason(entry):
    reading = read(entry)
    assert (reading.post is None) == any(finding.severity == "error" for finding in reading.findings)
