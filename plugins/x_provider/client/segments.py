"""Sending a file in segments, several at a time: X answers one while the next ones are on their way.

Each worker reads into one buffer of its own, so that memory does not grow with the file.
"""

from __future__ import annotations

import contextvars
import itertools
import math
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol

from x_provider.client.errors import XInvalidRequest

SEGMENT_BYTES = 4 * 1024 * 1024
MOST_SEGMENTS = 1000
LARGEST_SEGMENT_BYTES = 8 * 1000 * 1000

Progress = Callable[[int, int], None]
"""Told the bytes that X has and the bytes there are."""


class Append(Protocol):
    """Sends one segment.

    :param may_leave: asked while it is sent; False when it is not wanted any more.
    """

    def __call__(self, index: int, segment: memoryview, *, may_leave: Callable[[], bool]) -> None: ...


class Segments:
    """A file to be sent in segments, once.

    :param segment_bytes: how large each is, but for the last.
    """

    def __init__(self, source: Path, size: int, segment_bytes: int) -> None:
        self._source = source
        self._size = size
        self._segment_bytes = segment_bytes
        self._count = math.ceil(size / segment_bytes)
        self._next = itertools.count()
        self._stopped = threading.Event()

    def send(self, append: Append, *, at_once: int, on_progress: Progress | None = None) -> None:
        """Send the file, up to so many segments at the same time.

        The first error stops all other segments and is raised, without waiting for what X says to those.

        :param at_once: 1 sends them one after the other.
        :param on_progress: called in the calling thread, after every segment.
        :raises XInvalidRequest: for a file that becomes shorter meanwhile.
        """
        workers = min(at_once, self._count)
        sent = 0
        try:
            for length in self._work(append) if workers == 1 else self._work_in_threads(append, workers):
                sent += length
                if on_progress is not None:
                    on_progress(sent, self._size)
        finally:
            self._stopped.set()

    def _work(self, append: Append) -> Iterator[int]:
        """Send segments that nobody else has taken, until there are none; the bytes of each that X has."""
        buffer = memoryview(bytearray(min(self._segment_bytes, self._size)))
        with self._source.open("rb", buffering=0) as file:
            while not self._stopped.is_set() and (index := next(self._next)) < self._count:
                start = index * self._segment_bytes
                segment = buffer[: min(self._segment_bytes, self._size - start)]
                file.seek(start)
                filled = 0
                while filled < len(segment):
                    count = file.readinto(segment[filled:])
                    if not count:
                        raise self._became_shorter()
                    filled += count
                append(index, segment, may_leave=self._goes_on)
                yield len(segment)

    def _work_in_threads(self, append: Append, workers: int) -> Iterator[int]:
        """The same, in so many threads; the first error of any of them is raised here."""
        results: SimpleQueue[int | BaseException] = SimpleQueue()

        def work() -> None:
            try:
                for length in self._work(append):
                    results.put(length)
            except BaseException as error:  # raised where the file is waited for
                # Put before the others are stopped, whose errors only follow from it.
                results.put(error)
                self._stopped.set()

        for number in range(workers):
            # Daemons: one that still waits for X's answer when another has failed holds nobody up.
            threading.Thread(
                target=contextvars.copy_context().run,
                args=(work,),
                name=f"x-segments-{number}",
                daemon=True,
            ).start()
        for _ in range(self._count):
            result = results.get()
            if isinstance(result, BaseException):
                raise result
            yield result

    def _goes_on(self) -> bool:
        return not self._stopped.is_set()

    def _became_shorter(self) -> XInvalidRequest:
        return XInvalidRequest(
            family="media_upload",
            detail=f"{self._source} became shorter while it was read",
            next_step="Upload the file again.",
        )


def segment_size(size: int, source: Path | str = "the file") -> int:
    """Bytes a segment: 4 MiB, and more only where 1000 of them would not do.

    :raises XInvalidRequest: for a file that does not fit into 1000 segments of 8 MB.
    """
    needed = max(SEGMENT_BYTES, math.ceil(size / MOST_SEGMENTS))
    if needed > LARGEST_SEGMENT_BYTES:
        raise XInvalidRequest(
            family="media_upload",
            detail=f"{source} has {size:,} bytes; X takes {MOST_SEGMENTS} segments of"
            f" {LARGEST_SEGMENT_BYTES:,} at most",
            next_step="Encode the video with a lower bit rate.",
        )
    return needed
