"""GIFs made to fit. Decodes: only child processes import it, see `x_provider.media.isolation`."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from PIL.GifImagePlugin import GifImageFile

from x_provider.media.errors import MediaError
from x_provider.media.limits import GIF_FRAMES, GIF_HEIGHT, GIF_PIXELS, GIF_WIDTH
from x_provider.media.pictures import AGAIN

_UNSAID_MILLISECONDS = 100
"""What browsers show a frame for that says 0."""
_ATTEMPTS = 8


@dataclass(frozen=True)
class _Frame:
    """A frame that is kept: its number in the original, and how long it and those dropped after it show."""

    number: int
    milliseconds: int


def refit(path: Path, *, target: str, most: int) -> str:
    """Write a GIF of at most ``most`` bytes to the target: as long as before, with fewer frames and pixels.

    :returns: the suffix by which the target is longer.
    :raises MediaError: when it is damaged, or too large whatever is done.
    """
    warnings.simplefilter("ignore")
    written = Path(f"{target}.gif")
    try:
        with Image.open(path, formats=("GIF",)) as gif:
            assert isinstance(gif, GifImageFile)  # noqa: S101
            frames = _kept(gif)
            scale = _scale(gif.width, gif.height, len(frames))
            for _ in range(_ATTEMPTS):
                _write(gif, frames, scale, written)
                size = written.stat().st_size
                if size <= most:
                    return ".gif"
                scale *= max(0.3, 0.95 * math.sqrt(most / size))
    except (MemoryError, AssertionError):
        raise
    except Exception as error:  # Pillow's decoders raise whatever broken bytes lead them to
        raise MediaError(f"the GIF {path.name} is damaged ({error})", AGAIN) from None
    raise MediaError(f"{path.name} cannot be made small enough", "Make it shorter or smaller")


def _kept(gif: GifImageFile) -> list[_Frame]:
    durations = []
    for number in range(gif.n_frames):
        gif.seek(number)
        durations.append(int(gif.info.get("duration") or _UNSAID_MILLISECONDS))
    keep = min(len(durations), GIF_FRAMES)
    starts = [index * len(durations) // keep for index in range(keep)]
    return [
        _Frame(start, sum(durations[start:end]))
        for start, end in zip(starts, [*starts[1:], len(durations)], strict=True)
    ]


def _scale(width: int, height: int, frames: int) -> float:
    return min(1, GIF_WIDTH / width, GIF_HEIGHT / height, math.sqrt(GIF_PIXELS / (width * height * frames)))


def _write(gif: GifImageFile, frames: list[_Frame], scale: float, written: Path) -> None:
    size = (max(int(gif.width * scale), 1), max(int(gif.height * scale), 1))
    pictures = _pictures(gif, frames, size)
    first = next(pictures)
    options = {"loop": gif.info["loop"]} if "loop" in gif.info else {}
    first.save(
        written,
        format="GIF",
        save_all=True,
        append_images=pictures,  # made one by one, as they are written
        duration=[frame.milliseconds for frame in frames],
        disposal=2 if first.mode == "RGBA" else 0,
        **options,
    )


def _pictures(gif: GifImageFile, frames: list[_Frame], size: tuple[int, int]) -> Iterator[Image.Image]:
    gif.seek(0)
    mode = "RGBA" if gif.has_transparency_data else "RGB"
    for frame in frames:
        gif.seek(frame.number)
        picture = gif.convert(mode)
        picture.info = {}
        yield picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)
