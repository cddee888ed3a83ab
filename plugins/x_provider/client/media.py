"""Bringing files to X: at once for pictures, in segments for GIFs and videos.

https://docs.x.com/x-api/media/quickstart/media-upload-chunked
"""

from __future__ import annotations

import mimetypes
import time
from abc import abstractmethod
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from pathlib import Path

from x_provider.client import answers
from x_provider.client.answers import Answer
from x_provider.client.calls import Call, FilePart, MediaCategory
from x_provider.client.errors import (
    XAmbiguous,
    XError,
    XInvalidRequest,
    XNotFound,
    XRefused,
    XUnavailable,
    XUnreachable,
)
from x_provider.client.media_failures import processing_failed
from x_provider.client.models import UploadedMedia, UploadSession
from x_provider.client.segments import Progress, Segments, segment_size
from x_provider.client.upload_dialects import SENSITIVE_MEDIA, SensitiveMedia, UploadDialect

ALT_TEXT_LENGTH = 1000

_AT_ONCE = frozenset({"tweet_image", "dm_image", "subtitles"})
_FINALIZE_PAUSES = (0.5, 1.0)


class MediaMethods:
    """The media calls of ``XClient``."""

    _dialect: UploadDialect
    _upload_streams: int

    @abstractmethod
    def send(self, call: Call, *, may_leave: Callable[[], bool] | None = None) -> Answer:
        """What X answers."""

    def upload_media(
        self,
        source: Path,
        category: MediaCategory,
        *,
        media_type: str | None = None,
        alt_text: str | None = None,
        on_progress: Progress | None = None,
        wait: bool = True,
        wait_seconds: float = 1800,
    ) -> UploadedMedia:
        """Bring a file to X, ready to be posted; memory stays bounded whatever its size.

        :param media_type: such as ``video/mp4``; guessed from the file's name when left out.
        :param alt_text: the file's description, up to 1000 characters.
        :param on_progress: told the bytes sent and the bytes in all, after every segment.
        :param wait: whether to stay until X has processed the file; otherwise ask ``media_status`` for its
            state.
        :param wait_seconds: how long to stay at most.
        :raises XMediaFailed: when X cannot process the file.
        :raises XInvalidRequest: for a file that is empty, too large, or whose type is unknown, and when X
            says so.
        :raises XUnavailable: when X is not done with processing after ``wait_seconds``.
        :raises OSError: when the file cannot be read.
        """
        size = source.stat().st_size
        media_type = media_type or _guess_type(source)
        if size == 0:
            raise _refusal(f"{source} is empty", "Replace it by a file with content.")
        if category in _AT_ONCE:
            uploaded = self._upload_at_once(source, category, media_type)
            if on_progress is not None:
                on_progress(size, size)
        else:
            uploaded = self._upload_in_segments(source, size, category, media_type, on_progress)
        if uploaded.state == "failed":
            raise processing_failed(uploaded, category, str(source))
        if alt_text:
            self.set_media_metadata(uploaded.id, alt_text=alt_text)
        if wait and not uploaded.ready:
            uploaded = self.wait_for_media(uploaded, category, seconds=wait_seconds)
        return uploaded

    def initialize(
        self, *, media_type: str, total_bytes: int, category: MediaCategory, shared: bool | None = None
    ) -> UploadSession:
        """Begin an upload in segments.

        :param total_bytes: size of the whole file.
        :param shared: whether other accounts may use the file, for direct messages.
        """
        call = self._dialect.initialize(
            media_type=media_type, total_bytes=total_bytes, category=category, shared=shared
        )
        return answers.read_session(self.send(call))

    def append(
        self,
        media_id: str,
        segment_index: int,
        segment: bytes | bytearray | memoryview,
        *,
        may_leave: Callable[[], bool] | None = None,
    ) -> None:
        """Send one segment; several threads may send different ones at the same time.

        :param segment_index: 0 to 999; the same index again replaces what was sent under it.
        :param segment: up to 8 MB; X recommends at most 5.
        :param may_leave: asked while it is sent; False ends that with an error.
        """
        call = self._dialect.append(media_id, segment_index, FilePart("segment", segment))
        self.send(call, may_leave=may_leave)

    def finalize(self, media_id: str) -> UploadedMedia:
        """End an upload in segments; X begins to process the file.

        Finalizing twice harms nothing, but X may refuse the second one. So after a lost answer it is sent
        again, and where X then refuses, the file's state tells whether the first one arrived.

        :raises XUnavailable: when no attempt brought an answer; the upload can be begun anew.
        """
        call = self._dialect.finalize(media_id)
        try:
            return answers.read_upload(self.send(call))
        except XAmbiguous as error:
            lost: XError = error
        for pause in _FINALIZE_PAUSES:
            time.sleep(pause)
            try:
                return answers.read_upload(self.send(call))
            except (XAmbiguous, XUnreachable) as error:
                lost = error
            except XRefused:
                return self.media_status(media_id)
        raise XUnavailable(
            family=call.family,
            status=lost.status,
            detail=lost.detail,
            request_id=lost.request_id,
            next_step="Upload the file again; nothing was posted.",
        )

    def media_status(self, media_id: str) -> UploadedMedia:
        """How far X is with processing a file; ``state`` may be ``failed``, which raises nothing here."""
        return answers.read_upload(self.send(self._dialect.status(media_id)))

    def set_media_metadata(
        self,
        media_id: str,
        *,
        alt_text: str | None = None,
        sensitive: Collection[SensitiveMedia] | None = None,
    ) -> None:
        """Say what a file shows, before it is posted: one request for both, since X charges for each.

        :param alt_text: describes it to those who cannot see it, up to 1000 characters.
        :param sensitive: what viewers are warned of: ``adult_content``, ``graphic_violence``, ``other``; what a
            given one leaves out is not warned of.
        :raises XInvalidRequest: for a longer text or anything else to warn of, without asking X.
        """
        if alt_text is not None and len(alt_text) > ALT_TEXT_LENGTH:
            raise _refusal(
                f"the alt text of media {media_id} has {len(alt_text)} characters",
                f"Shorten it to {ALT_TEXT_LENGTH}.",
            )
        if unknown := sorted(set(sensitive or ()) - set(SENSITIVE_MEDIA)):
            raise XInvalidRequest(
                family="media_metadata",
                detail=f"X does not warn of {', '.join(unknown)}",
                next_step=f"Choose among {', '.join(SENSITIVE_MEDIA)}.",
            )
        if alt_text is not None or sensitive is not None:
            self.send(self._dialect.metadata(media_id, alt_text=alt_text, sensitive=sensitive))

    def attach_subtitles(
        self, video_id: str, category: MediaCategory, subtitles_id: str, *, language: str, name: str
    ) -> None:
        """Show subtitles with a video; the same language again replaces them.

        :param category: of the video: ``tweet_video`` or ``amplify_video``.
        :param subtitles_id: of an .srt or .vtt file that was uploaded with the category ``subtitles``.
        :param language: two letters, such as ``EN``.
        :param name: what viewers choose it by, such as ``English``.
        :raises XInvalidRequest: for another category or a longer language, without asking X.
        """
        self.send(
            self._dialect.attach_subtitles(video_id, category, subtitles_id, language=language, name=name)
        )

    def remove_subtitles(self, video_id: str, category: MediaCategory, language: str) -> bool:
        """Take a language's subtitles off a video; whether X did.

        :raises XInvalidRequest: as :meth:`attach_subtitles`.
        """
        call = self._dialect.remove_subtitles(video_id, category, language)
        return answers.read_subtitles_removed(self.send(call))

    def wait_for_media(
        self, uploaded: UploadedMedia, category: MediaCategory, *, seconds: float = 1800
    ) -> UploadedMedia:
        """Stay until X has processed a file, asking as often as X wants to be asked.

        :param category: as it was uploaded.
        :raises XMediaFailed: when X cannot process it.
        :raises XUnavailable: when it is not done in time; it may be later.
        """
        deadline = time.monotonic() + seconds
        while not uploaded.ready:
            pause = uploaded.ask_after
            if time.monotonic() + pause > deadline:
                raise XUnavailable(
                    family="media_status",
                    detail=f"media {uploaded.id} is still {uploaded.state} after {seconds:.0f} s",
                    next_step="Ask for its state later, or upload a smaller file.",
                )
            time.sleep(pause)
            now = self.media_status(uploaded.id)
            uploaded = replace(
                now, media_key=now.media_key or uploaded.media_key, size=now.size or uploaded.size
            )
            if uploaded.state == "failed":
                raise processing_failed(uploaded, category)
        return uploaded

    def _upload_at_once(self, source: Path, category: MediaCategory, media_type: str) -> UploadedMedia:
        content = FilePart(source.name, source.read_bytes(), media_type)
        return answers.read_upload(self.send(self._dialect.whole(content, category)))

    def _upload_in_segments(
        self,
        source: Path,
        size: int,
        category: MediaCategory,
        media_type: str,
        on_progress: Progress | None,
    ) -> UploadedMedia:
        try:
            return self._upload_in_one_session(source, size, category, media_type, on_progress)
        except XNotFound:
            # X does not know the upload that it has just begun: once more from the beginning.
            return self._upload_in_one_session(source, size, category, media_type, on_progress)

    def _upload_in_one_session(
        self,
        source: Path,
        size: int,
        category: MediaCategory,
        media_type: str,
        on_progress: Progress | None,
    ) -> UploadedMedia:
        segment_bytes = segment_size(size, source)
        session = self.initialize(media_type=media_type, total_bytes=size, category=category)
        append = partial(self.append, session.id)
        segments = Segments(source, size, segment_bytes)
        segments.send(append, at_once=self._upload_streams, on_progress=on_progress)
        uploaded = self.finalize(session.id)
        return replace(
            uploaded,
            media_key=uploaded.media_key or session.media_key,
            size=uploaded.size or size,
        )


def _guess_type(source: Path) -> str:
    guessed = mimetypes.guess_type(source.name)[0]
    if guessed is None:
        raise _refusal(f"the type of {source} cannot be told from its name", "Give media_type.")
    return guessed


def _refusal(detail: str, next_step: str) -> XInvalidRequest:
    return XInvalidRequest(family="media_upload", detail=detail, next_step=next_step)
