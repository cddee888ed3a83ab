"""The links, mentions, hashtags and cashtags that X recognises in a text.

They follow twitter-text, as https://docs.x.com/fundamentals/counting-characters does.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any

from x_provider.text.patterns import pattern

_CASHTAG = re.compile(
    r"(?:^|(?<=\s))\$([a-z]{1,6}(?:[._][a-z]{1,2})?)(?=$|\s|[!-/:-@\[-`{-~])", re.IGNORECASE
)
_MENTION = (
    r"(?:^|(?<=[^a-zA-Z0-9_!#$%&*@＠])|(?:^|(?<=[^a-zA-Z0-9_+~.-]))(?i:rt):?)"
    r"[@＠]([a-zA-Z0-9_]{1,20})(?![@＠]|://|[\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0253\u0254\u0256"
    r"\u0257\u0259\u025b\u0263\u0268\u026f\u0272\u0289\u028b\u02bb\u0300-\u036f\u1e00-\u1eff])"
    r"(?![a-zA-Z0-9_])"
)
_IN_HASHTAG = (
    r"\p{L}\p{M}\p{Nd}_\u200c\u200d\ua67e\u05be\u05f3\u05f4\uff5e\u301c\u309b\u309c\u30a0\u30fb\u3003"
    r"\u0f0b\u0f0c\u00b7"
)
_HASHTAG = (
    rf"(?:^|(?<=[^{_IN_HASHTAG}&])|(?<=[\ufe0e\ufe0f]))"
    rf"[#＃](?![\ufe0f\u20e3])([{_IN_HASHTAG}]++)(?<=[\p{{L}}\p{{M}}][{_IN_HASHTAG}]*)(?![#＃]|://)"
)
# No link spans a space. Searching word by word, and leaving out what no host name can look like, keeps
# twitter-text's expression from running for minutes on words such as "a.a.a.a.". What stands before a link
# decides whether it is one, so each word keeps the space before it. Python's "\s" has four
# control characters too many.
_WORD = re.compile(r"\s?[\S\x1c-\x1f]+")
_MAX_WORD_LENGTH = 4_096
_NO_HOST = re.compile(r"(?:[^/.]+\.){40}")
_HTTP = re.compile(r"https?://", re.IGNORECASE)


def extract_urls(text: str) -> list[str]:
    """List the links of a text as X recognises them, in order; a bare ``example.com`` is one too."""
    return [text[start:end] for start, end in url_spans(text)]


def extract_mentions(text: str) -> list[str]:
    """List the accounts that a text mentions (``@XDevelopers`` gives ``XDevelopers``), in order."""
    return [found[1] for found in pattern(_MENTION).finditer(text)]


def extract_hashtags(text: str) -> list[str]:
    """List the hashtags of a text without their ``#``, in order; what is part of a link is none."""
    links = url_spans(text)
    return [
        found[1]
        for found in pattern(_HASHTAG).finditer(text)
        if not any(start < found.end() and found.start() < end for start, end in links)
    ]


def extract_cashtags(text: str) -> list[str]:
    """List the cashtags of a text (``$TSLA`` gives ``TSLA``), in order; self-serve plans allow one a post."""
    return _CASHTAG.findall(text)


def url_spans(text: str) -> list[tuple[int, int]]:
    """Where the links of a text begin and end, in code points.

    Of a word that is too long to be searched whole, such as a Japanese paragraph, or that has more dots than a
    host name, only the links that begin with http:// or https:// are found.
    """
    return [
        (word.start() + start, word.start() + end)
        for word in _WORD.finditer(text)
        if "." in word[0]
        for start, end in _spans_in(word[0])
    ]


def _spans_in(word: str) -> Iterator[tuple[int, int]]:
    find = twitter_text().extract_urls_with_indices
    if len(word) <= _MAX_WORD_LENGTH and not _NO_HOST.search(word):
        yield from (tuple(url["indices"]) for url in find(word))
        return
    from twitter_text.regexp.extract_url import extract_url  # noqa: PLC0415  (as slow to import as the rest)

    position = 0
    while begin := _HTTP.search(word, position):
        # The character before decides whether it is one. Tried here alone, and not from every character on, the
        # expression takes time that grows with the word's length only.
        before = max(begin.start() - 1, 0)
        if (link := extract_url.match(word, before)) is None:
            position = begin.end()
            continue
        position = link.end()
        # What is too long for a link, or for t.co, only the package's function knows.
        for url in find(link[0]):
            start, end = url["indices"]
            yield before + start, before + end


@cache
def twitter_text() -> Any:
    """The reference implementation, imported on first use: its expressions take half a second to build."""
    with warnings.catch_warnings():
        # Our pin of setuptools answers this warning; on users' terminals it is noise.
        warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)
        import twitter_text  # noqa: PLC0415
    return twitter_text
