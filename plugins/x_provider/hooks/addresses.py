"""The addresses in an X connection, checked before keys are sent to them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

# Parsers of URLs disagree about a backslash: what one takes for the host another takes for a path.
_ODD = re.compile(r"[^A-Za-z0-9._~:/\[\]%?#=&+-]")


class BadAddressError(ValueError):
    """An address that cannot be used.

    :param shown: the address, without what may be secret in it.
    :param reason: what is wrong with it.
    """

    def __init__(self, shown: str, reason: str) -> None:
        super().__init__(f"{shown!r} cannot be used: {reason}")


def checked_address(text: str, *, scheme: str = "https", port: int | None = None) -> str:
    """An API's address, written as the client takes it, without a trailing slash.

    :param scheme: where the text names none.
    :param port: where the text names none: a connection keeps it in a field of its own.
    :raises BadAddressError: when it cannot be one.
    """
    if "://" not in text:
        text = f"{scheme}://{text}"
    if "@" in text:
        raise BadAddressError(f"{text.partition('://')[0]}://…@…", "keys do not belong into it")
    if _ODD.search(text):
        raise BadAddressError(text.partition("?")[0], "it has characters that no address has")
    parts = urlsplit(text)
    try:
        port = parts.port or port
    except ValueError:
        raise BadAddressError(text, "its port is not a number") from None
    path = parts.path.rstrip("/")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadAddressError(text, "it is not an http(s) URL")
    if parts.query or parts.fragment:
        raise BadAddressError(text, "it has a query or a fragment")
    if path.endswith(("/2", "/1.1")):
        raise BadAddressError(text, f"the version {path[path.rindex('/') :]} is added by the client")
    if parts.scheme == "http" and is_on_x(parts.hostname):
        raise BadAddressError(text, "it would send the keys to X unencrypted")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    usual = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}{f':{port}' if port and port != usual else ''}{path}"


def is_on_x(host: str) -> bool:
    """Whether a host is X's own."""
    return any(host == domain or host.endswith(f".{domain}") for domain in ("x.com", "twitter.com"))
