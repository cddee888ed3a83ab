"""Links in a text: parameters added to them by rule, and links taken out of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote, unquote_plus

from x_provider.text.entities import url_spans

_HTTP = re.compile(r"(https?://)([^/?#:]+)", re.IGNORECASE)
# What X would take for more of a link's query, were it to follow one.
_MORE = re.compile(r"[a-z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]*[a-z0-9_\-&=#/]", re.IGNORECASE)
_CLOSING = tuple(".,;:!?)]}»”’…。、，！？」』）")
_BRACKETS = {"(": ")", "[": "]", "（": "）", "「": "」"}


def tag_links(text: str, parameters: Mapping[str, str], hosts: Sequence[str] = ()) -> str:
    """Add query parameters, such as ``utm_source``, to the links of a text.

    Only links that X would see and that begin with http:// or https:// are changed: a bare ``example.com``
    stays as it is, since people read it as words. A parameter that a link has already keeps the link's own
    value; fragments stay at the end. A link that X would then end elsewhere stays as it is.

    :param parameters: names and values, unencoded; those with an empty value are left out.
    :param hosts: the hosts whose links are meant; ``.example.com`` means it and all below it. None: all.
    """
    wanted = {name: value for name, value in parameters.items() if value}
    parts, position = [], 0
    for start, end in url_spans(text) if wanted else ():
        link = text[start:end]
        tagged = link if _MORE.match(text, end) else tag_address(link, wanted, hosts)
        # X must still see all of it as one link: neither too long nor ended early by something in its path.
        parts += [text[position:start], tagged if url_spans(tagged) == [(0, len(tagged))] else link]
        position = end
    return "".join(parts) + text[position:]


def tag_address(address: str, parameters: Mapping[str, str], hosts: Sequence[str] = ()) -> str:
    """Add query parameters to an address that stands alone, such as a button's: as ``tag_links`` does in a text.

    :param hosts: as for ``tag_links``; the address of another host stays as it is.
    """
    begin = _HTTP.match(address)
    if begin is None or not _is_meant(begin[2], hosts):
        return address
    page, mark, fragment = address.partition("#")
    path, _, query = page.partition("?")
    present = {unquote_plus(pair.partition("=")[0]) for pair in query.split("&")}
    added = "&".join(
        f"{_encoded(name)}={_encoded(value)}"
        for name, value in parameters.items()
        if value and name not in present
    )
    if not added:
        return address
    query += ("&" if query and not query.endswith("&") else "") + added
    return f"{path}?{query}{mark}{fragment}"


def without_links(text: str) -> tuple[str, list[str]]:
    """Take the links out of a text, with the space around them and brackets that held nothing else.

    :returns: what is left, and the links in their order. A line break beside a link stays.
    """
    links: list[str] = []
    # What stood on both sides of a link can make another one.
    while spans := url_spans(text):
        links += [text[start:end] for start, end in spans]
        kept = text[: spans[0][0]]
        for (_, end), (following, _) in zip(spans, [*spans[1:], (len(text), 0)], strict=True):
            kept = _joined(kept, text[end:following])
        text = kept.strip()
    return text, links


def _encoded(word: str) -> str:
    encoded = quote(word, safe="").replace("~", "%7E")
    # A link does not end in a full stop: X would take it for the sentence's.
    return f"{encoded[:-1]}%2E" if encoded.endswith(".") else encoded


def _is_meant(host: str, hosts: Sequence[str]) -> bool:
    if not hosts:
        return True
    host = _ascii(host)
    return any(
        host == _ascii(wanted.removeprefix("."))
        or (wanted.startswith(".") and host.endswith(f".{_ascii(wanted[1:])}"))
        for wanted in hosts
    )


def _ascii(host: str) -> str:
    """A host's name as DNS knows it, so that ``münchen.de`` and ``xn--mnchen-3ya.de`` are one."""
    try:
        return host.lower().encode("idna").decode("ascii")
    except UnicodeError:
        return host.lower()


def _joined(before: str, after: str) -> str:
    """What stood before a link and what stood after it, without a gap between them."""
    head, tail = before.rstrip(), after.lstrip()
    while head and tail and _BRACKETS.get(head[-1]) == tail[0]:
        before, after = head[:-1], tail[1:]
        head, tail = before.rstrip(), after.lstrip()
    gap = before[len(head) :] + after[: len(after) - len(tail)]
    if not head or not tail or after.startswith(_CLOSING):
        return head + tail
    lines = min(gap.count("\n"), 2)
    return head + ("\n" * lines or (" " if gap else "")) + tail
