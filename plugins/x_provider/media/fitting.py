"""Re-encoding what X would refuse, or may: opt-in, never in place, and only as much as it takes."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from x_provider.media.errors import MediaError
from x_provider.media.inspecting import demuxer_of, first_bytes, inspect
from x_provider.media.isolation import apart
from x_provider.media.limits import MEGABYTE, SHORTEST_SECONDS, Limit, Measured, Plan, breaches, plan_of

SOUND_RATE = 128_000
"""Bits a second of a video's sound."""

_MEGABYTES = 4_096
_SECONDS = 600
_SLOWEST = 20
"""Seconds of work that a second of video may take."""
_LARGEST_ATTEMPT = 512 * MEGABYTE
_BEST_RATE = 10_000_000
_LEAST_RATE = 2_048_000  # what X recommends for 720p
_HEADROOM = 0.93
_ENCODINGS = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/webp": "WEBP",
    "image/gif": "GIF",
    "video/mp4": "MP4 with H.264 video and AAC sound",
}


@dataclass(frozen=True)
class Fitted:
    """A file as X takes it.

    :param path: the original, when nothing had to be done.
    :param done: what was changed, in words; empty for the original.
    """

    path: Path
    found: Measured
    done: list[str]


def fit(path: Path, found: Measured, *, premium: bool, folder: Path) -> Fitted:
    """Make a file into one that X takes.

    Pictures are encoded at a lower quality before they are made smaller; GIFs lose frames and pixels but no time;
    videos become H.264 with AAC sound. Nothing is cut off: a video that is too long is refused. Data about the
    camera and the place is left behind.

    :param found: what `inspect` says of the file.
    :param premium: the account that posts it has X Premium.
    :param folder: where the new file is written, if there is one; it belongs to the caller.
    :raises MediaError: when the file cannot be made to fit, or is damaged.
    """
    plan = plan_of(premium=premium)
    _require_time(path, found, plan.duration.hard)
    if not changeable(found, premium=premium):
        return Fitted(path, found, [])
    target = folder / f"{path.stem[:80]}-{secrets.token_hex(4)}"
    try:
        made = _made(path, found, target, premium=premium)
        fitted, _ = inspect(made)
        _require_fit(path, fitted, premium=premium)
    except BaseException:
        for rest in target.parent.iterdir():
            if rest.name.startswith(target.name):
                rest.unlink(missing_ok=True)
        raise
    return Fitted(made, fitted, list(_changes(found, fitted)))


def _require_fit(path: Path, fitted: Measured, *, premium: bool) -> None:
    if left := changeable(fitted, premium=premium):
        raise MediaError(f"{path.name} cannot be made to fit: {'; '.join(left)}", "Export it anew")


def _require_time(path: Path, found: Measured, longest: float | None) -> None:
    if longest is not None and found.duration_seconds is not None and found.duration_seconds > longest:
        raise MediaError(
            f"{path.name} is {found.duration_seconds:,.0f} s long, and X takes {longest:,.0f} s at most; fit cuts"
            " nothing off",
            "Cut it, or make several posts of it",
        )


def changeable(found: Measured, *, premium: bool) -> list[str]:
    """What X would refuse, or may, and `fit` changes: all that `breaches` says, but how long a video is.

    Nor a size that X may refuse, when a video is so long that a smaller file would look bad.
    """
    seconds = found.duration_seconds
    if seconds is not None:
        plan = plan_of(premium=premium)
        size = plan.size[found.category]
        if found.size <= (size.hard or size.sure) and _rate(size.sure, seconds) < _LEAST_RATE:
            found = replace(found, size=min(found.size, int(size.sure)))
        found = replace(found, duration_seconds=min(max(seconds, SHORTEST_SECONDS), plan.duration.sure))
    return [words for _, words in breaches(found, premium=premium)]


def _made(path: Path, found: Measured, target: Path, *, premium: bool) -> Path:
    size = plan_of(premium=premium).size[found.category]
    if found.category == "tweet_video":
        return _transcoded(path, found, target.with_name(f"{target.name}.mp4"), plan_of(premium=premium))
    suffix = apart(
        f"x_provider.media.{'animations' if found.category == 'tweet_gif' else 'stills'}",
        "refit",
        path,
        {"target": str(target.absolute()), "most": int(size.sure)},
        name=path.name,
        seconds=_SECONDS,
        megabytes=_MEGABYTES,
        writes=_LARGEST_ATTEMPT,
    )
    return target.with_name(f"{target.name}{suffix}")


def _transcoded(path: Path, found: Measured, target: Path, plan: Plan) -> Path:
    size = plan.size["tweet_video"]
    longest = plan.duration.hard or plan.duration.sure
    seconds = found.duration_seconds or longest
    apart(
        "x_provider.media.transcoding",
        "transcode",
        path,
        {
            "target": str(target.absolute()),
            "demuxer": demuxer_of(first_bytes(path)),
            "sides": (plan.long_side, plan.short_side),
            "bit_rate": bit_rate(seconds, size),
            "longest": longest,
        },
        name=path.name,
        seconds=_SECONDS + int(_SLOWEST * seconds),
        megabytes=_MEGABYTES,
        writes=int(size.hard or size.sure),
    )
    return target


def bit_rate(seconds: float, size: Limit) -> int:
    """Bits a second of a video's pictures: what fits surely, unless that looks bad, and then what still fits."""
    sure, hard = _rate(size.sure, seconds), _rate(size.hard or size.sure, seconds)
    return int(min(_BEST_RATE, max(sure, min(_LEAST_RATE, hard))))


def _rate(most: float, seconds: float) -> float:
    """Bits a second of the pictures of a video that has so many bytes at most, beside its sound."""
    return most * 8 * _HEADROOM / max(seconds, 1) - SOUND_RATE


def _changes(before: Measured, after: Measured) -> Iterator[str]:
    yield f"encoded anew as {_ENCODINGS[after.media_type]}"
    if (before.width, before.height) != (after.width, after.height):
        yield f"{after.width}x{after.height} instead of {before.width}x{before.height} pixels"
    if before.frames != after.frames:
        yield f"{after.frames} instead of {before.frames} frames, in the same time"
    if before.fps is not None and after.fps is not None and round(before.fps) != round(after.fps):
        yield f"{after.fps:.0f} instead of {before.fps:.0f} frames a second"
    yield f"{after.size / MEGABYTE:,.1f} instead of {before.size / MEGABYTE:,.1f} MB"
