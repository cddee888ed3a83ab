"""Bytes of uploads: multipart bodies streamed to disk, segments put together, contents recognised."""

from __future__ import annotations

import hashlib
import os
import secrets
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import av
from PIL import Image, UnidentifiedImageError
from python_multipart import MultipartParser
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from x_sandbox.problems import invalid_request

CHUNK_BYTES = 1 << 20


class _Form:
    """Receives the parts of a multipart body: one file to disk, small fields to memory."""

    MAX_FIELD_BYTES = 64 << 10

    def __init__(self, file_field: str, sink: BinaryIO, limit: int) -> None:
        self.fields: dict[str, str] = {}
        self.size = 0
        self.found = False
        self._file_field = file_field
        self._sink = sink
        self._limit = limit
        self._header = self._header_value = b""
        self._name = ""
        self._field = bytearray()

    def on_part_begin(self) -> None:
        self._name = ""
        self._field.clear()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(self._header_value)
            self._name = options.get(b"name", b"").decode(errors="replace")
            self.found = self.found or self._name == self._file_field
        self._header = self._header_value = b""

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._name == self._file_field:
            self.size += end - start
            if self.size > self._limit:
                raise invalid_request(f"$.media: must have a size of at most {self._limit} bytes")
            self._sink.write(memoryview(data)[start:end])
        elif len(self._field) + end - start <= self.MAX_FIELD_BYTES:
            self._field += data[start:end]
        else:
            raise invalid_request(f"$.{self._name}: must have a size of at most {self.MAX_FIELD_BYTES} bytes")

    def on_part_end(self) -> None:
        if self._name and self._name != self._file_field:
            self.fields[self._name] = self._field.decode(errors="replace")


async def receive_multipart(request: Request, into: Path, *, limit: int) -> tuple[dict[str, str], Path]:
    """Stream the part `media` of a multipart body to a new file.

    :param into: folder of the new file.
    :param limit: most bytes the part may have.
    :return: the other fields, and the file.
    :raises Problem: 400 for a body that is no multipart form, has no `media`, or too much of it.
    """
    _, options = parse_options_header(request.headers.get("content-type", ""))
    if not options.get(b"boundary"):
        raise invalid_request("the multipart body has no boundary")
    arriving = into / f"arriving-{secrets.token_hex(8)}"
    try:
        with arriving.open("wb", buffering=0) as sink:
            form = _Form("media", sink, limit)
            parser = MultipartParser(
                options[b"boundary"],
                {
                    "on_part_begin": form.on_part_begin,
                    "on_header_field": form.on_header_field,
                    "on_header_value": form.on_header_value,
                    "on_header_end": form.on_header_end,
                    "on_part_data": form.on_part_data,
                    "on_part_end": form.on_part_end,
                },
            )
            async for chunk in request.stream():
                parser.write(chunk)
            parser.finalize()
    except MultipartParseError as error:
        arriving.unlink()
        raise invalid_request(f"the multipart body cannot be read: {error}") from error
    except BaseException:
        arriving.unlink()
        raise
    if not form.found:
        arriving.unlink()
        raise invalid_request("$.media: is missing but it is required")
    return form.fields, arriving


def join(segments: list[Path], target: Path) -> tuple[int, str]:
    """Put segments together; the target appears whole or not at all.

    :return: size in bytes and SHA-256 in hex.
    """
    digest, size = hashlib.sha256(), 0
    whole = target.with_suffix(f".joining-{secrets.token_hex(4)}")
    if len(segments) == 1:
        os.link(segments[0], whole)
        with whole.open("rb", buffering=0) as source:
            while chunk := source.read(CHUNK_BYTES):
                digest.update(chunk)
                size += len(chunk)
    else:
        with whole.open("wb", buffering=0) as sink:
            for segment in segments:
                with segment.open("rb", buffering=0) as source:
                    while chunk := source.read(CHUNK_BYTES):
                        digest.update(chunk)
                        sink.write(chunk)
                        size += len(chunk)
    whole.replace(target)
    return size, digest.hexdigest()


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
