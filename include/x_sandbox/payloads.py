"""Posts as webhooks carry them: the X Activity API's and the deprecated Account Activity API's JSON."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from x_sandbox.clock import iso
from x_sandbox.metrics import PRIVATE_FIELDS
from x_sandbox.posts import Post
from x_sandbox.rendering import FIELDS, Rendering
from x_sandbox.state import State
from x_sandbox.vocabulary import Wanted

ORIGIN = "https://x.com"
USER_FIELDS = ("created_at", "description", "protected", "public_metrics", "verified", "verified_type")


@dataclass(frozen=True)
class Stranger:
    """Somebody who has no account on this X, in an event that is made up."""

    username: str

    @property
    def id(self) -> str:
        """Always the same number for the same name."""
        return str(int.from_bytes(hashlib.sha256(self.username.lower().encode()).digest()[:7], "big"))

    def user(self, now: float) -> dict[str, Any]:
        """Return the user as X shows it, with the fields that X's samples have."""
        return {
            "id": self.id,
            "name": self.username,
            "username": self.username,
            "created_at": iso(now),
            "description": "Somebody who is not on this sandbox",
            "protected": False,
            "verified": False,
            "verified_type": "none",
            "public_metrics": {
                "followers_count": 0,
                "following_count": 0,
                "tweet_count": 1,
                "listed_count": 0,
            },
        }


class Payloads:
    """Writes events about posts."""

    def __init__(self, state: State) -> None:
        self._state = state

    def post(
        self, post: Post, *, author: Stranger | None = None, reposted: str | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return `payload` and `includes` of an event about a post that is there."""
        rendering = Rendering(self._state, _wanted(), reader_id=None)
        shown = {"paid_partnership": False, **(rendering.post(post) or {})}
        if reposted:
            shown["referenced_posts"] = [{"type": "retweeted", "id": reposted}]
        includes = rendering.includes()
        includes["posts"] = [shown, *includes.get("posts", ())]
        if author:
            includes["users"] = [author.user(post.created_at), *includes.get("users", ())]
        spoken = with_strings(rendering.wanted.spoken({"payload": shown, "includes": includes}))
        return spoken["payload"], spoken["includes"]

    def deletion(self, post: Post) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return `payload` and `includes` of an event about a post that is gone."""
        account = self._state.app.account(post.author_id)
        rendering = Rendering(self._state, _wanted(), reader_id=None)
        # That users are wrapped in `data` here is so in X's own sample of this event, and only in it.
        users = [{"data": rendering.user(account)}] if account else []
        includes = with_strings(rendering.wanted.spoken({"users": users}))
        return {"id": post.id, "author_id": post.author_id}, includes

    def account_activity(
        self, user_id: str, post: Post, *, deleted: bool = False, author: Stranger | None = None
    ) -> dict[str, Any]:
        """Return the whole body of an Account Activity event, in the words of API v1.1."""
        if deleted:
            gone = {
                "status": {"id": post.id, "user_id": post.author_id},
                "timestamp_ms": str(int(self._state.clock.now() * 1000)),
            }
            return {"for_user_id": user_id, "tweet_delete_events": [gone]}
        body: dict[str, Any] = {"for_user_id": user_id}
        if post.author_id != user_id:
            body["user_has_blocked"] = False
        return {**body, "tweet_create_events": [self._status(post, author)]}

    def _status(self, post: Post, author: Stranger | None) -> dict[str, Any]:
        parent = self._state.app.account(post.in_reply_to_user_id or "")
        status = {
            "created_at": _old_date(post.created_at),
            "id": int(post.id),
            "id_str": post.id,
            "text": post.text if post.preview is None else post.preview,
            "source": '<a href="https://x.com" rel="nofollow">x-sandbox</a>',
            "truncated": post.preview is not None,
            **_reference("in_reply_to_status_id", post.in_reply_to),
            **_reference("in_reply_to_user_id", post.in_reply_to_user_id),
            "in_reply_to_screen_name": parent.username if parent else None,
            "user": self._old_user(post.author_id, author),
            "geo": None,
            "coordinates": None,
            "place": None,
            "contributors": None,
            "is_quote_status": post.quote is not None,
            "quote_count": 0,
            "reply_count": 0,
            "retweet_count": 0,
            "favorite_count": 0,
            "entities": self._old_entities(post),
            "favorited": False,
            "retweeted": False,
            "filter_level": "low",
            "lang": "und",
            "timestamp_ms": str(int(post.created_at * 1000)),
        }
        if post.quote:
            status.update(_reference("quoted_status_id", post.quote))
        return status

    def _old_user(self, user_id: str, author: Stranger | None) -> dict[str, Any]:
        account = self._state.app.account(user_id)
        username = author.username if author else account.username if account else ""
        return {
            "id": int(user_id),
            "id_str": user_id,
            "name": account.name if account else username,
            "screen_name": username,
            "protected": False,
            "verified": account.premium if account else False,
        }

    def _old_entities(self, post: Post) -> dict[str, Any]:
        app, found = self._state.app, post.entities
        named = [(mention, app.account_named(mention["username"])) for mention in found.get("mentions", ())]
        return {
            "hashtags": [_indexed({"text": tag["tag"]}, tag) for tag in found.get("hashtags", ())],
            "symbols": [_indexed({"text": tag["tag"]}, tag) for tag in found.get("cashtags", ())],
            "urls": [
                _indexed({name: url[name] for name in ("url", "expanded_url", "display_url")}, url)
                for url in found.get("urls", ())
            ],
            "user_mentions": [
                _indexed(
                    {
                        "screen_name": mention["username"],
                        "name": account.name,
                        "id": int(account.id),
                        "id_str": account.id,
                    },
                    mention,
                )
                for mention, account in named
                if account
            ],
        }


def with_strings(value: Any) -> Any:
    """Give each whole number of an object its twin, as X's events have it: `retweet_count_str`."""
    if isinstance(value, list):
        return [with_strings(item) for item in value]
    if not isinstance(value, dict):
        return value
    twins: dict[str, Any] = {}
    for name, member in value.items():
        twins[name] = with_strings(member)
        if type(member) is int:
            twins[f"{name}_str"] = str(member)
    return twins


def _wanted() -> Wanted:
    return Wanted(
        origin=ORIGIN,
        legacy=True,
        post=frozenset(FIELDS.keys() - PRIVATE_FIELDS.keys() - {"source", "note_post"}),
        expansions=frozenset(("author_id", "entities.mentions.username", "referenced_posts")),
        user=frozenset(USER_FIELDS),
    )


def _old_date(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, tz=timezone.utc).strftime("%a %b %d %H:%M:%S +0000 %Y")


def _reference(name: str, value: str | None) -> dict[str, Any]:
    return {name: int(value) if value else None, f"{name}_str": value}


def _indexed(entity: dict[str, Any], place: dict[str, Any]) -> dict[str, Any]:
    return {**entity, "indices": [place["start"], place["end"]]}
