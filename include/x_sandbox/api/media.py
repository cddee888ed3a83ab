"""Media: one-shot and chunked upload, processing, alt text, subtitles."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from pathlib import Path
from typing import Any

from x_sandbox import prices, uploads
from x_sandbox.authentication import USER_CONTEXTS
from x_sandbox.exchange import Answer, Exchange, Handler, Operation
from x_sandbox.files import ARRIVING, receive_multipart
from x_sandbox.media import MAX_BYTES, MAX_SEGMENT_BYTES, Media
from x_sandbox.problems import invalid_request, not_found
from x_sandbox.rendering import Rendering
from x_sandbox.schemas import (
    CATEGORIES,
    DELETE_SUBTITLES,
    INITIALIZE_UPLOAD,
    MEDIA_METADATA,
    SUBTITLES,
    WARNINGS,
)
from x_sandbox.vocabulary import Wanted


async def initialize(exchange: Exchange) -> Answer:
    body = await exchange.json(INITIALIZE_UPLOAD)
    if absent := [name for name in ("media_type", "total_bytes") if name not in body]:
        raise invalid_request(*(f"$.{name}: is missing but it is required" for name in absent))
    category = body.get("media_category", uploads.default_category(body["media_type"]))
    uploads.check_size(exchange.account, category, body["total_bytes"])
    media = exchange.state.media.open(
        exchange.account.id,
        category,
        body["media_type"],
        total_bytes=body["total_bytes"],
        additional_owners=tuple(body.get("additional_owners", ())),
    )
    lifetime = exchange.state.settings.media_lifetime_seconds
    return Answer({"data": {"id": media.id, "media_key": media.media_key, "expires_after_secs": lifetime}})


async def append(exchange: Exchange) -> Answer:
    media = _session(exchange)
    fields, arrived = await _receive(
        exchange, exchange.state.media.segments(media.id), limit=MAX_SEGMENT_BYTES
    )
    uploads.keep_segment(exchange.state, media, str(fields.get("segment_index", "")), arrived)
    expires_at = int(media.opened_at + exchange.state.settings.media_lifetime_seconds)
    return Answer({"data": {"expires_at": expires_at}})


async def finalize(exchange: Exchange) -> Answer:
    media = _session(exchange)
    segments = uploads.segments_of(exchange.state, media)
    media = await uploads.finish(exchange.state, media, segments)
    return Answer({"data": _shown(exchange, media)})


async def upload(exchange: Exchange) -> Answer:
    library = exchange.state.media
    fields, arrived = await _receive(exchange, library.inbox, limit=MAX_BYTES["dm_video"])
    try:
        category = _check_category(fields.get("media_category", ""))
        uploads.check_size(exchange.account, category, arrived.stat().st_size)
        owners = tuple(filter(None, str(fields.get("additional_owners", "")).split(",")))
        media = library.open(exchange.account.id, category, "", total_bytes=None, additional_owners=owners)
        media = await uploads.finish_at_once(exchange.state, media, arrived)
    finally:
        arrived.unlink(missing_ok=True)
    return Answer({"data": _shown(exchange, media)})


async def _receive(exchange: Exchange, folder: Path, *, limit: int) -> tuple[dict[str, Any], Path]:
    if exchange.streams:
        return await receive_multipart(exchange.request, folder, limit=limit)
    try:
        body = json.loads(await exchange.request.body())
        content = base64.b64decode(body.pop("media"), validate=True)
    except KeyError:
        raise invalid_request(
            "Missing media field in JSON", "$.media: is missing but it is required"
        ) from None
    except (ValueError, TypeError, AttributeError, binascii.Error) as error:
        raise invalid_request(f"the body is no JSON with base64-encoded media: {error}") from error
    if len(content) > limit:
        raise invalid_request(f"$.media: must have a size of at most {limit} bytes")
    arrived = folder / f"{ARRIVING}{secrets.token_hex(8)}"
    arrived.write_bytes(content)
    return body, arrived


async def status(exchange: Exchange) -> Answer:
    query = exchange.request.query_params
    if query.get("command", "STATUS") != "STATUS":
        raise invalid_request(
            f"The `command` query parameter value [{query['command']}] is not one of [STATUS]"
        )
    media = _owned(exchange, query.get("media_id", ""))
    return Answer({"data": _shown(exchange, media)})


async def set_metadata(exchange: Exchange) -> Answer:
    body = await exchange.json(MEDIA_METADATA)
    media = _owned(exchange, body["id"])
    metadata = body.get("metadata", {})
    exchange.bill(prices.MEDIA_METADATA)
    if "alt_text" in metadata:
        media = exchange.state.media.update(media, alt_text=metadata["alt_text"]["text"])
    if "sensitive_media_warning" in metadata:
        said = metadata["sensitive_media_warning"]
        media = uploads.warn(exchange.state, media, [name for name in WARNINGS if said.get(name)])
    return Answer({"data": {"id": media.id, "associated_metadata": metadata}})


async def set_subtitles(exchange: Exchange) -> Answer:
    body = await exchange.json(SUBTITLES)
    track = body.get("subtitles", {})
    if "id" not in body or "id" not in track or "language_code" not in track:
        raise invalid_request("$: id, subtitles.id and subtitles.language_code are required")
    media, words = _owned(exchange, body["id"]), _owned(exchange, track["id"])
    exchange.bill(prices.MEDIA_METADATA)
    uploads.attach_subtitles(
        exchange.state, media, words, track["language_code"], track.get("display_name", "")
    )
    category = body.get("media_category", "TweetVideo")
    return Answer({"data": {"id": media.id, "media_category": category, "associated_subtitles": track}})


async def delete_subtitles(exchange: Exchange) -> Answer:
    body = await exchange.json(DELETE_SUBTITLES)
    media = _owned(exchange, body["id"])
    exchange.bill(prices.MEDIA_METADATA)
    removed = uploads.remove_subtitles(exchange.state, media, body["language_code"])
    return Answer({"data": {"deleted": removed}})


async def by_keys(exchange: Exchange) -> Answer:
    keys = [key for key in exchange.request.query_params.get("media_keys", "").split(",") if key]
    if not 1 <= len(keys) <= 100:
        raise invalid_request("The `media_keys` query parameter must hold 1 to 100 keys")
    rendering = Rendering(exchange.state, Wanted.of(exchange.request), exchange.user_id)
    shown = []
    for key in keys:
        if media := exchange.state.media.by_key(key):
            shown.append(rendering.media(media))
        else:
            rendering.errors.append(not_found("media", "media_keys", key))
    exchange.bill(prices.MEDIA_READ, [media["media_key"] for media in shown])
    return Answer(rendering.body(shown))


async def by_key(exchange: Exchange) -> Answer:
    key = exchange.request.path_params["media_key"]
    media = exchange.state.media.by_key(key)
    if media is None:
        return Answer({"errors": [not_found("media", "media_key", key)]})
    exchange.bill(prices.MEDIA_READ, [media.media_key])
    return Answer(
        {"data": Rendering(exchange.state, Wanted.of(exchange.request), exchange.user_id).media(media)}
    )


def _shown(exchange: Exchange, media: Media) -> dict[str, Any]:
    now = exchange.state.clock.now()
    lifetime = exchange.state.settings.media_lifetime_seconds
    shown: dict[str, Any] = {
        "id": media.id,
        "media_key": media.media_key,
        "expires_after_secs": media.expires_after(now, lifetime),
    }
    if media.finalized_at:
        shown["size"] = media.size
    if processing := media.processing(now):
        shown["processing_info"] = processing
    elif media.kind == "photo" and media.width and media.height:
        shown["image"] = {"image_type": media.media_type, "w": media.width, "h": media.height}
    if media.kind == "video" and media.finalized_at:
        shown["video"] = {"video_type": media.media_type}
    return shown


def _session(exchange: Exchange) -> Media:
    return uploads.session(exchange.state, exchange.account, exchange.request.path_params["id"])


def _owned(exchange: Exchange, media_id: str) -> Media:
    return uploads.owned(exchange.state, exchange.account, media_id)


def _check_category(category: str) -> str:
    if category not in CATEGORIES or category == "amplify_video":
        raise invalid_request(f"$.media_category: [{category}] does not have a value in the enumeration")
    return category


_SCOPES = ("media.write",)


def _operation(
    method: str, path: str, handler: Handler, query: tuple[str, ...] = (), *, paid: bool = False
) -> Operation:
    return Operation(method, path, handler, _SCOPES, USER_CONTEXTS, method != "GET", query, paid)


OPERATIONS = [
    _operation("POST", "/2/media/upload/{id}/append", append),
    _operation("POST", "/2/media/upload/initialize", initialize),
    _operation("POST", "/2/media/upload/{id}/finalize", finalize),
    _operation("POST", "/2/media/upload", upload),
    _operation("GET", "/2/media/upload", status, ("media_id", "command")),
    _operation("POST", "/2/media/metadata", set_metadata, paid=True),
    _operation("POST", "/2/media/subtitles", set_subtitles, paid=True),
    _operation("DELETE", "/2/media/subtitles", delete_subtitles, paid=True),
    Operation("GET", "/2/media", by_keys, ("tweet.read",), query=("media_keys", "media.fields"), paid=True),
    Operation("GET", "/2/media/{media_key}", by_key, ("tweet.read",), query=("media.fields",), paid=True),
]
