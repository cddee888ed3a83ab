"""Posts, users, media and polls as JSON: the fields asked for, in the vocabulary they were asked in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from typing import Any

from starlette.requests import Request

from x_sandbox.accounts import Account
from x_sandbox.clock import iso
from x_sandbox.entities import MAX_LENGTH, weighted_length
from x_sandbox.media import Media
from x_sandbox.metrics import (
    PRIVATE_FIELDS,
    PRIVATE_SECONDS,
    followers,
    media_views,
    private_metrics,
    public_metrics,
    votes,
)
from x_sandbox.posts import Post
from x_sandbox.problems import LEGACY_PROBLEMS, PROBLEMS, field_not_authorized
from x_sandbox.rules import EDIT_SECONDS, EDITS
from x_sandbox.state import State

NEW_POST_FIELDS = frozenset(
    "article attachments card_uri community_id context_annotations conversation_id created_at display_text_range "
    "edit_controls entities geo id lang media_metadata non_public_metrics note_post organic_metrics paid_partnership "
    "possibly_sensitive promoted_metrics public_metrics reply_settings scopes source text withheld".split()
)
LEGACY_POST_FIELDS = {
    "author_id": "author_id",
    "in_reply_to_user_id": "in_reply_to_user_id",
    "referenced_tweets": "referenced_posts",
    "edit_history_tweet_ids": "edit_history_post_ids",
    "note_tweet": "note_post",
}
LEGACY_EXPANSIONS = {
    "referenced_tweets.id": "referenced_posts",
    "edit_history_tweet_ids": "edit_history_post_ids",
    "referenced_tweets.id.author_id": "referenced_posts.author_id",
}
LEGACY_NAMES = {
    "repost_count": "retweet_count",
    "referenced_posts": "referenced_tweets",
    "edit_history_post_ids": "edit_history_tweet_ids",
    "note_post": "note_tweet",
    "post_count": "tweet_count",
    "posts": "tweets",
    "most_recent_post_id": "most_recent_tweet_id",
    "pinned_post_id": "pinned_tweet_id",
}
USER_DEFAULTS = ("id", "name", "username")


@dataclass
class Wanted:
    """The fields, expansions and vocabulary of a request."""

    legacy: bool = False
    post: frozenset[str] = frozenset()
    expansions: frozenset[str] = frozenset()
    user: frozenset[str] = frozenset()
    media: frozenset[str] = frozenset()
    poll: frozenset[str] = frozenset()

    @classmethod
    def of(cls, request: Request) -> Wanted:
        """Read the query; values that X does not know are ignored, as X does."""
        new, old = _listed(request, "post.fields"), _listed(request, "tweet.fields")
        expansions = _listed(request, "expansions")
        legacy = not new and (bool(old) or bool(expansions & LEGACY_EXPANSIONS.keys()))
        if legacy:
            post = {LEGACY_POST_FIELDS.get(name, name) for name in old}
            expansions = frozenset(LEGACY_EXPANSIONS.get(name, name) for name in expansions)
        else:
            post = set(new & NEW_POST_FIELDS)
        return cls(
            legacy=legacy,
            post=frozenset(post),
            expansions=expansions,
            user=_listed(request, "user.fields"),
            media=_listed(request, "media.fields"),
            poll=_listed(request, "poll.fields"),
        )

    def spoken(self, body: dict[str, Any]) -> dict[str, Any]:
        """Translate a whole answer into the vocabulary of the request."""
        return _renamed(body) if self.legacy else body


@dataclass
class Rendering:
    """An answer under construction: posts for one reader, what they refer to, and what is denied."""

    state: State
    wanted: Wanted
    reader_id: str | None
    errors: list[dict[str, Any]] = field(default_factory=list)
    _users: dict[str, Account] = field(default_factory=dict)
    _media: dict[str, Media] = field(default_factory=dict)
    _polls: dict[str, Post] = field(default_factory=dict)
    _posts: dict[str, Post] = field(default_factory=dict)

    def posts(self, posts: Iterable[Post]) -> list[dict[str, Any]]:
        """Render the posts of `data`."""
        rendered = [self.post(post) for post in posts]
        return [post for post in rendered if post is not None]

    def post(self, post: Post, *, expand: bool = True) -> dict[str, Any] | None:
        """Render a post; None if the reader asked for metrics that are denied and the post goes with them."""
        asked, expansions = self.wanted.post, self.wanted.expansions
        shown: dict[str, Any] = {
            "id": post.id,
            "text": self._text(post),
            "edit_history_post_ids": list(post.edit_history),
        }
        for name in asked:
            value = self._field(post, name)
            if value is not None:
                shown[name] = value
        if not self._add_private_metrics(post, shown):
            return None
        if expand:
            self._expand(post, shown)
        elif "author_id" in expansions:
            shown["author_id"] = post.author_id
        return shown

    def includes(self) -> dict[str, list[dict[str, Any]]]:
        """Render what the posts of `data` refer to, as far as it was asked for."""
        posts = [self.post(post, expand=False) for post in self._posts.values()]
        found: dict[str, list[dict[str, Any]]] = {
            "posts": [post for post in posts if post is not None],
            "users": [self.user(account) for account in self._users.values()],
            "media": [self.media(media) for media in self._media.values()],
            "polls": [self.poll(post) for post in self._polls.values()],
        }
        return {name: items for name, items in found.items() if items}

    def body(self, data: Any, **more: Any) -> dict[str, Any]:
        """Put an answer together: data, includes, errors and what else is given."""
        body: dict[str, Any] = {} if data is None or data == [] else {"data": data}
        if includes := self.includes():
            body["includes"] = includes
        if self.errors:
            body["errors"] = self.errors
        return self.wanted.spoken({**body, **more})

    def user(self, account: Account) -> dict[str, Any]:
        now = self.state.clock.now()
        every = {
            "id": account.id,
            "name": account.name,
            "username": account.username,
            "created_at": iso(account.created_at),
            "description": "An account of the sandbox",
            "protected": False,
            "verified": account.premium,
            "verified_type": "blue" if account.premium else "none",
            "subscription_type": "Premium" if account.premium else "None",
            "public_metrics": {
                "followers_count": followers(account.id, now - account.created_at),
                "following_count": 10,
                "post_count": self.state.posts.count(account.id)
                if "public_metrics" in self.wanted.user
                else 0,
                "listed_count": 0,
            },
        }
        return {
            name: value for name, value in every.items() if name in USER_DEFAULTS or name in self.wanted.user
        }

    def media(self, media: Media) -> dict[str, Any]:
        age = self.state.clock.now() - (media.finalized_at or media.opened_at)
        url = f"/_sandbox/media/{media.id}"
        every: dict[str, Any] = {
            "media_key": media.media_key,
            "type": media.kind,
            "alt_text": media.alt_text,
            "width": media.width,
            "height": media.height,
            "duration_ms": int(media.duration_seconds * 1000)
            if media.duration_seconds and media.kind == "video"
            else None,
        }
        if media.kind == "photo":
            every["url"] = url
        else:
            every["preview_image_url"] = url
            every["variants"] = [{"content_type": media.media_type, "url": url}]
            every["public_metrics"] = {"view_count": media_views(media.id, age)}
        return {
            name: value
            for name, value in every.items()
            if value is not None and (name in ("media_key", "type") or name in self.wanted.media)
        }

    def poll(self, post: Post) -> dict[str, Any]:
        poll = post.poll
        if poll is None:
            raise ValueError(f"post {post.id} has no poll")
        now = self.state.clock.now()
        ends_at = post.created_at + poll.duration_minutes * 60
        counted = votes(post.id, len(poll.options), now - post.created_at, poll.duration_minutes)
        every: dict[str, Any] = {
            "id": post.id,
            "options": [
                {"position": position, "label": label, "votes": number}
                for position, (label, number) in enumerate(zip(poll.options, counted, strict=True), start=1)
            ],
            "duration_minutes": poll.duration_minutes,
            "end_datetime": iso(ends_at),
            "voting_status": "open" if now < ends_at else "closed",
        }
        return {name: value for name, value in every.items() if name in ("id", "options", *self.wanted.poll)}

    def _text(self, post: Post) -> str:
        text = post.text
        if weighted_length(text) > MAX_LENGTH:
            text = text[:277].rstrip() + "…"
        return escape(text, quote=False) if self.state.settings.escape_text else text

    def _field(self, post: Post, name: str) -> Any:
        choices = post.choices
        simple = {
            "author_id": post.author_id,
            "conversation_id": post.conversation_id,
            "created_at": iso(post.created_at),
            "in_reply_to_user_id": post.in_reply_to_user_id,
            "lang": "en",
            "possibly_sensitive": False,
            "reply_settings": post.reply_settings,
            "source": "x-sandbox",
            "entities": self._entities(post),
            "referenced_posts": _references(post),
            "card_uri": choices.get("card_uri"),
            "community_id": choices.get("community_id"),
            "geo": choices.get("geo"),
            "paid_partnership": choices.get("paid_partnership"),
            "display_text_range": [0, len(post.text)],
        }
        if name in simple:
            return simple[name]
        if name == "public_metrics":
            return self._public_metrics(post)
        if name == "attachments":
            return self._attachments(post)
        if name == "note_post" and weighted_length(post.text) > MAX_LENGTH:
            return {"text": post.text, "entities": self._entities(post) or {}}
        if name == "edit_controls":
            return {
                "edits_remaining": EDITS + 1 - len(post.edit_history),
                "is_edit_eligible": post.poll is None,
                "editable_until": iso(post.created_at + EDIT_SECONDS),
            }
        if name == "media_metadata":
            return self._media_metadata(post)
        return None

    def _public_metrics(self, post: Post) -> dict[str, int]:
        posts = self.state.posts
        age = self.state.clock.now() - post.created_at
        return public_metrics(post.id, age, replies=posts.replies(post.id), quotes=posts.quotes(post.id))

    def _add_private_metrics(self, post: Post, shown: dict[str, Any]) -> bool:
        asked = [name for name in PRIVATE_FIELDS if name in self.wanted.post]
        if not asked:
            return True
        young = self.state.clock.now() - post.created_at <= PRIVATE_SECONDS
        if post.author_id == self.reader_id and young:
            private = private_metrics(post.id, self._public_metrics(post), has_link="urls" in post.entities)
            shown.update({name: private[name] for name in asked})
            return True
        for name in asked:
            for member in PRIVATE_FIELDS[name]:
                self.errors.append(field_not_authorized(post.id, f"{name}.{member}"))
        return self.state.settings.denied_metrics == "keep_post"

    def _entities(self, post: Post) -> dict[str, Any] | None:
        if not post.entities:
            return None
        found: dict[str, Any] = {**post.entities}
        if "mentions" in found:
            found["mentions"] = [
                {**mention, "id": account.id} if account else mention
                for mention in found["mentions"]
                for account in [self.state.app.account_named(mention["username"])]
            ]
        return found

    def _attached(self, post: Post) -> list[Media]:
        return [media for media_id in post.media_ids if (media := self.state.media.get(media_id))]

    def _attachments(self, post: Post) -> dict[str, list[str]] | None:
        if post.media_ids:
            return {"media_keys": [media.media_key for media in self._attached(post)]}
        return {"poll_ids": [post.id]} if post.poll else None

    def _media_metadata(self, post: Post) -> list[dict[str, Any]] | None:
        texts = {name: post.choices.get("media", {}).get(name) for name in ("title", "description")}
        described = [
            {"media_key": media.media_key, "alt_text": media.alt_text, **texts}
            for media in self._attached(post)
        ]
        return [
            {name: value for name, value in item.items() if value is not None} for item in described
        ] or None

    def _expand(self, post: Post, shown: dict[str, Any]) -> None:
        expansions, app = self.wanted.expansions, self.state.app
        if "author_id" in expansions:
            shown["author_id"] = post.author_id
            self._include_user(post.author_id)
        if "in_reply_to_user_id" in expansions and post.in_reply_to_user_id:
            shown["in_reply_to_user_id"] = post.in_reply_to_user_id
            self._include_user(post.in_reply_to_user_id)
        if "attachments.media_keys" in expansions and post.media_ids:
            shown["attachments"] = self._attachments(post)
            self._media.update({media.id: media for media in self._attached(post)})
        if "attachments.poll_ids" in expansions and post.poll:
            shown["attachments"] = self._attachments(post)
            self._polls[post.id] = post
        if "entities.mentions.username" in expansions:
            for mention in post.entities.get("mentions", ()):
                if account := app.account_named(mention["username"]):
                    self._users[account.id] = account
        if "referenced_posts" in expansions and (references := _references(post)):
            shown["referenced_posts"] = references
            self._posts.update(
                {item.id: item for reference in references if (item := self.state.posts.get(reference["id"]))}
            )

    def _include_user(self, user_id: str) -> None:
        if account := self.state.app.account(user_id):
            self._users[user_id] = account


def _references(post: Post) -> list[dict[str, str]] | None:
    references = []
    if post.quote:
        references.append({"type": "quoted", "id": post.quote})
    if post.in_reply_to:
        references.append({"type": "replied_to", "id": post.in_reply_to})
    return references or None


def _listed(request: Request, parameter: str) -> frozenset[str]:
    return frozenset(name for name in request.query_params.get(parameter, "").split(",") if name)


def _renamed(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            LEGACY_NAMES.get(name, name): member.replace(PROBLEMS, LEGACY_PROBLEMS)
            if name == "type" and isinstance(member, str)
            else _renamed(member)
            for name, member in value.items()
        }
    return [_renamed(item) for item in value] if isinstance(value, list) else value
