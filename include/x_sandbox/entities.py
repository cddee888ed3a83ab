"""What is in a post's text: its weighted length, links shortened to t.co, hashtags, mentions, cashtags."""

from __future__ import annotations

import hashlib
import re
import unicodedata
import warnings
from bisect import bisect_right
from functools import lru_cache
from typing import Any

with warnings.catch_warnings():
    # Our pin of setuptools answers this warning; on users' terminals it is noise.
    warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)
    from twitter_text import extract_emojis_with_indices, extract_urls_with_indices

MAX_LENGTH = 280
PREMIUM_MAX_LENGTH = 25_000
SHORT_LINK_LENGTH = 23

_LIGHT = re.compile("[\u0000-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]")
_MAYBE_EMOJI = re.compile(
    "(?:[0-9#*](?=\ufe0f?\u20e3)"
    "|[©®\u200d\u203c-\u2fff\u3030\u303d\u3297\u3299\ufe0f\u20e3\U0001f000-\U000e007f])+"
)
_HASHTAG = re.compile(r"(?<![\w&/])[#＃](\w*[^\W\d_]\w*)")
_MENTION = re.compile(r"(?<![\w@.])[@＠]([A-Za-z0-9_]{1,15})(?![\w@])")
_CASHTAG = re.compile(r"(?:^|(?<=\s))\$([A-Za-z]{1,6}(?:[._][A-Za-z]{1,2})?)(?=$|\s|[!-/:-@\[-`{-~])")

Entities = dict[str, list[dict[str, Any]]]


@lru_cache(maxsize=1_024)
def _links(text: str) -> tuple[tuple[str, int, int], ...]:
    """Find the links of a text as twitter-text does: each with where it begins and ends."""
    if "." not in text:
        return ()
    return tuple((link["url"], *link["indices"]) for link in extract_urls_with_indices(text))


def weighted_length(text: str) -> int:
    """Count a text as X does (twitter-text, configuration 3): links 23, emoji and CJK 2, most others 1."""
    text = unicodedata.normalize("NFC", text).replace("\r\n", "\n")
    if text.isascii() and "." not in text:
        return len(text)
    length = 0
    for url, _, _ in _links(text):
        length += SHORT_LINK_LENGTH
        text = text.replace(url, "", 1)
    if not text.isascii():
        for run in _MAYBE_EMOJI.findall(text):
            for emoji in extract_emojis_with_indices(run):
                length += 2
                text = text.replace(emoji["emoji"], "", 1)
    light = len(_LIGHT.findall(text))
    return length + light + 2 * (len(text) - light)


def preview(shown: str, written: str) -> str | None:
    """Return the beginning of a long post that its `text` is cut to, or None for a post of normal length."""
    if len(written) <= MAX_LENGTH // 2 or weighted_length(written) <= MAX_LENGTH:
        return None
    length = bisect_right(range(MAX_LENGTH), MAX_LENGTH - 1, key=lambda end: weighted_length(shown[:end]))
    return shown[: length - 1].rstrip() + "…"


def cashtags(text: str) -> list[str]:
    return [match[1] for match in _CASHTAG.finditer(text)]


def has_link(text: str) -> bool:
    """Tell whether X would shorten something in a text: a URL, or a bare domain."""
    return bool(_links(text))


def mentions(text: str) -> list[str]:
    return [match[1] for match in _MENTION.finditer(text)]


def short_link(post_id: str, position: int) -> str:
    """Make the t.co link of a post's n-th link, always the same one."""
    digest = hashlib.sha256(f"{post_id}/{position}".encode()).digest()
    alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return "https://t.co/" + "".join(alphabet[byte % 62] for byte in digest[:10])


def shorten(
    text: str,
    post_id: str,
    *,
    media_url: str | None,
    media_keys: list[str],
    quoted_url: str | None = None,
) -> tuple[str, Entities]:
    """Replace the links of a text by t.co links and append the one of its media, or of the post it quotes.

    :param media_url: page of the post's first photo or video, or None without media.
    :param quoted_url: page of the post that it quotes, or None.
    :return: the text as X shows it, and its entities with positions in code points.
    """
    urls: list[dict[str, Any]] = []
    written, end = "", 0
    for url, start, stop in _links(text):
        short = short_link(post_id, len(urls))
        written += text[end:start]
        urls.append(_url(short, url, len(written)))
        written, end = written + short, stop
    written += text[end:]
    if quoted_url:
        short = short_link(post_id, len(urls))
        written += f" {short}" if written else short
        urls.append(_url(short, quoted_url, len(written) - len(short)))
    if media_url:
        short = short_link(post_id, len(urls))
        written += f" {short}" if written else short
        start = len(written) - len(short)
        display = "pic.x.com/" + short.rpartition("/")[2]
        urls += [
            {**_url(short, media_url, start), "display_url": display, "media_key": key} for key in media_keys
        ]
    return written, _entities(written, urls)


def _url(short: str, written: str, start: int) -> dict[str, Any]:
    expanded = written if re.match(r"https?://", written, re.IGNORECASE) else f"http://{written}"
    display = re.sub(r"^https?://(www\.)?", "", written, flags=re.IGNORECASE)
    return {
        "start": start,
        "end": start + len(short),
        "url": short,
        "expanded_url": expanded,
        "display_url": display if len(display) <= 27 else display[:26] + "…",
    }


def _entities(text: str, urls: list[dict[str, Any]]) -> Entities:
    taken = [(url["start"], url["end"]) for url in urls]
    found: Entities = {"urls": urls} if urls else {}
    for kind, pattern, key in (
        ("hashtags", _HASHTAG, "tag"),
        ("mentions", _MENTION, "username"),
        ("cashtags", _CASHTAG, "tag"),
    ):
        matches = [
            {"start": match.start(), "end": match.end(), key: match[1]}
            for match in pattern.finditer(text)
            if not any(start <= match.start() < end for start, end in taken)
        ]
        if matches:
            found[kind] = matches
    return found
