"""What a file that cannot be published raises."""

from __future__ import annotations

import os

_PROXIES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")

AGAIN = "Export it again"
"""What to do with a file that is damaged."""


class MediaError(ValueError):
    """A file cannot be published; ``hint`` says what to do.

    :param may_pass: whether it is the trouble of a network or server, so that trying later may help.
    """

    def __init__(self, message: str, hint: str, *, may_pass: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.may_pass = may_pass


def not_connected(message: str, hint: str, *, may_pass: bool) -> MediaError:
    """There is no connection to where a file lies; where a proxy is set, that may be why."""
    # Through a proxy nobody could tell which address is connected to, so there is none for files.
    if any(os.environ.get(name) for name in _PROXIES):
        hint += (
            "; if this machine reaches the internet only through its proxy (HTTPS_PROXY), which is not used for"
            " files, save the file or put it into an object store"
        )
    return MediaError(message, hint, may_pass=may_pass)
