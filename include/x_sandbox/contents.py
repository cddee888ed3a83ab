"""What a file that was uploaded is."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import av
from PIL import Image, UnidentifiedImageError


@dataclass(frozen=True)
class Contents:
    """What a file turned out to be."""

    media_type: str
    width: int | None = None
    height: int | None = None
    duration_seconds: float | None = None


def recognise(path: Path) -> Contents:
    """Look into a file.

    :raises ValueError: it is nothing X takes, or damaged; the message says what is wrong.
    """
    with path.open("rb") as file:
        head = file.read(512)
    media_type = _sniff(head)
    if media_type is None:
        raise ValueError("the file is of no type that X takes")
    if media_type.startswith("image/"):
        return _look_at_image(path, media_type)
    if media_type.startswith("video/"):
        return _look_at_video(path, media_type)
    return Contents(media_type)


def _sniff(head: bytes) -> str | None:
    signatures = (
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"BM", "image/bmp"),
        (b"II*\x00", "image/tiff"),
        (b"MM\x00*", "image/tiff"),
        (b"\x1a\x45\xdf\xa3", "video/webm"),
        (b"WEBVTT", "text/vtt"),
        (b"\xef\xbb\xbfWEBVTT", "text/vtt"),
    )
    for signature, media_type in signatures:
        if head.startswith(signature):
            return media_type
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp":
        return "video/quicktime" if head[8:12] == b"qt  " else "video/mp4"
    if head[:1] == b"\x47" and head[188:189] == b"\x47":
        return "video/mp2t"
    if b" --> " in head:
        return "text/srt"
    return None


def _look_at_image(path: Path, media_type: str) -> Contents:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                width, height = image.size
                image.verify()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"the image is damaged: {error}") from error
    return Contents(media_type, width, height)


def _look_at_video(path: Path, media_type: str) -> Contents:
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise ValueError("the file has no video stream")
            stream = container.streams.video[0]
            seconds = container.duration / av.time_base if container.duration else None
            return Contents(media_type, stream.codec_context.width, stream.codec_context.height, seconds)
    except (av.error.FFmpegError, OSError) as error:
        raise ValueError(f"the video is damaged: {error}") from error
