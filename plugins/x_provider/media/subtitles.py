"""Subtitles: whether a file is SubRip or WebVTT, and makes sense."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from x_provider.media.errors import MediaError
from x_provider.media.urls import shown_path

SubtitlesType = Literal["text/srt", "text/vtt"]

MAX_BYTES = 1_000_000
"""X's limit for subtitles, https://docs.x.com/x-api/media/quickstart/best-practices."""

_VTT_START = re.compile(r"WEBVTT(?:[ \t\n]|\Z)")
_TIMING = {
    # At most one way to read a line, so that none takes long.
    "text/srt": re.compile(
        r"(\d{1,3}:\d\d:\d\d[,.]\d{3}) +--> +(\d{1,3}:\d\d:\d\d[,.]\d{3})(?: .*)?", re.ASCII
    ),
    "text/vtt": re.compile(
        r"((?:\d{2,4}:)?\d\d:\d\d\.\d{3})[ \t]+-->[ \t]+((?:\d{2,4}:)?\d\d:\d\d\.\d{3})(?:[ \t].*)?",
        re.ASCII,
    ),
}
_NAMES = {"text/srt": "SubRip", "text/vtt": "WebVTT"}
_FORMS = {"text/srt": "00:01:02,500 --> 00:01:04,000", "text/vtt": "01:02.500 --> 01:04.000"}


def read_subtitles(path: Path, *, name: str | None = None) -> tuple[SubtitlesType, str]:
    """Find out what a file of subtitles is, whatever its name says.

    :param name: what people know the file by, if not by the last part of its path.
    :returns: its media type and the SHA-256 of its bytes, hexadecimal.
    :raises MediaError: when it is missing, too large, no UTF-8, neither SubRip nor WebVTT, or its times make no
        sense.
    """
    name = name or path.name
    content = _content(path, name)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise MediaError(f"the subtitles {name} are no UTF-8 in line {line}", "Save them as UTF-8") from None
    if "\0" in text:
        raise MediaError(f"{name} is no text", "Name a .srt or .vtt file")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    media_type: SubtitlesType = "text/vtt" if _VTT_START.match("\n".join(lines[:2])) else "text/srt"
    _require_cues(lines, media_type, name)
    return media_type, hashlib.sha256(content).hexdigest()


def _content(path: Path, name: str) -> bytes:
    try:
        if not path.is_file():
            raise MediaError(f"there is no file {shown_path(path)}", "Put it there, or correct the path")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, MediaError):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise MediaError(
            f"the file {shown_path(path)} cannot be read: {reason}", "Check its permissions"
        ) from None
    if not content:
        raise MediaError(f"the file {shown_path(path)} is empty", "Save it again")
    if len(content) > MAX_BYTES:
        raise MediaError(f"the subtitles {name} are larger than 1 MB, which X takes at most", "Shorten them")
    return content


def _require_cues(lines: list[str], media_type: SubtitlesType, name: str) -> None:
    shown = 0
    last_start = 0
    for number, start, end in _cues(lines, media_type, name):
        if end <= start:
            raise MediaError(
                f"the subtitles {name} end before they start in line {number}", "Correct the times"
            )
        if start < last_start:
            raise MediaError(
                f"the subtitles {name} go back in time in line {number}", "Put them in order of time"
            )
        last_start = start
        shown += bool(number < len(lines) and lines[number].strip())
    if not shown:
        hint = f"A line of times looks like {_FORMS[media_type]}, and the text follows in the next line"
        raise MediaError(f"{name} holds no subtitles that could be read as SubRip or WebVTT", hint)


def _cues(lines: list[str], media_type: SubtitlesType, name: str) -> Iterator[tuple[int, int, int]]:
    """The number of each line of times, and when it starts and ends in milliseconds."""
    for number, line in enumerate(lines, start=1):
        if "-->" not in line or (media_type == "text/srt" and not line.lstrip()[:1].isdigit()):
            continue  # in SubRip a text may hold an arrow
        found = _TIMING[media_type].fullmatch(line.strip())
        times = [_milliseconds(time) for time in found.groups()] if found else []
        if len(times) != 2 or None in times:
            raise MediaError(
                f"the {_NAMES[media_type]} subtitles {name} have times in line {number} that cannot be read",
                f"Write them like {_FORMS[media_type]}",
            )
        yield number, times[0] or 0, times[1] or 0


def _milliseconds(time: str) -> int | None:
    *hours, minutes, seconds, milliseconds = (int(part) for part in re.split("[:,.]", time))
    if minutes > 59 or seconds > 59:
        return None
    return ((sum(hours) * 60 + minutes) * 60 + seconds) * 1000 + milliseconds
