"""Still pictures made to fit. Decodes: only child processes import it, see `x_provider.media.isolation`."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from x_provider.media.errors import AGAIN, MediaError
from x_provider.media.pictures import FORMATS, MAX_DECODED_PIXELS

_MAX_PIXELS = 100_000_000
_LOSSLESS = frozenset({"BMP", "TIFF", "GIF"})
_ANIMATED = frozenset({"WEBP", "PNG"})
_QUALITIES = (92, 85, 78, 70)
_SCALED_QUALITY = 85
_SCALE_STEP = 0.85
_SMALLEST_SCALE = 0.05
_SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp"}


def refit(path: Path, *, target: str, most: int) -> str:
    """Write a picture of at most ``most`` bytes to the target.

    :returns: the suffix by which the target is longer.
    :raises MediaError: when it is damaged or has too many pixels.
    """
    warnings.simplefilter("ignore")
    try:
        with Image.open(path, formats=FORMATS) as opened:
            lossless = (opened.format or "") in _LOSSLESS
            picture = _upright(opened, path.name)
    except Image.DecompressionBombError:
        raise MediaError(f"{path.name} has too many pixels for a picture", "Make it smaller") from None
    except (MediaError, MemoryError):
        raise
    except Exception as error:  # Pillow's decoders raise whatever broken bytes lead them to
        raise MediaError(f"the picture {path.name} is damaged ({error})", AGAIN) from None
    for scale, encoding, options in _attempts(picture, lossless=lossless):
        written = Path(f"{target}{_SUFFIXES[encoding]}")
        _scaled(picture, scale).save(
            written, format=encoding, icc_profile=picture.info.get("icc_profile"), **options
        )
        if written.stat().st_size <= most:
            return _SUFFIXES[encoding]
        written.unlink()
    raise MediaError(f"{path.name} cannot be made small enough", "Make it smaller")


def _upright(opened: Image.Image, name: str) -> Image.Image:
    """The picture as people see it, in a mode that every encoder takes."""
    if opened.format in _ANIMATED and getattr(opened, "n_frames", 1) > 1:
        raise MediaError(f"{name} moves, and would not when made to fit", "Make a GIF or a video of it")
    if opened.format in {"JPEG", "MPO"} and opened.width * opened.height > MAX_DECODED_PIXELS:
        opened.draft("RGB", (opened.width // 2, opened.height // 2))
    if opened.width * opened.height > _MAX_PIXELS:
        raise MediaError(f"{name} has too many pixels for a picture", "Make it smaller")
    picture = ImageOps.exif_transpose(opened)
    profile = opened.info.get("icc_profile") if picture.mode in {"RGB", "RGBA"} else None
    if picture.mode.startswith("I;16"):
        picture = picture.point(lambda value: value / 256).convert("L")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        if picture.getchannel("A").getextrema() == (255, 255):
            picture = picture.convert("RGB")
    elif picture.mode not in {"RGB", "L"}:
        picture = picture.convert("RGB")
    else:
        picture.load()
    picture.info = {"icc_profile": profile} if profile else {}
    return picture


def _attempts(picture: Image.Image, *, lossless: bool) -> Iterator[tuple[float, str, dict[str, Any]]]:
    if lossless:
        yield 1, "PNG", {"optimize": False}
    encoding = "WEBP" if picture.mode == "RGBA" else "JPEG"
    for quality in _QUALITIES:
        yield 1, encoding, {"quality": quality}
    scale = _SCALE_STEP
    while scale > _SMALLEST_SCALE:
        yield scale, encoding, {"quality": _SCALED_QUALITY}
        scale *= _SCALE_STEP


def _scaled(picture: Image.Image, scale: float) -> Image.Image:
    if scale == 1:
        return picture
    size = (max(round(picture.width * scale), 1), max(round(picture.height * scale), 1))
    return picture.resize(size, Image.Resampling.LANCZOS)
