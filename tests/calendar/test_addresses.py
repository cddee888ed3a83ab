"""Other posts are named as people copy them from X."""

from __future__ import annotations

import pytest

ID = "1460323737035677698"
ADDRESS = f"https://x.com/nordlicht/status/{ID}?s=20"


@pytest.mark.parametrize("field", ["reply_to", "quote"])
@pytest.mark.parametrize("written", [ADDRESS, f"https://mobile.twitter.com/nordlicht/status/{ID}", f'"{ID}"'])
def test_a_post_is_named_by_its_address_or_its_id(read, field, written):
    reading = read(
        f"  - {{id: a, at: now, text: A, {field}: {written}}}\n", head="plan: enterprise\npremium: true"
    )
    (post,) = reading.calendar.posts
    assert getattr(post.parts[0], field) == ID


def test_an_edit_s_time_is_read_from_the_address_too(read):
    entry = f"  - {{id: a, at: now, text: A, edit_of: {ADDRESS}}}\n"
    found = [each for each in read(entry, head="premium: true").findings if each.field == "edit_of"]
    by_id = [
        each
        for each in read(entry.replace(ADDRESS, f'"{ID}"'), head="premium: true").findings
        if each.field == "edit_of"
    ]
    assert found
    assert [each.message for each in found] == [each.message for each in by_id]


@pytest.mark.parametrize("written", ["december/hello", "last", "https://x.com/nordlicht", "''"])
def test_what_names_no_post_is_told_what_to_write(read, written):
    reading = read(f"  - {{id: a, at: now, text: A, reply_to: {written}}}\n")
    (found,) = [each for each in reading.findings if each.severity == "error"]
    assert found.field == "reply_to"
    assert "must be a post's address or its id on X" in found.message
    assert "https://x.com/name/status/" in found.hint
    assert "thread or first_comment" in found.hint
