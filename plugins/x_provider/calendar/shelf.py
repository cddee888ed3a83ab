"""The files that a calendar names, each fetched and looked into once a reading."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

from x_provider.calendar.model import MediaSpec, SubtitlesSpec
from x_provider.media import Measured, MediaError, MediaSources, inspect, is_url, read_subtitles, shown

Found = TypeVar("Found")
FilesBySource = Mapping[str, MediaSpec | SubtitlesSpec]


@dataclass(frozen=True)
class InspectedMedia:
    """A picture, GIF or video, whatever its name says.

    :param source: where it is, as ``MediaSpec.source``.
    :param name: what messages call it.
    """

    source: str
    name: str
    found: Measured
    sha256: str


@dataclass(frozen=True)
class InspectedSubtitles:
    """A file of subtitles; ``source`` as above."""

    source: str
    media_type: str
    sha256: str


class Shelf:
    """Looks into files, wherever they are.

    :param folder: what paths are relative to.

    ``planned`` is what the entry that is being read takes from elsewhere and need not fetch again, by source.
    """

    def __init__(self, sources: MediaSources, folder: Path) -> None:
        self._sources = sources
        self._folder = folder
        self.planned: FilesBySource = {}
        self._media: dict[str, InspectedMedia | MediaError] = {}
        self._subtitles: dict[str, InspectedSubtitles | MediaError] = {}

    def media(self, source: str, *, fetch: bool = True) -> InspectedMedia:
        """What a picture or video is.

        :param source: a path, an https URL, or an object's URL.
        :param fetch: whether to get it, where it is not on this machine.
        :raises MediaError: when it cannot be had, or is none.
        """
        absolute = self._absolute(source, fetch=fetch)
        if isinstance(planned := self.planned.get(absolute), MediaSpec):
            return InspectedMedia(absolute, _name(absolute), _measured(planned), planned.sha256)
        return _once(self._media, absolute, self._look)

    def subtitles(self, source: str, *, fetch: bool = True) -> InspectedSubtitles:
        """What a file of subtitles is; arguments and errors as of ``media``."""
        absolute = self._absolute(source, fetch=fetch)
        if isinstance(planned := self.planned.get(absolute), SubtitlesSpec):
            return InspectedSubtitles(absolute, planned.media_type, planned.sha256)
        return _once(self._subtitles, absolute, self._read)

    def _absolute(self, source: str, *, fetch: bool) -> str:
        absolute = self._sources.absolute(source, self._folder)
        if not fetch and "://" in absolute:
            raise MediaError(f"{shown(absolute)} was not fetched", "Nothing has to be done")
        return absolute

    def _look(self, source: str) -> InspectedMedia:
        name = _name(source)
        with self._sources.open(source) as path:
            return InspectedMedia(source, name, *inspect(path, name=name, from_url=is_url(source)))

    def _read(self, source: str) -> InspectedSubtitles:
        with self._sources.open(source) as path:
            return InspectedSubtitles(source, *read_subtitles(path, name=_name(source)))


def _once(known: dict[str, Found | MediaError], source: str, look: Callable[[str], Found]) -> Found:
    if source not in known:
        try:
            known[source] = look(source)
        except MediaError as error:
            known[source] = error
    found = known[source]
    if isinstance(found, MediaError):
        raise found
    return found


def _measured(planned: MediaSpec) -> Measured:
    return Measured(
        planned.category,
        planned.media_type,
        planned.size,
        planned.width,
        planned.height,
        duration_seconds=planned.duration_seconds,
    )


def _name(source: str) -> str:
    if "://" not in source:
        return Path(source).name
    return PurePosixPath(shown(source).partition("?")[0].partition("://")[2]).name
