"""The links and cashtags that X recognises in a text."""

from __future__ import annotations

import re
import warnings
from functools import cache
from typing import Any

_CASHTAG = re.compile(
    r"(?:^|(?<=\s))\$([a-z]{1,6}(?:[._][a-z]{1,2})?)(?=$|\s|[!-/:-@\[-`{-~])", re.IGNORECASE
)
# No link spans a space. Searching word by word, and leaving out what no host name can look like, keeps
# twitter-text's expression from running for minutes on words such as "a.a.a.a.". What stands before a link
# decides whether it is one, so each word keeps the space before it. Python's "\s" has four
# control characters too many.
_WORD = re.compile(r"\s?[\S\x1c-\x1f]+")
_MAX_WORD_LENGTH = 4_096
_NO_HOST = re.compile(r"(?:[^/.]+\.){40}")


def extract_urls(text: str) -> list[str]:
    """List the links of a text as X recognises them, in order; a bare ``example.com`` is one too.

    Follows https://docs.x.com/fundamentals/counting-characters.
    """
    return [text[start:end] for start, end in url_spans(text)]


def extract_cashtags(text: str) -> list[str]:
    """List the cashtags of a text (``$TSLA`` gives ``TSLA``), in order; self-serve plans allow one a post."""
    return _CASHTAG.findall(text)


def url_spans(text: str) -> list[tuple[int, int]]:
    """Where the links of a text begin and end, in code points."""
    find = twitter_text().extract_urls_with_indices
    return [
        (word.start() + url["indices"][0], word.start() + url["indices"][1])
        for word in _WORD.finditer(text)
        if "." in word[0] and len(word[0]) <= _MAX_WORD_LENGTH and not _NO_HOST.search(word[0])
        for url in find(word[0])
    ]


@cache
def twitter_text() -> Any:
    """The reference implementation, imported on first use: its expressions take half a second to build."""
    with warnings.catch_warnings():
        # Our pin of setuptools answers this warning; on users' terminals it is noise.
        warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)
        import twitter_text  # noqa: PLC0415
    return twitter_text
