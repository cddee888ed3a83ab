"""Files on X ahead of time: uploaded once, described, processed, reused while their id lives."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from pendulum import DateTime

from x_provider.calendar import MediaSpec, PartSpec, SubtitlesSpec
from x_provider.client import XClient, XError, XInvalidRequest, XMediaFailed, XNotFound, XRefused
from x_provider.client.media_failures import processing_failed
from x_provider.ledger import Ledger, PartState, Post, Uploaded
from x_provider.media import MediaSources, shown
from x_provider.publishing.files import Files
from x_provider.publishing.firing import Aside
from x_provider.publishing.outcomes import decide_before_sending
from x_provider.publishing.stops import LONGEST_WAIT_SECONDS, Stops

EXPIRY_MARGIN_SECONDS = 600
"""Ahead of the due time a media id counts only if it outlives it by this much; X keeps it for 24 h."""
SENDING_MARGIN_SECONDS = 60
"""What an id must have left once its post is due."""
LONGEST_PROCESSING_SECONDS = 1800
"""A file that X still processes so long after its upload and the due time will not become ready any more."""
FORGOTTEN_AGAIN_SECONDS = 7200
"""A file that X forgets twice within this time is not uploaded a third time."""
HAND_OVER_SECONDS = 30
"""So long before the due time nobody waits for X's processing any more but who sends the post."""
TROUBLE_PAUSE_SECONDS = 30
"""How long to wait after X could not be asked."""

Progress = Callable[[str], None]


def silent(words: str) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class Prepared:
    """The files of what is unsent of a post, all of them on X.

    :param uploads: by the position of the part, in its order.
    """

    uploads: Mapping[int, Sequence[Uploaded]]

    @property
    def media_ids(self) -> list[str]:
        """The ids of all parts, in order."""
        return [uploaded.x_media_id for of_part in self.uploads.values() for uploaded in of_part]

    @property
    def ask_at(self) -> DateTime | None:
        """When to ask X next how far it is with processing them; None when all are ready to be posted."""
        asks = [uploaded.ask_at for of_part in self.uploads.values() for uploaded in of_part]
        return min((at for at in asks if at is not None), default=None)


class MediaPreparer:
    """Brings a post's files to X and finds out when X has processed them. It never waits for X.

    :param sources: where the files come from; local files and https URLs when left out.
    :param report: told, in words, what is being done.
    :param aside: surrounds every upload.
    """

    def __init__(
        self,
        ledger: Ledger,
        client: XClient,
        *,
        sources: MediaSources | None = None,
        clock: Callable[[], DateTime],
        report: Progress | None = None,
        aside: Aside = nullcontext,
    ) -> None:
        self._ledger = ledger
        self._client = client
        self._clock = clock
        self._report = report or silent
        self._files = Files(sources, report=self._report)
        self._stops = Stops(ledger, clock=clock, report=self._report)
        self._aside = aside

    def prepare(self, post: Post, *, ask_now: bool = False) -> Prepared:
        """Upload what is not on X yet, and ask about what X is processing.

        Every upload is in the ledger before anything else is done with it, so that whoever comes after a crash
        goes on from there.

        :param ask_now: ask X even before it wants to be asked again: the post is due.
        :raises MediaUnusableError: when a file is missing or has changed since it was planned.
        :raises XError: when X refuses a file, cannot process it, or cannot be reached.
        """
        return Prepared(
            {
                position: [self._bring(post, media, ask_now=ask_now) for media in of_part]
                for position, of_part in _media_of(post).items()
            }
        )

    def prepare_ahead(self, post: Post) -> Prepared:
        """The same ahead of the due time: what X refuses for good ends the post here and now.

        :raises MediaUnusableError: as :meth:`prepare`; the file may still be put back in time.
        :raises XError: as :meth:`prepare`.
        """
        try:
            return self.prepare(post)
        except XRefused as error:
            self._refuse(post, error)
            raise

    def ask(self, post: Post) -> DateTime | None:
        """Ask X about those of the post's files that it is processing, without uploading any.

        What X cannot process ends the post.

        :returns: when to ask again; None when there is nothing to wait for: every file is ready or has to be
            uploaded, or the post is about to be due.
        """
        now, until = self._clock(), hand_over_at(post)
        if post.state not in (PartState.PLANNED, PartState.ARMED) or now >= until:
            return None
        try:
            ask_at = self._ask_about_all(post)
        except XRefused as error:
            self._refuse(post, error)
            return None
        except XError as error:
            self._report(str(error))
            outcome = decide_before_sending(error, now=now, pause=TROUBLE_PAUSE_SECONDS)
            ask_at = outcome.retry_at or now.add(seconds=TROUBLE_PAUSE_SECONDS)
        return min(ask_at, until) if ask_at is not None else None

    def forget(self, uploads: Sequence[Uploaded]) -> bool:
        """X refused a post for these ids: none of them is used again.

        :returns: whether uploading the files once more may help; not when that was tried just before.
        """
        now = self._clock()
        since = now.subtract(seconds=FORGOTTEN_AGAIN_SECONDS)
        again = any(self._ledger.media.forgotten(uploaded, since=since) for uploaded in uploads)
        self._ledger.media.forget(uploads, now=now)
        return not again

    def _ask_about_all(self, post: Post) -> DateTime | None:
        files = [media for of_part in _media_of(post).values() for media in of_part]
        found = [(media, self._find(post, media)) for media in files]
        asked = [self._ask(post, media, on_x, ask_now=False) for media, on_x in found if on_x is not None]
        return Prepared({0: [on_x for on_x in asked if on_x is not None]}).ask_at

    def _refuse(self, post: Post, error: XRefused) -> None:
        self._stops.refuse(post, why=f"post {post.name}: {error}")

    def _bring(self, post: Post, media: MediaSpec, *, ask_now: bool) -> Uploaded:
        found = self._find(post, media)
        if found is not None:
            self._report(f"{shown(media.source)} is on X already as {found.x_media_id}")
            asked = self._ask(post, media, self._described(post, media, found), ask_now=ask_now)
            if asked is not None:
                return asked
        return self._described(post, media, self._upload(post, media))

    def _find(self, post: Post, media: MediaSpec) -> Uploaded | None:
        now = self._clock()
        # Once it is due, an upload costs more punctuality than an id that is soon to expire.
        alive_at = (
            post.due_at.add(seconds=EXPIRY_MARGIN_SECONDS)
            if now < post.due_at
            else now.add(seconds=SENDING_MARGIN_SECONDS)
        )
        return self._ledger.media.find(
            account=post.account,
            sha256=media.sha256,
            category=media.category,
            alt=media.alt or "",
            extras=_extras(media),
            alive_at=alive_at,
        )

    def _upload(self, post: Post, media: MediaSpec) -> Uploaded:
        with self._aside(), self._files.open(post, media) as file:
            size = file.path.stat().st_size
            self._report(f"uploading {shown(media.source)} ({size:,} bytes, {file.media_type})")
            on_x = self._client.upload_media(
                file.path, media.category, media_type=file.media_type, wait=False
            )
        now = self._clock()
        uploaded = self._ledger.media.add(
            account=post.account,
            sha256=media.sha256,
            category=media.category,
            alt=media.alt or "",
            extras=_extras(media),
            x_media_id=on_x.id,
            media_key=on_x.media_key,
            size=size,
            ask_at=None if on_x.ready else now.add(seconds=on_x.ask_after),
            uploaded_at=now,
            expires_at=on_x.expires_at,
        )
        self._report(f"{shown(media.source)} is on X as {on_x.id} ({uploaded.state}) until {on_x.expires_at}")
        return uploaded

    def _described(self, post: Post, media: MediaSpec, uploaded: Uploaded) -> Uploaded:
        """The upload with all that belongs to it: its alt text, warnings, subtitles."""
        if uploaded.described:
            return uploaded
        self._client.set_media_metadata(
            uploaded.x_media_id, alt_text=media.alt or None, sensitive=media.sensitive or None
        )
        for subtitles in media.subtitles:
            self._attach(post, uploaded, media, subtitles)
        return self._ledger.media.describe(uploaded)

    def _attach(self, post: Post, uploaded: Uploaded, media: MediaSpec, subtitles: SubtitlesSpec) -> None:
        with self._aside(), self._files.open(post, subtitles) as file:
            on_x = self._client.upload_media(file.path, "subtitles", media_type=file.media_type)
        self._client.attach_subtitles(
            uploaded.x_media_id,
            media.category,
            on_x.id,
            language=subtitles.language,
            name=subtitles.name,
        )
        self._report(f"{shown(media.source)} has subtitles in {subtitles.name}")

    def _ask(self, post: Post, media: MediaSpec, uploaded: Uploaded, *, ask_now: bool) -> Uploaded | None:
        """The upload as X says it is by now, where it is time to ask; None when X does not know it."""
        if uploaded.ask_at is None or (uploaded.ask_at > self._clock() and not ask_now):
            return uploaded
        file = shown(media.source)
        try:
            on_x = self._client.media_status(uploaded.x_media_id)
        except (XNotFound, XInvalidRequest):
            if self.forget([uploaded]):
                self._report(
                    f"X does not know {uploaded.x_media_id} any more: {file} has to be uploaded again"
                )
                return None
            raise XMediaFailed(
                family="media_status",
                detail=f"X forgot {file} twice, last as media {uploaded.x_media_id}",
                next_step=forgotten_twice(post),
            ) from None
        now = self._clock()
        if on_x.ready:
            self._report(f"X has processed {file}")
            return self._ledger.media.finish(uploaded)
        if on_x.state == "failed":
            raise self._failed(uploaded, processing_failed(on_x, media.category, file))
        given_up_at = max(post.due_at, uploaded.uploaded_at).add(seconds=LONGEST_PROCESSING_SECONDS)
        if now > given_up_at:
            raise self._failed(
                uploaded,
                XMediaFailed(
                    family="media_status",
                    detail=f"{file} (media {uploaded.x_media_id}) is still being processed"
                    f" {(now - uploaded.uploaded_at).in_minutes()} min after its upload",
                    next_step=f"Run `airflow x resume {post.name}` to upload it again, or use a smaller file.",
                ),
            )
        return self._ledger.media.ask_again(uploaded, now.add(seconds=on_x.ask_after))

    def _failed(self, uploaded: Uploaded, error: XMediaFailed) -> XMediaFailed:
        self._ledger.media.fail(uploaded, error.detail or str(error))
        return error


def hand_over_at(post: Post) -> DateTime:
    """Until when its files are prepared ahead; from then on whoever sends the post sees after them."""
    return post.due_at.subtract(seconds=HAND_OVER_SECONDS)


def forgotten_twice(post: Post) -> str:
    """What to do about a post whose files X does not take even freshly uploaded."""
    return (
        "Its files were uploaded anew just before, so look at the files (X's limits: docs/calendar.md) and at whom"
        f" the connection belongs to; then run `airflow x resume {post.name}`, which uploads them again."
    )


def _media_of(post: Post) -> dict[int, list[MediaSpec]]:
    """The files of the parts that are not on X yet, by position; the picture before a video plays comes last.

    What follows much later has its time: X would forget its files.
    """
    files: dict[int, list[MediaSpec]] = {}
    for part in post.parts:
        spec = PartSpec.model_validate(part.content)
        if part.receipt is not None:
            continue
        if files and spec.after_seconds > LONGEST_WAIT_SECONDS:
            break
        files[part.position] = files_of(spec)
    return files


def files_of(part: PartSpec) -> list[MediaSpec]:
    """All files that are uploaded for a part: its media, and the picture that stands for its video."""
    preview = part.video.preview if part.video else None
    return [*part.media, preview] if preview else list(part.media)


def _extras(media: MediaSpec) -> str:
    """What else makes an upload this one: other subtitles on the same video are another upload."""
    belongs = media.model_dump(mode="json", include={"fit", "sensitive", "subtitles"}, exclude_defaults=True)
    return hashlib.sha256(repr(belongs).encode()).hexdigest() if belongs else ""
