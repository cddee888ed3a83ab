"""How long a text is to X: the weighted length of twitter-text, version 3."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from x_provider.text.entities import twitter_text, url_spans

MAX_WEIGHTED_LENGTH = 280
"""The longest text of a post, in weighted characters."""

PREMIUM_MAX_LENGTH = 25_000
"""The longest text of a post by a Premium account, in weighted characters."""

_URL_LENGTH = 23
_INVALID = re.compile("[\ufffe\ufeff\uffff\ud800-\udfff]")
_LINE_END = re.compile(r"\r\n?")
_WEIGHS_TWO = re.compile("[^\u0000-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]")
# The package's emoji expression tries thousands of alternatives at every character: it is asked only about
# the stretches that can hold an emoji at all, which is what makes linting a long calendar quick.
_MAY_HOLD_EMOJI = re.compile("[#*0-9]?[\u00a9\u00ae\u200d\u203c-\U0010ffff]+")


@lru_cache(maxsize=4096)
def weighted_length(text: str) -> int:
    """Count a text's characters as X does: 1 for most, 2 for CJK and emoji, 23 for any link.

    Follows https://docs.x.com/fundamentals/counting-characters (twitter-text configuration v3).
    X may know newer emoji than twitter-text does: close to the limit the count is advisory.
    """
    text = _LINE_END.sub("\n", unicodedata.normalize("NFC", text))
    length = position = 0
    for start, end, weight in _spans(text):
        if start < position:  # an emoji inside a link
            continue
        length += _plain_length(text[position:start]) + weight
        position = end
    return length + _plain_length(text[position:])


def invalid_characters(text: str) -> list[str]:
    """List the characters that X refuses in a text, such as a byte order mark, as ``U+FEFF``."""
    return [f"U+{ord(character):04X}" for character in _INVALID.findall(text)]


def emoji_spans(text: str) -> list[tuple[int, int]]:
    """Where the emoji of a text begin and end, in code points."""
    find = twitter_text().extract_emojis_with_indices
    return [
        (stretch.start() + emoji["indices"][0], stretch.start() + emoji["indices"][1])
        for stretch in _MAY_HOLD_EMOJI.finditer(text)
        for emoji in find(stretch.group())
    ]


def _plain_length(text: str) -> int:
    return len(text) + len(_WEIGHS_TWO.findall(text))


def _spans(text: str) -> list[tuple[int, int, int]]:
    links = [(start, end, _URL_LENGTH) for start, end in url_spans(text)]
    return sorted([*links, *((start, end, 2) for start, end in emoji_spans(text))])
