"""One part of an entry: its text, media and poll, held against X's rules for a post.

The rules are those of https://docs.x.com/x-api/posts/create-post.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from x_provider.calendar.fields import Fields
from x_provider.calendar.findings import quoted
from x_provider.calendar.model import MediaSpec, PartSpec, PollSpec, ReplySettings
from x_provider.calendar.yaml_tree import Node, Scalar
from x_provider.media import MAX_ALT_LENGTH, MAX_IMAGES, MAX_TAGGED_USERS, MediaError, breaches, inspect
from x_provider.text import (
    MAX_WEIGHTED_LENGTH,
    PREMIUM_MAX_LENGTH,
    extract_cashtags,
    invalid_characters,
    weighted_length,
)

PART_FIELDS = (
    "text",
    "media",
    "poll",
    "reply_settings",
    "reply_to",
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
_REPLY_SETTINGS = ("following", "mentionedUsers", "subscribers", "verified")
_EVERYONE = "everyone"
_EXCLUSIVE = ("media", "quote", "poll", "card_uri", "direct_message_deep_link")
_MAX_RAW_LENGTH = {MAX_WEIGHTED_LENGTH: 10_000, PREMIUM_MAX_LENGTH: 50_000}
"""Longer texts are refused uncounted: nothing that long fits, and looking for its links takes its time."""


def read_part(fields: Fields, *, folder: Path, long_posts: bool) -> PartSpec:
    """Read one part; what is wrong with it goes to the fields' report.

    :param folder: what media paths are relative to.
    :param long_posts: the account is a Premium one, whose texts may have 25,000 characters.
    """
    text = _text(fields, long_posts=long_posts)
    _check_combination(fields, text)
    tagged = fields.x_ids("tagged_user_ids")
    if len(tagged) > MAX_TAGGED_USERS:
        fields.error("tagged_user_ids", f"{len(tagged)} accounts; X takes {MAX_TAGGED_USERS} at most")
    if tagged and not fields.has("media"):
        fields.error("tagged_user_ids", "needs media: accounts are tagged in a picture or video")
    if fields.has("quote"):
        fields.warning("quote", "X's self-serve plans refuse quote posts; only Enterprise has them")
    return PartSpec(
        text=text,
        media=_media(fields, folder),
        poll=_poll(fields),
        reply_settings=_reply_settings(fields),
        reply_to=fields.x_id("reply_to"),
        quote=fields.x_id("quote"),
        community_id=fields.x_id("community_id"),
        share_with_followers=fields.flag("share_with_followers"),
        place_id=fields.text("place_id"),
        made_with_ai=fields.flag("made_with_ai"),
        paid_partnership=fields.flag("paid_partnership"),
        for_super_followers_only=fields.flag("for_super_followers_only"),
        nullcast=fields.flag("nullcast"),
        card_uri=fields.text("card_uri"),
        direct_message_deep_link=fields.text("direct_message_deep_link"),
        tagged_user_ids=tagged,
    )


def _text(fields: Fields, *, long_posts: bool) -> str:
    # The line break that YAML's "|" leaves at the end is nobody's intention.
    text = (fields.text("text") or "").strip()
    limit = PREMIUM_MAX_LENGTH if long_posts else MAX_WEIGHTED_LENGTH
    if len(text) > _MAX_RAW_LENGTH[limit]:
        fields.error("text", f"is far too long: {len(text):,} characters of at most {limit:,}", "Shorten it")
        return ""
    length = weighted_length(text)
    if length > limit:
        hint = "Shorten it, make it a thread"
        hint += "" if long_posts else ", or set long_posts: true if the account is Premium"
        fields.error(
            "text",
            f"is {length - limit:,} too long: {length:,} of at most {limit:,} characters as X counts",
            hint,
        )
    refused = invalid_characters(text)
    if refused:
        fields.error("text", f"holds the character {refused[0]}, which X refuses", "Type that place anew")
    cashtags = extract_cashtags(text)
    if len(cashtags) > 1:
        tags = ", ".join(f"${tag}" for tag in cashtags[:5])
        fields.warning(
            "text", f"has {len(cashtags)} cashtags ({tags}); X's self-serve plans refuse more than one"
        )
    return text


def _check_combination(fields: Fields, text: str) -> None:
    together = [name for name in _EXCLUSIVE if fields.has(name)]
    if len(together) > 1:
        fields.error(
            together[1], f"cannot go together with {together[0]} in one post on X", "Keep one of them"
        )
    if not text and not fields.has("media"):
        empty = "is empty" if fields.has("text") else "is missing"
        fields.error("text", f"{empty}, and there is no media to stand for it", "Add text or media")


def _reply_settings(fields: Fields) -> ReplySettings | None:
    chosen = fields.choice("reply_settings", (*_REPLY_SETTINGS, _EVERYONE))
    # X says "everyone" where it reports the setting, and refuses it where one is made.
    return None if chosen == _EVERYONE else cast("ReplySettings | None", chosen)


def _poll(fields: Fields) -> PollSpec | None:
    poll = fields.mapping("poll", known=("options", "duration"))
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
    if len(set(options)) < len(options):
        poll.warning("options", "has the same option twice")
    if poll.required("duration", "1 day") is None:
        return None
    seconds = poll.duration("duration")
    if seconds is not None and not 5 * 60 <= seconds <= 10_080 * 60:
        poll.error("duration", f"{quoted(poll.text('duration') or '')}; X takes 5 minutes to 7 days")
    return PollSpec(options=options, duration_minutes=(seconds or 0) // 60)


def _media(fields: Fields, folder: Path) -> list[MediaSpec]:
    items = fields.sequence("media") or []
    if fields.has("media") and not items:
        fields.warning("media", "is an empty list", "Remove it, or name a file")
    if len(items) > MAX_IMAGES:
        fields.error(
            "media", f"has {len(items)} files; X takes {MAX_IMAGES} pictures, or one GIF, or one video"
        )
        return []
    media = list(_files(fields, items, folder))
    categories = {spec.category for spec in media}
    if len(media) > 1 and categories != {"tweet_image"}:
        found = ", ".join(f"{Path(spec.source).name} ({spec.category[6:]})" for spec in media)
        fields.error(
            "media",
            f"mixes {found}; X takes up to 4 pictures, or one GIF, or one video",
            "Make several posts",
        )
    return media


def _files(fields: Fields, items: list[Node], folder: Path) -> Iterator[MediaSpec]:
    for index, node in enumerate(items):
        item = fields.item("media", index, node, known=("file", "alt"))
        name = item.required("file", "media/picture.jpg") if item is not None else None
        if item is None or name is None:
            continue
        alt = _alt(item)
        path = folder / name
        try:
            found, sha256 = inspect(path)
        except MediaError as error:
            item.error("file", error.message, error.hint)
            continue
        for severity, message in breaches(found):
            (item.error if severity == "error" else item.warning)("file", f"{path.name}: {message}")
        if alt is None and found.category != "tweet_video":
            item.warning("alt", f"is missing: {path.name} has no description for people who cannot see it")
        yield MediaSpec(
            source=str(path),
            sha256=sha256,
            size=found.size,
            media_type=found.media_type,
            category=found.category,
            alt=alt,
            width=found.width,
            height=found.height,
            duration_seconds=found.duration_seconds,
        )


def _alt(item: Fields) -> str | None:
    alt = (item.text("alt") or "").strip()
    if len(alt) > MAX_ALT_LENGTH:
        item.error("alt", f"has {len(alt):,} characters; X takes {MAX_ALT_LENGTH:,}", "Shorten it")
    return alt or None
