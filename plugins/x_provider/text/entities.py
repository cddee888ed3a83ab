"""The links and cashtags that X recognises in a text."""

from __future__ import annotations

import re

_CASHTAG = re.compile(
    r"(?:^|(?<=\s))\$([a-z]{1,6}(?:[._][a-z]{1,2})?)(?=$|\s|[!-/:-@\[-`{-~])", re.IGNORECASE
)


def extract_urls(text: str) -> list[str]:
    """List the links of a text as X recognises them, in order; a bare ``example.com`` is one too.

    Follows https://docs.x.com/fundamentals/counting-characters.
    """
    # Imported on first use: building its expressions takes half a second, and few who import us look for links.
    import twitter_text  # noqa: PLC0415

    return [str(url) for url in twitter_text.extract_urls(text)]


def extract_cashtags(text: str) -> list[str]:
    """List the cashtags of a text (``$TSLA`` gives ``TSLA``), in order; self-serve plans allow one a post."""
    return _CASHTAG.findall(text)
