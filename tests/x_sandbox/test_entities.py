from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from twitter_text import parse_tweet

from x_sandbox.entities import MAX_LENGTH, cashtags, preview, shorten, weighted_length

CONFORMANCE = Path(__file__).parents[3] / "shared/twitter-text/validate.yml"


def conformance(section: str) -> list[dict]:
    if not CONFORMANCE.exists():
        return []
    return yaml.safe_load(CONFORMANCE.read_text())["tests"][section]


@pytest.mark.skipif(
    not CONFORMANCE.exists(), reason="twitter-text's conformance data is not beside the checkout"
)
@pytest.mark.parametrize(
    "case", conformance("WeightedTweetsWithDiscountedEmojiCounterTest"), ids=lambda case: case["description"]
)
def test_lengths_agree_with_twitter_texts_conformance_data(case) -> None:
    assert weighted_length(case["text"]) == case["expected"]["weightedLength"]


WRITTEN = st.text(
    st.one_of(
        st.sampled_from("ab .:/#@$\r\n1*©®⁉〰㊗é日🎉👍🏽🇩🇪\u200d\ufe0f\u20e3"),
        st.characters(codec="utf-8", categories=["L", "N", "P"]),
    )
)


@given(WRITTEN)
def test_lengths_agree_with_the_twitter_text_package(text) -> None:
    assert weighted_length(text) == parse_tweet(text).weightedLength


@given(
    st.lists(
        st.sampled_from(["word", "example.com", "https://example.com/a?b=c", "日本語", "🎉", "#tag", "@bob"])
    )
)
def test_expanding_the_short_links_gives_back_what_was_written(words) -> None:
    written = " ".join(words)
    text, entities = shorten(written, "1", media_url=None, media_keys=[])
    for url in sorted(entities.get("urls", []), key=lambda url: -url["start"]):
        expanded = url["expanded_url"]
        original = expanded if expanded in written.split() else expanded.removeprefix("http://")
        text = text[: url["start"]] + original + text[url["end"] :]
    assert text == written


def test_media_append_one_link_with_an_entity_for_each() -> None:
    text, entities = shorten(
        "hello", "1", media_url="https://x.com/a/status/1/photo/1", media_keys=["3_1", "3_2"]
    )
    first, second = entities["urls"]
    assert text == f"hello {first['url']}"
    assert (first["start"], first["end"]) == (second["start"], second["end"]) == (6, len(text))
    assert [first["media_key"], second["media_key"]] == ["3_1", "3_2"]


@given(st.text(st.sampled_from("ab 日🎉"), min_size=1, max_size=400))
def test_a_preview_begins_like_the_text_and_fits(text) -> None:
    shown = preview(text, text)
    if weighted_length(text) <= MAX_LENGTH:
        assert shown is None
    else:
        assert text.startswith(shown.removesuffix("…"))
        assert weighted_length(shown) <= MAX_LENGTH


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("$TSLA", ["TSLA"]),
        ("price ($TSLA) and $AAPL", ["AAPL"]),
        ("$BRK.A, $GM\n$F", ["BRK.A", "GM", "F"]),
        ("5$TSLA $$GM $AAPLES7 $あ \u201c$F\u201d $100", []),
        ("$TSLAは $GM。", []),
    ],
)
def test_a_cashtag_begins_the_text_or_follows_white_space(text, found) -> None:
    assert cashtags(text) == found
