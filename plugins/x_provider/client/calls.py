"""The calls of X's API as plain values: what to send where, without sending it.

One vocabulary is sent, the new one (``post.fields``): X answers in the dialect of the parameter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pendulum import DateTime

from x_provider.client.create_post import CreatePost
from x_provider.client.errors import XInvalidRequest

Family = Literal[
    "create_post",
    "delete_post",
    "get_posts",
    "me",
    "media_append",
    "media_finalize",
    "media_initialize",
    "media_metadata",
    "media_status",
    "media_upload",
    "user",
    "user_timeline",
]
"""Which of X's rate limits a call counts against."""

MediaCategory = Literal[
    "tweet_image", "tweet_gif", "tweet_video", "amplify_video", "dm_image", "dm_gif", "dm_video", "subtitles"
]

IDS_A_CALL = 100

_ID = re.compile(r"[0-9]{1,19}")

_POST_FIELDS = (
    "attachments",
    "community_id",
    "conversation_id",
    "created_at",
    "entities",
    "id",
    "lang",
    "note_post",
    "public_metrics",
    "reply_settings",
    "text",
)
# X fills author_id and the other references of a post only where they are expanded.
_EXPANSIONS = ("attachments.media_keys", "author_id", "in_reply_to_user_id", "referenced_posts")
_PRIVATE_FIELDS = ("non_public_metrics", "organic_metrics")
_MEDIA_FIELDS = (
    "alt_text",
    "duration_ms",
    "height",
    "media_key",
    "preview_image_url",
    "public_metrics",
    "type",
    "url",
    "width",
)
_USER_FIELDS = (
    "created_at",
    "description",
    "id",
    "name",
    "profile_image_url",
    "protected",
    "public_metrics",
    "subscription_type",
    "username",
    "verified",
    "verified_type",
)


@dataclass(frozen=True)
class FilePart:
    """A file, or a piece of one, in a multipart body."""

    name: str
    content: bytes | bytearray | memoryview = field(repr=False)
    media_type: str = "application/octet-stream"


@dataclass(frozen=True)
class Call:
    """One request to X, without its host and its credentials.

    :param path: starts with ``/2/``.
    :param params: the query, already as strings.
    :param json: the body, sent as UTF-8.
    :param files: multipart files by field name.
    :param form: multipart text fields beside ``files``.
    :param idempotent: whether sending it twice does no more than sending it once; only then may a lost answer
        be repaired by sending it again.
    :param family: the call's name in limits, errors and observations.
    :param json_answer: whether a 2xx must carry readable JSON to count.
    """

    method: Literal["GET", "POST", "DELETE"]
    path: str
    family: Family
    params: Mapping[str, str] = field(default_factory=dict)
    json: Mapping[str, Any] | None = None
    files: Mapping[str, FilePart] | None = None
    form: Mapping[str, str] | None = None
    idempotent: bool = False
    json_answer: bool = True


def me() -> Call:
    """Who the credentials belong to. https://docs.x.com/x-api/users/get-my-user"""
    return Call("GET", "/2/users/me", "me", params={"user.fields": ",".join(_USER_FIELDS)}, idempotent=True)


def user(user_id: str) -> Call:
    """One account. https://docs.x.com/x-api/users/get-user-by-id"""
    return Call(
        "GET",
        f"/2/users/{_id(user_id)}",
        "user",
        params={"user.fields": ",".join(_USER_FIELDS)},
        idempotent=True,
    )


def create_post(post: CreatePost) -> Call:
    """The one call that must never be sent twice. https://docs.x.com/x-api/posts/create-post"""
    return Call("POST", "/2/tweets", "create_post", json=post.body())


def delete_post(post_id: str) -> Call:
    """Take a post back. https://docs.x.com/x-api/posts/delete-post"""
    return Call("DELETE", f"/2/tweets/{_id(post_id)}", "delete_post", idempotent=True)


def get_posts(ids: Sequence[str], *, private_metrics: bool = False) -> Call:
    """Up to 100 posts by id. https://docs.x.com/x-api/posts/get-posts-by-ids"""
    if not 1 <= len(ids) <= IDS_A_CALL:
        raise ValueError(f"X gives 1 to {IDS_A_CALL} posts a call, not {len(ids)}; use XClient.get_posts")
    return Call(
        "GET",
        "/2/tweets",
        "get_posts",
        params={"ids": ",".join(map(_id, ids)), **_post_params(private_metrics=private_metrics)},
        idempotent=True,
    )


def user_timeline(
    user_id: str,
    *,
    since_id: str | None = None,
    until_id: str | None = None,
    start_time: DateTime | None = None,
    end_time: DateTime | None = None,
    exclude: Sequence[str] = (),
    page_size: int = 100,
    page_token: str | None = None,
    private_metrics: bool = False,
) -> Call:
    """One page of an account's posts, newest first. https://docs.x.com/x-api/users/get-posts

    :param page_size: 5 to 100.
    :param exclude: ``replies``, ``retweets``.
    """
    asked = {
        "max_results": str(page_size),
        "since_id": since_id,
        "until_id": until_id,
        "start_time": _timestamp(start_time),
        "end_time": _timestamp(end_time),
        "exclude": ",".join(exclude) or None,
        "pagination_token": page_token,
    }
    return Call(
        "GET",
        f"/2/users/{_id(user_id)}/tweets",
        "user_timeline",
        params={
            **{name: value for name, value in asked.items() if value is not None},
            **_post_params(private_metrics=private_metrics),
        },
        idempotent=True,
    )


def upload_whole(content: FilePart, category: MediaCategory) -> Call:
    """Upload a picture or subtitles at once. https://docs.x.com/x-api/media/upload-media

    Sent again after a lost answer it leaves a second upload that nobody uses and X drops after 24 h.
    """
    return Call(
        "POST",
        "/2/media/upload",
        "media_upload",
        files={"media": content},
        form={"media_category": category},
        idempotent=True,
    )


def initialize_upload(
    *, media_type: str, total_bytes: int, category: MediaCategory, shared: bool | None = None
) -> Call:
    """Begin a chunked upload. https://docs.x.com/x-api/media/initialize-media-upload

    Sent again after a lost answer it leaves an empty upload that expires unused.
    """
    body: dict[str, Any] = {
        "media_type": media_type,
        "total_bytes": total_bytes,
        "media_category": category,
    }
    if shared is not None:
        body["shared"] = shared
    return Call("POST", "/2/media/upload/initialize", "media_initialize", json=body, idempotent=True)


def append_upload(media_id: str, segment_index: int, content: FilePart) -> Call:
    """Send one segment; the same index again replaces it. https://docs.x.com/x-api/media/append-media-upload

    Older servers answer with an empty 2xx.
    """
    return Call(
        "POST",
        f"/2/media/upload/{_id(media_id)}/append",
        "media_append",
        files={"media": content},
        form={"segment_index": str(segment_index)},
        idempotent=True,
        json_answer=False,
    )


def finalize_upload(media_id: str) -> Call:
    """End a chunked upload. https://docs.x.com/x-api/media/finalize-media-upload

    Not idempotent: X may refuse a second one, so a lost answer is looked up, see ``media.MediaMethods``.
    """
    return Call("POST", f"/2/media/upload/{_id(media_id)}/finalize", "media_finalize")


def media_status(media_id: str) -> Call:
    """How far X is with a file. https://docs.x.com/x-api/media/get-media-upload-status"""
    return Call(
        "GET",
        "/2/media/upload",
        "media_status",
        params={"command": "STATUS", "media_id": _id(media_id)},
        idempotent=True,
    )


def set_alt_text(media_id: str, text: str) -> Call:
    """Describe an uploaded file to those who cannot see it.
    https://docs.x.com/x-api/media/create-media-metadata

    :param text: up to 1000 characters.
    """
    return Call(
        "POST",
        "/2/media/metadata",
        "media_metadata",
        json={"id": _id(media_id), "metadata": {"alt_text": {"text": text}}},
        idempotent=True,
        json_answer=False,
    )


def _id(written: str) -> str:
    # One bad id would cost the whole call, and a slash in it would make the call another one.
    if _ID.fullmatch(written) is None:
        raise XInvalidRequest(
            detail=f"{written!r} is no id of X, which is 1 to 19 digits",
            next_step="Take the number at the end of the post's or account's address, not its name.",
        )
    return written


def _post_params(*, private_metrics: bool) -> dict[str, str]:
    fields = _POST_FIELDS + (_PRIVATE_FIELDS if private_metrics else ())
    return {
        "post.fields": ",".join(fields),
        "expansions": ",".join(_EXPANSIONS),
        "media.fields": ",".join(_MEDIA_FIELDS),
    }


def _timestamp(at: DateTime | None) -> str | None:
    # X takes whole seconds, UTC, with a Z.
    return at.in_timezone("UTC").format("YYYY-MM-DD[T]HH:mm:ss[Z]") if at is not None else None
