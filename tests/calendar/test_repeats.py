"""Texts that an account would say again too soon."""

from __future__ import annotations

import pendulum
import pytest

from x_provider.calendar import KnownPost

FIRST = "  - {id: first, at: 2026-12-01 09:00, text: Good morning}\n"


def test_the_same_text_again_within_a_day_is_a_warning_that_names_both(read):
    reading = read(f"{FIRST}  - {{id: again, at: 2026-12-01 12:00, text: Good morning}}\n")
    assert [post.id for post in reading.calendar.posts] == ["first", "again"]
    (finding,) = reading.findings
    assert str(finding).endswith(
        "plan.yaml:6: warning: again: text: is the same as that of first (line 5), due 3 hours before;"
        " X may refuse it as a duplicate. Change some words, or put a day between them"
    )


@pytest.mark.parametrize(
    "again",
    [
        "at: 2026-12-02 09:00, text: Good morning",
        "at: 2026-12-01 12:00, text: Good evening",
        "at: 2026-12-01 12:00, text: Good morning, account: x_other",
    ],
    ids=["a day later", "another text", "another account"],
)
def test_no_warning_where_x_has_nothing_to_refuse(read, again):
    assert read(f"{FIRST}  - {{id: again, {again}}}\n").findings == []


def test_pictures_without_a_text_repeat_nothing(read, picture):
    picture("a.png")
    posts = "".join(f"  - {{id: {id}, at: now, media: [{{file: a.png, alt: A}}]}}\n" for id in "ab")
    assert read(posts).findings == []


def test_whichever_is_due_later_is_the_repetition_wherever_it_stands(read):
    reading = read(f"  - {{id: evening, at: 2026-12-01 18:00, text: Good morning}}\n{FIRST}")
    assert [(finding.entry, finding.line) for finding in reading.findings] == [("evening", 5)]
    assert "that of first (line 6), due 9 hours before" in reading.findings[0].message


def test_parts_of_threads_count_too(read):
    reading = read(
        f"{FIRST}  - {{id: tour, at: 2026-12-01 09:00, thread: [{{text: One}}, {{text: Good  morning}}]}}\n"
    )
    (finding,) = reading.findings
    assert (finding.entry, finding.field) == ("tour", "thread[1].text")
    assert "that of first (line 5), due at the same time" in finding.message
    twice = read("  - {id: tour, at: now, thread: [{text: One}, {text: One}]}\n")
    assert "thread[1].text: is in this thread twice" in str(twice.findings[0])


def test_a_posted_entry_warns_what_comes_after_it_but_is_not_warned_itself(read):
    posted = {"first": KnownPost("r", "posted", pendulum.datetime(2026, 12, 1, 8))}
    later = f"{FIRST}  - {{id: again, at: 2026-12-01 12:00, text: Good morning}}\n"
    assert [finding.entry for finding in read(later, known=lambda name: posted).findings] == ["again"]
    earlier = f"{FIRST}  - {{id: again, at: 2026-12-01 08:00, text: Good morning}}\n"
    assert read(earlier, known=lambda name: posted).findings == []


def test_a_comment_and_a_reply_made_for_links_are_named_as_what_they_are(read):
    link = "https://example.org/nordlicht"
    entries = "".join(
        f"  - {{id: {id}, at: now, text: '{id} {link}', {more}}}\n"
        for id, more in (("a", ""), ("b", ""), ("c", "first_comment: {text: Dates}"), ("d", ""))
    )
    found = [f for f in read(entries, head="links: reply").findings if "duplicate" in f.message]
    assert [(f.entry, f.field) for f in found] == [("b", "links"), ("d", "links")]
    assert 'utm: {content: "{id}"}' in found[0].hint
    comments = "".join(
        f"  - {{id: {id}, at: now, text: {id}, first_comment: {{text: Dates}}}}\n" for id in "ab"
    )
    (found,) = read(comments).findings
    assert (found.entry, found.field) == ("b", "first_comment.text")
    head = 'links: reply\nutm: {source: x, content: "{id}"}'
    assert [f for f in read(entries, head=head).findings if "duplicate" in f.message] == []
