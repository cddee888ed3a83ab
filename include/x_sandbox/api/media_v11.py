"""The media upload of API v1.1 (upload.twitter.com), which only OAuth 1.0a may use."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from x_sandbox import uploads
from x_sandbox.authentication import OAUTH1
from x_sandbox.exchange import Answer, Exchange, Handler, Operation
from x_sandbox.files import ARRIVING, receive_form
from x_sandbox.media import MAX_BYTES, V11_SEGMENT_BYTES, V11_VIDEO_BYTES, Media
from x_sandbox.problems import invalid_request
from x_sandbox.problems_v11 import NO_ACCESS, OldProblem, invalid, lacking, refused_by_v11
from x_sandbox.schemas import CATEGORIES, MEDIA_TYPES, WARNINGS

FILE_FIELDS = ("media", "media_data")
SIMPLE_BYTES = MAX_BYTES["tweet_gif"]
ALT_TEXT_LENGTH = 1_000


@dataclass
class _Received:
    """A request's parameters, wherever they were, and its file."""

    parameters: dict[str, str]
    file: Path | None = None

    def required(self, name: str) -> str:
        if not self.parameters.get(name):
            raise lacking(name)
        return self.parameters[name]

    def taken(self, *, limit: int) -> Path:
        """Return the file of a request that must have one."""
        if self.file is None:
            raise lacking("media")
        if self.file.stat().st_size > limit:
            raise invalid_request(f"File size exceeds {limit} bytes.")
        return self.file


async def upload(exchange: Exchange) -> Answer:
    received = await _receive(exchange)
    commands = {"INIT": _initialize, "APPEND": _append, "FINALIZE": _finalize}
    try:
        if "command" not in received.parameters:
            return await _simple(exchange, received)
        command = commands.get(received.parameters["command"])
        if command is None:
            raise invalid("command")
        return await command(exchange, received)
    finally:
        if received.file:
            received.file.unlink(missing_ok=True)


async def _initialize(exchange: Exchange, received: _Received) -> Answer:
    media_type, total = received.required("media_type"), received.required("total_bytes")
    if not total.isdecimal():
        raise invalid("total_bytes")
    if media_type not in MEDIA_TYPES:
        raise invalid_request("media type unrecognized.")
    category = _category(received, default=uploads.default_category(media_type))
    _check_size(exchange, category, int(total))
    media = exchange.state.media.open(
        exchange.account.id,
        category,
        media_type,
        total_bytes=int(total),
        additional_owners=_owners(received),
    )
    return Answer(_shown(exchange, media), 202)


async def _append(exchange: Exchange, received: _Received) -> Answer:
    media = uploads.session(exchange.state, exchange.account, received.required("media_id"))
    index = received.required("segment_index")
    uploads.keep_segment(exchange.state, media, index, received.taken(limit=V11_SEGMENT_BYTES))
    return Answer(None, 204)


async def _finalize(exchange: Exchange, received: _Received) -> Answer:
    media = uploads.session(exchange.state, exchange.account, received.required("media_id"))
    media = await uploads.finish(exchange.state, media, uploads.segments_of(exchange.state, media))
    return Answer(_shown(exchange, media), 201)


async def _simple(exchange: Exchange, received: _Received) -> Answer:
    arrived = received.taken(limit=SIMPLE_BYTES)
    category = _category(received, default="tweet_image")
    if category in ("tweet_video", "amplify_video", "dm_video"):
        raise invalid_request("media type unrecognized.")
    _check_size(exchange, category, arrived.stat().st_size)
    media = exchange.state.media.open(
        exchange.account.id, category, "", total_bytes=None, additional_owners=_owners(received)
    )
    return Answer(_shown(exchange, await uploads.finish_at_once(exchange.state, media, arrived)))


async def status(exchange: Exchange) -> Answer:
    received = _Received(dict(exchange.request.query_params))
    if received.required("command") != "STATUS":
        raise invalid("command")
    media = uploads.owned(exchange.state, exchange.account, received.required("media_id"))
    return Answer(_shown(exchange, media))


async def create_metadata(exchange: Exchange) -> Answer:
    body = await _json(exchange)
    media = _owned(exchange, body)
    alt_text = body.get("alt_text")
    if alt_text is not None:
        if not isinstance(alt_text, dict) or not isinstance(alt_text.get("text"), str):
            raise invalid("alt_text")
        if len(alt_text["text"]) > ALT_TEXT_LENGTH:
            raise invalid("alt_text.text")
        media = exchange.state.media.update(media, alt_text=alt_text["text"])
    warnings = body.get("sensitive_media_warning")
    if warnings is not None:
        if not isinstance(warnings, list) or set(map(str, warnings)) - set(WARNINGS):
            raise invalid("sensitive_media_warning")
        uploads.warn(exchange.state, media, [name for name in WARNINGS if name in warnings])
    return Answer(None)


async def create_subtitles(exchange: Exchange) -> Answer:
    body = await _json(exchange)
    media = _owned(exchange, body)
    for track in _tracks(body):
        words = _owned(exchange, track)
        language = _language(track)
        media = uploads.attach_subtitles(
            exchange.state, media, words, language, str(track.get("display_name", ""))
        )
    return Answer(None)


async def delete_subtitles(exchange: Exchange) -> Answer:
    body = await _json(exchange)
    media = _owned(exchange, body)
    for track in _tracks(body):
        uploads.remove_subtitles(exchange.state, media, _language(track))
        media = _owned(exchange, body)
    return Answer(None)


async def _receive(exchange: Exchange) -> _Received:
    request, inbox = exchange.request, exchange.state.media.inbox
    parameters = dict(request.query_params)
    if not exchange.streams:
        parameters.update(exchange.form)
        encoded = parameters.pop("media_data", None)
        return _Received(parameters, None if encoded is None else _decoded(encoded.encode(), inbox))
    form = await receive_form(request, inbox, limit=2 * SIMPLE_BYTES, file_fields=FILE_FIELDS)
    parameters.update(form.fields)
    if form.file_field == "media":
        return _Received(parameters, form.file)
    try:
        return _Received(parameters, _decoded(form.file.read_bytes(), inbox) if form.file_field else None)
    finally:
        form.file.unlink()


def _decoded(encoded: bytes, inbox: Path) -> Path:
    try:
        content = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise invalid("media_data") from None
    arrived = inbox / f"{ARRIVING}{secrets.token_hex(8)}"
    arrived.write_bytes(content)
    return arrived


async def _json(exchange: Exchange) -> dict[str, Any]:
    try:
        body = json.loads(await exchange.request.body())
    except ValueError:
        raise OldProblem(400, 214, "Bad request.") from None
    if not isinstance(body, dict):
        raise OldProblem(400, 214, "Bad request.")
    return body


def _owned(exchange: Exchange, body: dict[str, Any]) -> Media:
    if not body.get("media_id"):
        raise lacking("media_id")
    return uploads.owned(exchange.state, exchange.account, str(body["media_id"]))


def _tracks(body: dict[str, Any]) -> list[dict[str, Any]]:
    tracks = body["subtitle_info"].get("subtitles") if isinstance(body.get("subtitle_info"), dict) else None
    if not isinstance(tracks, list) or not tracks or not all(isinstance(track, dict) for track in tracks):
        raise lacking("subtitle_info.subtitles")
    return tracks


def _language(track: dict[str, Any]) -> str:
    code = str(track.get("language_code", ""))
    if not code.isalpha() or not code.isascii():
        raise invalid("language_code")
    return code.upper()


def _category(received: _Received, *, default: str) -> str:
    category = received.parameters.get("media_category", default).lower()
    if category not in CATEGORIES:
        raise invalid("media_category")
    return category


def _check_size(exchange: Exchange, category: str, size: int) -> None:
    uploads.check_size(exchange.account, category, size)
    if size > V11_VIDEO_BYTES:
        raise invalid_request(f"File size exceeds {V11_VIDEO_BYTES} bytes.")


def _owners(received: _Received) -> tuple[str, ...]:
    return tuple(filter(None, received.parameters.get("additional_owners", "").split(",")))


def _shown(exchange: Exchange, media: Media) -> dict[str, Any]:
    now, lifetime = exchange.state.clock.now(), exchange.state.settings.media_lifetime_seconds
    shown: dict[str, Any] = {
        "media_id": int(media.id),
        "media_id_string": media.id,
        "media_key": media.media_key,
        "expires_after_secs": media.expires_after(now, lifetime),
    }
    if media.finalized_at:
        shown["size"] = media.size
    if processing := media.processing(now):
        shown["processing_info"] = processing
        if media.failure and processing["state"] == "failed":
            processing["error"] = {"code": 1, "name": "InvalidMedia", "message": media.failure}
    elif media.kind == "photo" and media.width and media.height:
        shown["image"] = {"image_type": media.media_type, "w": media.width, "h": media.height}
    if media.kind == "video" and media.finalized_at:
        shown["video"] = {"video_type": media.media_type}
    return shown


def _operation(method: str, path: str, handler: Handler) -> Operation:
    async def handle(exchange: Exchange) -> Answer:
        if not exchange.state.settings.v11_upload:
            raise OldProblem(403, 453, NO_ACCESS)
        return await handler(exchange)

    return Operation(
        method, path, handle, (), (OAUTH1,), writes=method != "GET", query=None, refusal=refused_by_v11
    )


OPERATIONS = [
    _operation("POST", "/1.1/media/upload.json", upload),
    _operation("GET", "/1.1/media/upload.json", status),
    _operation("POST", "/1.1/media/metadata/create.json", create_metadata),
    _operation("POST", "/1.1/media/subtitles/create.json", create_subtitles),
    _operation("POST", "/1.1/media/subtitles/delete.json", delete_subtitles),
]
