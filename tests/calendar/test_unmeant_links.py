"""A word that X makes a link of costs thirteen times as much: who did not mean one is told."""

from __future__ import annotations

import pytest

from x_provider.calendar.unmeant_links import looks_unmeant

ENTRY = "  - {{id: a, at: {at}, {fields}}}\n"


@pytest.fixture
def found(read):
    def found(fields: str, *, at: str = "now + 1 h", head: str = "") -> list[str]:
        return [str(finding) for finding in read(ENTRY.format(at=at, fields=fields), head=head).findings]

    return found


@pytest.mark.parametrize(
    "link",
    ["Dr.No", "dr.no", "readme.md", "README.MD", "setup.py", "hello.World", "z.B.am", "asp.net", "ASP.NET"],
)
def test_what_reads_like_words_was_hardly_meant(link):
    assert looks_unmeant(link)


@pytest.mark.parametrize(
    "link",
    [
        "example.com",
        "Booking.com",
        "EXAMPLE.COM",
        "nordlicht.example.org",
        "www.Example.Com",
        "example.com/Readme.md",
        "https://Dr.No",
        "http://docs.rs",
        "docs.rs/serde",
        "notion.so?a=b",
    ],
)
def test_what_looks_like_an_address_was_meant(link):
    assert not looks_unmeant(link)


def test_the_warning_names_the_word_its_price_and_what_to_do(found):
    (warning,) = found("text: 'Tonight: Dr.No, and no end.This is fine'")
    assert 'text: X makes a link of "Dr.No": a post with a link costs $0.200 instead of $0.015. ' in warning
    assert "put a space after the dot" in warning
    assert "https:// before it" in warning
    assert found("text: 'Tonight: Dr. No'") == []


def test_prices_are_those_of_the_due_time(found, monkeypatch):
    from datetime import date
    from decimal import Decimal

    from x_provider import prices

    dearer = prices.Price("post_create_with_url", Decimal("0.300"), date(2027, 1, 1))
    monkeypatch.setattr(prices, "PRICES", (*prices.PRICES, dearer))
    fields = "text: 'Read readme.md'"
    assert "costs $0.200 instead" in found(fields, at="2026-12-31 12:00")[0]
    assert "costs $0.300 instead" in found(fields, at="2027-01-02 12:00")[0]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ("thread: [{text: A}, {text: See readme.md}]", "thread[1].text"),
        ("text: A, first_comment: {text: See readme.md}", "first_comment.text"),
        ("text: A, follow_ups: [{likes: 1, within: 1 day, text: See readme.md}]", "follow_ups[0].text"),
        ("text: See readme.md or readme.md, split: true", "text"),
    ],
)
def test_it_is_said_once_wherever_the_text_is(found, fields, field):
    (warning,) = found(fields)
    assert f'warning: a: {field}: X makes a link of "readme.md"' in warning


def test_a_word_that_links_reply_would_move_is_said_with_the_prices(found):
    unmeant, moved = found("text: See readme.md, links: reply")
    assert 'X makes a link of "readme.md"' in unmeant
    assert moved.endswith(
        'links: reply says: "readme.md"; the post without it costs $0.015 instead of $0.200, the reply with it $0.200'
    )
