"""What a file that cannot be published raises."""

from __future__ import annotations

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
