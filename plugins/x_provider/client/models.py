"""What X's answers hold, in X's new vocabulary (post, repost). Unknown is None, never 0.

https://docs.x.com/x-api/fundamentals/data-dictionary
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

import pendulum
from pendulum import DateTime
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, PlainValidator

from x_provider.client.errors import XError
from x_provider.client.limits import RateWindow
from x_provider.client.prices import Charge


def _as_instant(written: Any) -> DateTime:
    if isinstance(written, datetime):
        return pendulum.instance(written).in_timezone("UTC")
    parsed = pendulum.parse(written)
    if not isinstance(parsed, DateTime):
        raise ValueError(f"{written!r} is no instant")  # noqa: TRY004  # pydantic collects ValueErrors
    return parsed.in_timezone("UTC")


Instant = Annotated[DateTime, PlainValidator(_as_instant), PlainSerializer(lambda at: at.isoformat())]


_Item = TypeVar("_Item")
# X writes null for some lists that hold nothing, and leaves out others.
ListOf = Annotated[list[_Item], BeforeValidator(lambda written: written or []), Field(default_factory=list)]


class FromX(BaseModel):
    # X adds fields without notice; what we do not know must not break what we do.
    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)


class Problem(FromX):
    """One thing that X could not give within an otherwise good answer.

    :param resource_id: the id that was asked for, such as a post's.
    :param field: the field that X withholds, such as ``non_public_metrics.impression_count``.
    """

    type: str = "about:blank"
    title: str | None = None
    detail: str | None = None
    resource_id: str | None = None
    resource_type: str | None = None
    parameter: str | None = None
    field: str | None = None
    value: Any = None

    @property
    def kind(self) -> str | None:
        """The last segment of ``type``, the same whichever host X writes in front; None for
        ``about:blank``.
        """
        return problem_kind(self.type)


def problem_kind(uri: str | None) -> str | None:
    """The last segment of a problem's type; None for none and for ``about:blank``."""
    if not uri or uri == "about:blank":
        return None
    return uri.rstrip("/").rsplit("/", 1)[-1] or None


class UserMetrics(FromX):
    """Counts of an account."""

    followers_count: int | None = None
    following_count: int | None = None
    post_count: int | None = None
    listed_count: int | None = None
    like_count: int | None = None
    media_count: int | None = None


class User(FromX):
    """An account on X."""

    id: str
    username: str
    name: str
    created_at: Instant | None = None
    description: str | None = None
    profile_image_url: str | None = None
    protected: bool | None = None
    verified: bool | None = None
    verified_type: str | None = None
    subscription_type: str | None = None
    public_metrics: UserMetrics | None = None


class PublicMetrics(FromX):
    """Counts that everybody sees."""

    impression_count: int | None = None
    like_count: int | None = None
    reply_count: int | None = None
    repost_count: int | None = None
    quote_count: int | None = None
    bookmark_count: int | None = None


class NonPublicMetrics(FromX):
    """Counts that only the author sees, for 30 days."""

    impression_count: int | None = None
    engagements: int | None = None
    url_link_clicks: int | None = None
    user_profile_clicks: int | None = None


class OrganicMetrics(FromX):
    """Counts without those that were paid for; only the author sees them, for 30 days."""

    impression_count: int | None = None
    like_count: int | None = None
    reply_count: int | None = None
    repost_count: int | None = None
    url_link_clicks: int | None = None
    user_profile_clicks: int | None = None


class PostUrl(FromX):
    """A link in a post's text, which X writes there as t.co.

    :param start: position of its first character in ``text``.
    :param end: position after its last one.
    :param media_key: set where the link only stands for attached media.
    """

    start: int
    end: int
    url: str | None = None
    expanded_url: str | None = None
    display_url: str | None = None
    unwound_url: str | None = None
    media_key: str | None = None


class Entities(FromX):
    """What X recognised in a text."""

    urls: ListOf[PostUrl]


class Attachments(FromX):
    """Keys of what hangs on a post."""

    media_keys: ListOf[str]
    poll_ids: ListOf[str]


class ReferencedPost(FromX):
    """A post that a post refers to."""

    type: Literal["retweeted", "quoted", "replied_to"] | str
    id: str


class NotePost(FromX):
    """The whole text of a post longer than 280, whose ``text`` X cuts short."""

    text: str
    entities: Entities | None = None


class Post(FromX):
    """A post as X gives it back.

    :param text: as X shows it, with t.co links; cut short where ``note_post`` holds the whole.
    """

    id: str
    text: str = ""
    author_id: str | None = None
    created_at: Instant | None = None
    conversation_id: str | None = None
    in_reply_to_user_id: str | None = None
    referenced_posts: ListOf[ReferencedPost]
    edit_history_post_ids: ListOf[str]
    entities: Entities | None = None
    attachments: Attachments | None = None
    note_post: NotePost | None = None
    community_id: str | None = None
    reply_settings: str | None = None
    lang: str | None = None
    public_metrics: PublicMetrics | None = None
    non_public_metrics: NonPublicMetrics | None = None
    organic_metrics: OrganicMetrics | None = None

    @property
    def in_reply_to_post_id(self) -> str | None:
        """The post that this one answers."""
        return next((post.id for post in self.referenced_posts if post.type == "replied_to"), None)

    @property
    def media_keys(self) -> list[str]:
        """Keys of the attached media, in order; none for a post without."""
        return self.attachments.media_keys if self.attachments else []


class MediaMetrics(FromX):
    """Counts of a video or GIF."""

    view_count: int | None = None


class Media(FromX):
    """A picture, GIF or video of a post."""

    media_key: str
    type: Literal["photo", "animated_gif", "video"] | str
    alt_text: str | None = None
    url: str | None = None
    preview_image_url: str | None = None
    width: int | None = None
    height: int | None = None
    duration_ms: int | None = None
    public_metrics: MediaMetrics | None = None


@dataclass(frozen=True)
class PostsPage:
    """The posts found of those asked for, X's words about the others, and their media by key."""

    posts: list[Post]
    problems: list[Problem]
    media: Mapping[str, Media]


@dataclass(frozen=True)
class CreatedPost:
    """X's receipt for a post.

    :param text: as X keeps it, with links turned into t.co.
    :param date: when X answered (UTC, whole seconds); the post's own instant is in its id.
    :param windows: the rate windows that the answer reports.
    """

    id: str
    text: str
    request_id: str | None
    date: DateTime
    windows: tuple[RateWindow, ...] = ()


MediaState = Literal["pending", "in_progress", "succeeded", "failed"]


@dataclass(frozen=True)
class UploadedMedia:
    """A file on X, or on its way there.

    :param id: goes into ``media.media_ids`` of a post.
    :param expires_at: until then a post can use it (UTC).
    :param state: ``succeeded`` when it is ready to be posted.
    :param check_after_secs: how long X asks to wait before it is asked for the state again.
    :param failure: X's words for why it failed.
    :param failure_name: X's name for it, such as ``InvalidMedia``.
    """

    id: str
    media_key: str | None
    expires_at: DateTime
    size: int | None
    state: MediaState
    check_after_secs: int | None = None
    progress_percent: int | None = None
    failure: str | None = None
    failure_name: str | None = None

    @property
    def ready(self) -> bool:
        """Whether a post can use it now."""
        return self.state == "succeeded"

    @property
    def ask_after(self) -> int:
        """Seconds to wait before asking for its state again: what X asks for, 1 to 30."""
        return min(max(self.check_after_secs or 1, 1), 30)


@dataclass(frozen=True)
class UploadSession:
    """A chunked upload that X is ready to take segments for."""

    id: str
    media_key: str | None
    expires_at: DateTime


@dataclass(frozen=True)
class ResponseFacts:
    """What an observer learns of every answer, refusals included.

    :param family: which call it answered, such as ``create_post``.
    :param windows: the rate windows that the answer reports.
    :param elapsed: seconds from sending to the answer's last byte.
    :param charge: what X bills for it; None for what is free, and for refusals.
    :param error: what a refusal means; None for a success.
    """

    family: str
    status: int
    windows: tuple[RateWindow, ...]
    request_id: str | None
    elapsed: float
    charge: Charge | None = None
    error: XError | None = None
