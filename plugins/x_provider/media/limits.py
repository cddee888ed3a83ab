"""What X takes as media, as data: where X's own pages agree a breach is an error, elsewhere a warning.

Sources: docs.x.com/x-api/media/quickstart/best-practices (2026-08-22) and
docs.x.com/x-api/media/quickstart/media-upload-chunked (2026-09-11).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

MediaCategory = Literal["tweet_image", "tweet_gif", "tweet_video"]
Severity = Literal["error", "warning"]

MEGABYTE = 1_000_000
MEBIBYTE = 1 << 20
MINUTE = 60

UNCERTAIN_IMAGE_TYPES = frozenset({"image/bmp", "image/tiff"})
"""In the API's list of media types (OpenAPI 2.167), but not in the list of what a post may show."""

MAX_IMAGES = 4
MAX_ALT_LENGTH = 1_000
MAX_TAGGED_USERS = 10


@dataclass(frozen=True)
class Measured:
    """What a file turned out to be.

    :param frames: of a GIF; 1 for a still picture, 0 for a video.
    :param fps: frames a second of a video.
    :param codecs: of a video's streams, such as ``h264`` and ``aac``.
    """

    category: MediaCategory
    media_type: str
    size: int
    width: int
    height: int
    frames: int = 1
    duration_seconds: float | None = None
    fps: float | None = None
    codecs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Limit:
    """The most that X takes of something.

    :param sure: everything up to here is taken, whichever of X's pages is right.
    :param hard: nothing above is taken; None when X's pages do not agree on one.
    """

    noun: str
    sure: float
    hard: float | None = None


_SIZE = {
    "tweet_image": Limit("size", 5 * MEGABYTE, 5 * MEBIBYTE),
    "tweet_gif": Limit("size", 15 * MEGABYTE, 15 * MEBIBYTE),
    # 512 MB in August; 8 GB and, with Premium, 16 GB in September. 16 GiB is the upload's own maximum.
    "tweet_video": Limit("size", 512 * MEGABYTE, 17_179_869_184),
}
# 140 s in August; 20 minutes and, with Premium, 125 minutes in September.
_DURATION = Limit("duration", 140, 125 * MINUTE)
_VIDEO_CODECS = frozenset({"h264", "aac"})


def breaches(found: Measured, *, premium: bool = False) -> Iterator[tuple[Severity, str]]:  # noqa: ARG001
    """Say what X will refuse, or may."""
    size = _SIZE[found.category]
    yield from _over(size, found.size, _megabytes)
    if found.category == "tweet_image" and found.media_type in UNCERTAIN_IMAGE_TYPES:
        yield "warning", f"X may refuse {found.media_type}; JPEG, PNG and WEBP are sure"
    if found.category == "tweet_gif":
        yield from _gif_breaches(found)
    if found.category == "tweet_video":
        yield from _video_breaches(found)


def _gif_breaches(found: Measured) -> Iterator[tuple[Severity, str]]:
    if found.width > 1_280 or found.height > 1_080:
        yield "warning", f"{found.width}x{found.height} pixels; X may refuse a GIF above 1280x1080"
    if found.frames > 350:
        yield "warning", f"{found.frames} frames; X may refuse a GIF of more than 350"
    megapixels = found.width * found.height * found.frames / 1e6
    if megapixels > 300:
        yield "warning", f"{megapixels:,.0f} million pixels in all frames; X may refuse a GIF above 300"


def _video_breaches(found: Measured) -> Iterator[tuple[Severity, str]]:
    if found.duration_seconds is not None:
        yield from _over(_DURATION, found.duration_seconds, _seconds)
        if found.duration_seconds < 0.5:
            yield "warning", f"{found.duration_seconds:.1f} s long; X may refuse a video shorter than 0.5 s"
    if min(found.width, found.height) < 32:
        yield "warning", f"{found.width}x{found.height} pixels; X may refuse a video below 32x32"
    if not 1 / 3 <= found.width / max(found.height, 1) <= 3:
        yield (
            "warning",
            f"{found.width}x{found.height} pixels; X may refuse a video narrower than 1:3 or wider than 3:1",
        )
    if found.fps is not None and found.fps > 60.5:
        yield "warning", f"{found.fps:.0f} frames a second; X may refuse more than 60"
    foreign = sorted(set(found.codecs) - _VIDEO_CODECS)
    if foreign:
        yield "warning", f"encoded as {', '.join(foreign)}; X documents H.264 video with AAC sound only"


def _over(limit: Limit, amount: float, words: Callable[[float], str]) -> Iterator[tuple[Severity, str]]:
    if limit.hard is not None and amount > limit.hard:
        yield "error", f"{words(amount)}; X takes a {limit.noun} of {words(limit.hard)} at most"
    elif amount > limit.sure:
        yield (
            "warning",
            f"{words(amount)}; X may refuse a {limit.noun} above {words(limit.sure)}",
        )


def _megabytes(size: float) -> str:
    return f"{size / MEGABYTE:,.1f} MB"


def _seconds(duration: float) -> str:
    return f"{duration:,.0f} s"
