"""Blackouts of a calendar: read as times are, never dropped, and said where a post falls into one."""

from __future__ import annotations

import pendulum
import pytest

from x_provider.calendar import BlackoutSpec, plan

NOW = pendulum.datetime(2026, 11, 20, 12)
POSTS = (
    "  - {id: a, at: 2026-12-24 09:00, text: A}\n  - {id: b, at: 2026-12-30 09:00, text: B, account: x_b}\n"
)
CHRISTMAS = "blackouts:\n  - {from: 2026-12-24 00:00, until: 2026-12-27 00:00, why: Christmas}"


def test_a_blackout_silences_every_account_of_its_calendar_in_the_calendars_zone(read):
    (blackout,) = read(POSTS, head=CHRISTMAS).calendar.blackouts
    assert (blackout.starts_at, blackout.ends_at) == (
        pendulum.datetime(2026, 12, 23, 23),
        pendulum.datetime(2026, 12, 26, 23),
    )
    assert (blackout.accounts, blackout.why) == (("x_b", "x_default"), "Christmas")


def test_the_account_of_a_broken_entry_is_silenced_too(read):
    broken = "  - {id: c, at: never, text: C, account: x_c}\n"
    (blackout,) = read(POSTS + broken, head=CHRISTMAS).calendar.blackouts
    assert "x_c" in blackout.accounts


def test_a_blackout_may_name_one_account_and_carry_offsets(read):
    head = (
        "blackouts:\n  - {from: 2026-12-24T00:00Z, until: 2026-12-24T12:00+01:00, why: Launch, account: x_b}"
    )
    (blackout,) = read(POSTS, head=head).calendar.blackouts
    assert blackout.accounts == ("x_b",)
    assert blackout.ends_at == pendulum.datetime(2026, 12, 24, 11)


def test_the_calendars_own_account_may_be_named_though_no_entry_uses_it(read):
    head = "account: x_c\n" + CHRISTMAS.replace("Christmas", "Christmas, account: x_c")
    assert read("  - {id: b, at: 2026-12-30 09:00, text: B, account: x_b}\n", head=head).calendar.blackouts


@pytest.mark.parametrize(
    ("blackouts", "field", "words"),
    [
        ("[{from: 2026-12-24 00:00, why: x}]", "blackouts[0].until", "is missing"),
        (
            "[{from: 2026-12-24 00:00, until: 2026-12-24 00:00, why: x}]",
            "blackouts[0].until",
            "is not after from",
        ),
        ("[{from: 2026-12-24, until: 2026-12-25 00:00, why: x}]", "blackouts[0].from", "no time of day"),
        ("[{from: now, until: 2026-12-25 00:00, why: x}]", "blackouts[0].from", "move with every reading"),
        (
            "[{from: 2027-03-28 02:30, until: 2027-03-29 00:00, why: x}]",
            "blackouts[0].from",
            "2027-03-28T01:30+01:00",
        ),
        ("[{from: 2026-12-24 00:00, until: 2026-12-25 00:00}]", "blackouts[0].why", "is missing"),
        (
            "[{from: 2026-12-24 00:00, until: 2026-12-25 00:00, why: x, acount: x_b}]",
            'blackouts[0]."acount"',
            "Did you mean account?",
        ),
        (
            "[{from: 2026-12-24 00:00, until: 2026-12-25 00:00, why: x, account: x_bb}]",
            "blackouts[0].account",
            "Did you mean x_b?",
        ),
        (
            "[{from: 2026-12-24 00:00, until: 2026-12-25 00:00, why: x, account: '*'}]",
            "blackouts[0].account",
            "Leave account out",
        ),
        ("Christmas", "blackouts", "must be a list"),
        ("[Christmas]", "blackouts[0]", "must have the fields from, until, why, account"),
    ],
)
def test_a_blackout_that_cannot_be_read_stops_the_whole_calendar(read, blackouts, field, words):
    reading = read(POSTS, head=f"blackouts: {blackouts}")
    assert reading.calendar is None
    (finding,) = [finding for finding in reading.findings if finding.severity == "error"]
    assert finding.field == field
    assert words in str(finding)


@pytest.mark.parametrize("name", ["blackout", "black_outs", "Blackouts"])
def test_a_slip_in_the_word_blackouts_stops_the_calendar_too(read, name):
    reading = read(POSTS, head=CHRISTMAS.replace("blackouts", name))
    assert reading.calendar is None
    assert any("Did you mean blackouts?" in str(finding) for finding in reading.findings)


def test_no_blackouts_are_no_mistake(read):
    for head in ("blackouts:", "blackouts: []"):
        assert read(POSTS, head=head).calendar.blackouts == []


@pytest.mark.parametrize(
    ("late", "words"),
    [
        ("", "past its grace, so it is not sent of itself: a person is asked"),
        ("late: {grace: 3 days}", "within its grace, so it goes out then"),
        ("late: {then: skip}", "past its grace, so its late policy skips it"),
    ],
)
def test_a_post_inside_a_blackout_is_told_when_it_can_go_out(read, late, words):
    entry = f"  - {{id: a, at: 2026-12-24 09:00, text: A, {late}}}\n"
    (finding,) = read(entry, head=CHRISTMAS).findings
    assert (finding.severity, finding.entry, finding.field) == ("warning", "a", "at")
    assert "from 2026-12-27 00:00 Europe/Berlin on, 2 days late" in finding.message
    assert words in finding.message


def test_blackouts_that_follow_each_other_hold_a_post_to_the_end_of_the_last(read):
    head = CHRISTMAS + "\n  - {from: 2026-12-26 12:00, until: 2026-12-29 08:00, why: Inventory}"
    (finding,) = read(POSTS, head=head).findings
    assert "from 2026-12-29 08:00" in finding.message


def test_the_plan_shows_which_blackouts_come_and_go(read):
    calendar = read(POSTS, head=CHRISTMAS).calendar
    old = BlackoutSpec(
        starts_at=NOW, ends_at=NOW.add(days=1), why="Strike", accounts=("x_default",), line=None
    )
    over = old.model_copy(update={"ends_at": NOW})
    lines = plan(calendar, {}, now=NOW, known_blackouts=[old, over]).lines()
    assert lines[:2] == [
        "- blackout 2026-11-20 13:00 to 2026-11-21 13:00 Europe/Berlin  x_default  Strike",
        "+ blackout 2026-12-24 00:00 to 2026-12-27 00:00 Europe/Berlin  x_b, x_default  Christmas",
    ]
    again = plan(calendar, {}, now=NOW, known_blackouts=calendar.blackouts).lines()
    assert again[0].startswith("= blackout 2026-12-24")


def test_what_happens_to_an_absent_post_comes_from_the_entry_or_the_defaults(read):
    first, second = "{id: a, at: 2026-12-24 09:00, text: A}", "{id: b, at: now, text: B, on_absent: resend}"
    first, second = read(f"  - {first}\n  - {second}\n", head="defaults: {on_absent: ask}").calendar.posts
    assert (first.on_absent, second.on_absent) == ("ask", "resend")


def test_only_a_choice_other_than_the_default_changes_the_revision(read):
    entry = "  - {id: a, at: 2026-12-24 09:00, text: A}\n"
    (plain,) = read(entry).calendar.posts
    (said,) = read(entry, head="defaults: {on_absent: resend}").calendar.posts
    (asking,) = read(entry, head="defaults: {on_absent: ask}").calendar.posts
    assert plain.revision == said.revision != asking.revision


def test_a_wrong_choice_is_an_error_of_the_entry(read):
    reading = read("  - {id: a, at: 2026-12-24 09:00, text: A, on_absent: asks}\n")
    assert reading.calendar.broken == {"a"}
    assert "Did you mean ask?" in str(reading.findings[0])
