"""Media: one-shot and chunked upload, processing, alt text, subtitles."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import secrets
import shutil
from pathlib import Path
from typing import Any

from x_sandbox.accounts import Account
from x_sandbox.authentication import USER_CONTEXTS
from x_sandbox.exchange import Answer, Exchange, Handler, Operation
from x_sandbox.files import join, receive_multipart, recognise
from x_sandbox.media import MAX_BYTES, MAX_SEGMENT_BYTES, PREMIUM_VIDEO_BYTES, Media
from x_sandbox.problems import invalid_request, missing, not_found
from x_sandbox.rendering import Rendering
from x_sandbox.schemas import CATEGORIES, DELETE_SUBTITLES, INITIALIZE_UPLOAD, MEDIA_METADATA, SUBTITLES
from x_sandbox.vocabulary import Wanted

SEGMENTS = 1_000


async def initialize(exchange: Exchange) -> Answer:
    body = await exchange.json(INITIALIZE_UPLOAD)
    if absent := [name for name in ("media_type", "total_bytes") if name not in body]:
        raise invalid_request(*(f"$.{name}: is missing but it is required" for name in absent))
    category = body.get("media_category", _default_category(body["media_type"]))
    _check_size(exchange.account, category, body["total_bytes"])
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
    segments = exchange.state.media.segments(media.id)
    fields, arrived = await _receive(exchange, segments, limit=MAX_SEGMENT_BYTES)
    try:
        index = str(fields.get("segment_index", ""))
        if not index.isdecimal() or int(index) >= SEGMENTS:
            raise invalid_request(f"$.segment_index: [{index}] is not between 0 and {SEGMENTS - 1}")
        arrived.replace(segments / f"{int(index):04}")
    finally:
        arrived.unlink(missing_ok=True)
    expires_at = int(media.opened_at + exchange.state.settings.media_lifetime_seconds)
    return Answer({"data": {"expires_at": expires_at}})


async def finalize(exchange: Exchange) -> Answer:
    state, media = exchange.state, _session(exchange)
    folder = state.media.segments(media.id)
    segments = sorted(folder.glob("[0-9][0-9][0-9][0-9]"))
    promised = media.total_bytes or 0
    given = sum(segment.stat().st_size for segment in segments)
    if given != promised or [int(segment.name) for segment in segments] != list(range(len(segments))):
        raise invalid_request(
            "Segments do not add up to provided total file size: "
            f"{len(segments)} segments of together {given} bytes, {promised} bytes promised."
        )
    return await _finish(exchange, media, segments)


async def upload(exchange: Exchange) -> Answer:
    library = exchange.state.media
    media = library.open(exchange.account.id, "tweet_image", "", total_bytes=None)
    folder = library.segments(media.id)
    try:
        fields, arrived = await _receive(exchange, folder, limit=max(MAX_BYTES["tweet_gif"], 512 << 20))
        category = _check_category(fields.get("media_category", ""))
        _check_size(exchange.account, category, arrived.stat().st_size)
        owners = tuple(filter(None, str(fields.get("additional_owners", "")).split(",")))
        media = library.update(media, category=category, additional_owners=owners)
        return await _finish(exchange, media, [arrived])
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


async def _receive(exchange: Exchange, folder: Path, *, limit: int) -> tuple[dict[str, Any], Path]:
    if exchange.request.headers.get("content-type", "").startswith("multipart/form-data"):
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
    arrived = folder / f"arriving-{secrets.token_hex(8)}"
    arrived.write_bytes(content)
    return body, arrived


async def _finish(exchange: Exchange, media: Media, segments: list[Path]) -> Answer:
    state = exchange.state
    target = state.media.file(media.id)
    size, sha256 = await asyncio.to_thread(join, segments, target)
    failure, contents = None, None
    try:
        contents = await asyncio.to_thread(recognise, target)
        _check_kind(media, contents.media_type)
    except ValueError as error:
        failure = str(error)
        if not media.asynchronous:
            target.unlink()
            problem = invalid_request("Your media could not be processed: the file is invalid.")
            problem.note = failure
            raise problem from error
    now = state.clock.now()
    wait = state.settings.processing_seconds if media.asynchronous else 0.0
    media = state.media.update(
        state.media.get(media.id) or media,  # its alt text may have come meanwhile
        media_type=contents.media_type if contents else media.media_type,
        width=contents.width if contents else None,
        height=contents.height if contents else None,
        duration_seconds=contents.duration_seconds if contents else None,
        size=size,
        sha256=sha256,
        failure=failure,
        finalized_at=now,
        ready_at=now + wait,
    )
    await asyncio.to_thread(shutil.rmtree, state.media.segments(media.id), ignore_errors=True)
    return Answer({"data": _shown(exchange, media)})


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
    if "alt_text" in metadata:
        media = exchange.state.media.update(media, alt_text=metadata["alt_text"]["text"])
    return Answer({"data": {"id": media.id, "associated_metadata": metadata}})


async def set_subtitles(exchange: Exchange) -> Answer:
    body = await exchange.json(SUBTITLES)
    track = body.get("subtitles", {})
    if "id" not in body or "id" not in track or "language_code" not in track:
        raise invalid_request("$: id, subtitles.id and subtitles.language_code are required")
    media, words = _owned(exchange, body["id"]), _owned(exchange, track["id"])
    if media.kind != "video" or words.kind != "subtitles":
        raise invalid_request("$: id must be a video and subtitles.id a subtitles file")
    exchange.state.media.update(media, subtitles={**media.subtitles, track["language_code"]: track})
    category = body.get("media_category", "TweetVideo")
    return Answer({"data": {"id": media.id, "media_category": category, "associated_subtitles": track}})


async def delete_subtitles(exchange: Exchange) -> Answer:
    body = await exchange.json(DELETE_SUBTITLES)
    media = _owned(exchange, body["id"])
    kept = {code: track for code, track in media.subtitles.items() if code != body["language_code"]}
    exchange.state.media.update(media, subtitles=kept)
    return Answer({"data": {"deleted": len(kept) < len(media.subtitles)}})


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
    return Answer(rendering.body(shown))


async def by_key(exchange: Exchange) -> Answer:
    key = exchange.request.path_params["media_key"]
    media = exchange.state.media.by_key(key)
    if media is None:
        return Answer({"errors": [not_found("media", "media_key", key)]})
    return Answer(
        {"data": Rendering(exchange.state, Wanted.of(exchange.request), exchange.user_id).media(media)}
    )


def _shown(exchange: Exchange, media: Media) -> dict[str, Any]:
    now = exchange.state.clock.now()
    lifetime = exchange.state.settings.media_lifetime_seconds
    since = media.finalized_at or media.opened_at
    shown: dict[str, Any] = {
        "id": media.id,
        "media_key": media.media_key,
        "expires_after_secs": max(0, int(since + lifetime - now)),
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
    media = _owned(exchange, exchange.request.path_params["id"])
    if media.finalized_at:
        raise invalid_request(f"The upload session {media.id} is finalized already.")
    return media


def _owned(exchange: Exchange, media_id: str) -> Media:
    media = exchange.state.media.get(media_id)
    lifetime = exchange.state.settings.media_lifetime_seconds
    if (
        media is None
        or not media.belongs_to(exchange.account.id)
        or exchange.state.clock.now() > (media.finalized_at or media.opened_at) + lifetime
    ):
        raise missing("media", "id", media_id)
    return media


def _default_category(media_type: str) -> str:
    if media_type == "image/gif":
        return "tweet_gif"
    if media_type.startswith("text/"):
        return "subtitles"
    return "tweet_video" if media_type.startswith("video/") else "tweet_image"


def _check_category(category: str) -> str:
    if category not in CATEGORIES or category == "amplify_video":
        raise invalid_request(f"$.media_category: [{category}] does not have a value in the enumeration")
    return category


def _check_size(account: Account, category: str, size: int) -> None:
    most = MAX_BYTES[category]
    if account.premium and category in ("tweet_video", "amplify_video"):
        most = PREMIUM_VIDEO_BYTES
    if not 0 < size <= most:
        raise invalid_request(f"File size exceeds {most} bytes." if size else "The file is empty.")


def _check_kind(media: Media, found: str) -> None:
    families = {"photo": "image/", "animated_gif": "image/gif", "video": "video/", "subtitles": "text/"}
    if not found.startswith(families[media.kind]):
        raise ValueError(f"the file is {found}, which is no {media.category}")


_SCOPES = ("media.write",)


def _operation(method: str, path: str, handler: Handler, query: tuple[str, ...] = ()) -> Operation:
    return Operation(method, path, handler, _SCOPES, USER_CONTEXTS, method != "GET", query)


OPERATIONS = [
    _operation("POST", "/2/media/upload/{id}/append", append),
    _operation("POST", "/2/media/upload/initialize", initialize),
    _operation("POST", "/2/media/upload/{id}/finalize", finalize),
    _operation("POST", "/2/media/upload", upload),
    _operation("GET", "/2/media/upload", status, ("media_id", "command")),
    _operation("POST", "/2/media/metadata", set_metadata),
    _operation("POST", "/2/media/subtitles", set_subtitles),
    _operation("DELETE", "/2/media/subtitles", delete_subtitles),
    Operation("GET", "/2/media", by_keys, ("tweet.read",), query=("media_keys", "media.fields")),
    Operation("GET", "/2/media/{media_key}", by_key, ("tweet.read",), query=("media.fields",)),
]
