"""Where posts stand on X: ids, and the addresses that people copy."""

from __future__ import annotations

import re

# Any host: a local X shows its posts under its own address.
_POST = re.compile(
    r"(?:(?:https?://)?[^\s/?#]+(?:/[^\s/?#]+)+/status(?:es)?/)?"
    r"(?P<id>[0-9]{1,19})"
    r"(?:/(?:photo|video)/[0-9]+)?/?(?:\?[^\s#]*)?(?:#\S*)?",
    re.ASCII | re.IGNORECASE,
)


def post_id_of(id_or_address: str) -> str | None:
    """A post's id, from itself or from an address like ``https://x.com/<user>/status/<id>``; None for neither."""
    found = _POST.fullmatch(id_or_address.strip())
    return found["id"] if found else None
