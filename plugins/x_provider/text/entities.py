"""The links and cashtags that X recognises in a text."""

from __future__ import annotations

import re

_CASHTAG = re.compile(
    r"(?:^|(?<=\s))\$([a-z]{1,6}(?:[._][a-z]{1,2})?)(?=$|\s|[!-/:-@\[-`{-~])", re.IGNORECASE
)
# No link spans a space. Searching word by word, and leaving out what no host name can look like, keeps
# twitter-text's expression from running for minutes on words such as "a.a.a.a.".
_WORD = re.compile(r"\S+")
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
    # Imported on first use: its expressions take half a second to build.
    from twitter_text import extract_urls_with_indices  # noqa: PLC0415

    return [
        (word.start() + url["indices"][0], word.start() + url["indices"][1])
        for word in _WORD.finditer(text)
        if "." in word[0] and len(word[0]) <= _MAX_WORD_LENGTH and not _NO_HOST.search(word[0])
        for url in extract_urls_with_indices(word[0])
    ]
