from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from x_sandbox.clock import Clock, Snowflakes
from x_sandbox.files import ARRIVING
from x_sandbox.journal import Event

MEGABYTE = 1 << 20
MAX_BYTES = {
    "tweet_image": 5 * MEGABYTE,
    "tweet_gif": 15 * MEGABYTE,
    "tweet_video": 8 << 30,
    "amplify_video": 8 << 30,
    "dm_image": 5 * MEGABYTE,
    "dm_gif": 15 * MEGABYTE,
    "dm_video": 512 * MEGABYTE,
    "subtitles": MEGABYTE,
}
PREMIUM_VIDEO_BYTES = 16 << 30
MAX_SEGMENT_BYTES = 8 * MEGABYTE
V11_VIDEO_BYTES = 512 * MEGABYTE
V11_SEGMENT_BYTES = 5 * MEGABYTE
KINDS = {"image": "photo", "gif": "animated_gif", "video": "video", "subtitles": "subtitles"}
_KEY_PREFIXES = {"photo": "3", "animated_gif": "16", "video": "7", "subtitles": "47"}


@dataclass(frozen=True)
class Media:
    """An upload, from its session to its processed file.

    :param total_bytes: the size promised by initialize, or None for a one-shot upload.
    :param ready_at: when processing ends, epoch seconds; None while the session is open.
    :param failure: why processing fails, or None.
    :param sensitive: what viewers are warned of: `adult_content`, `graphic_violence`, `other`.
    :param subtitles: its tracks by language code.
    """

    id: str
    owner_id: str
    category: str
    media_type: str
    opened_at: float
    total_bytes: int | None = None
    additional_owners: tuple[str, ...] = ()
    finalized_at: float | None = None
    ready_at: float | None = None
    size: int = 0
    sha256: str = ""
    width: int | None = None
    height: int | None = None
    duration_seconds: float | None = None
    failure: str | None = None
    alt_text: str | None = None
    sensitive: tuple[str, ...] = ()
    subtitles: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """`photo`, `animated_gif`, `video` or `subtitles`."""
        return KINDS[self.category.rpartition("_")[2]]

    @property
    def media_key(self) -> str:
        prefix = "13" if self.category == "amplify_video" else _KEY_PREFIXES[self.kind]
        return f"{prefix}_{self.id}"

    @property
    def asynchronous(self) -> bool:
        """Tell whether X works on it after finalize; STATUS says how far it is."""
        return self.kind in ("animated_gif", "video")

    def belongs_to(self, user_id: str) -> bool:
        return user_id == self.owner_id or user_id in self.additional_owners

    def processing(self, now: float) -> dict[str, Any] | None:
        """Return X's `processing_info` at an instant, or None where there is none."""
        if not self.asynchronous or self.finalized_at is None or self.ready_at is None:
            return None
        if now >= self.ready_at:
            if self.failure:
                return {"state": "failed", "progress_percent": 0}
            return {"state": "succeeded", "progress_percent": 100}
        done = (now - self.finalized_at) / (self.ready_at - self.finalized_at)
        wait = max(1, math.ceil(self.ready_at - now))
        if done < 0.2:
            return {"state": "pending", "check_after_secs": min(wait, 5), "progress_percent": 0}
        return {"state": "in_progress", "check_after_secs": min(wait, 5), "progress_percent": int(done * 100)}

    def expires_after(self, now: float, lifetime_seconds: float) -> int:
        """Return X's `expires_after_secs`."""
        return max(0, math.ceil((self.finalized_at or self.opened_at) + lifetime_seconds - now))

    def usable(self, now: float, lifetime_seconds: float) -> bool:
        """Tell whether a post may carry it now."""
        if self.finalized_at is None or self.ready_at is None or self.failure or now < self.ready_at:
            return False
        return now < self.finalized_at + lifetime_seconds


class MediaLibrary:
    """All uploads: what is known of them here, their bytes in a folder."""

    def __init__(self, folder: Path, clock: Clock, commit: Callable[[Event], None]) -> None:
        self._folder = folder
        self._clock = clock
        self._commit = commit
        self._forget()
        folder.mkdir(exist_ok=True)
        for torn in folder.glob(f"{ARRIVING}*"):
            torn.unlink()

    def _forget(self) -> None:
        self._snowflakes = Snowflakes()
        self._by_id: dict[str, Media] = {}

    def clear(self) -> None:
        """Forget all uploads and remove their bytes."""
        self._forget()
        for leftover in sorted(self._folder.rglob("*"), reverse=True):
            leftover.rmdir() if leftover.is_dir() else leftover.unlink()

    def file(self, media_id: str) -> Path:
        """Where the finished bytes of an upload are."""
        return self._folder / media_id

    @property
    def inbox(self) -> Path:
        """Where bytes arrive whose upload is not known yet."""
        return self._folder

    def segments(self, media_id: str) -> Path:
        """The folder of an open session's segments."""
        return self._folder / f"{media_id}.segments"

    def open(
        self,
        owner_id: str,
        category: str,
        media_type: str,
        *,
        total_bytes: int | None,
        additional_owners: tuple[str, ...] = (),
    ) -> Media:
        """Begin an upload."""
        now = self._clock.now()
        media = Media(
            id=self._snowflakes.next(now),
            owner_id=owner_id,
            category=category,
            media_type=media_type,
            opened_at=now,
            total_bytes=total_bytes,
            additional_owners=additional_owners,
        )
        self.segments(media.id).mkdir()
        self._commit({"what": "media", "media": asdict(media)})
        return media

    def update(self, media: Media, **changes: Any) -> Media:
        """Commit a change to an upload."""
        changed = replace(media, **changes)
        self._commit({"what": "media", "media": asdict(changed)})
        return changed

    def apply(self, event: Event) -> None:
        """Bring one event of the journal about."""
        record = event["media"]
        lists = {name: tuple(record.get(name, ())) for name in ("additional_owners", "sensitive")}
        media = Media(**{**record, **lists})
        self._snowflakes.advance_past(media.id)
        self._by_id[media.id] = media

    def get(self, media_id: str) -> Media | None:
        return self._by_id.get(media_id)

    def by_key(self, media_key: str) -> Media | None:
        media = self._by_id.get(media_key.partition("_")[2])
        return media if media and media.media_key == media_key else None
