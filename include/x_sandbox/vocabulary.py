"""The two vocabularies of X's answers: that of 2026 (`post.fields`) and the legacy one (`tweet.fields`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from x_sandbox.problems import LEGACY_PROBLEMS, PROBLEMS

POST_QUERY = (
    "post.fields",
    "tweet.fields",
    "expansions",
    "user.fields",
    "media.fields",
    "poll.fields",
    "place.fields",
)
USER_QUERY = ("user.fields", "expansions", "post.fields", "tweet.fields")
NEW_POST_FIELDS = frozenset(
    [
        "article",
        "attachments",
        "card_uri",
        "community_id",
        "context_annotations",
        "conversation_id",
        "created_at",
        "display_text_range",
        "edit_controls",
        "entities",
        "geo",
        "id",
        "lang",
        "media_metadata",
        "non_public_metrics",
        "note_post",
        "organic_metrics",
        "paid_partnership",
        "possibly_sensitive",
        "promoted_metrics",
        "public_metrics",
        "reply_settings",
        "scopes",
        "source",
        "text",
        "withheld",
    ]
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


@dataclass
class Wanted:
    """The fields, expansions and vocabulary of a request.

    :param origin: the sandbox's own address as the client wrote it, for links to media.
    """

    origin: str
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
            origin=str(request.base_url).rstrip("/"),
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
