"""Parameters for the links that X sees, and texts without their links."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from x_provider.text import extract_urls, tag_links, without_links
from x_provider.text.entities import url_spans

UTM = {"utm_source": "x", "utm_campaign": "Dezember 26"}
ADDED = "utm_source=x&utm_campaign=Dezember%2026"
PIECES = [
    "https://example.com",
    "http://a.example.org:8080/b",
    "https://x.com/a?b=c",
    "https://t.co/abc",
    "/a_(b)",
    "#top",
]
PIECES += [
    "example.com",
    "?utm_source=me",
    "&",
    ".",
    "!",
    ")",
    "(",
    " ",
    "\n",
    "日",
    "a",
    "👨‍👩‍👧",
    "@a",
    "https://münchen.de/ä",
]


@pytest.mark.parametrize(
    ("text", "tagged"),
    [
        ("Read https://example.com.", f"Read https://example.com?{ADDED}."),
        ("(https://example.com/a)", f"(https://example.com/a?{ADDED})"),
        ("https://example.com/a?b=c#top", f"https://example.com/a?b=c&{ADDED}#top"),
        ("https://example.com/#a?b=c", f"https://example.com/?{ADDED}#a?b=c"),
        ("HTTP://EXAMPLE.com:8080/", f"HTTP://EXAMPLE.com:8080/?{ADDED}"),
        (
            "https://example.com/?utm_source=me",
            "https://example.com/?utm_source=me&utm_campaign=Dezember%2026",
        ),
        (
            "https://example.com/?utm%5Fsource=&utm_campaign",
            "https://example.com/?utm%5Fsource=&utm_campaign",
        ),
        ("https://münchen.de/straße", f"https://münchen.de/straße?{ADDED}"),
        ("example.com and www.example.com/a", "example.com and www.example.com/a"),
        (
            "ftp://example.com me@example.com https://localhost",
            "ftp://example.com me@example.com https://localhost",
        ),
        ("https://example.com/a(b=c", "https://example.com/a(b=c"),
    ],
)
def test_links_are_tagged_and_nothing_else_is(text, tagged):
    assert tag_links(text, UTM) == tagged


@pytest.mark.parametrize(
    ("hosts", "link", "is_meant"),
    [
        (["example.com"], "https://example.com:8080/a", True),
        (["example.com"], "https://www.example.com", False),
        ([".example.com"], "https://www.example.com", True),
        ([".example.com"], "https://example.com", True),
        ([".example.com"], "https://notexample.com", False),
        (["a.org", "Example.COM"], "https://EXAMPLE.com", True),
        (["münchen.de"], "https://xn--mnchen-3ya.de", True),
        (["xn--mnchen-3ya.de"], "https://MÜNCHEN.de", True),
    ],
)
def test_only_the_hosts_named_are_meant(hosts, link, is_meant):
    assert (tag_links(link, UTM, hosts) != link) == is_meant


def test_a_value_is_encoded_and_never_ends_a_link_early():
    tagged = tag_links("https://example.com", {"utm_content": "ä & b/c~."})
    assert tagged == "https://example.com?utm_content=%C3%A4%20%26%20b%2Fc%7E%2E"
    assert extract_urls(f"{tagged}.") == [tagged]


@settings(deadline=None, max_examples=400)
@example(["https://example.com", "(", "a"])
@given(st.lists(st.sampled_from(PIECES), max_size=12))
def test_x_sees_the_same_links_with_their_parameters_and_the_text_is_else_the_same(pieces):
    text = "".join(pieces)
    tagged = tag_links(text, UTM)
    before, after = url_spans(text), url_spans(tagged)
    for (start, end), (first, last) in zip(before, after, strict=True):
        assert tagged[first:last] in {text[start:end], tag_links(text[start:end], UTM)}
    assert between(text, before) == between(tagged, after)
    assert tag_links(tagged, UTM) == tagged


def between(text: str, spans: list[tuple[int, int]]) -> list[str]:
    ends = [0, *(end for _, end in spans)]
    starts = [*(start for start, _ in spans), len(text)]
    return [text[end:start] for end, start in zip(ends, starts, strict=True)]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Read https://x.com/a now", "Read now"),
        ("See https://x.com/a.", "See."),
        ("Tickets (https://x.com/a) here", "Tickets here"),
        ("One\n\nhttps://x.com/a\n\nTwo", "One\n\nTwo"),
        ("One\nhttps://x.com/a Two", "One\nTwo"),
        ("All of it: https://x.com/a", "All of it:"),
        ("https://x.com/a", ""),
        ("ここhttps://x.com/aです", "ここです"),
    ],
)
def test_a_text_keeps_its_sense_without_its_links(text, left):
    assert without_links(text) == (left, ["https://x.com/a"])


@pytest.mark.parametrize("depth", [1, 1_100, 12_000])
def test_a_link_takes_all_its_brackets_with_it_however_many(depth):
    link = "https://example.com"
    assert without_links("x " + "(" * depth + link + ")" * depth + " y") == ("x y", [link])


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_no_link_is_left_and_none_is_lost(text):
    left, links = without_links(text)
    assert extract_urls(left) == []
    assert links[: len(extract_urls(text))] == extract_urls(text)
