"""An upload from its session to its file, whatever API it came by."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from x_sandbox.accounts import Account
from x_sandbox.contents import recognise
from x_sandbox.files import join
from x_sandbox.media import MAX_BYTES, PREMIUM_VIDEO_BYTES, Media
from x_sandbox.problems import invalid_request, missing
from x_sandbox.state import State

SEGMENTS = 1_000
_FAMILIES = {"photo": "image/", "animated_gif": "image/gif", "video": "video/", "subtitles": "text/"}


def owned(state: State, account: Account, media_id: str) -> Media:
    """Find an upload that an account may use.

    :raises Problem: 404 where there is none, it is another account's, or it has expired.
    """
    media = state.media.get(media_id)
    lifetime = state.settings.media_lifetime_seconds
    if (
        media is None
        or not media.belongs_to(account.id)
        or state.clock.now() > (media.finalized_at or media.opened_at) + lifetime
    ):
        raise missing("media", "id", media_id)
    return media


def session(state: State, account: Account, media_id: str) -> Media:
    """Find an upload that is not finished yet.

    :raises Problem: 404 as `owned`, 400 where it is finished.
    """
    media = owned(state, account, media_id)
    if media.finalized_at:
        raise invalid_request(f"The upload session {media.id} is finalized already.")
    return media


def default_category(media_type: str) -> str:
    if media_type == "image/gif":
        return "tweet_gif"
    if media_type.startswith("text/"):
        return "subtitles"
    return "tweet_video" if media_type.startswith("video/") else "tweet_image"


def check_size(account: Account, category: str, size: int) -> None:
    """Hold a file's size against its category.

    :raises Problem: 400.
    """
    most = MAX_BYTES[category]
    if account.premium and category in ("tweet_video", "amplify_video"):
        most = PREMIUM_VIDEO_BYTES
    if not 0 < size <= most:
        raise invalid_request(f"File size exceeds {most} bytes." if size else "The file is empty.")


def keep_segment(state: State, media: Media, index: str, arrived: Path) -> None:
    """Take a segment of an open session; the latest of an index counts.

    :raises Problem: 400 for an index that is none; the file is removed.
    """
    try:
        if not index.isdecimal() or int(index) >= SEGMENTS:
            raise invalid_request(f"$.segment_index: [{index}] is not between 0 and {SEGMENTS - 1}")
        arrived.replace(state.media.segments(media.id) / f"{int(index):04}")
    finally:
        arrived.unlink(missing_ok=True)


def segments_of(state: State, media: Media) -> list[Path]:
    """Return the segments of a session that is complete.

    :raises Problem: 400 where they are not all there.
    """
    segments = sorted(state.media.segments(media.id).glob("[0-9][0-9][0-9][0-9]"))
    promised = media.total_bytes or 0
    given = sum(segment.stat().st_size for segment in segments)
    if given != promised or [int(segment.name) for segment in segments] != list(range(len(segments))):
        raise invalid_request(
            "Segments do not add up to provided total file size: "
            f"{len(segments)} segments of together {given} bytes, {promised} bytes promised."
        )
    return segments


async def finish(state: State, media: Media, segments: list[Path]) -> Media:
    """Put an upload together and look into it; X works on GIFs and videos for a while from now on.

    :raises Problem: 400 for a file X cannot read, where it finds out at once.
    """
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
    return media


def _check_kind(media: Media, found: str) -> None:
    if not found.startswith(_FAMILIES[media.kind]):
        raise ValueError(f"the file is {found}, which is no {media.category}")


async def finish_at_once(state: State, media: Media, arrived: Path) -> Media:
    """Finish an upload that came in one request; nothing is left of it where it cannot be read."""
    try:
        return await finish(state, media, [arrived])
    except BaseException:
        shutil.rmtree(state.media.segments(media.id), ignore_errors=True)
        raise


def warn(state: State, media: Media, warnings: list[str]) -> Media:
    """Keep what X shall warn viewers of."""
    return state.media.update(media, sensitive=tuple(warnings))


def attach_subtitles(state: State, media: Media, words: Media, language: str, name: str) -> Media:
    """Give a video a track of subtitles, or another one for the language.

    :raises Problem: 400 where they are no video and no subtitles.
    """
    if media.kind != "video" or words.kind != "subtitles":
        raise invalid_request("$: id must be a video and subtitles.id a subtitles file")
    if words.finalized_at is None:
        raise invalid_request(f"$: the upload of the subtitles {words.id} is not finalized")
    track = {"id": words.id, "language_code": language, "display_name": name}
    return state.media.update(media, subtitles={**media.subtitles, language: track})


def remove_subtitles(state: State, media: Media, language: str) -> bool:
    """Take the track of a language from a video; return whether there was one."""
    kept = {code: track for code, track in media.subtitles.items() if code != language}
    if len(kept) < len(media.subtitles):
        state.media.update(media, subtitles=kept)
        return True
    return False
