"""What X takes as media, as data: where X's own pages agree a breach is an error, elsewhere a warning."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

MediaCategory = Literal["tweet_image", "tweet_gif", "tweet_video"]
Severity = Literal["error", "warning"]

MEGABYTE = 1_000_000
MEBIBYTE = 1 << 20
GIBIBYTE = 1 << 30
MINUTE = 60

UNCERTAIN_IMAGE_TYPES = frozenset({"image/bmp", "image/tiff"})
"""In the API's list of media types (OpenAPI 2.167), but not in the list of what a post may show."""

UPLOAD_BYTES = 8_000_000_000
"""What an upload can send: 1000 segments of 8 MB. X's page takes more of a video, but there is no way to send it."""

MAX_IMAGES = 4
MAX_ALT_LENGTH = 1_000
MAX_TAGGED_USERS = 10


@dataclass(frozen=True)
class Measured:
    """What a file turned out to be.

    :param frames: of a GIF or an animated PNG or WEBP; 1 for a still picture, 0 for a video.
    :param fps: frames a second of a video.
    :param codecs: of a video's streams, such as ``h264`` and ``aac``.
    :param profiles: of the same streams, such as ``High`` and ``LC``; empty where a codec has none.
    :param pixel_format: of a video, as FFmpeg names it, such as ``yuv420p``.
    :param square_pixels: whether a video is shown with as many pixels as it has.
    :param interlaced: whether a video has half pictures.
    :param open_gop: whether pictures of a video need others from before their key frame.
    :param channels: of a video's sound; 0 when it has none.
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
    profiles: tuple[str, ...] = ()
    pixel_format: str | None = None
    square_pixels: bool = True
    interlaced: bool = False
    open_gop: bool = False
    channels: int = 0


@dataclass(frozen=True)
class Page:
    """A page of X's documentation, as it was on a day."""

    url: str
    read_on: str


AUGUST = Page("https://docs.x.com/x-api/media/quickstart/best-practices", "2026-08-22")
SEPTEMBER = Page("https://docs.x.com/x-api/media/quickstart/best-practices", "2026-09-11")


@dataclass(frozen=True)
class Limit:
    """The most that X takes of something.

    :param sure: everything up to here is taken, whichever of X's pages is right.
    :param hard: nothing above is taken; None when X's pages do not agree on one, or only recommend it.
    :param page: that says the hard limit, or else the sure one.
    :param elsewhere: the page that says the sure limit, when it is another.
    """

    noun: str
    sure: float
    hard: float | None
    page: Page
    elsewhere: Page | None = None


@dataclass(frozen=True)
class Plan:
    """What depends on whether the account has X Premium.

    :param long_side: pixels of a video's longer side, and
    :param short_side: of its shorter one. X's page says 1280x1024 and, of subscribers, that they can upload 1080p.
    """

    size: dict[MediaCategory, Limit]
    duration: Limit
    long_side: int
    short_side: int


# Both pages give pictures and GIFs the same; a megabyte may be a million bytes or 2 to the power of 20.
_PICTURE = Limit("size", 5 * MEGABYTE, 5 * MEBIBYTE, SEPTEMBER)
_GIF = Limit("size", 15 * MEGABYTE, 15 * MEBIBYTE, SEPTEMBER)
_SURE_SIZE = 512 * MEGABYTE
_SURE_DURATION = 140

DEFAULT = Plan(
    size={
        "tweet_image": _PICTURE,
        "tweet_gif": _GIF,
        "tweet_video": Limit("size", _SURE_SIZE, min(8 * GIBIBYTE, UPLOAD_BYTES), SEPTEMBER, AUGUST),
    },
    duration=Limit("duration", _SURE_DURATION, 20 * MINUTE, SEPTEMBER, AUGUST),
    long_side=1_280,
    short_side=1_024,
)
PREMIUM = Plan(
    size={
        "tweet_image": _PICTURE,
        "tweet_gif": _GIF,
        "tweet_video": Limit("size", _SURE_SIZE, min(16 * GIBIBYTE, UPLOAD_BYTES), SEPTEMBER, AUGUST),
    },
    duration=Limit("duration", _SURE_DURATION, 125 * MINUTE, SEPTEMBER, AUGUST),
    long_side=1_920,
    short_side=1_080,
)

# Both pages say these of videos, and recommend those of GIFs.
SHORTEST_SECONDS = 0.5
SMALLEST_SIDE = 32
WIDEST = 3
MAX_FPS = 60

GIF_WIDTH = 1_280
GIF_HEIGHT = 1_080
GIF_FRAMES = 350
GIF_PIXELS = 300_000_000

_CODECS = frozenset({"h264", "aac"})
_PIXEL_FORMATS = frozenset({"yuv420p", "yuvj420p"})  # j: the same with the full range of values
_PROFILES = {
    "h264": frozenset({"", "Constrained Baseline", "Baseline", "Main", "High", "Progressive High"}),
    "aac": frozenset({"", "LC"}),
}


def plan_of(*, premium: bool) -> Plan:
    """The limits of an account with X Premium, or without."""
    return PREMIUM if premium else DEFAULT


def breaches(found: Measured, *, premium: bool = False) -> Iterator[tuple[Severity, str]]:
    """Say what X will refuse, or may.

    :param premium: the account that posts it has X Premium.
    """
    plan = plan_of(premium=premium)
    more = PREMIUM.size[found.category]
    yield from _over(plan.size[found.category], found.size, _megabytes, with_premium=more)
    if found.category == "tweet_image" and found.media_type in UNCERTAIN_IMAGE_TYPES:
        yield "warning", f"X may refuse {found.media_type}; JPEG, PNG and WEBP are sure"
    if found.category == "tweet_gif":
        for words in _gif_breaches(found):
            yield "warning", words
    if found.category == "tweet_video":
        if found.duration_seconds is not None:
            yield from _over(plan.duration, found.duration_seconds, _seconds, with_premium=PREMIUM.duration)
        for words in (*_shape_breaches(found, plan), *_encoding_breaches(found)):
            yield "warning", words


def _gif_breaches(found: Measured) -> Iterator[str]:
    if found.width > GIF_WIDTH or found.height > GIF_HEIGHT:
        size = f"{found.width}x{found.height}"
        yield f"{size} pixels; X may refuse a GIF above {GIF_WIDTH}x{GIF_HEIGHT}"
    if found.frames > GIF_FRAMES:
        yield f"{found.frames} frames; X may refuse a GIF of more than {GIF_FRAMES}"
    pixels = found.width * found.height * found.frames
    if pixels > GIF_PIXELS:
        yield f"{pixels / 1e6:,.0f} million pixels in all frames; X may refuse a GIF above {GIF_PIXELS // 10**6}"


def _shape_breaches(found: Measured, plan: Plan) -> Iterator[str]:
    if found.duration_seconds is None:
        yield "does not say how long it is; X may refuse it"
    elif found.duration_seconds < SHORTEST_SECONDS:
        yield f"{found.duration_seconds:.1f} s long; X may refuse a video shorter than {SHORTEST_SECONDS} s"
    size = f"{found.width}x{found.height} pixels; X may refuse a video"
    short, long = sorted((found.width, found.height))
    if short < SMALLEST_SIDE:
        yield f"{size} below {SMALLEST_SIDE}x{SMALLEST_SIDE}"
    if long > WIDEST * short:
        yield f"{size} narrower than 1:{WIDEST} or wider than {WIDEST}:1"
    if long > plan.long_side or short > plan.short_side:
        yield f"{size} above {plan.long_side}x{plan.short_side}" + (
            "" if plan is PREMIUM else " without Premium"
        )
    if not found.square_pixels:
        yield "its pixels are no squares; X may refuse them"
    if found.fps is not None and found.fps > MAX_FPS + 0.5:
        yield f"{found.fps:.0f} frames a second; X may refuse more than {MAX_FPS}"


def _encoding_breaches(found: Measured) -> Iterator[str]:
    foreign = sorted(set(found.codecs) - _CODECS)
    if foreign:
        yield f"encoded as {', '.join(foreign)}; X documents H.264 video with AAC sound only"
    if found.pixel_format is not None and found.pixel_format not in _PIXEL_FORMATS:
        yield f"has pixels in the format {found.pixel_format}; X documents yuv420p only"
    odd = [
        f"{codec} {profile}"
        for codec, profile in zip(found.codecs, found.profiles, strict=False)
        if profile not in _PROFILES.get(codec, {profile})
    ]
    if odd:
        yield f"has the profile {', '.join(odd)}; X documents H.264 High with AAC LC"
    if found.channels > 2:
        yield f"has sound of {found.channels} channels; X documents mono and stereo only"
    if found.interlaced:
        yield "is interlaced; X documents progressive video only"
    if found.open_gop:
        yield "has open groups of pictures (open GOP); X documents closed ones only"


def _over(
    limit: Limit, amount: float, words: Callable[[float], str], *, with_premium: Limit
) -> Iterator[tuple[Severity, str]]:
    if limit.hard is not None and amount > limit.hard:
        without = "" if limit.hard == with_premium.hard else " from an account without Premium"
        yield "error", f"{words(amount)}; X takes a {limit.noun} of {words(limit.hard)} at most{without}"
    elif amount > limit.sure:
        yield "warning", f"{words(amount)}; X may refuse a {limit.noun} above {words(limit.sure)}"


def _megabytes(size: float) -> str:
    return f"{size / MEGABYTE:,.1f} MB"


def _seconds(duration: float) -> str:
    return f"{duration:,.0f} s"
