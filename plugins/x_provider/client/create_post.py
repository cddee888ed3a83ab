"""The body of POST /2/tweets: CreatePostsRequest of X's OpenAPI document, field by field.

https://docs.x.com/x-api/posts/create-post
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticSerializationError

XId = Annotated[str, Field(pattern=r"^[0-9]{1,19}$")]
ReplySettings = Literal["following", "mentionedUsers", "subscribers", "verified"]

_EXCLUSIVE = ("media", "quote_tweet_id", "poll", "card_uri", "direct_message_deep_link")


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class VisitSite(_Body):
    """A button under a video that opens a page."""

    url: str


class WatchNow(_Body):
    """A button under a video that goes on watching elsewhere."""

    url: str


class AppInstall(_Body):
    """A button under a video that installs an app; at least one store's id."""

    app_store_id: str | None = None
    ipad_app_store_id: str | None = None
    play_store_id: str | None = None


class CallToActions(_Body):
    """The buttons that a video can carry."""

    visit_site: VisitSite | None = None
    watch_now: WatchNow | None = None
    app_install: AppInstall | None = None


class MediaAttachment(_Body):
    """What is attached: up to four pictures, or one GIF, or one video.

    :param media_ids: ids (not media keys) that an upload of this account has returned.
    :param tagged_user_ids: people in the pictures.
    :param preview_media_id: an uploaded picture that stands for the video until it plays.
    """

    media_ids: list[XId] = Field(min_length=1, max_length=4)
    tagged_user_ids: list[XId] | None = Field(default=None, max_length=10)
    title: str | None = None
    description: str | None = None
    embeddable: bool | None = None
    preview_media_id: XId | None = None
    call_to_actions: CallToActions | None = None


class Poll(_Body):
    """A poll of 2 to 4 options (1 to 25 characters each), open for 5 minutes to 7 days."""

    options: list[Annotated[str, Field(min_length=1, max_length=25)]] = Field(min_length=2, max_length=4)
    duration_minutes: int = Field(ge=5, le=10_080)
    reply_settings: ReplySettings | None = None


class Reply(_Body):
    """What the post answers, and whom its answer leaves out."""

    in_reply_to_tweet_id: XId
    exclude_reply_user_ids: list[XId] | None = None
    auto_populate_reply_metadata: bool | None = None


class Geo(_Body):
    """Where the post is from."""

    place_id: str


class EditOptions(_Body):
    """The post that this one is a new version of."""

    previous_post_id: XId


class CreatePost(_Body):
    """A post to create. Length is X's to judge, since accounts differ: see ``x_provider.text``.

    :param text: may be empty only beside media, or beside what else makes a post by itself.
    :param reply_settings: who can reply; None for everyone (X refuses the word "everyone" here).
    :param share_with_followers: with ``community_id``: show the post to one's own followers too.
    :raises pydantic.ValidationError: for an unknown field, a bad id, and two things that exclude each other.
    """

    text: str = ""
    media: MediaAttachment | None = None
    poll: Poll | None = None
    reply: Reply | None = None
    quote_tweet_id: XId | None = None
    reply_settings: ReplySettings | None = None
    geo: Geo | None = None
    community_id: XId | None = None
    share_with_followers: bool | None = None
    made_with_ai: bool | None = None
    paid_partnership: bool | None = None
    edit_options: EditOptions | None = None
    nullcast: bool | None = None
    card_uri: str | None = None
    direct_message_deep_link: str | None = None
    for_super_followers_only: bool | None = None

    @model_validator(mode="after")
    def _can_be_a_post(self) -> CreatePost:
        carried = [field for field in _EXCLUSIVE if getattr(self, field) is not None]
        if len(carried) > 1:
            raise ValueError(f"a post can carry only one of {', '.join(carried)}; take the others out")
        if not self.text and (not carried or carried == ["poll"]):
            raise ValueError("a post needs text, or media instead; text is empty")
        try:
            self.model_dump_json()
        except PydanticSerializationError:
            raise ValueError("half of a surrogate pair is no character and cannot be sent") from None
        return self

    def body(self) -> dict[str, Any]:
        """The JSON to send: only what was set, and ``text`` always, since X refuses a body without it."""
        return self.model_dump(mode="json", exclude_none=True)
