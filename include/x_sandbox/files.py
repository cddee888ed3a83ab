"""Bytes of uploads: multipart bodies streamed to disk, segments put together."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from python_multipart import MultipartParser
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from x_sandbox.problems import invalid_request

CHUNK_BYTES = 1 << 20
ARRIVING = "arriving-"


class _Form:
    """Receives the parts of a multipart body: one file to disk, small fields to memory."""

    MAX_FIELD_BYTES = 64 << 10

    def __init__(self, file_fields: Collection[str], sink: BinaryIO, limit: int) -> None:
        self.fields: dict[str, str] = {}
        self.size = 0
        self.file_field: str | None = None
        self._file_fields = file_fields
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
            if self._name in self._file_fields:
                if self.file_field:
                    raise invalid_request("there is more than one file in the body")
                self.file_field = self._name
        self._header = self._header_value = b""

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._name in self._file_fields:
            self.size += end - start
            if self.size > self._limit:
                raise invalid_request(f"$.{self._name}: must have a size of at most {self._limit} bytes")
            self._sink.write(memoryview(data)[start:end])
        elif len(self._field) + end - start <= self.MAX_FIELD_BYTES:
            self._field += data[start:end]
        else:
            raise invalid_request(f"$.{self._name}: must have a size of at most {self.MAX_FIELD_BYTES} bytes")

    def on_part_end(self) -> None:
        if self._name and self._name not in self._file_fields:
            self.fields[self._name] = self._field.decode(errors="replace")


@dataclass(frozen=True)
class Received:
    """A multipart body: its small fields, and its file.

    :param file_field: the name of the part that holds the file, or None where there is none.
    """

    fields: dict[str, str]
    file_field: str | None
    file: Path


async def receive_form(
    request: Request, into: Path, *, limit: int, file_fields: Collection[str] = ("media",)
) -> Received:
    """Stream the file of a multipart body to a new file, which belongs to the caller.

    :param into: folder of the new file.
    :param limit: most bytes the file may have.
    :param file_fields: the names that the part with the file may have.
    :raises Problem: 400 for a body that is no multipart form, or whose parts are too large.
    """
    _, options = parse_options_header(request.headers.get("content-type", ""))
    if not options.get(b"boundary"):
        raise invalid_request("the multipart body has no boundary")
    arriving = into / f"{ARRIVING}{secrets.token_hex(8)}"
    try:
        with arriving.open("wb", buffering=0) as sink:
            form = _Form(file_fields, sink, limit)
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
    return Received(form.fields, form.file_field, arriving)


async def receive_multipart(request: Request, into: Path, *, limit: int) -> tuple[dict[str, str], Path]:
    """Stream the part `media` of a multipart body to a new file.

    :return: the other fields, and the file.
    :raises Problem: 400 for a body that is no multipart form, has no `media`, or too much of it.
    """
    received = await receive_form(request, into, limit=limit)
    if received.file_field is None:
        received.file.unlink()
        raise invalid_request("$.media: is missing but it is required")
    return received.fields, received.file


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
