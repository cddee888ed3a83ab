"""Posts, users, media and polls as JSON, with the fields and expansions that were asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from html import escape
from typing import Any

from x_sandbox.accounts import Account
from x_sandbox.clock import iso
from x_sandbox.entities import Entities
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
from x_sandbox.problems import field_not_authorized
from x_sandbox.rules import EDIT_SECONDS, EDITS, is_editable_kind
from x_sandbox.state import State
from x_sandbox.vocabulary import Wanted

_NOTHING = dict.fromkeys(
    ("repost_count", "reply_count", "like_count", "quote_count", "bookmark_count", "impression_count"), 0
)
USER_DEFAULTS = ("id", "name", "username")


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
            "text": self.text(post),
            "edit_history_post_ids": self.state.posts.versions(post),
        }
        values = {name: FIELDS[name](self, post) for name in asked & FIELDS.keys()}
        shown.update({name: value for name, value in values.items() if value is not None})
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
        url = f"{self.wanted.origin}/_sandbox/media/{media.id}"
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

    def text(self, post: Post) -> str:
        """Return the text as far as it is shown."""
        text = post.text if post.preview is None else post.preview
        return escape(text, quote=False) if self.state.settings.escape_text else text

    def public_metrics(self, post: Post) -> dict[str, int]:
        posts = self.state.posts
        age = self.state.clock.now() - post.created_at
        if post.repost_of:
            source = posts.get(post.repost_of)
            return {**_NOTHING, "repost_count": self.public_metrics(source)["repost_count"] if source else 0}
        return public_metrics(
            post.id,
            age,
            replies=posts.replies(post),
            quotes=posts.quotes(post),
            reposts=len(posts.reposts(post)),
        )

    def _add_private_metrics(self, post: Post, shown: dict[str, Any]) -> bool:
        asked = [name for name in PRIVATE_FIELDS if name in self.wanted.post]
        if not asked:
            return True
        young = self.state.clock.now() - post.created_at <= PRIVATE_SECONDS
        if post.author_id == self.reader_id and young:
            private = private_metrics(post.id, self.public_metrics(post), has_link="urls" in post.entities)
            shown.update({name: private[name] for name in asked})
            return True
        for name in asked:
            for member in PRIVATE_FIELDS[name]:
                self.errors.append(field_not_authorized(post.id, f"{name}.{member}"))
        return self.state.settings.denied_metrics == "keep_post"

    def shown_entities(self, post: Post) -> Entities | None:
        """Return the entities within the text that is shown; a long post shows only its beginning."""
        if post.preview is None:
            return self._entities(post)
        within = {
            kind: [entity for entity in entities if entity["end"] < len(post.preview)]
            for kind, entities in (self._entities(post) or {}).items()
        }
        return {kind: entities for kind, entities in within.items() if entities} or None

    def note(self, post: Post) -> dict[str, Any] | None:
        return None if post.preview is None else {"text": post.text, "entities": self._entities(post) or {}}

    def _entities(self, post: Post) -> Entities | None:
        if not post.entities:
            return None
        found = {**post.entities}
        if "mentions" in found:
            found["mentions"] = [
                {**mention, "id": account.id} if account else mention
                for mention in found["mentions"]
                for account in [self.state.app.account_named(mention["username"])]
            ]
        return found

    def _attached(self, post: Post) -> list[Media]:
        return [media for media_id in post.media_ids if (media := self.state.media.get(media_id))]

    def attachments(self, post: Post) -> dict[str, list[str]] | None:
        if post.media_ids:
            return {"media_keys": [media.media_key for media in self._attached(post)]}
        return {"poll_ids": [post.id]} if post.poll else None

    def media_metadata(self, post: Post) -> list[dict[str, Any]] | None:
        texts = {name: post.choices.get("media", {}).get(name) for name in ("title", "description")}
        described = [
            {"media_key": media.media_key, "alt_text": media.alt_text, **texts}
            for media in self._attached(post)
        ]
        return [
            {name: value for name, value in item.items() if value is not None} for item in described
        ] or None

    def possibly_sensitive(self, post: Post) -> bool:
        return any(media.sensitive for media in self._attached(post))

    def _expand(self, post: Post, shown: dict[str, Any]) -> None:
        expansions, app = self.wanted.expansions, self.state.app
        if "author_id" in expansions:
            shown["author_id"] = post.author_id
            self._include_user(post.author_id)
        if "in_reply_to_user_id" in expansions and post.in_reply_to_user_id:
            shown["in_reply_to_user_id"] = post.in_reply_to_user_id
            self._include_user(post.in_reply_to_user_id)
        if "attachments.media_keys" in expansions and post.media_ids:
            shown["attachments"] = self.attachments(post)
            self._media.update({media.id: media for media in self._attached(post)})
        if "attachments.poll_ids" in expansions and post.poll:
            shown["attachments"] = self.attachments(post)
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
    if post.repost_of:
        return [{"type": "retweeted", "id": post.repost_of}]
    references = []
    if post.quote:
        references.append({"type": "quoted", "id": post.quote})
    if post.in_reply_to:
        references.append({"type": "replied_to", "id": post.in_reply_to})
    return references or None


FIELDS: dict[str, Callable[[Rendering, Post], Any]] = {
    "attachments": Rendering.attachments,
    "author_id": lambda _, post: post.author_id,
    "card_uri": lambda _, post: post.choices.get("card_uri"),
    "community_id": lambda _, post: post.choices.get("community_id"),
    "conversation_id": lambda _, post: post.conversation_id,
    "created_at": lambda _, post: iso(post.created_at),
    "display_text_range": lambda rendering, post: [0, len(rendering.text(post))],
    "edit_controls": lambda rendering, post: {
        "edits_remaining": EDITS + 1 - len(post.edit_history),
        "is_edit_eligible": is_editable_kind(post),
        "editable_until": iso(rendering.state.posts.first(post).created_at + EDIT_SECONDS),
    },
    "entities": Rendering.shown_entities,
    "geo": lambda _, post: post.choices.get("geo"),
    "in_reply_to_user_id": lambda _, post: post.in_reply_to_user_id,
    "lang": lambda _rendering, _post: "und",
    "media_metadata": Rendering.media_metadata,
    "note_post": Rendering.note,
    "paid_partnership": lambda _, post: post.choices.get("paid_partnership"),
    "possibly_sensitive": Rendering.possibly_sensitive,
    "public_metrics": Rendering.public_metrics,
    "referenced_posts": lambda _, post: _references(post),
    "reply_settings": lambda _, post: post.reply_settings,
    "source": lambda _rendering, _post: "x-sandbox",
}
"""The fields of a post by their names of 2026; the private metrics have rules of their own."""
