"""Files on X ahead of time: uploaded once, reused while their id lives."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from pendulum import DateTime

from x_provider.calendar import MediaSpec, PartSpec
from x_provider.client import XClient
from x_provider.ledger import Ledger, Post

EXPIRY_MARGIN_SECONDS = 600
"""A media id must outlive the due time by this much; X keeps it for 24 h."""

Progress = Callable[[str], None]


def silent(words: str) -> None:
    """Report nothing."""


class MediaUnusableError(ValueError):
    """A post's file is gone or not the one that was planned; nothing was sent."""


class MediaPreparer:
    """Brings a post's files to X.

    :param report: told, in words, what is being done.
    """

    def __init__(
        self,
        ledger: Ledger,
        client: XClient,
        *,
        clock: Callable[[], DateTime],
        report: Progress | None = None,
    ) -> None:
        self._ledger = ledger
        self._client = client
        self._clock = clock
        self._report = report or silent

    def prepare(self, post: Post) -> list[str]:
        """Upload what is not on X yet.

        :returns: the media ids of all parts, in order.
        :raises MediaUnusableError: when a file is missing or has changed since it was planned.
        :raises XError: when X refuses a file or cannot be reached.
        """
        return [
            media_id
            for part in post.parts
            for media_id in self.media_ids(post, PartSpec.model_validate(part.content))
        ]

    def media_ids(self, post: Post, part: PartSpec) -> list[str]:
        """The ids under which one part's files will live at the due time, uploading what is missing."""
        return [self._media_id(post, media) for media in part.media]

    def _media_id(self, post: Post, media: MediaSpec) -> str:
        alive_at = max(post.due_at, self._clock()).add(seconds=EXPIRY_MARGIN_SECONDS)
        found = self._ledger.media.find(
            account=post.account,
            sha256=media.sha256,
            category=media.category,
            alt=media.alt or "",
            alive_at=alive_at,
        )
        if found is not None:
            self._report(f"{media.path} is on X already as {found.x_media_id}")
            return found.x_media_id
        return self._upload(post, media)

    def _upload(self, post: Post, media: MediaSpec) -> str:
        path = Path(media.path)
        _require_unchanged(post, media, path)
        self._report(f"uploading {media.path} ({media.size:,} bytes, {media.media_type})")
        uploaded = self._client.upload_media(
            path, media.category, media_type=media.media_type, alt_text=media.alt or None
        )
        self._ledger.media.add(
            account=post.account,
            sha256=media.sha256,
            category=media.category,
            alt=media.alt or "",
            x_media_id=uploaded.id,
            media_key=uploaded.media_key,
            size=media.size,
            state="ready",
            uploaded_at=self._clock(),
            expires_at=uploaded.expires_at or self._clock().add(hours=24),
        )
        self._report(f"{media.path} is on X as {uploaded.id}, usable until {uploaded.expires_at}")
        return uploaded.id


def _require_unchanged(post: Post, media: MediaSpec, path: Path) -> None:
    if not path.is_file():
        raise MediaUnusableError(
            f"post {post.name}: the file {path} is not there (any more). Put it back and run"
            f" `airflow x resume {post.name}`, or change its entry and apply the calendar; the post is not sent"
            " without it."
        )
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() != media.sha256:
        raise MediaUnusableError(
            f"post {post.name}: the file {path} has changed since the calendar was applied. Apply it again to"
            " publish the new file; the post is not sent with a file that nobody has checked."
        )
