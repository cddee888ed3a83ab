"""What a file that cannot be published raises."""

from __future__ import annotations


class MediaError(ValueError):
    """A file cannot be published; ``hint`` says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
