"""Why X could not process a file, and what to do about it: in the words of its kind."""

from __future__ import annotations

from dataclasses import dataclass

from x_provider.client.calls import MediaCategory
from x_provider.client.errors import XMediaFailed
from x_provider.client.models import UploadedMedia
from x_provider.media.limits import (
    DEFAULT,
    GIF_FRAMES,
    GIF_HEIGHT,
    GIF_PIXELS,
    GIF_WIDTH,
    MAX_FPS,
    MEGABYTE,
    SHORTEST_SECONDS,
    SMALLEST_SIDE,
    WIDEST,
)


@dataclass(frozen=True)
class _Kind:
    """How to speak of a kind of file.

    :param within: X's limits as far as lint measures them.
    :param smaller: what makes it so.
    :param look: how a person sees whether it is damaged.
    """

    noun: str
    within: str
    smaller: str
    look: str


_VIDEO = _Kind(
    "video",
    "MP4 with H.264 and AAC LC, YUV 4:2:0, not interlaced, closed GOP;"
    f" {SHORTEST_SECONDS:g} to {DEFAULT.duration.sure:g} s,"
    f" {SMALLEST_SIDE}x{SMALLEST_SIDE} to {DEFAULT.long_side}x{DEFAULT.short_side} pixels, 1:{WIDEST} to {WIDEST}:1,"
    f" {MAX_FPS} frames a second, {DEFAULT.size['tweet_video'].sure / MEGABYTE:g} MB",
    "with a lower bit rate or fewer pixels",
    "play it through",
)
_GIF = _Kind(
    "GIF",
    f"{DEFAULT.size['tweet_gif'].sure / MEGABYTE:g} MB, {GIF_WIDTH}x{GIF_HEIGHT} pixels, {GIF_FRAMES} frames,"
    f" {GIF_PIXELS // 10**6} million pixels in all frames",
    "with fewer frames, pixels or colours",
    "watch it to its end",
)
_IMAGE = _Kind(
    "picture",
    f"JPEG, PNG or WEBP of {DEFAULT.size['tweet_image'].sure / MEGABYTE:g} MB",
    "with fewer pixels or as JPEG",
    "open it",
)
_SUBTITLES = _Kind(
    "file of subtitles", ".srt or .vtt in UTF-8 of 1 MB", "with fewer words", "read it through"
)

_KINDS: dict[MediaCategory, _Kind] = {
    "tweet_image": _IMAGE,
    "dm_image": _IMAGE,
    "tweet_gif": _GIF,
    "dm_gif": _GIF,
    "tweet_video": _VIDEO,
    "amplify_video": _VIDEO,
    "dm_video": _VIDEO,
    "subtitles": _SUBTITLES,
}


def processing_failed(
    uploaded: UploadedMedia, category: MediaCategory, file: str = "the file"
) -> XMediaFailed:
    """The error for a file that X could not process.

    :param file: how people know it.
    """
    return XMediaFailed(
        family="media_status",
        detail=f"{file}, media {uploaded.id}: {uploaded.failure or 'X gives no reason'}",
        next_step=_advice(uploaded.failure_name, _KINDS[category]),
    )


def _advice(failure: str | None, kind: _Kind) -> str:
    """What to do, by the names that v1.1 gives to failures; v2 documents none."""
    limits = f"X's limits for a {kind.noun} ({kind.within}), which a calendar's lint measures"
    if failure == "FileSizeTooLarge":
        return (
            f"Make the {kind.noun} smaller, {kind.smaller}, and upload it again. It has to keep to {limits}."
        )
    if failure == "InternalError":
        return f"X failed, not the {kind.noun}: upload it again; if it fails again, export it anew within {limits}."
    if failure == "InvalidMedia":
        return (
            f"X cannot read the {kind.noun}, which may be damaged or cut short: {kind.look}, export it anew within"
            f" {limits}, and upload it again."
        )
    if failure == "UnsupportedMedia":
        return (
            f"X reads the {kind.noun} but does not take it: export it within {limits}, and upload it again."
        )
    return f"Export the {kind.noun} within {limits}, and upload it again."
