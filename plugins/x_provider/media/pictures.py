"""Still pictures and GIFs: what one is. Decodes: only child processes import it, see `x_provider.media.isolation`."""

from __future__ import annotations

import warnings
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from x_provider.media.errors import AGAIN, MediaError
from x_provider.media.limits import Measured, MediaCategory

TYPES = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # what phones write: a JPEG with a second picture behind it
    "PNG": "image/png",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
}
FORMATS = tuple(set(TYPES) - {"MPO"})
"""What is opened; Pillow finds MPO by itself, behind JPEG."""
MAX_DECODED_PIXELS = 40_000_000
_MOVING = frozenset({"image/gif", "image/png", "image/webp"})

Image.init()  # Pillow would load its formats with the first picture, in every child process anew


def measured(path: Path, *, name: str, size: int) -> Measured:
    """Find out what a picture is.

    :raises MediaError: when it is damaged, ends early or has too many pixels.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(path, formats=FORMATS) as picture:
                media_type = TYPES[picture.format or ""]
                frames = int(getattr(picture, "n_frames", 1)) if media_type in _MOVING else 1
                width, height = picture.size
                _require_whole(picture)
        except UnidentifiedImageError:
            raise MediaError(f"the picture {name} is damaged (it has no header)", AGAIN) from None
        except Image.DecompressionBombError:
            raise MediaError(f"{name} has too many pixels for a picture", "Make it smaller") from None
        except MemoryError:
            raise
        except Exception as error:  # Pillow's decoders raise whatever broken bytes lead them to
            raise MediaError(f"the picture {name} is damaged ({error})", AGAIN) from None
    category: MediaCategory = "tweet_gif" if frames > 1 and media_type == "image/gif" else "tweet_image"
    return Measured(category, media_type, size, width, height, frames=frames)


def _require_whole(picture: Image.Image) -> None:
    """Raise when the picture's bytes end early."""
    if picture.format == "PNG":
        picture.verify()
        return
    picture.seek(0)
    # A JPEG is decoded at an eighth of its size: quick, and small however large the picture is.
    picture.draft("RGB", (max(picture.width // 8, 1), max(picture.height // 8, 1)))
    if picture.width * picture.height <= MAX_DECODED_PIXELS:
        picture.load()
