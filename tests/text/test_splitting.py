"""One long text as parts: nothing of it is lost, nothing is cut that must stay whole, every part fits."""

from __future__ import annotations

import time

import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from x_provider.text import SplittingError, extract_urls, split, weighted_length
from x_provider.text.entities import url_spans

WORDS = [
    "Hello",
    "a",
    "world.",
    "Dr.",
    "日本語。",
    "見る",
    "👨‍👩‍👧",
    "🇩🇪",
    "e\u0301",
    "각",
    "x" * 40,
    "!?",
    "“So.”",
    "So!🎉",
    "🎉",
    "❤️",
    "。🎉",
    "#night.",
]
WORDS += [
    "https://example.com/a?b=c",
    "(https://x.com/🌅)",
    "example.com",
    "@you",
    "#tag",
    "$TSLA",
    "\u0600",
    "\u0301",
]
GAPS = ["", " ", "  ", "\n", "\n\n", "\r\n", "\t", "\u3000", "\u00a0", "\u2029"]
TEXTS = st.lists(
    st.sampled_from(WORDS) | st.sampled_from(GAPS) | st.characters(exclude_categories=["Cs"]), max_size=80
)
LIMITS = st.sampled_from([30, 40, 60, 280])


def places(text: str, parts: list[str]) -> list[tuple[int, int]]:
    """Where the parts are in the text; what is between them must be white space."""
    found, position = [], 0
    for part in parts:
        start = text.index(part, position)
        assert not text[position:start].strip()
        position = start + len(part)
        found.append((start, position))
    assert not text[position:].strip()
    return found


@settings(deadline=None, max_examples=400)
@example(["\u0600", " ", "\u0301"] * 30, 30)
@example(["t.co,"] * 40, 60)
@given(TEXTS, LIMITS)
def test_the_parts_are_the_text_without_the_space_at_the_cuts(words, limit):
    text = "".join(words)
    parts = split(text, limit=limit)
    clusters = {0} | {found.end() for found in regex.finditer(r"\X", text)}
    links = url_spans(text)
    for start, end in places(text, parts):
        assert 0 < weighted_length(text[start:end]) <= limit
        for cut in (start, end):
            assert not any(first < cut < last for first, last in links)
    # Of the outer ends only space is dropped, though an accent may stand on it.
    for _start, end in places(text, parts)[:-1]:
        assert end in clusters
    for start, _end in places(text, parts)[1:]:
        assert start in clusters


@settings(deadline=None, max_examples=200)
@example(["Hello", "Hello", "Hello", "“So.”", "example.com"], 30)
@given(TEXTS, LIMITS)
def test_numbers_count_the_parts_within_their_lengths(words, limit):
    text = "".join(words)
    parts = split(text, limit=limit, numbering="1/3")
    assert all(weighted_length(part) <= limit for part in parts)
    if weighted_length(text.strip()) <= limit:
        assert parts == split(text, limit=limit)
        return
    bare = [part.removesuffix(f" {number}/{len(parts)}") for number, part in enumerate(parts, start=1)]
    assert all(part != whole for part, whole in zip(bare, parts, strict=True))
    places(text, bare)


def test_cuts_are_at_paragraphs_then_at_sentences_then_at_words():
    sentence = "Doors open at seven, and the dome turns at eight."
    paragraph = " ".join([sentence] * 4)
    assert split(f"{paragraph}\n\n{paragraph}") == [paragraph, paragraph]
    assert split(" ".join([sentence] * 8)) == [paragraph, paragraph]
    assert [len(part) for part in split("word " * 100)] == [249, 249]


@pytest.mark.parametrize("word", ["Dr.", "2.", "z.B.", "(J."])
def test_a_full_stop_that_ends_no_sentence_is_no_place_to_cut(word):
    first, second = "We all meet on the roof.", f"There will be {word} Brandt and her small telescope"
    assert split(f"{first} {second}", limit=64) == [first, second]
    ended = second.replace(word, "stars.")
    assert split(f"{first} {ended}", limit=64)[0] == f"{first} There will be stars."


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("The dome turns at eight tonight! 🎉", "Doors open at seven for everybody."),
        ("The dome turns at eight tonight!🎉", "Doors open at seven for everybody."),
        ("We look up together tonight! #stargazing", "Next week the dome is closed."),
        ("We look up together tonight! #stars #moon. 🌗", "Next week the dome is closed."),
        ("That was all of it. 👨‍👩‍👧 ❤️ 🇩🇪", "The next night comes soon."),
        ("She said “Look up.” ✨", "Everybody looked up at once."),
        ("今夜は星を見ます！ 🎉", "明日は雲です。"),
        ("今夜は星を見ます。#星空", "明日は雲です。"),
        # What these stand before is what they belong to.
        ("We all look up tonight.", "#stargazing is fun, and cocoa is too."),
        ("Doors open at seven.", "👉 Tickets are at the desk already."),
        ("Doors open at seven.", "© 2026 Nordlicht, all rights reserved."),
        ("Doors open at seven.\n", "🎉 Tickets are free for everybody."),
    ],
)
def test_emoji_and_hashtags_after_a_sentence_stay_with_it(first, second):
    limit = max(weighted_length(first), weighted_length(second)) + 1
    assert split(f"{first} {second}", limit=limit) == [first.strip(), second]


def test_an_emoji_stays_with_its_sentence_where_there_are_no_spaces():
    assert split("星が見える夜です。🎉次の夜は雲です。", limit=22) == [
        "星が見える夜です。🎉",
        "次の夜は雲です。",
    ]


def test_an_emoji_after_which_the_sentence_goes_on_is_no_place_to_cut():
    first, second = "We all meet here on the roof.", "Wow! 🎉 and then the stars came out."
    assert split(f"{first} {second}", limit=40) == [first, second]


def test_parts_are_even():
    assert [len(part) for part in split("a" * 281)] == pytest.approx([140, 141], abs=35)
    lengths = [len(part) for part in split("nine char " * 200)]
    assert max(lengths) - min(lengths) <= 20


def test_a_text_without_spaces_is_cut_after_its_sentences():
    assert split("星" * 100 + "。" + "見" * 100 + "。") == ["星" * 100 + "。", "見" * 100 + "。"]


def test_a_text_that_fits_is_one_part_without_a_number():
    assert split(" Hello ", numbering="1/3") == ["Hello"]
    assert split(" \n ") == []


def test_twelve_parts_are_numbered_with_two_digits():
    parts = split("word " * 620, numbering="1/3")
    assert len(parts) >= 10
    assert parts[-1].endswith(f" {len(parts)}/{len(parts)}")


@pytest.mark.parametrize("text", ["e" + "\u0301" * 400, "Read https://example.com/a"])
def test_what_cannot_be_cut_and_does_not_fit_is_said(text):
    with pytest.raises(SplittingError, match="cannot be cut"):
        split(text, limit=20)


def test_a_link_longer_than_a_part_is_never_cut():
    link = "https://example.com/" + "a" * 400
    assert extract_urls(" ".join(split(f"{'word ' * 60}{link} {'word ' * 60}"))) == [link]


@pytest.mark.parametrize(
    "text",
    [
        "a" * 50_000,
        "a " * 25_000,
        "a." * 25_000,
        "日." * 12_000,
        "t.co," * 4_000,
        "!" * 50_000,
        "a\n\n" * 15_000,
        "(a" * 20_000,
        "👨‍👩‍👧" * 4_000,
        "https://x.com/a " * 3_000,
        "$a#a@a" * 5_000,
        "a!" + "🎉" * 8_000,
        "a! " + "🎉 " * 8_000,
        "a! " + "#a " * 8_000,
        "。🎉" * 5_000,
        "!#" * 10_000,
    ],
    ids=lambda text: text[:6].encode("ascii", "backslashreplace").decode(),
)
def test_no_text_takes_long_to_split(text):
    started = time.process_time()
    split(text, numbering="1/3")
    assert time.process_time() - started < 20
