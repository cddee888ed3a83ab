"""One part of an entry: its text, poll and all that one post on X can carry, held against X's rules.

The rules are those of https://docs.x.com/x-api/posts/create-post.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

from x_provider.calendar.attachments import Attachments
from x_provider.calendar.exclusions import check_combination
from x_provider.calendar.fields import Fields
from x_provider.calendar.findings import quoted
from x_provider.calendar.link_rules import EntryLinks
from x_provider.calendar.model import PartSpec, PollSpec, ReplySettings
from x_provider.calendar.plans import LONG_TEXTS, Rights, check_cashtags, check_rights
from x_provider.calendar.yaml_tree import Scalar
from x_provider.media import MAX_TAGGED_USERS
from x_provider.text import MAX_WEIGHTED_LENGTH, PREMIUM_MAX_LENGTH, weighted_length

PART_FIELDS = (
    "text",
    "media",
    "video",
    "poll",
    "reply_settings",
    "reply_to",
    "exclude_reply_user_ids",
    "auto_populate_reply_metadata",
    "edit_of",
    "quote",
    "community_id",
    "share_with_followers",
    "place_id",
    "made_with_ai",
    "paid_partnership",
    "for_super_followers_only",
    "nullcast",
    "card_uri",
    "direct_message_deep_link",
    "tagged_user_ids",
)
ONLY_FIRST = ("reply_to", "edit_of")
"""What a part cannot have that answers another part."""

Place = Literal["first", "later", "comment"]
"""Where a part stands: it begins the post, it goes on with its thread, or it is an answer to it."""

_REPLY_SETTINGS = ("following", "mentionedUsers", "subscribers", "verified")
_EVERYONE = "everyone"
_CONVERSATION = re.compile(
    r"https://(?:www\.)?(?:x|twitter)\.com/messages/compose\?(?:[^#]*&)?recipient_id=[0-9]{1,19}(?:[&#].*)?",
    re.IGNORECASE,
)
_MAX_RAW_LENGTH = {MAX_WEIGHTED_LENGTH: 10_000, PREMIUM_MAX_LENGTH: 50_000}
"""Longer texts are refused uncounted: nothing that long fits, and looking for its links takes its time."""


@dataclass(frozen=True)
class PartReader:
    """Reads the parts of one entry.

    :param links: what becomes of the links in their texts and behind their buttons.
    """

    rights: Rights
    attachments: Attachments
    links: EntryLinks

    def read(self, fields: Fields, *, place: Place, is_split: bool = False) -> PartSpec:
        """Read one part; what is wrong with it goes to the fields' report.

        :param is_split: the text may be too long, since it is to be split.
        """
        text = self._text(fields, place, is_split=is_split)
        check_combination(fields, text, is_reply=place != "first")
        check_rights(fields, self.rights)
        if not is_split:
            check_cashtags(fields, text, self.rights)
        media = self.attachments.media(fields)
        return PartSpec(
            text=text,
            media=media,
            video=self.attachments.video(fields, media, self.links),
            poll=_poll(fields),
            reply_settings=_reply_settings(fields),
            reply_to=fields.post_id("reply_to"),
            exclude_reply_user_ids=fields.x_ids("exclude_reply_user_ids"),
            auto_populate_reply_metadata=fields.flag("auto_populate_reply_metadata"),
            edit_of=fields.post_id("edit_of"),
            quote=fields.post_id("quote"),
            community_id=fields.x_id("community_id"),
            share_with_followers=fields.flag("share_with_followers"),
            place_id=fields.words("place_id"),
            made_with_ai=fields.flag("made_with_ai"),
            paid_partnership=fields.flag("paid_partnership"),
            for_super_followers_only=fields.flag("for_super_followers_only"),
            nullcast=fields.flag("nullcast"),
            card_uri=fields.words("card_uri"),
            direct_message_deep_link=_deep_link(fields),
            tagged_user_ids=_tagged(fields),
        )

    def check_length(self, fields: Fields, text: str) -> None:
        """Say whether a part's text is longer than X takes from such an account."""
        limit = self.limit
        length = weighted_length(text)
        if length <= limit:
            return
        message = f"is {length - limit:,} too long: {length:,} of at most {limit:,} characters as X counts"
        if limit == PREMIUM_MAX_LENGTH:
            fields.error("text", message, "Shorten it, or write split: true to make it a thread")
            return
        hint = f"Shorten it, write split: true to make it a thread, or {self.rights.if_premium}"
        fields.error("text", message, f"{hint}: {LONG_TEXTS}")

    @property
    def limit(self) -> int:
        """The longest text that X takes from such an account, in weighted characters."""
        return MAX_WEIGHTED_LENGTH if self.rights.lack(LONG_TEXTS) else PREMIUM_MAX_LENGTH

    def _text(self, fields: Fields, place: Place, *, is_split: bool) -> str:
        # The line break that YAML's "|" leaves at the end is nobody's intention.
        text = (fields.text("text") or "").strip()
        limit = PREMIUM_MAX_LENGTH if is_split else self.limit
        if len(text) > _MAX_RAW_LENGTH[limit]:
            fields.error(
                "text", f"is far too long: {len(text):,} characters of at most {limit:,}", "Shorten it"
            )
            return ""
        fields.check_characters("text", text)
        text = self.links.apply(fields, text, is_reply=place == "comment")
        if not is_split:
            self.check_length(fields, text)
        return text


def _reply_settings(fields: Fields) -> ReplySettings | None:
    chosen = fields.choice("reply_settings", (*_REPLY_SETTINGS, _EVERYONE))
    # X says "everyone" where it reports the setting, and refuses it where one is made.
    return None if chosen == _EVERYONE else cast("ReplySettings | None", chosen)


def _deep_link(fields: Fields) -> str | None:
    link = fields.url("direct_message_deep_link")
    if link is not None and not _CONVERSATION.fullmatch(link):
        message = f"must lead to a conversation of Direct Messages, not {quoted(link)}"
        hint = "Write https://x.com/messages/compose?recipient_id= and the account's id behind it"
        fields.error("direct_message_deep_link", message, hint)
    return link


def _tagged(fields: Fields) -> list[str]:
    tagged = fields.x_ids("tagged_user_ids")
    if len(tagged) > MAX_TAGGED_USERS:
        fields.error("tagged_user_ids", f"{len(tagged)} accounts; X takes {MAX_TAGGED_USERS} at most")
    return tagged


def _poll(fields: Fields) -> PollSpec | None:
    poll = fields.mapping("poll", known=("options", "duration", "reply_settings"))
    if poll is None:
        return None
    if not poll.has("options"):
        poll.error("options", "is missing", "Add for example options: [Red, Blue]")
    options = [
        (node.value if isinstance(node, Scalar) else "").strip() for node in poll.sequence("options") or []
    ]
    if poll.has("options") and not 2 <= len(options) <= 4:
        poll.error("options", f"has {len(options)}; X takes 2 to 4")
    for index, option in enumerate(options[:4]):
        if not 1 <= len(option) <= 25:
            poll.error(f"options[{index}]", f"{quoted(option)} has {len(option)} characters; X takes 1 to 25")
        poll.check_characters(f"options[{index}]", option)
    if len(set(options)) < len(options):
        poll.warning("options", "has the same option twice")
    settings = _reply_settings(poll)
    if poll.has("reply_settings"):
        poll.warning(
            "reply_settings", "X takes it and does nothing with it", "Write reply_settings beside poll"
        )
    if poll.required("duration", "1 day") is None:
        return None
    seconds = poll.duration("duration")
    if seconds is not None and not 5 * 60 <= seconds <= 10_080 * 60:
        poll.error("duration", f"{quoted(poll.text('duration') or '')}; X takes 5 minutes to 7 days")
    return PollSpec(options=options, duration_minutes=(seconds or 0) // 60, reply_settings=settings)
