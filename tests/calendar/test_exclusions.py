"""What cannot go together in one post, and what needs something beside it, is said before anything is sent."""

from __future__ import annotations

from itertools import combinations

import pytest

CARRIED = {
    "media": "[{file: a.png, alt: A}]",
    "quote": "12",
    "poll": "{options: [A, B], duration: 1 day}",
    "card_uri": "'card://1'",
    "direct_message_deep_link": "'https://x.com/messages/compose?recipient_id=1'",
}


@pytest.fixture
def errors_of(read, picture):
    """The fields in which one entry has errors, and what they say."""
    picture("a.png")

    def errors_of(fields: str) -> list[tuple[str | None, str]]:
        reading = read(f"  - {{id: a, at: now, {fields}}}\n", head="plan: enterprise\npremium: true")
        return [
            (finding.field, finding.message) for finding in reading.findings if finding.severity == "error"
        ]

    return errors_of


@pytest.mark.parametrize(("one", "other"), list(combinations(CARRIED, 2)))
def test_a_post_carries_one_of_them(errors_of, one, other):
    both = f"text: A, {one}: {CARRIED[one]}, {other}: {CARRIED[other]}"
    assert errors_of(both) == [(other, f"cannot go together with {one} in one post on X")]
    assert errors_of(f"text: A, {one}: {CARRIED[one]}") == []


def test_each_that_is_too_many_is_named(errors_of):
    every = ", ".join(f"{name}: {value}" for name, value in CARRIED.items())
    assert [field for field, _ in errors_of(f"text: A, {every}")] == list(CARRIED)[1:]


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ("text: A, edit_of: {new}, poll: {{options: [A, B], duration: 9}}", "edit_of", "no post with poll"),
        ("text: A, edit_of: {new}, community_id: 12", "edit_of", "no post with community_id"),
        ("text: A, edit_of: {new}, reply_to: 12", "edit_of", "no post with reply_to"),
        ("text: A, edit_of: {new}, nullcast: true", "edit_of", "no post with nullcast"),
        ("text: A, edit_of: {new}, for_super_followers_only: true", "edit_of", "for_super_followers_only"),
        ("text: A, exclude_reply_user_ids: [12]", "exclude_reply_user_ids", "needs reply_to"),
        ("text: A, auto_populate_reply_metadata: true", "auto_populate_reply_metadata", "needs reply_to"),
        ("text: A, share_with_followers: true", "share_with_followers", "needs community_id"),
        ("text: A, tagged_user_ids: [12]", "tagged_user_ids", "needs media"),
        ("text: A, video: {{title: B}}", "video", "stands beside no video"),
        ("text: A, media: [{{file: a.png, alt: A}}], video: {{title: B}}", "video", "stands beside no video"),
        (
            "text: A, media: [{{file: a.png, alt: A, subtitles: [{{file: a.srt, language: EN, name: E}}]}}]",
            "media[0].subtitles",
            "a.png is no video",
        ),
        ("text: A, direct_message_deep_link: x.com", "direct_message_deep_link", "must be an address"),
    ],
)
def test_what_lacks_or_excludes_something_is_said(errors_of, fields, field, words, tmp_path):
    (tmp_path / "a.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    new = ((1_795_175_940_000 - 1_288_834_974_657) << 22) + 1
    (error,) = errors_of(fields.format(new=new))
    assert error[0] == field
    assert words in error[1]


@pytest.mark.parametrize(
    "fields",
    [
        "text: A, reply_to: 12, exclude_reply_user_ids: [12]",
        "thread: [{text: A}, {text: B, exclude_reply_user_ids: [12]}]",
        "text: A, community_id: 12, share_with_followers: true",
        "text: A, for_super_followers_only: true, share_with_followers: true",
        "media: [{file: a.png, alt: A}], tagged_user_ids: [12]",
    ],
)
def test_what_has_what_it_needs_is_fine(errors_of, fields):
    assert errors_of(fields) == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ("poll: {options: [A, B], duration: 9, reply_settings: verified}", "poll.reply_settings"),
        ("reply_to: 12, auto_populate_reply_metadata: true", "auto_populate_reply_metadata"),
    ],
)
def test_what_x_takes_and_drops_is_doubted(read, fields, field):
    reading = read(f"  - {{id: a, at: now, text: A, {fields}}}\n", head="plan: enterprise")
    assert [(finding.severity, finding.field) for finding in reading.findings] == [("warning", field)]
