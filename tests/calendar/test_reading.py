"""What an editor is told about a calendar file, and that nothing in one makes the reading fail."""

from __future__ import annotations

import time

import pendulum
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from x_provider.calendar import Calendar, KnownPost, read_calendar

GOOD = "  - {id: good, at: 2026-12-01 09:00, text: Good morning}\n"
NOW = pendulum.datetime(2026, 11, 20, 12)


def test_a_local_time_is_meant_in_the_calendars_zone(read):
    (post,) = read(GOOD).calendar.posts
    assert post.due_at == pendulum.datetime(2026, 12, 1, 8)
    assert (post.at, post.timezone, post.account, post.line) == (
        "2026-12-01 09:00",
        "Europe/Berlin",
        "x_default",
        5,
    )


@pytest.mark.parametrize(
    ("at", "due"),
    [
        ("2026-12-01T09:00:00Z", pendulum.datetime(2026, 12, 1, 9)),
        ("2026-12-01 09:00 -05:00", pendulum.datetime(2026, 12, 1, 14)),
        ("now + 30 s", NOW.add(seconds=30)),
        ("now + 1 h 30 min", NOW.add(minutes=90)),
        ("now", NOW),
    ],
)
def test_times_may_carry_an_offset_or_be_relative(read, at, due):
    (post,) = read(f"  - {{id: a, at: {at}, text: Hello}}\n").calendar.posts
    assert post.due_at == due


@pytest.mark.parametrize(
    ("entry", "field", "words"),
    [
        ("{id: bad, at: 2026-12-01 09:00, txt: Hello}", '"txt"', "Did you mean text?"),
        ("{id: bad, text: Hello}", "at", "is missing"),
        ("{id: bad, at: 2026-12-01 09:00}", "text", "is missing"),
        ("{id: bad, at: 2026-12-01, text: Hello}", "at", "no time of day"),
        ("{id: bad, at: 2026-13-01 09:00, text: Hello}", "at", "does not exist"),
        ("{id: bad, at: next Monday, text: Hello}", "at", "no time that can be read"),
        ("{id: bad, at: 2026-11-01 09:00, text: Hello}", "at", "19 days ago"),
        ("{id: bad, at: 2027-03-28 02:30, text: Hello}", "at", "2027-03-28T01:30+01:00 for before"),
        ("{id: bad, at: 2026-10-25 02:30, text: Hello}", "at", "2026-10-25T02:30+02:00 for the first"),
        ("{id: bad, at: now + 1 h, text: Hello, timezone: Europe/Berln}", "timezone", "Europe/Berlin"),
        ("{id: bad, at: now, text: Hello, thread: [{text: One}]}", "text", "stands beside thread"),
        ("{id: bad, at: now, thread: [{text: One}, {txt: Two}]}", 'thread[1]."txt"', "Did you mean text?"),
        ("{id: bad, at: now, text: Hello, media: [{file: no.png, alt: None}]}", "media[0].file", "no file"),
        ("{id: bad, at: now, text: Hello, text: Again}", "text", "twice"),
        ("{id: bad, at: now, text: Vote, poll: {options: [One], duration: 1 day}}", "poll.options", "2 to 4"),
        (
            "{id: bad, at: now, text: Vote, poll: {options: [A, B], duration: 8 days}}",
            "poll.duration",
            "7 days",
        ),
        (
            "{id: bad, at: now, text: Vote, card_uri: 'card://1', poll: {options: [A, B], duration: 9}}",
            "card_uri",
            "together",
        ),
        ("{id: bad, at: now, text: Hello, reply_settings: mentioned}", "reply_settings", "mentionedUsers"),
        ("{id: bad, at: now, text: Hello, reply_to: last}", "reply_to", "1 to 19 digits"),
        ("{id: bad, at: now, text: [Hello]}", "text", "not a list"),
        ("{id: bad, at: now, text: Hello, late: {grace: soon}}", "late.grace", "no duration"),
        ("{id: bad, at: now, text: " + "x" * 292 + "}", "text", "is 12 too long: 292 of at most 280"),
        (
            "{id: bad, at: now, thread: [{text: One}, {text: " + "x" * 281 + "}]}",
            "thread[1].text",
            "1 too long",
        ),
    ],
)
def test_a_broken_entry_is_named_with_its_place_and_the_others_stay(read, entry, field, words):
    reading = read(f"{GOOD}  - {entry}\n")
    assert [post.id for post in reading.calendar.posts] == ["good"]
    assert reading.calendar.broken == {"bad"}
    errors = [finding for finding in reading.findings if finding.severity == "error"]
    assert {(finding.line, finding.entry) for finding in errors} == {(6, "bad")}
    assert any(finding.field == field and words in str(finding) for finding in errors), errors


def test_of_two_entries_with_one_id_neither_is_planned(read):
    reading = read(f"{GOOD}{GOOD}")
    assert (reading.calendar.posts, reading.calendar.broken) == ([], {"good"})
    assert "line 5" in str(reading.findings[0])


def test_a_post_a_little_late_is_a_warning(read):
    reading = read("  - {id: a, at: 2026-11-20 12:55, text: Hello}\n")
    assert [finding.severity for finding in reading.findings] == ["warning"]
    assert len(reading.calendar.posts) == 1


def test_what_was_published_is_not_complained_about(read):
    entry = "  - {id: old, at: 2026-01-01 09:00, text: Hello, media: [{file: gone.png}]}\n"
    known = {"old": KnownPost("r", "posted", pendulum.datetime(2026, 1, 1, 8))}
    reading = read(entry, known=lambda name: known if name == "plan" else {})
    assert reading.findings == []
    assert reading.calendar.broken == {"old"}


def test_long_posts_are_for_premium_accounts(read):
    entry = f"  - {{id: long, at: now, text: {'x' * 5000}}}\n"
    assert read(entry).calendar.broken == {"long"}
    assert read(entry, head="premium: true").findings == []


def test_the_old_name_of_a_field_leads_to_the_new_one(read):
    (finding,) = read(GOOD, head="long_posts: true").findings
    assert str(finding).endswith(
        'error: "long_posts": is no field that is known here. Write premium: that is what it is called now'
    )


def test_values_are_taken_as_written(read):
    (post,) = read(
        "  - {id: 007, at: now, text: Yes, poll: {options: [On, 12.50], duration: 15 min}}\n"
    ).calendar.posts
    assert (post.id, post.parts[0].text, post.parts[0].poll.options) == ("007", "Yes", ["On", "12.50"])
    assert post.parts[0].poll.duration_minutes == 15


def test_anchors_and_merge_keys_work(read):
    (one, two) = read("  - &a {id: a, at: now + 1 h, text: Hello}\n  - {<<: *a, id: b}\n").calendar.posts
    assert (one.id, two.id, two.parts) == ("a", "b", one.parts)


def test_media_are_known_by_their_bytes(read, picture):
    picture("still.gif", "GIF")
    picture("moving.gif", "GIF", frames=3)
    media = "  - {id: a, at: now, media: [{file: still.gif, alt: A}]}\n"
    media += "  - {id: b, at: now, media: [{file: moving.gif, alt: B}]}\n"
    categories = [post.parts[0].media[0].category for post in read(media).calendar.posts]
    assert categories == ["tweet_image", "tweet_gif"]
    mixed = read("  - {id: a, at: now, media: [{file: still.gif, alt: A}, {file: moving.gif, alt: B}]}\n")
    assert "mixes still.gif (image), moving.gif (gif)" in str(mixed.findings[0])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"just some words", "neither a picture"),
        (b"\x89PNG\r\n\x1a\n garbage", "damaged"),
        (b"\x00\x00\x00\x18ftypisom garbage", "damaged"),
    ],
)
def test_a_file_that_is_no_picture_is_refused(read, tmp_path, content, words):
    (tmp_path / "a.png").write_bytes(content)
    reading = read("  - {id: a, at: now, media: [{file: a.png, alt: A}]}\n")
    assert words in str(reading.findings[0])
    assert reading.calendar.broken == {"a"}


def test_a_file_must_be_what_its_name_says_and_whole(read, picture):
    picture("a.png", "JPEG")
    whole = picture("b.jpg", "JPEG", size=(640, 480))
    whole.write_bytes(whole.read_bytes()[:2000])
    findings = read("  - {id: a, at: now, media: [{file: a.png, alt: A}, {file: b.jpg, alt: B}]}\n").findings
    assert "it is image/jpeg" in str(findings[0])
    assert "damaged" in str(findings[1])


def test_a_missing_alt_text_is_a_warning(read, picture):
    picture("a.png")
    reading = read("  - {id: a, at: now, media: [{file: a.png}]}\n")
    assert [(f.severity, f.field) for f in reading.findings] == [("warning", "media[0].alt")]
    assert len(reading.calendar.posts) == 1


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("calendar: a\nposts: [", ":3:1: error: a [ or {"),
        ("calendar: a: b", ":1:12: error"),
        ("calendar: a\n---\ncalendar: b", ":2:1: error"),
        ("a: &x [*x]", ":1:8: error"),
        ("[" * 5000, ":1:26: error"),
        ("calendar: \x01", ":1:11: error"),
        ("- just\n- a list", ":1: error"),
        ("calendar: a\nposts: []", ":1: error: timezone: is missing"),
        ("calendar: a\ntimezone: UTC\npost: []", ':3: error: "post"'),
        ("calendar: a\ntimezone: Berlin\nposts: []", "Did you mean Europe/Berlin?"),
    ],
)
def test_a_file_that_is_no_calendar_gives_one_place_to_look_at(tmp_path, text, place):
    file = tmp_path / "broken.yaml"
    file.write_text(text, encoding="utf-8")
    reading = read_calendar(file, now=NOW)
    assert reading.calendar is None
    assert any(place in str(finding) for finding in reading.findings), [str(f) for f in reading.findings]


def test_what_is_no_readable_file_is_a_finding(tmp_path):
    (tmp_path / "latin.yaml").write_bytes("calendar: \xe4".encode("latin-1"))
    for path in (tmp_path / "none.yaml", tmp_path, tmp_path / "latin.yaml", "/dev/zero", "\0"):
        assert [f.severity for f in read_calendar(path).findings] == ["error"]


def test_a_billion_laughs_are_read_in_no_time(tmp_path):
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20))]
    file = tmp_path / "laughs.yaml"
    file.write_text("\n".join(lines) + "\nposts: *a19\ncalendar: a\ntimezone: UTC\n", encoding="utf-8")
    started = time.process_time()
    read_calendar(file, now=NOW)
    assert time.process_time() - started < 5


def test_five_hundred_posts_are_read_within_two_seconds(read):
    text = "Good morning from the observatory 🌌, number {n}: what will you look at tonight? https://example.com/{n}"
    posts = "".join(f'  - {{id: p{n}, at: now + {n} min, text: "{text.format(n=n)}"}}\n' for n in range(500))
    started = time.process_time()
    assert len(read(posts).calendar.posts) == 500
    assert time.process_time() - started < 2


def test_a_thousand_errors_are_listed_and_the_rest_counted(read):
    reading = read("".join(f"  - {{id: p{n}, at: now}}\n" for n in range(1_205)))
    assert len(reading.findings) == 1_001
    assert str(reading.findings[-1]).endswith("error: 205 more errors are not listed. Correct these first")
    assert len(reading.calendar.broken) == 1_205


def test_no_number_of_warnings_hides_an_error_or_makes_one(read):
    posts = "".join(f"  - {{id: p{n}, at: now, text: Hello {n}, media: []}}\n" for n in range(1_003))
    reading = read(posts)
    assert {finding.severity for finding in reading.findings} == {"warning"}
    assert str(reading.findings[-1]).endswith("warning: 3 more warnings are not listed. Correct these first")
    findings = read(f"{posts}  - {{id: bad, at: now}}\n").findings
    assert [finding.entry for finding in findings if finding.severity == "error"] == ["bad"]


def test_a_calendar_survives_its_way_through_json(read, picture):
    picture("a.png")
    calendar = read(f"{GOOD}  - {{id: a, at: now, media: [{{file: a.png}}]}}\n").calendar
    assert Calendar.model_validate(calendar.model_dump(mode="json")) == calendar


WORDS = st.sampled_from(
    [
        *[
            "calendar",
            "timezone",
            "posts",
            "id",
            "at",
            "text",
            "media",
            "file",
            "alt",
            "poll",
            "options",
            "duration",
            "thread",
            "late",
            "grace",
            "then",
            "likes",
            "within",
            "repost",
            "after",
            "source",
            "hosts",
            "subtitles",
            "sensitive",
            "preview",
        ],
        *[
            "UTC",
            "now",
            "-",
            ":",
            "[",
            "]",
            "{",
            "}",
            ",",
            "&",
            "*",
            "|",
            ">",
            "!",
            "#",
            "'",
            "<<",
            "~",
            "...",
            "---",
            "*a",
            "&a",
            "2026-12-01",
            "9:00",
            "1",
            "day",
        ],
        *('"', "\n", "\t", "\n  ", "\n    - ", ": ", "- "),
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=12,
)
QUICKLY = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@QUICKLY
@given(content=st.binary(max_size=400) | st.lists(WORDS, max_size=60).map(lambda w: " ".join(w).encode()))
def test_no_bytes_make_the_reading_fail(tmp_path, content):
    file = tmp_path / "any.yaml"
    file.write_bytes(content)
    for finding in read_calendar(file, now=NOW).findings:
        assert "\n" not in str(finding)


@QUICKLY
@given(
    entries=st.lists(
        st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "at",
                    "text",
                    "media",
                    "poll",
                    "thread",
                    "late",
                    "timezone",
                    "account",
                    "reply_to",
                    "tagged_user_ids",
                    "split",
                    "first_comment",
                    "follow_ups",
                    "video",
                    "links",
                    "utm",
                    "edit_of",
                ]
            ),
            VALUES,
        )
        | VALUES,
        max_size=4,
    )
)
def test_no_types_of_values_make_the_reading_fail(tmp_path, entries):
    import yaml

    file = tmp_path / "any.yaml"
    file.write_text(yaml.safe_dump({"calendar": "a", "timezone": "UTC", "posts": entries}), encoding="utf-8")
    reading = read_calendar(file, now=NOW)
    assert reading.calendar is None or len(reading.calendar.posts) <= len(entries)
