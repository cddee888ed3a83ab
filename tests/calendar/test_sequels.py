"""One long text as a thread, first comments, pauses between parts, and what follows once people like a post."""

from __future__ import annotations

import pendulum
import pytest

from x_provider.calendar import plan
from x_provider.text import weighted_length

SENTENCE = "Doors open at seven, and the dome turns at eight."
LONG = " ".join([SENTENCE] * 8)


@pytest.fixture
def post_of(read):
    """The post of the one entry whose fields are given; it must have no errors."""

    def post_of(fields: str, **options):
        reading = read(f"  - {{id: a, at: now + 1 h, {fields}}}\n", **options)
        assert [str(finding) for finding in reading.findings if finding.severity == "error"] == []
        return reading.calendar.posts[0]

    return post_of


@pytest.fixture
def errors_of(read):
    """What is wrong with the one entry whose fields are given."""

    def errors_of(fields: str, **options) -> list[str]:
        reading = read(f"  - {{id: a, at: now + 1 h, {fields}}}\n", **options)
        assert reading.calendar.posts == []
        return [
            f"{found.field}: {found.message}. {found.hint}"
            for found in reading.findings
            if found.severity == "error"
        ]

    return errors_of


def test_a_long_text_becomes_a_thread(post_of):
    parts = post_of(f"text: {LONG!r}, split: true").parts
    assert [part.text for part in parts] == [" ".join([SENTENCE] * 4)] * 2


def test_its_parts_are_numbered_where_that_is_asked_for(post_of):
    parts = post_of(f"text: {LONG!r}, split: numbered").parts
    assert [part.text[-4:] for part in parts] == [f" {n}/{len(parts)}" for n in range(1, len(parts) + 1)]
    assert max(weighted_length(part.text) for part in parts) <= 280


@pytest.mark.parametrize("split", ["True", "TRUE", "Numbered"])
def test_split_is_understood_as_templates_and_people_write_it(post_of, split):
    assert len(post_of(f"text: {LONG!r}, split: {split}").parts) == 2


def test_a_premium_account_gets_a_thread_too_where_its_editor_wants_one(post_of):
    assert len(post_of(f"text: {LONG!r}, split: true", head="premium: true").parts) == 2
    assert len(post_of(f"text: {LONG!r}", head="premium: true").parts) == 1


def test_a_text_that_fits_stays_one_part(post_of):
    assert [part.text for part in post_of("text: Hello, split: numbered").parts] == ["Hello"]


def test_media_and_all_else_belong_to_the_first_part_and_audience_and_labels_to_all(post_of, picture):
    picture("a.png")
    fields = "media: [{file: a.png, alt: A}], reply_settings: verified, made_with_ai: true"
    first, second = post_of(
        f"text: {LONG!r}, split: true, {fields}, for_super_followers_only: true, paid_partnership: true"
    ).parts
    assert (len(first.media), first.reply_settings, first.made_with_ai) == (1, "verified", True)
    assert (second.media, second.reply_settings, second.made_with_ai) == ([], None, None)
    assert second.for_super_followers_only
    assert second.paid_partnership


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (f"text: {LONG!r}", "write split: true to make it a thread"),
        ("thread: [{text: A}], split: true", "split: stands beside thread"),
        ("text: A, split: numbers", "Did you mean numbered?"),
        (f"text: {('word ' * 6000)!r}, split: true", "a thread takes 100"),
        ("text: {}, split: true".format(repr("e" + "\u0301" * 300)), "cannot be cut"),
        ("split: true", "text: is missing"),
    ],
)
def test_what_cannot_be_split_is_said(errors_of, fields, words):
    assert words in "\n".join(errors_of(fields))


def test_a_first_comment_is_a_part_some_time_after_the_others(post_of, picture):
    picture("a.png")
    comment = "first_comment: {text: 'All dates: https://example.org', media: [{file: a.png, alt: A}], after: 5 min}"
    one = post_of(f"text: Hello, {comment}")
    assert [(part.text, part.after_seconds) for part in one.parts] == [
        ("Hello", 0),
        ("All dates: https://example.org", 300),
    ]
    assert len(one.parts[1].media) == 1
    assert [
        part.after_seconds for part in post_of(f"thread: [{{text: A}}, {{text: B}}], {comment}").parts
    ] == [
        0,
        0,
        300,
    ]


def test_a_part_of_a_thread_may_come_later_than_the_one_before_it(post_of):
    parts = post_of("thread: [{text: A}, {text: B, after: 90 s}, {text: C}]").parts
    assert [part.after_seconds for part in parts] == [0, 90, 0]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ("thread: [{text: A, after: 5 min}, {text: B}]", "thread[0].after: a thread's first part is due"),
        ("thread: [{text: A}, {text: B, after: 8 days}]", "thread[1].after: is longer than 7 days"),
        ("thread: [{text: A}, {text: B, edit_of: 12}]", "thread[1].edit_of: only a thread's first part"),
        ("text: A, after: 5 min", '"after": is no field'),
        ("text: A, first_comment: {after: 5 min}", "first_comment.text: is missing"),
        (
            "text: A, first_comment: {text: B, reply_to: 12}",
            "first_comment.reply_to: only the post itself may have it",
        ),
        ("text: A, first_comment: Hello", "must have the fields text, media"),
    ],
)
def test_a_pause_or_comment_that_makes_no_sense_is_said(errors_of, fields, words):
    assert words in "\n".join(errors_of(fields))


def test_what_follows_once_people_like_a_post(post_of):
    post = post_of(
        "text: Hello, follow_ups: [{likes: 100, within: 2 days, repost: true},"
        " {likes: 1000, within: 1 week, text: 'A thousand!'}]"
    )
    first, second = post.follow_ups
    assert (first.likes, first.within_seconds, first.repost, first.part) == (100, 172_800, True, None)
    assert (second.likes, second.repost, second.part.text) == (1000, False, "A thousand!")
    assert post.revision != post_of("text: Hello").revision


@pytest.mark.parametrize(
    ("follow_up", "words"),
    [
        ("{within: 1 day, repost: true}", "likes: is missing"),
        (
            "{likes: many, within: 1 day, repost: true}",
            'must be a whole number from 1 to 1,000,000,000, not "many"',
        ),
        ("{likes: 0, within: 1 day, repost: true}", "must be a whole number from 1"),
        ("{likes: 5, repost: true}", "within: is missing"),
        ("{likes: 5, within: 60 days, repost: true}", "must be 1 minute to 30 days"),
        ("{likes: 5, within: 1 day}", "nothing would happen"),
        (
            "{likes: 5, within: 1 day, reply_to: 12}",
            "follow_ups[0].reply_to: only the post itself may have it",
        ),
        ("{likes: 5, within: 1 day, text: " + "x" * 281 + "}", "follow_ups[0].text: is 1 too long"),
    ],
)
def test_a_follow_up_that_makes_no_sense_is_said(errors_of, follow_up, words):
    assert words in "\n".join(errors_of(f"text: Hello, follow_ups: [{follow_up}]"))


def test_what_follows_at_its_time_whatever_people_like(post_of):
    post = post_of(
        "text: Hello, follow_ups: [{after: 6 h, repost: true}, {after: 1 day, undo_repost: true},"
        " {after: 2 days, text: 'Last call'}, {after: 3 days, delete: true}]"
    )
    assert [each.after_seconds for each in post.follow_ups] == [21_600, 86_400, 172_800, 259_200]
    assert [each.likes for each in post.follow_ups] == [None] * 4
    repost, undo, answer, deletion = post.follow_ups
    assert (repost.repost, undo.undo_repost, deletion.delete) == (True, True, True)
    assert (answer.part.text, deletion.part) == ("Last call", None)


@pytest.mark.parametrize(
    ("follow_up", "words"),
    [
        ("{after: 1 day, likes: 5, repost: true}", "follow_ups[0].likes: stands beside after"),
        ("{after: 1 day, within: 2 days, repost: true}", "follow_ups[0].within: stands beside after"),
        ("{repost: true}", "likes: is missing, and so is after"),
        ("{likes: 5, within: 1 day, delete: true}", "delete: needs a time: likes do not bring it about"),
        ("{likes: 5, within: 1 day, undo_repost: true}", "undo_repost: needs a time"),
        ("{after: 1 day, delete: true, text: Bye}", "delete: takes the post down, and nothing can be done"),
        ("{after: 1 day, delete: true, repost: true}", "Make it a follow-up of its own"),
        ("{after: 1 day, undo_repost: true, repost: true}", "takes the repost back and does nothing else"),
        ("{after: 31 days, delete: true}", "after: must be 1 minute to 30 days"),
        ("{after: 30 s, delete: true}", "after: must be 1 minute to 30 days"),
        ("{after: soon, delete: true}", "follow_ups[0].after: "),
        ("{after: 1 day}", "nothing would happen"),
        ("{after: 1 day, delete: false}", "nothing would happen"),
    ],
)
def test_a_follow_up_in_time_that_makes_no_sense_is_said(errors_of, follow_up, words):
    assert words in "\n".join(errors_of(f"text: Hello, follow_ups: [{follow_up}]"))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            "first_comment: {text: B, after: 2 days}, follow_ups: [{after: 1 day, delete: true}]",
            "the post is taken down 1 day after it, and part 2 (of a thread, or its first comment) comes 2 days",
        ),
        (
            "follow_ups: [{after: 1 day, delete: true}, {after: 2 days, repost: true}]",
            "the post is taken down 1 day after it: this never happens",
        ),
        (
            "follow_ups: [{after: 1 day, delete: true}, {after: 1 day, text: B}]",
            "the post is taken down 1 day after it: this never happens",
        ),
        (
            "follow_ups: [{after: 1 day, undo_repost: true}, {after: 2 days, repost: true}]",
            "no earlier follow-up reposts the post",
        ),
    ],
)
def test_what_would_never_happen_is_doubted(read, fields, words):
    reading = read(f"  - {{id: a, at: now + 1 h, text: A, {fields}}}\n")
    (finding,) = reading.findings
    assert finding.severity == "warning"
    assert words in finding.message


@pytest.mark.parametrize(
    "fields",
    [
        "first_comment: {text: B, after: 5 min}, follow_ups: [{after: 1 day, delete: true}]",
        "follow_ups: [{likes: 9, within: 1 day, repost: true}, {after: 2 days, undo_repost: true}]",
        "follow_ups: [{after: 6 h, repost: true}, {after: 1 day, delete: true}]",
    ],
)
def test_what_happens_in_a_sound_order_is_not_doubted(read, fields):
    assert read(f"  - {{id: a, at: now + 1 h, text: A, {fields}}}\n").findings == []


def test_a_promoted_only_post_with_answers_is_doubted(read):
    reading = read("  - {id: a, at: now + 1 h, text: A, nullcast: true, first_comment: {text: B}}\n")
    assert [finding.severity for finding in reading.findings] == ["warning"]
    assert "on no timeline" in reading.findings[0].message


def test_the_plan_says_what_follows(post_of, read):
    calendar = read(
        "  - {id: a, at: now, text: A, follow_ups: [{likes: 1, within: 1 day, repost: true}]}\n"
    ).calendar
    assert "text, 1 follow-up" in str(plan(calendar, {}, now=pendulum.datetime(2026, 11, 20, 12)))


def test_the_plan_says_when_a_post_is_taken_down(read):
    calendar = read("  - {id: a, at: now, text: A, follow_ups: [{after: 3 days, delete: true}]}\n").calendar
    words = str(plan(calendar, {}, now=pendulum.datetime(2026, 11, 20, 12)))
    assert "text, 1 follow-up, taken down after 3 days" in words


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ("text: A, first_comment: Dates", "Write for example first_comment: {text: …}"),
        ("text: A, follow_ups: [100]", "Write likes: before it"),
        ("text: A, media: [a.png]", "Write file: before it"),
        ("text: A, premium: true", "Write premium: at the top of the calendar"),
    ],
)
def test_what_stands_in_the_wrong_place_or_shape_is_said_with_the_right_one(errors_of, fields, words):
    assert words in "\n".join(errors_of(fields))
