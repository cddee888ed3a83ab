"""What X sees in a text, held against twitter-text's own conformance data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from x_provider.text import (
    MAX_WEIGHTED_LENGTH,
    extract_cashtags,
    extract_hashtags,
    extract_mentions,
    extract_urls,
    invalid_characters,
    weighted_length,
)
from x_provider.text.entities import url_spans

CONFORMANCE = Path(__file__).parents[3] / "shared" / "twitter-text"


def conformance(file: str, section: str) -> list[dict[str, Any]]:
    path = CONFORMANCE / file
    if not path.is_file():
        pytest.skip(f"twitter-text's conformance data is not there: {path}")
    return yaml.safe_load(path.read_text(encoding="utf-8"))["tests"][section]


@pytest.mark.parametrize(
    "section", ["WeightedTweetsWithDiscountedEmojiCounterTest", "UnicodeDirectionalMarkerCounterTest"]
)
def test_lengths_and_what_is_valid(section):
    for case in conformance("validate.yml", section):
        text, expected = case["text"], case["expected"]
        length = weighted_length(text)
        assert length == expected["weightedLength"], case["description"]
        assert length * 1000 // MAX_WEIGHTED_LENGTH == expected["permillage"], case["description"]
        is_valid = 0 < length <= MAX_WEIGHTED_LENGTH and not invalid_characters(text)
        assert is_valid == expected["valid"], case["description"]


@pytest.mark.parametrize("section", ["urls", "tco_urls_with_params"])
def test_links(section):
    for case in conformance("extract.yml", section):
        assert extract_urls(case["text"]) == case["expected"], case["description"]


@pytest.mark.parametrize("section", ["urls_with_indices", "urls_with_directional_markers"])
def test_links_and_where_they_are(section):
    for case in conformance("extract.yml", section):
        found = [
            {"url": case["text"][start:end], "indices": [start, end]}
            for start, end in url_spans(case["text"])
        ]
        assert found == case["expected"], case["description"]


def test_lengths_of_texts_without_emoji_of_several_characters_are_what_they_were_before_those_were_discounted():
    cases = conformance("validate.yml", "WeightedTweetsCounterTest")
    same = [case for case in cases if "\u200d" not in case["text"]]
    assert len(same) >= 15
    for case in same:
        assert weighted_length(case["text"]) == case["expected"]["weightedLength"], case["description"]


@pytest.mark.parametrize(
    ("section", "extract"),
    [
        ("urls_without_protocol", extract_urls),
        ("usernames", lambda text: [f"@{name}" for name in extract_mentions(text)]),
        ("hashtags", lambda text: [f"#{tag}" for tag in extract_hashtags(text)]),
    ],
)
def test_what_is_valid_is_found_as_a_whole_and_nothing_else_is(section, extract):
    for case in conformance("validate.yml", section):
        assert (extract(case["text"]) == [case["text"]]) == case["expected"], case["description"]


def test_no_link_that_is_not_valid_is_found_as_a_whole():
    for case in conformance("validate.yml", "urls"):
        if not case["expected"]:
            assert extract_urls(case["text"]) != [case["text"]], case["description"]


@pytest.mark.parametrize(
    ("section", "extract", "name"),
    [
        ("mentions", extract_mentions, None),
        ("mentions_with_indices", extract_mentions, "screen_name"),
        ("mentions_or_lists_with_indices", extract_mentions, "screen_name"),
        ("hashtags", extract_hashtags, None),
        ("hashtags_from_astral", extract_hashtags, None),
        ("hashtags_with_indices", extract_hashtags, "hashtag"),
        ("cashtags", extract_cashtags, None),
        ("cashtags_with_indices", extract_cashtags, "cashtag"),
    ],
)
def test_mentions_and_tags(section, extract, name):
    for case in conformance("extract.yml", section):
        expected = [found[name] if name else found for found in case["expected"]]
        assert extract(case["text"]) == expected, case["description"]
