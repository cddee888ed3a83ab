"""Counting, beside twitter-text's own count; its conformance data are in test_conformance.py."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from twitter_text import extract_urls_with_indices, parse_tweet

from x_provider.text import (
    entities,
    extract_urls,
    invalid_characters,
    tag_links,
    weighted_length,
    without_links,
)

PIECES = ["a", "é", "日", "#️⃣", "👨‍👩‍👧", "🏽", "©", "1️⃣", "☁️", "…", "\u200d"]
PIECES += [" ", "\r\n", "https://x.com/🌅/a", "example.com"]


@example(" \x80example.com")
@example("https://x.com/a\x1fexample.com")
@given(st.lists(st.sampled_from(PIECES) | st.characters(exclude_categories=["Cs"]), max_size=30).map("".join))
def test_the_quick_count_is_the_packages_own_count(text):
    assert weighted_length(text) == parse_tweet(text).weightedLength


@pytest.mark.parametrize("text", ["a." * 2000, "日." * 2000, "a-" * 2000 + ".com", "x.co/" + "(a" * 2000])
def test_no_text_takes_long_to_count(text):
    started = time.process_time()
    weighted_length(text)
    assert time.process_time() - started < 5


LONG_WORDS = [
    "あ" * 4_200 + "https://example.org/x",
    "https://",
    "https://a.co:",
    "https://a.co/あ",
    "https://a.b/",
    "https://x.co/(a",
    "https://x.co/a!!!!!!",
    "https://example.org" + "あ" * 24_000,
    "https://" + "a." * 12_000,
    "https://" + "日." * 12_000,
    "https://x.co/" + "(a" * 12_000,
    "https://x.co/" + "@!" * 12_000,
    "https://" + "com.co-" * 3_500,
]


@pytest.mark.parametrize("word", LONG_WORDS, ids=lambda word: word[-20:])
def test_no_long_word_takes_long_to_search(word):
    text = (word * 3_200)[:25_000]
    started = time.process_time()
    entities.url_spans(text)
    assert time.process_time() - started < 5


LINK = "https://example.org/x"


@pytest.mark.parametrize(
    "before", ["あ" * 4_200, "(" * 4_200, "あ" * 24_900 + "/", "1." * 50, "日.本" * 2_000 + "。"]
)
@pytest.mark.parametrize("after", ["", "。", ")", "あ" * 4_200, "?" + "あ" * 50])
def test_a_link_in_a_long_word_is_seen_where_it_is(before, after):
    text = f"a {before if before[-1] != '.' else before + '/'}{LINK}{after} b"
    start = text.index(LINK)
    assert entities.url_spans(text) == [(start, start + len(LINK))]
    assert weighted_length(text) == weighted_length(text.replace(LINK, "")) + 23
    assert tag_links(text, {"a": "b"}) == text.replace(LINK, f"{LINK}?a=b")
    assert without_links(text)[1] == [LINK]


@pytest.mark.parametrize(
    "link", ["https://example.org/" + "x" * 4_077, "xhttps://example.org/x", "https://example.orgs/"]
)
def test_what_is_no_link_alone_is_none_in_a_long_word(link):
    assert extract_urls(link) == extract_urls("あ" * 4_200 + link) == []


IN_LONG_WORDS = [
    "https://example.org",
    "HTTP://t.co/abc",
    "https://münchen.de/ä",
    "https://x.com:80/a_(b)?c=d",
]
IN_LONG_WORDS += [
    "https://",
    "/",
    "あ",
    "(",
    ")",
    "?",
    "@",
    "#",
    "a",
    "!",
    "-",
    "👨‍👩‍👧",
    "\u200e",
    "https://localhost",
]


@given(st.lists(st.sampled_from(IN_LONG_WORDS), max_size=12).map("".join))
def test_of_the_links_that_the_package_finds_none_is_missed_in_a_long_word(word):
    found = {
        tuple(url["indices"])
        for url in extract_urls_with_indices(word)
        if url["url"].lower().startswith(("http://", "https://"))
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entities, "_MAX_WORD_LENGTH", 0)
        spans = entities.url_spans(word)
    # One more can be seen than X does: behind a bare address that is none, as in "x.com/a.orghttps://b.org".
    assert found <= set(spans)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))
    assert all(extract_urls_with_indices(word[start:end]) for start, end in spans)


def test_a_link_counts_23_however_long():
    assert weighted_length("https://example.com/" + "a" * 500) == 23


def test_characters_that_x_refuses_are_named():
    assert invalid_characters("a\ufeffb") == ["U+FEFF"]


def test_counting_prints_nothing_on_a_users_terminal():
    count = "from x_provider.text import weighted_length; print(weighted_length('https://example.com'))"
    done = subprocess.run(
        [sys.executable, "-c", count], capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == ("23\n", "")
