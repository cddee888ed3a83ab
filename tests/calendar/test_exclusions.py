"""What cannot go together in one post, and what needs something beside it, is said before anything is sent."""

from __future__ import annotations

from itertools import combinations

import pytest
from media_samples import MADE

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


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ("media: []", ["text: is missing, and there is no media to stand for it"]),
        ("text: '', media: []", ["text: is empty, and there is no media to stand for it"]),
        ("text: A, media: [], tagged_user_ids: [12]", ["tagged_user_ids: needs media: accounts are tagged"]),
        ("text: 'https://example.org', links: reply, media: []", ["text: is nothing but"]),
        ("text: A, media: [], video: {title: B}", ["video: stands beside no video"]),
        ("text: A, media: [], poll: {options: [A, B], duration: 9}", []),
        ("text: A, tagged_user_ids: []", []),
        ("text: A, thread: []", ["text: stands beside thread", "thread: has 0 parts"]),
    ],
)
def test_an_empty_list_is_nothing(errors_of, fields, errors):
    found = [f"{field}: {message}" for field, message in errors_of(fields)]
    assert len(found) == len(errors)
    assert all(a.startswith(b) for a, b in zip(found, errors, strict=True)), found


@pytest.mark.parametrize("blank", ["''", "' '"])
def test_blank_text_is_not_sent(read, blank):
    fields = f"card_uri: {blank}, place_id: {blank}, direct_message_deep_link: {blank}"
    reading = read(f"  - {{id: a, at: now, text: A, {fields}, poll: {{options: [A, B], duration: 9}}}}\n")
    assert reading.findings == []
    (part,) = reading.calendar.posts[0].parts
    assert (part.card_uri, part.place_id, part.direct_message_deep_link) == (None, None, None)


@pytest.mark.parametrize(
    ("link", "is_sound"),
    [
        ("https://x.com/messages/compose?recipient_id=2244994945", True),
        ("https://twitter.com/messages/compose?recipient_id=2244994945&welcome_message_id=1", True),
        ("https://www.twitter.com/messages/compose?text=Hi&recipient_id=1", True),
        ("https://example.org", False),
        ("https://x.com/observatory", False),
        ("https://x.com/messages/compose", False),
        ("https://x.com/messages/compose?recipient_id=observatory", False),
        ("https://x.com.example.org/messages/compose?recipient_id=1", False),
        ("http://x.com/messages/compose?recipient_id=1", False),
    ],
)
def test_a_deep_link_leads_to_a_conversation(errors_of, link, is_sound):
    found = errors_of(f"text: A, direct_message_deep_link: '{link}'")
    assert [field for field, _ in found] == ([] if is_sound else ["direct_message_deep_link"])


@pytest.mark.parametrize("character", ["\\uFEFF", "\\uFFFE"])
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ('text: "A{}B"', "text"),
        ('text: A, poll: {{options: ["A{}", B], duration: 9}}', "poll.options[0]"),
        ('media: [{{file: a.png, alt: "A{}B"}}]', "media[0].alt"),
        ('media: [{{file: good.mp4}}], video: {{title: "A{}B"}}', "video.title"),
        ('media: [{{file: good.mp4}}], video: {{description: "A{}B"}}', "video.description"),
    ],
)
def test_a_character_that_x_refuses_is_named_wherever_it_is(errors_of, tmp_path, fields, field, character):
    MADE["good.mp4"](tmp_path / "good.mp4")
    expected = f"holds the character U+{character[2:]}, which X refuses"
    assert errors_of(fields.format(character)) == [(field, expected)]
