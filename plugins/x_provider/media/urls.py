"""https URLs as people and servers write them: read strictly, and shown without what they keep secret."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from urllib.parse import quote, urljoin, urlsplit

from x_provider.media.errors import MediaError

_RESERVED = "%/:?#[]@!$&'()*+,;=-._~"
_AUTHORITY = re.compile(
    r"(?P<host>[a-z0-9_][a-z0-9._-]{0,252}|\[[0-9a-f:.]{2,45}\])(?::(?P<port>[0-9]{1,5})?)?", re.IGNORECASE
)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_BEFORE_AUTHORITY = re.compile(r"(?P<scheme>https?):/*|://|(?<=[a-z0-9+.-]{2}):/", re.IGNORECASE)
_WITHIN_PATH = re.compile(r"[a-z][a-z0-9+.-]+:/|\?[^/?]*=", re.IGNORECASE)
_LONGEST_SHOWN = 300


@dataclass(frozen=True)
class HttpsUrl:
    """Where a request goes; the only reading of a URL there is, so that nobody can read it differently.

    :param host: name or address in lower case, without brackets and a final dot.
    :param target: path and query, as the request line carries them.
    """

    host: str
    port: int
    target: str


def is_url(source: str) -> bool:
    """Whether a medium's source is an https URL, however it is capitalised."""
    return source.strip()[:8].lower() == "https://"


def read_url(text: str) -> HttpsUrl:
    """Read an https URL, refusing whatever two programs might understand differently.

    :raises MediaError: with a reason that names no part of the URL.
    """
    text = _encoded(text)
    try:
        parts = urlsplit(text)
    except ValueError:
        raise MediaError("it is no proper URL", "Copy it again from the browser") from None
    if parts.scheme == "http":
        raise MediaError("http:// can be read and changed on its way", "Write https://, or save the file")
    if parts.scheme != "https":
        raise MediaError(f"{parts.scheme}: is not https", "Use an https address, or save the file")
    if "@" in parts.netloc:
        hint = "Use an address that opens without them, such as a signed one"
        raise MediaError("it has a name or password before its host", hint)
    host, port = read_authority(parts.netloc)
    path = parts.path or "/"
    return HttpsUrl(host, 443 if port is None else port, f"{path}?{parts.query}" if parts.query else path)


def read_authority(text: str) -> tuple[str, int | None]:
    """Split ``host``, ``host:port``, ``[address]`` or ``[address]:port``.

    :raises MediaError: when it is none of them.
    """
    found = _AUTHORITY.fullmatch(text)
    if found is None or found["host"].strip(".") == "":
        raise MediaError(
            "its host is neither a plain name nor an address",
            "Write a name with other letters as browsers send it (xn--…), an IPv6 address in [ ]",
        )
    port = int(found["port"]) if found["port"] else None
    if port is not None and not 1 <= port <= 65535:
        raise MediaError(f"there is no port {port}", "Correct it")
    return found["host"].strip("[]").removesuffix(".").lower(), port


def redirected(url: str, location: str) -> str:
    """Where a redirect from *url* leads.

    :param location: the header as http.client gives it: its bytes as Latin-1.
    :raises MediaError: when it can be no URL.
    """
    try:
        location = _encoded(location.encode("latin-1").decode())
        # urljoin would take https:/x and https:///x for paths on the same host.
        return location if _SCHEME.match(location) else urljoin(url, location)
    except MediaError:
        raise
    except ValueError:
        raise MediaError("it redirects to something that is no URL", "Use another address") from None


def shown(url: str) -> str:
    """A URL for messages and logs: without the values of its query, which signed URLs keep secret, and without
    a password. One with fewer slashes than it should have is shown like any other."""
    address, _, query = url.partition("#")[0].partition("?")
    if begin := _BEFORE_AUTHORITY.search(address):
        authority, slash, path = address[begin.end() :].partition("/")
        user, at, host = authority.rpartition("@")
        # What stands before the bucket of an object's URL is an Airflow connection.
        if at and (":" in user or begin["scheme"]):
            authority = f"…@{host}"
        address = f"{address[: begin.end()]}{authority}{slash}{path}"
    if query:
        names = (f"{name}=…" if equals else "…" for name, equals, _ in _pairs(query))
        address = f"{address}?{'&'.join(names)}"
    text = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in address)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def shown_path(path: PurePath | str) -> str:
    """A path for messages and logs; should it hold a URL that was taken for one, that as ``shown`` has it."""
    text = str(path)
    url = _WITHIN_PATH.search(text)
    return text if url is None else f"{text[: url.start()]}{shown(text[url.start() :])}"


def _pairs(query: str) -> list[tuple[str, str, str]]:
    return [pair.partition("=") for pair in query.split("&")]


def _encoded(text: str) -> str:
    """Percent-encode what a URL may not hold, having refused what some programs skip and others do not."""
    if any(letter.isspace() or not letter.isprintable() for letter in text):
        raise MediaError("it has a space or line break inside", "Copy it again, or write the space as %20")
    if "\\" in text:
        raise MediaError("it has a backslash inside", "Write / where one is meant, else %5C")
    return quote(text, safe=_RESERVED)
