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
    "access_token",
    "account_activity",
    "activity",
    "app_token",
    "create_post",
    "delete_post",
    "get_posts",
    "hide_reply",
    "me",
    "media_append",
    "media_finalize",
    "media_initialize",
    "media_metadata",
    "media_status",
    "media_subtitles",
    "media_upload",
    "oauth2_revoke",
    "oauth2_token",
    "repost",
    "request_token",
    "undo_repost",
    "usage",
    "user",
    "user_timeline",
    "webhook_replay",
    "webhooks",
]
"""Which of X's rate limits a call counts against."""

MediaCategory = Literal[
    "tweet_image", "tweet_gif", "tweet_video", "amplify_video", "dm_image", "dm_gif", "dm_video", "subtitles"
]

IDS_A_CALL = 100
MOST_USAGE_DAYS = 90

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
_USAGE_FIELDS = (
    "cap_reset_day",
    "daily_client_app_usage",
    "daily_project_usage",
    "project_cap",
    "project_id",
    "project_usage",
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

    :param path: with the version, such as ``/2/tweets``.
    :param host: ``upload`` for where v1.1 takes files.
    :param params: the query, already as strings.
    :param json: the body, sent as UTF-8.
    :param files: multipart files by field name.
    :param form: text fields: of the multipart body beside ``files``, else of a URL-encoded one.
    :param idempotent: whether sending it twice does no more than sending it once; only then may a lost answer
        be repaired by sending it again.
    :param family: the call's name in limits, errors and observations.
    :param json_answer: whether a 2xx must carry readable JSON to count.
    :param as_app: whether it takes the app's own token instead of the user's credentials.
    """

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    family: Family
    params: Mapping[str, str] = field(default_factory=dict)
    json: Mapping[str, Any] | None = None
    files: Mapping[str, FilePart] | None = None
    form: Mapping[str, str] | None = None
    idempotent: bool = False
    json_answer: bool = True
    host: Literal["api", "upload"] = "api"
    as_app: bool = False


def me() -> Call:
    """Who the credentials belong to. https://docs.x.com/x-api/users/get-my-user"""
    return Call("GET", "/2/users/me", "me", params={"user.fields": ",".join(_USER_FIELDS)}, idempotent=True)


def user(user_id: str) -> Call:
    """One account. https://docs.x.com/x-api/users/get-user-by-id"""
    return Call(
        "GET",
        f"/2/users/{checked_id(user_id)}",
        "user",
        params={"user.fields": ",".join(_USER_FIELDS)},
        idempotent=True,
    )


def create_post(post: CreatePost) -> Call:
    """The one call that must never be sent twice. https://docs.x.com/x-api/posts/create-post"""
    return Call("POST", "/2/tweets", "create_post", json=post.body())


def delete_post(post_id: str) -> Call:
    """Take a post back. https://docs.x.com/x-api/posts/delete-post"""
    return Call("DELETE", f"/2/tweets/{checked_id(post_id)}", "delete_post", idempotent=True)


def get_posts(ids: Sequence[str], *, private_metrics: bool = False) -> Call:
    """Up to 100 posts by id. https://docs.x.com/x-api/posts/get-posts-by-ids"""
    if not 1 <= len(ids) <= IDS_A_CALL:
        raise ValueError(f"X gives 1 to {IDS_A_CALL} posts a call, not {len(ids)}; use XClient.get_posts")
    return Call(
        "GET",
        "/2/tweets",
        "get_posts",
        params={"ids": ",".join(map(checked_id, ids)), **_post_params(private_metrics=private_metrics)},
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
        f"/2/users/{checked_id(user_id)}/tweets",
        "user_timeline",
        params={
            **{name: value for name, value in asked.items() if value is not None},
            **_post_params(private_metrics=private_metrics),
        },
        idempotent=True,
    )


def hide_reply(post_id: str, *, hidden: bool = True) -> Call:
    """Hide a reply in one of the account's own conversations, or show it again.
    https://docs.x.com/x-api/posts/hide-reply
    """
    return Call(
        "PUT",
        f"/2/tweets/{checked_id(post_id)}/hidden",
        "hide_reply",
        json={"hidden": hidden},
        idempotent=True,
    )


def repost(user_id: str, post_id: str) -> Call:
    """Repost a post as the account, which X does once at most. https://docs.x.com/x-api/users/repost-post"""
    return Call(
        "POST",
        f"/2/users/{checked_id(user_id)}/retweets",
        "repost",
        json={"tweet_id": checked_id(post_id)},
        idempotent=True,
    )


def undo_repost(user_id: str, post_id: str) -> Call:
    """Take a repost back. https://docs.x.com/x-api/users/unrepost-post"""
    return Call(
        "DELETE",
        f"/2/users/{checked_id(user_id)}/retweets/{checked_id(post_id)}",
        "undo_repost",
        idempotent=True,
    )


def usage(days: int = 7) -> Call:
    """How many posts the project has read. https://docs.x.com/x-api/usage/get-usage

    :param days: how many days back, 1 to 90.
    """
    if not 1 <= days <= MOST_USAGE_DAYS:
        raise ValueError(f"X tells the usage of 1 to {MOST_USAGE_DAYS} days, not of {days}")
    return Call(
        "GET",
        "/2/usage/tweets",
        "usage",
        params={"days": str(days), "usage.fields": ",".join(_USAGE_FIELDS)},
        idempotent=True,
        as_app=True,
    )


def app_token() -> Call:
    """Ask for the app's own token with its API key and secret.
    https://docs.x.com/fundamentals/authentication/oauth-2-0/application-only
    """
    form = {"grant_type": "client_credentials"}
    # Whatever is odd about the answer is not quoted as unreadable JSON would be: it may hold the token.
    return Call("POST", "/oauth2/token", "app_token", form=form, idempotent=True, json_answer=False)


def user_token(form: Mapping[str, str]) -> Call:
    """Turn a code or a refresh token into a user's tokens. Not idempotent: each is good for one use.
    https://docs.x.com/fundamentals/authentication/oauth-2-0/user-access-token
    """
    return Call("POST", "/2/oauth2/token", "oauth2_token", form=form, json_answer=False)


def revoke_token(form: Mapping[str, str]) -> Call:
    """Make X forget a token. https://docs.x.com/fundamentals/authentication/oauth-2-0/user-access-token"""
    return Call("POST", "/2/oauth2/revoke", "oauth2_revoke", form=form, json_answer=False, idempotent=True)


def checked_id(written: str) -> str:
    """An id of X, safe to be part of a path.

    :raises XInvalidRequest: for what is none.
    """
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
