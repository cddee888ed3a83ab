"""Words that X takes for links, though their author hardly meant one: ``Dr.No``, ``readme.md``, ``asp.net``."""

from __future__ import annotations

import re
from datetime import date

from pendulum import DateTime

from x_provider.calendar.fields import Fields
from x_provider.calendar.findings import quoted
from x_provider.prices import POST_CREATE, POST_CREATE_WITH_URL, dollars, price_of
from x_provider.text import extract_urls

# Endings of files that are domains of countries and companies too; those hosts are seldom written without https://.
_FILES = frozenset({"as", "cc", "md", "mk", "mov", "pl", "ps", "py", "rs", "sh", "so", "zip"})
_NAMES = frozenset({"ado.net", "asp.net", "ml.net", "paint.net", "socket.io", "vb.net", "will.i.am"})
_TITLES = frozenset({"dr", "fr", "hr", "jr", "mr", "mrs", "nr", "prof", "sr", "vs"})
_HOST = re.compile(r"[^/?#:]+")
_MOST = 5


def check_unmeant_links(fields: Fields, text: str, at: DateTime | None) -> None:
    """Warn of what X will make a link of, and bill as one, though it does not look meant as one.

    :param at: when the post is due, whose prices are named; the newest known ones where that is unknown.
    """
    unmeant = dict.fromkeys(link for link in extract_urls(text) if looks_unmeant(link)) if "." in text else ()
    for link in list(unmeant)[:_MOST]:
        plain, linked = link_prices(at)
        message = f"X makes a link of {quoted(link)}: a post with a link costs {linked} instead of {plain}"
        hint = (
            "If no link is meant put a space after the dot, or write it without the dot; if one is meant put"
            " https:// before it. links: refuse makes every link an error"
        )
        fields.warning("text", message, hint)


def link_prices(at: DateTime | None) -> tuple[str, str]:
    """What a post costs without a link and with one."""
    day = at or date.max
    return dollars(price_of(POST_CREATE, day).usd), dollars(price_of(POST_CREATE_WITH_URL, day).usd)


def looks_unmeant(link: str) -> bool:
    """Whether a link is a bare host that reads like the end of a sentence, a title, a file or a product.

    One with http:// or https://, a path or ``www.`` is meant.
    """
    host = _HOST.match(link)
    if host is None or host[0] != link:
        return False
    first, *others = link.split(".")
    if first.lower() == "www" or not others:
        return False
    if link.lower() in _NAMES or others[-1].lower() in _FILES or first.lower() in _TITLES:
        return True
    # A capital after a dot: a space is missing. All in capitals it is how somebody writes a host.
    return any(label[:1].isupper() for label in others) and not link.isupper()
