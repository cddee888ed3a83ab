"""Looking into media files: what they are, whatever their names say. Streamed, never loaded whole."""

from __future__ import annotations

import hashlib
import stat
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any

from x_provider.media.errors import MediaError
from x_provider.media.isolation import apart
from x_provider.media.limits import Measured
from x_provider.media.urls import shown_path

_BLOCK = 1 << 20
_SECONDS = 60
_MEGABYTES = 1_024
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
_PICTURE_STARTS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PAGE_STARTS = (b"<!doctype html", b"<html", b"<head", b"<body", b"<script")
_STILL_BRANDS = (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis")


def inspect(path: Path, *, name: str | None = None, from_url: bool = False) -> tuple[Measured, str]:
    """Find out what a file is. Nothing of it is decoded in this process.

    :param name: what people know the file by, if not by the last part of its path.
    :param from_url: its name is the end of an https URL, which promises nothing.
    :returns: its measures and the SHA-256 of its bytes, hexadecimal.
    :raises MediaError: when it is missing, empty, unreadable, damaged, no picture or video, or not what its
        own name says.
    """
    name = name or shown_path(path.name)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise MediaError(f"{shown_path(path)} is no file", "Name a picture or a video")
        if status.st_size == 0:
            raise MediaError(f"the file {shown_path(path)} is empty", "Save it again")
        found, sha256 = _inspect(path, name, status.st_size, status.st_mtime_ns, status.st_ino)
    except (FileNotFoundError, NotADirectoryError):
        hint = "Put it there, or correct the path"
        raise MediaError(f"there is no file {shown_path(path)}", hint) from None
    except (OSError, ValueError) as error:
        if isinstance(error, MediaError):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise MediaError(
            f"the file {shown_path(path)} cannot be read: {reason}", "Check its permissions"
        ) from None
    if not from_url:
        _require_honest_name(name, found)
    return found, sha256


@lru_cache(maxsize=1024)
def _inspect(path: Path, name: str, size: int, mtime_ns: int, inode: int) -> tuple[Measured, str]:  # noqa: ARG001
    head = first_bytes(path)
    if is_picture(head):
        found = _measured("pictures", path, name=name, size=size)
    elif (demuxer := demuxer_of(head)) is not None:
        found = _measured(
            "videos", path, name=name, size=size, demuxer=demuxer, quicktime=_is_quicktime(head)
        )
    elif is_web_page(head):
        raise MediaError(
            f"{name} is a web page", "Save the picture or video that it shows, and use that file"
        )
    else:
        raise MediaError(
            f"{name} is neither a picture (JPEG, PNG, GIF, WEBP) nor a video (MP4, MOV)",
            "Export it again in one of these formats",
        )
    sha256 = sha256_of(path)
    if (status := path.stat()).st_size != size or status.st_mtime_ns != mtime_ns:
        raise MediaError(
            f"the file {shown_path(path)} changes while it is read", "Try again when it is written"
        )
    return found, sha256


def _measured(module: str, path: Path, *, name: str, **more: Any) -> Measured:
    measured = apart(
        f"x_provider.media.{module}",
        "measured",
        path,
        {"name": name, **more},
        name=name,
        seconds=_SECONDS,
        megabytes=_MEGABYTES,
    )
    values: dict[str, Any] = {key: tuple(it) if isinstance(it, list) else it for key, it in measured.items()}
    return Measured(**values)


def first_bytes(path: Path) -> bytes:
    """As many bytes of a file as it takes to tell what it is."""
    with path.open("rb") as file:
        return file.read(192)


def is_picture(head: bytes) -> bool:
    """Whether a file that begins like this is a picture, if it is anything."""
    return head.startswith(_PICTURE_STARTS) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def is_web_page(head: bytes) -> bool:
    """Whether what begins like this is HTML: the page around a file, or that of a login, instead of the file."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_PAGE_STARTS)


def demuxer_of(head: bytes) -> str | None:
    """What FFmpeg shall take a file that begins like this for; None when it is no video."""
    if (head[4:8] == b"ftyp" and head[8:12] not in _STILL_BRANDS) or head[4:8] in {b"moov", b"mdat", b"wide"}:
        return "mov"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "matroska"
    return "mpegts" if head[:1] == head[188:189] == b"\x47" else None


def _is_quicktime(head: bytes) -> bool:
    return demuxer_of(head) == "mov" and (head[4:8] != b"ftyp" or head[8:12] == b"qt  ")


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
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
