"""Bodies of multipart/form-data."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping

from x_provider.client.calls import FilePart

_PIECE_BYTES = 64 * 1024


class Multipart:
    """A multipart body that leaves piece by piece, files uncopied.

    ``requests`` would copy a file three times on its way. Small pieces, because each has to leave within the
    time for connecting, however slow the line is.
    """

    def __init__(self, form: Mapping[str, str], files: Mapping[str, FilePart]) -> None:
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._blocks: list[memoryview] = []
        words = ""
        for name, value in form.items():
            words += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, part in files.items():
            words += (
                f"--{boundary}\r\n"
                f'Content-Disposition: form-data; name="{name}"; filename="{_quoted(part.name)}"\r\n'
                f"Content-Type: {part.media_type}\r\n\r\n"
            )
            self._blocks += (memoryview(words.encode()), memoryview(part.content))
            words = "\r\n"
        self._blocks.append(memoryview(f"{words}--{boundary}--\r\n".encode()))

    def __len__(self) -> int:
        return sum(block.nbytes for block in self._blocks)

    def __iter__(self) -> Iterator[memoryview]:
        for block in self._blocks:
            for start in range(0, block.nbytes, _PIECE_BYTES):
                yield block[start : start + _PIECE_BYTES]


def _quoted(name: str) -> str:
    return name.replace("\\", "_").replace('"', "%22").replace("\r", "").replace("\n", "")
