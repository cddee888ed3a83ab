"""The calls of an upload in both of X's dialects: API v2, and v1.1 for apps that still need it.

The steps are the same; where and how each is sent is not. Files leave in multipart bodies, which OAuth 1.0a
does not sign; v1.1's other parameters leave as a form, which it does.

https://docs.x.com/x-api/media/quickstart/media-upload-chunked
https://developer.x.com/en/docs/x-api/v1/media/upload-media/overview
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import Any, Literal

from x_provider.client.calls import Call, Family, FilePart, MediaCategory, checked_id
from x_provider.client.errors import XInvalidRequest

MediaApi = Literal["2", "1.1"]
SensitiveMedia = Literal["adult_content", "graphic_violence", "other"]

SENSITIVE_MEDIA: tuple[SensitiveMedia, ...] = ("adult_content", "graphic_violence", "other")

_VIDEOS = {"tweet_video": "TweetVideo", "amplify_video": "AmplifyVideo"}


class UploadDialect(ABC):
    """What to send for each step of an upload."""

    @abstractmethod
    def whole(self, content: FilePart, category: MediaCategory) -> Call:
        """Upload a picture or subtitles at once.

        Sent again after a lost answer it leaves a second upload that nobody uses and X drops after 24 h.
        """

    @abstractmethod
    def initialize(
        self, *, media_type: str, total_bytes: int, category: MediaCategory, shared: bool | None = None
    ) -> Call:
        """Begin an upload in segments.

        Sent again after a lost answer it leaves an empty upload that expires unused.
        """

    @abstractmethod
    def append(self, media_id: str, segment_index: int, content: FilePart) -> Call:
        """Send one segment; the same index again replaces it. Some servers answer with an empty 2xx."""

    @abstractmethod
    def finalize(self, media_id: str) -> Call:
        """End an upload in segments.

        Not idempotent: X may refuse a second one, so a lost answer is looked up, see ``media.MediaMethods``.
        """

    @abstractmethod
    def status(self, media_id: str) -> Call:
        """How far X is with a file."""

    @abstractmethod
    def metadata(
        self, media_id: str, *, alt_text: str | None, sensitive: Collection[SensitiveMedia] | None
    ) -> Call:
        """Say what an uploaded file shows; None leaves alt text or warnings as they are."""

    @abstractmethod
    def attach_subtitles(
        self, video_id: str, category: MediaCategory, subtitles_id: str, *, language: str, name: str
    ) -> Call:
        """Show uploaded subtitles with a video; the same language again replaces them."""

    @abstractmethod
    def remove_subtitles(self, video_id: str, category: MediaCategory, language: str) -> Call:
        """Take a language's subtitles off a video."""


class _V2(UploadDialect):
    def whole(self, content: FilePart, category: MediaCategory) -> Call:
        return Call(
            "POST",
            "/2/media/upload",
            "media_upload",
            files={"media": content},
            form={"media_category": category},
            idempotent=True,
        )

    def initialize(
        self, *, media_type: str, total_bytes: int, category: MediaCategory, shared: bool | None = None
    ) -> Call:
        body: dict[str, Any] = {
            "media_type": media_type,
            "total_bytes": total_bytes,
            "media_category": category,
        }
        if shared is not None:
            body["shared"] = shared
        return Call("POST", "/2/media/upload/initialize", "media_initialize", json=body, idempotent=True)

    def append(self, media_id: str, segment_index: int, content: FilePart) -> Call:
        return Call(
            "POST",
            f"/2/media/upload/{checked_id(media_id)}/append",
            "media_append",
            files={"media": content},
            form={"segment_index": str(segment_index)},
            idempotent=True,
            json_answer=False,
        )

    def finalize(self, media_id: str) -> Call:
        return Call("POST", f"/2/media/upload/{checked_id(media_id)}/finalize", "media_finalize")

    def status(self, media_id: str) -> Call:
        return Call(
            "GET",
            "/2/media/upload",
            "media_status",
            params={"command": "STATUS", "media_id": checked_id(media_id)},
            idempotent=True,
        )

    def metadata(
        self, media_id: str, *, alt_text: str | None, sensitive: Collection[SensitiveMedia] | None
    ) -> Call:
        said: dict[str, Any] = {}
        if alt_text is not None:
            said["alt_text"] = {"text": alt_text}
        if sensitive is not None:
            # X's document leaves this object untyped; these are its members where X gives it back.
            said["sensitive_media_warning"] = {kind: kind in sensitive for kind in SENSITIVE_MEDIA}
        body = {"id": checked_id(media_id), "metadata": said}
        return _idempotent("POST", "/2/media/metadata", "media_metadata", body)

    def attach_subtitles(
        self, video_id: str, category: MediaCategory, subtitles_id: str, *, language: str, name: str
    ) -> Call:
        body = {
            "id": checked_id(video_id),
            "media_category": _video(category),
            "subtitles": _track(language, id=checked_id(subtitles_id), display_name=name),
        }
        return _idempotent("POST", "/2/media/subtitles", "media_subtitles", body)

    def remove_subtitles(self, video_id: str, category: MediaCategory, language: str) -> Call:
        body = {"id": checked_id(video_id), "media_category": _video(category), **_track(language)}
        return _idempotent("DELETE", "/2/media/subtitles", "media_subtitles", body)


class _V11(UploadDialect):
    def whole(self, content: FilePart, category: MediaCategory) -> Call:
        return Call(
            "POST",
            "/1.1/media/upload.json",
            "media_upload",
            host="upload",
            files={"media": content},
            form={"media_category": category},
            idempotent=True,
        )

    def initialize(
        self, *, media_type: str, total_bytes: int, category: MediaCategory, shared: bool | None = None
    ) -> Call:
        form = {"media_type": media_type, "total_bytes": str(total_bytes), "media_category": category}
        if shared is not None:
            form["shared"] = str(shared).lower()
        return self._command("INIT", "media_initialize", form, idempotent=True)

    def append(self, media_id: str, segment_index: int, content: FilePart) -> Call:
        return Call(
            "POST",
            "/1.1/media/upload.json",
            "media_append",
            host="upload",
            files={"media": content},
            form={
                "command": "APPEND",
                "media_id": checked_id(media_id),
                "segment_index": str(segment_index),
            },
            idempotent=True,
            json_answer=False,
        )

    def finalize(self, media_id: str) -> Call:
        return self._command("FINALIZE", "media_finalize", {"media_id": checked_id(media_id)})

    def status(self, media_id: str) -> Call:
        return Call(
            "GET",
            "/1.1/media/upload.json",
            "media_status",
            host="upload",
            params={"command": "STATUS", "media_id": checked_id(media_id)},
            idempotent=True,
        )

    def metadata(
        self, media_id: str, *, alt_text: str | None, sensitive: Collection[SensitiveMedia] | None
    ) -> Call:
        body: dict[str, Any] = {"media_id": checked_id(media_id)}
        if alt_text is not None:
            body["alt_text"] = {"text": alt_text}
        if sensitive is not None:
            body["sensitive_media_warning"] = [kind for kind in SENSITIVE_MEDIA if kind in sensitive]
        return _idempotent("POST", "/1.1/media/metadata/create.json", "media_metadata", body, host="upload")

    def attach_subtitles(
        self, video_id: str, category: MediaCategory, subtitles_id: str, *, language: str, name: str
    ) -> Call:
        track = _track(language, media_id=checked_id(subtitles_id), display_name=name)
        return self._subtitles("create", video_id, category, track)

    def remove_subtitles(self, video_id: str, category: MediaCategory, language: str) -> Call:
        return self._subtitles("delete", video_id, category, _track(language))

    def _command(
        self, command: str, family: Family, form: Mapping[str, str], *, idempotent: bool = False
    ) -> Call:
        return Call(
            "POST",
            "/1.1/media/upload.json",
            family,
            host="upload",
            form={"command": command, **form},
            idempotent=idempotent,
        )

    def _subtitles(
        self, action: str, video_id: str, category: MediaCategory, track: Mapping[str, str]
    ) -> Call:
        body = {
            "media_id": checked_id(video_id),
            "media_category": _video(category),
            "subtitle_info": {"subtitles": [track]},
        }
        path = f"/1.1/media/subtitles/{action}.json"
        return _idempotent("POST", path, "media_subtitles", body, host="upload")


DIALECTS: Mapping[MediaApi, UploadDialect] = {"2": _V2(), "1.1": _V11()}
"""By version of the API."""


def _idempotent(
    method: Literal["POST", "DELETE"],
    path: str,
    family: Family,
    body: Mapping[str, Any],
    *,
    host: Literal["api", "upload"] = "api",
) -> Call:
    return Call(method, path, family, host=host, json=body, idempotent=True, json_answer=False)


def _track(language: str, **members: str) -> dict[str, str]:
    # BCP 47 in general, but X takes two capital letters.
    if not (len(language) == 2 and language.isascii() and language.isalpha()):
        raise XInvalidRequest(
            family="media_subtitles",
            detail=f"{language!r} is no language of subtitles to X, which is two letters such as EN",
            next_step="Write the language without its region: EN, not en-GB.",
        )
    return {"language_code": language.upper(), **members}


def _video(category: MediaCategory) -> str:
    if category not in _VIDEOS:
        raise XInvalidRequest(
            family="media_subtitles",
            detail=f"subtitles belong to a video ({', '.join(_VIDEOS)}), not to a file of category {category}",
            next_step="Upload the video as one of these.",
        )
    return _VIDEOS[category]
