"""Looking into media files: what they are, whatever their names say. Streamed, never loaded whole."""

from __future__ import annotations

import hashlib
import stat
import warnings
from functools import lru_cache
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from x_provider.media.errors import MediaError
from x_provider.media.limits import Measured, MediaCategory

if TYPE_CHECKING:
    from av.container import InputContainer
    from PIL.Image import Image

_BLOCK = 1 << 20
_TYPES_BY_SUFFIX = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".bmp": "image/bmp",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".ts": "video/mp2t",
}
_PICTURE_TYPES = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # what phones write: a JPEG with a second picture behind it
    "PNG": "image/png",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
}
_OPENED = tuple(set(_PICTURE_TYPES) - {"MPO"})  # Pillow finds those by itself, behind JPEG
_MAX_DECODED_PIXELS = 40_000_000
_STILL_BRANDS = (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis")


def inspect(path: Path, *, name: str | None = None) -> tuple[Measured, str]:
    """Find out what a file is.

    :param name: what people know the file by, if not by the last part of its path.
    :returns: its measures and the SHA-256 of its bytes, hexadecimal.
    :raises MediaError: when it is missing, empty, unreadable, damaged, no picture or video, or not what its
        name says.
    """
    name = name or path.name
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise MediaError(f"{path} is no file", "Name a picture or a video")
        if status.st_size == 0:
            raise MediaError(f"the file {path} is empty", "Save it again")
        found, sha256 = _inspect(path, name, status.st_size, status.st_mtime_ns, status.st_ino)
    except (FileNotFoundError, NotADirectoryError):
        hint = "Put it there, or correct the path"
        raise MediaError(f"there is no file {path}", hint) from None
    except (OSError, ValueError) as error:
        if isinstance(error, MediaError):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise MediaError(f"the file {path} cannot be read: {reason}", "Check its permissions") from None
    _require_honest_name(name, found)
    return found, sha256


@lru_cache(maxsize=1024)
def _inspect(path: Path, name: str, size: int, mtime_ns: int, inode: int) -> tuple[Measured, str]:  # noqa: ARG001
    found = _as_picture(path, name, size) or _as_video(path, name, size)
    if found is None:
        raise MediaError(
            f"{name} is neither a picture (JPEG, PNG, GIF, WEBP) nor a video (MP4, MOV)",
            "Export it again in one of these formats",
        )
    return found, _sha256(path)


def _as_picture(path: Path, name: str, size: int) -> Measured | None:
    # Imported on first use: most calendars are read for their texts.
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(path, formats=_OPENED) as picture:
                media_type = _PICTURE_TYPES[picture.format or ""]
                frames = int(getattr(picture, "n_frames", 1)) if media_type == "image/gif" else 1
                width, height = picture.size
                _require_whole(picture)
        except UnidentifiedImageError:
            return None
        except Image.DecompressionBombError:
            raise MediaError(f"{name} has too many pixels for a picture", "Make it smaller") from None
        except Exception as error:  # Pillow's decoders raise whatever broken bytes lead them to
            raise MediaError(f"the picture {name} is damaged ({error})", "Export it again") from None
    category: MediaCategory = "tweet_gif" if frames > 1 else "tweet_image"
    return Measured(category, media_type, size, width, height, frames=frames)


def _require_whole(picture: Image) -> None:
    """Raise when the picture's bytes end early."""
    if picture.format == "PNG":
        picture.verify()
        return
    picture.seek(0)
    # A JPEG is decoded at an eighth of its size: quick, and small however large the picture is.
    picture.draft("RGB", (max(picture.width // 8, 1), max(picture.height // 8, 1)))
    if picture.width * picture.height <= _MAX_DECODED_PIXELS:
        picture.load()


def _as_video(path: Path, name: str, size: int) -> Measured | None:
    # FFmpeg would follow a playlist's links; only these containers, told by their first bytes, are opened.
    demuxer = _demuxer(path)
    if demuxer is None:
        return None
    # Imported on first use: FFmpeg's libraries are large.
    import av  # noqa: PLC0415

    try:
        with av.open(str(path), mode="r", format=demuxer, metadata_errors="replace") as container:
            return _measured_video(container, _video_type(path, demuxer), size)
    except av.FFmpegError as error:
        raise MediaError(f"the video {name} is damaged ({error.strerror})", "Export it again") from None


def _measured_video(container: InputContainer, media_type: str, size: int) -> Measured | None:
    if not container.streams.video:
        return None
    stream = container.streams.video[0]
    duration = None
    if container.duration is not None:
        duration = container.duration / 1_000_000
    elif stream.duration is not None and stream.time_base is not None:
        duration = float(stream.duration * stream.time_base)
    return Measured(
        "tweet_video",
        media_type,
        size,
        stream.codec_context.width,
        stream.codec_context.height,
        frames=0,
        duration_seconds=duration,
        fps=float(stream.average_rate) if stream.average_rate else None,
        codecs=tuple(s.codec_context.name for s in (*container.streams.video, *container.streams.audio)),
    )


def _demuxer(path: Path) -> str | None:
    head = _head(path)
    if (head[4:8] == b"ftyp" and head[8:12] not in _STILL_BRANDS) or head[4:8] in {b"moov", b"mdat", b"wide"}:
        return "mov"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "matroska"
    return "mpegts" if head[:1] == head[188:189] == b"\x47" else None


def _video_type(path: Path, demuxer: str) -> str:
    if demuxer == "mov":
        return (
            "video/quicktime" if _head(path)[8:12] == b"qt  " or _head(path)[4:8] != b"ftyp" else "video/mp4"
        )
    return {"matroska": "video/webm", "mpegts": "video/mp2t"}[demuxer]


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(192)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _require_honest_name(name: str, found: Measured) -> None:
    named = _TYPES_BY_SUFFIX.get(PurePath(name).suffix.lower())
    if (
        named is None
        or named == found.media_type
        or {named, found.media_type} == {"video/mp4", "video/quicktime"}
    ):
        return
    right = next(suffix for suffix, media_type in _TYPES_BY_SUFFIX.items() if media_type == found.media_type)
    raise MediaError(
        f"{name} is not what its name says: it is {found.media_type}",
        f"Rename it to {PurePath(name).stem}{right}, or export it as {named}",
    )
