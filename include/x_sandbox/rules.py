"""What X refuses of POST /2/tweets, in the order in which it looks."""

from __future__ import annotations

import re
from typing import Any

from x_sandbox import prices
from x_sandbox.accounts import Account
from x_sandbox.entities import MAX_LENGTH, PREMIUM_MAX_LENGTH, cashtags, has_link, mentions, weighted_length
from x_sandbox.media import Media
from x_sandbox.posts import Post
from x_sandbox.problems import Problem, forbidden, invalid_request, preset
from x_sandbox.state import State

EXCLUSIVE = ("media", "quote_tweet_id", "poll", "card_uri", "direct_message_deep_link")
VIDEO_ONLY = ("title", "description", "preview_media_id", "call_to_actions")
DEEP_LINK = re.compile(
    r"https://(?:www\.)?(?:x|twitter)\.com/messages/compose\?(?:.*&)?recipient_id=\d+(?:&.*)?"
)
EDITS = 5
EDIT_SECONDS = 3_600
NOT_EDITABLE = ("poll", "community_id", "nullcast", "for_super_followers_only")
INVALID = re.compile("[\ufffe\ufeff\uffff]")
SUMMONED_ONLY = "You can only reply to or quote posts where you are mentioned or are the author."


def check(state: State, account: Account, request: dict[str, Any]) -> list[Media]:
    """Hold a CreatePostsRequest of the right shape against X's rules.

    :return: the media it attaches.
    :raises Problem: the refusal.
    """
    _check_content(state, account, request)
    _check_place(state, request)
    media = _check_media(state, account, request)
    _check_surroundings(state, account, request.get("media", {}), media)
    _check_edit(state, account, request)
    _check_parent(state, account, request)
    _check_quote(state, request)
    if minutes := _too_long(state, account, media):
        raise forbidden(f"This user is not allowed to post a video longer than {minutes:g} minutes.")
    seconds = state.settings.duplicate_window_seconds
    text = request.get("text", "")
    if text and "edit_options" not in request and state.posts.same_text(account.id, text, seconds=seconds):
        raise preset("duplicate")
    return media


def price_of(state: State, account: Account, request: dict[str, Any]) -> str:
    """Return X's name of what a post costs that passed the rules."""
    if has_link(request.get("text", "")):
        return prices.CREATE_WITH_URL
    parent = state.posts.get(request.get("reply", {}).get("in_reply_to_tweet_id", ""))
    return prices.SUMMONED_REPLY if parent and parent.author_id != account.id else prices.CREATE


def _check_content(state: State, account: Account, request: dict[str, Any]) -> None:
    text = request.get("text", "")
    if not text.strip() and "media" not in request:
        raise invalid_request("$.text: is missing but it is required unless media is given")
    if found := INVALID.search(text):
        raise invalid_request(f"$.text: has the invalid character U+{ord(found[0]):04X}")
    chosen = [name for name in EXCLUSIVE if name in request]
    if len(chosen) > 1:
        raise invalid_request(f"$: {' and '.join(chosen)} are mutually exclusive")
    if weighted_length(text) > (PREMIUM_MAX_LENGTH if account.premium else MAX_LENGTH):
        raise invalid_request(
            "Your Tweet text is too long. For more information on how Twitter determines text length see "
            "https://github.com/twitter/twitter-text."
        )
    if state.settings.self_serve and len(cashtags(text)) > 1:
        raise forbidden("Posts are limited to a maximum of one cashtag")


def _check_media(state: State, account: Account, request: dict[str, Any]) -> list[Media]:
    ids = request.get("media", {}).get("media_ids", [])
    now, lifetime = state.clock.now(), state.settings.media_lifetime_seconds
    found: list[Media] = []
    for media_id in ids:
        media = state.media.get(media_id)
        if media is None or not media.belongs_to(account.id):
            raise _invalid_media(ids, f"{media_id} is no media of this account")
        if not media.usable(now, lifetime):
            raise _invalid_media(ids, f"{media_id} is not processed, has failed, or has expired")
        if not media.category.startswith(("tweet_", "amplify_")):
            raise _invalid_media(ids, f"{media_id} has the category {media.category}")
        found.append(media)
    if len(set(ids)) < len(ids) or (len(found) > 1 and any(media.kind != "photo" for media in found)):
        raise _invalid_media(ids, "a post carries 4 photos, or 1 GIF, or 1 video")
    return found


def _invalid_media(ids: list[str], reason: str) -> Problem:
    problem = invalid_request("Your media IDs are invalid.", parameters={"media.media_ids": ids})
    problem.note = reason
    return problem


def _check_surroundings(state: State, account: Account, wanted: dict[str, Any], media: list[Media]) -> None:
    """Hold what stands around a video against what X says of it."""
    given = [name for name in VIDEO_ONLY if name in wanted]
    if given and not any(item.kind == "video" for item in media):
        raise invalid_request(f"$.media.{given[0]}: is for videos only")
    if preview_id := wanted.get("preview_media_id"):
        preview = state.media.get(preview_id)
        lifetime = state.settings.media_lifetime_seconds
        if (
            preview is None
            or preview.kind != "photo"
            or not preview.belongs_to(account.id)
            or not preview.usable(state.clock.now(), lifetime)
        ):
            raise _invalid_media([preview_id], f"{preview_id} is no image that this account may use")
    actions = wanted.get("call_to_actions", {})
    for name in ("visit_site", "watch_now"):
        if name in actions and not re.match(r"https?://[^/]", actions[name]["url"]):
            raise invalid_request(f"$.media.call_to_actions.{name}.url: is no URL")
    if "app_install" in actions and not actions["app_install"]:
        raise invalid_request("$.media.call_to_actions.app_install: at least one store id is required")


def _check_place(state: State, request: dict[str, Any]) -> None:
    """Hold where a post leads to, and where it goes, against what is there."""
    link = request.get("direct_message_deep_link")
    if link is not None and not DEEP_LINK.fullmatch(link):
        raise invalid_request("$.direct_message_deep_link: is no link to a Direct Message conversation")
    community, known = request.get("community_id"), state.settings.communities
    if community is not None and known and community not in known:
        problem = preset("not-permitted")
        problem.note = f"the account is no member of the community {community}"
        raise problem
    for name in ("card_uri", "geo"):
        if name in request and not (request[name] if name == "card_uri" else request[name]["place_id"]):
            raise invalid_request(f"$.{name}: must not be empty")


def _too_long(state: State, account: Account, media: list[Media]) -> float | None:
    settings = state.settings
    minutes = settings.premium_video_minutes if account.premium else settings.video_minutes
    return minutes if any((item.duration_seconds or 0) > minutes * 60 for item in media) else None


def _check_edit(state: State, account: Account, request: dict[str, Any]) -> None:
    if "edit_options" not in request:
        return
    if not account.premium:
        raise forbidden("Your account is not permitted to access this feature")
    if kind := next((name for name in NOT_EDITABLE if request.get(name)), None):
        raise forbidden("You are not permitted to edit this Tweet.", note=f"no version can have {kind}")
    previous_id = request["edit_options"]["previous_post_id"]
    previous = state.posts.get(previous_id)
    if previous is None or previous.author_id != account.id:
        raise forbidden(
            "You are not permitted to edit this Tweet.", note="there is no such post of this account"
        )
    if reason := _not_editable(state, previous):
        raise forbidden("You are not permitted to edit this Tweet.", note=reason)


def _not_editable(state: State, post: Post) -> str | None:
    if state.posts.versions(post)[-1] != post.id:
        return "there is a later version of it"
    if len(post.edit_history) > EDITS:
        return f"it was edited {EDITS} times"
    if state.clock.now() > state.posts.first(post).created_at + EDIT_SECONDS:
        return "its first version is older than an hour"
    if not is_editable_kind(post):
        return (
            "polls, replies to others, community, promoted-only and super followers' posts cannot be edited"
        )
    return None


def is_editable_kind(post: Post) -> bool:
    """Tell whether a post is of a kind that could be edited, in time."""
    chosen = any(post.choices.get(name) for name in NOT_EDITABLE)
    return not (post.poll or chosen or post.in_reply_to_user_id not in (None, post.author_id))


def _check_parent(state: State, account: Account, request: dict[str, Any]) -> None:
    if "reply" not in request:
        return
    parent_id = request["reply"]["in_reply_to_tweet_id"]
    parent = state.posts.get(parent_id, lag_seconds=state.settings.reply_lag_seconds)
    if parent is None:
        raise forbidden(
            "You attempted to reply to a Tweet that is deleted or not visible to you.",
            note=f"there is no post {parent_id}",
        )
    if state.settings.self_serve and not _summoned(state, account, parent):
        raise forbidden(
            SUMMONED_ONLY,
            "not-authorized-for-resource",
            parameter="reply.in_reply_to_tweet_id",
            resource_id=parent_id,
            resource_type="tweet",
            section="data",
            value=parent_id,
        )


def _check_quote(state: State, request: dict[str, Any]) -> None:
    if "quote_tweet_id" not in request:
        return
    if state.settings.self_serve:
        raise preset("not-permitted")
    if state.posts.get(request["quote_tweet_id"]) is None:
        raise invalid_request(
            "$.quote_tweet_id: there is no such post",
            parameters={"quote_tweet_id": [request["quote_tweet_id"]]},
        )


def _summoned(state: State, account: Account, post: Post) -> bool:
    """Whether the account may answer a post: it is its own, mentions it, or quotes a post of its."""
    named = {name.lower() for name in mentions(post.written)}
    quoted = state.posts.get(post.quote or "")
    return (
        post.author_id == account.id
        or account.username.lower() in named
        or (quoted is not None and quoted.author_id == account.id)
    )
