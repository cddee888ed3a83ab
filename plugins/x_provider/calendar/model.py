"""The content model: what a calendar is once it has been read and found sound."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Annotated, Any, Literal

import pendulum
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, model_validator

from x_provider.media.limits import MediaCategory

ReplySettings = Literal["following", "mentionedUsers", "subscribers", "verified"]
WhenLate = Literal["publish", "skip", "ask"]
WhenAbsent = Literal["resend", "ask"]
SensitiveMedia = Literal["adult_content", "graphic_violence", "other"]


def _instant(value: Any) -> pendulum.DateTime:
    if isinstance(value, str):
        value = pendulum.parse(value)
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError("must be an instant: a date and time with its offset")
    return pendulum.instance(value).in_timezone("UTC")


Instant = Annotated[
    pendulum.DateTime, PlainValidator(_instant), PlainSerializer(lambda at: at.isoformat(), when_used="json")
]
"""A moment in UTC; ISO 8601 in JSON."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SubtitlesSpec(_Model):
    """Subtitles of a video, as they were found when the calendar was read.

    :param source: where the .srt or .vtt file is, as ``MediaSpec.source``.
    :param sha256: of the file's bytes, hexadecimal.
    :param media_type: ``text/srt`` or ``text/vtt``.
    :param language: two capital letters, such as ``EN``.
    :param name: what viewers choose it by, such as ``English``.
    """

    source: str
    sha256: str
    media_type: Literal["text/srt", "text/vtt"]
    language: str
    name: str


class MediaSpec(_Model):
    """A picture, GIF or video of a post, as it was found when the calendar was read.

    :param source: where the file is: an absolute path, an https URL, or an object's URL such as
        ``s3://aws_default@bucket/key``.
    :param sha256: of the file's bytes, hexadecimal.
    :param size: bytes.
    :param media_type: what the bytes are, such as ``image/png``, whatever the file's name says.
    :param category: X's media category, https://docs.x.com/x-api/media/quickstart/best-practices.
    :param alt: description for those who cannot see it, at most 1,000 characters.
    :param width: pixels.
    :param height: pixels.
    :param duration_seconds: of a video; None for anything else.
    :param fit: whose limits the file is re-encoded to where X would refuse it as it is; None: it is sent as it is.
    :param sensitive: what X shall warn viewers of.
    """

    source: str
    sha256: str
    size: int
    media_type: str
    category: MediaCategory
    alt: str | None = None
    width: int
    height: int
    duration_seconds: float | None = None
    fit: Literal["default", "premium"] | None = None
    sensitive: list[SensitiveMedia] = Field(default_factory=list)
    subtitles: list[SubtitlesSpec] = Field(default_factory=list)


class VideoSpec(_Model):
    """What X shows around a video: its words, the picture before it plays, a button.

    :param preview: a picture that stands for the video until it plays.
    :param visit_site: the page that a button opens.
    :param watch_now: where a button lets people watch on.
    :param app_store_id: of the app that a button installs; so the two after it.
    """

    title: str | None = None
    description: str | None = None
    embeddable: bool | None = None
    preview: MediaSpec | None = None
    visit_site: str | None = None
    watch_now: str | None = None
    app_store_id: str | None = None
    ipad_app_store_id: str | None = None
    play_store_id: str | None = None


class PollSpec(_Model):
    """A poll: 2 to 4 options of 1 to 25 characters, open for 5 minutes to 7 days."""

    options: list[str]
    duration_minutes: int
    reply_settings: ReplySettings | None = None


class PartSpec(_Model):
    """One post on X; a thread has several.

    The fields are those of https://docs.x.com/x-api/posts/create-post; None leaves X's default.

    :param reply_to: X id of the post that this one answers; in a thread only the first part may have it.
    :param quote: X id of the post that this one quotes.
    :param edit_of: X id of the post that this one is a new version of.
    :param after_seconds: how long after the part before it this one is due; never of a first part.
    """

    text: str = ""
    media: list[MediaSpec] = Field(default_factory=list)
    video: VideoSpec | None = None
    poll: PollSpec | None = None
    reply_settings: ReplySettings | None = None
    reply_to: str | None = None
    exclude_reply_user_ids: list[str] = Field(default_factory=list)
    auto_populate_reply_metadata: bool | None = None
    edit_of: str | None = None
    after_seconds: int = 0
    quote: str | None = None
    community_id: str | None = None
    share_with_followers: bool | None = None
    place_id: str | None = None
    made_with_ai: bool | None = None
    paid_partnership: bool | None = None
    for_super_followers_only: bool | None = None
    nullcast: bool | None = None
    card_uri: str | None = None
    direct_message_deep_link: str | None = None
    tagged_user_ids: list[str] = Field(default_factory=list)


class FollowUpSpec(_Model):
    """What happens once people like a post, or some time after it.

    :param likes: how many likes it takes; None where it happens at its time.
    :param within_seconds: how long after the post they count.
    :param repost: whether the account reposts its post then.
    :param part: what is posted then as a reply to it, if anything.
    :param after_seconds: when it happens, whatever people like: so long after the post.
    :param undo_repost: whether the account takes its repost of the post back then.
    :param delete: whether the post is taken down then, with all its parts.
    """

    likes: int | None = Field(default=None, ge=1)
    within_seconds: int | None = None
    repost: bool = False
    part: PartSpec | None = None
    after_seconds: int | None = None
    undo_repost: bool = False
    delete: bool = False


class LatePolicy(_Model):
    """What happens to a late post: within the grace it is published, after it ``then`` decides."""

    grace_seconds: int = 900
    then: WhenLate = "publish"


class PostSpec(_Model):
    """One entry of a calendar.

    :param account: the Airflow connection that it is published with.
    :param due_at: when it is due, in UTC.
    :param at: the time as the calendar says it: local, with an offset, or relative (``now + 30 s``).
    :param timezone: the zone in which a local ``at`` is meant.
    :param on_absent: what happens to a part that was sent without an answer and is not found on X:
        ``resend`` it, or ``ask`` a person.
    :param follow_ups: what happens once the post has found its likes, or some time after it.
    :param line: where the entry begins in its file; None when it came from elsewhere.
    :param revision: hash of the content; computed when left empty.
    """

    id: str
    account: str
    due_at: Instant
    at: str
    timezone: str
    parts: list[PartSpec] = Field(min_length=1)
    late: LatePolicy = LatePolicy()
    on_absent: WhenAbsent = "resend"
    follow_ups: list[FollowUpSpec] = Field(default_factory=list)
    line: int | None = None
    revision: str = ""

    @model_validator(mode="after")
    def _with_revision(self) -> PostSpec:
        if not self.revision:
            object.__setattr__(self, "revision", revision_of(self))
        return self

    @property
    def is_relative(self) -> bool:
        """Whether the due time depends on when the calendar is read."""
        return self.at.startswith("now")


class BlackoutSpec(_Model):
    """A time in which nothing of some accounts goes out.

    :param starts_at: from this instant on, in UTC.
    :param ends_at: until this instant, which is free again.
    :param accounts: the Airflow connections that it silences.
    :param line: where it begins in its file.
    """

    starts_at: Instant
    ends_at: Instant
    why: str
    accounts: tuple[str, ...]
    line: int | None = None

    def words(self, zone: str) -> str:
        """For a line of a plan: when, whom, why."""
        starts_at, ends_at = (
            at.in_timezone(zone).format("YYYY-MM-DD HH:mm:ss").removesuffix(":00")
            for at in (self.starts_at, self.ends_at)
        )
        return f"{starts_at} to {ends_at} {zone}  {', '.join(self.accounts) or 'no account'}  {self.why}"

    def holds(self, account: str, at: datetime) -> bool:
        """Whether the account is silent at that instant."""
        return account in self.accounts and self.starts_at <= at < self.ends_at


class Calendar(_Model):
    """A calendar with its sound entries.

    :param name: scope of the plan: posts of other calendars are never touched.
    :param blackouts: when its accounts are silent.
    :param broken: ids of the entries left out because something is wrong with them.
    :param unidentified: number of entries so broken that not even their id could be read.
    """

    name: str
    timezone: str
    account: str
    posts: list[PostSpec]
    blackouts: list[BlackoutSpec] = Field(default_factory=list)
    broken: frozenset[str] = frozenset()
    unidentified: int = 0


def revision_of(post: PostSpec) -> str:
    """Hash what would be published, and when: it changes exactly when an editor changes the post.

    Media count by their bytes, not by where they lie. A relative ``at`` counts as written, so that reading
    the file again later is no change.
    """
    content = {
        "account": post.account,
        "at": post.at,
        "timezone": post.timezone,
        "late": post.late.model_dump(),
        "parts": [_revised(part) for part in post.parts],
    }
    if post.on_absent != "resend":  # left out as a default, so that older revisions stay what they were
        content["on_absent"] = post.on_absent
    if post.follow_ups:
        content["follow_ups"] = [_revised(follow_up) for follow_up in post.follow_ups]
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


_FOUND = {"source", "size", "media_type", "width", "height", "duration_seconds"}
"""What follows from the bytes of a file, or says only where they lie."""


def _revised(of: _Model) -> dict[str, Any]:
    """What of a model an editor has decided. Defaults are left out: a field that is new changes no revision."""
    content = {}
    for name, field in type(of).model_fields.items():
        value = getattr(of, name)
        if value == field.get_default(call_default_factory=True):
            continue
        if name in _FOUND and isinstance(of, MediaSpec | SubtitlesSpec):
            continue
        content[name] = _plain(value)
    return content


def _plain(value: Any) -> Any:
    if isinstance(value, _Model):
        return _revised(value)
    return [_plain(item) for item in value] if isinstance(value, list) else value
