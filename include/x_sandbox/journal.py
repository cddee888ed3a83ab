from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Event = dict[str, Any]


class Journal:
    """What happened, one JSON object a line, handed to the operating system before the answer leaves.

    A process that is killed loses nothing it has answered; a line cut short by the kill is dropped at
    the next start.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)

    def replay(self) -> Iterator[Event]:
        """Yield every event in order, cutting off a torn last line."""
        whole = 0
        with self._path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                yield json.loads(line)
        os.ftruncate(self._fd, whole)

    def append(self, event: Event) -> None:
        """Write one event.

        :raises OSError: the disk refuses; nothing of the event is kept.
        """
        line = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        written = os.write(self._fd, line)
        if written != len(line):
            os.ftruncate(self._fd, os.fstat(self._fd).st_size - written)
            raise OSError(f"the disk of {self._path} is full: an event could not be written")

    def clear(self) -> None:
        """Forget everything."""
        os.ftruncate(self._fd, 0)

    def close(self) -> None:
        os.close(self._fd)
