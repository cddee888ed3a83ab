"""Counting, beside twitter-text's own count; its conformance data are in test_conformance.py."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from twitter_text import parse_tweet

from x_provider.text import invalid_characters, weighted_length

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
