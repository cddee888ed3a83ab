"""What happens to posts, told to the webhooks that subscribed to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from x_sandbox.deliveries import Delivery
from x_sandbox.entities import mentions
from x_sandbox.payloads import Payloads, Stranger
from x_sandbox.posts import Post
from x_sandbox.state import State
from x_sandbox.subscriptions import Subscription

PUBLIC_EVENTS = ("post.create", "post.delete")
PRIVATE_EVENTS = ("post.mention.create", "post.reply.create", "post.quote.create", "post.repost.create")
POST_EVENTS = (*PUBLIC_EVENTS, *PRIVATE_EVENTS)


@dataclass(frozen=True)
class Happening:
    """One event before anybody is told.

    :param post: the post it is about.
    :param target_id: the user it happened to: who is mentioned, replied to, quoted, reposted; else None.
    :param author: who did it, if that is no account of this X.
    :param reposted: id of the post that a repost repeats.
    """

    event_type: str
    post: Post
    target_id: str | None = None
    author: Stranger | None = None
    reposted: str | None = None

    def wanted_by(self, subscription: Subscription) -> bool:
        """Tell whether a subscription's type and filter match.

        Without `direction` a filter means whom it happened to, or who did it where it happens to nobody.
        """
        if subscription.event_type != self.event_type or subscription.webhook_id is None:
            return False
        filters = subscription.filter
        outbound = self.target_id is None or filters.get("direction") == "outbound"
        concerned = self.post.author_id if outbound else self.target_id
        if "user_id" in filters and filters["user_id"] != concerned:
            return False
        return filters.get("keyword", "").lower() in self.post.written.lower()


def announce_created(state: State, post: Post) -> None:
    """Tell of a new post: that it is there, whom it mentions, answers, quotes."""
    if state.subscriptions:
        for happening in _creations(state, post):
            announce(state, happening)
        _announce_to_accounts(state, post, deleted=False)


def announce_deleted(state: State, post: Post) -> None:
    """Tell of a post that is gone."""
    if state.subscriptions:
        announce(state, Happening("post.delete", post))
        _announce_to_accounts(state, post, deleted=True)


def announce_reposted(state: State, post: Post, *, by: str) -> None:
    """Tell of a repost by an account of this X."""
    repost = next((item for item in state.posts.reposts(post) if item.user_id == by), None)
    stands_for_it = state.posts.get(repost.id) if repost else None
    if state.subscriptions and stands_for_it:
        announce(state, Happening("post.repost.create", stands_for_it, post.author_id, reposted=post.id))


def announce(state: State, happening: Happening) -> int:
    """Queue an event for every X Activity subscription that wants it; return how many."""
    wanting = [item for item in state.subscriptions.all() if happening.wanted_by(item)]
    if not wanting:
        return 0
    payloads = Payloads(state)
    if happening.event_type == "post.delete":
        payload, includes = payloads.deletion(happening.post)
    else:
        payload, includes = payloads.post(
            happening.post, author=happening.author, reposted=happening.reposted
        )
    event_id = _event_uuid(happening)
    for subscription in wanting:
        told = {
            "event_uuid": event_id,
            "filter": subscription.filter,
            "event_type": happening.event_type,
            **({"tag": subscription.tag} if subscription.tag else {}),
            "payload": payload,
            "includes": includes,
        }
        _send(
            state,
            str(subscription.webhook_id),
            happening.event_type,
            event_id,
            {"data": told},
            subscription_id=subscription.id,
        )
    return len(wanting)


def announce_to_account(
    state: State, user_id: str, post: Post, *, deleted: bool = False, author: Stranger | None = None
) -> int:
    """Queue a post for the Account Activity subscriptions of one user; return how many."""
    webhooks = [
        webhook_id for webhook_id, subscriber in state.subscriptions.accounts() if subscriber == user_id
    ]
    if webhooks:
        name = "tweet_delete_events" if deleted else "tweet_create_events"
        body = Payloads(state).account_activity(user_id, post, deleted=deleted, author=author)
        for webhook_id in webhooks:
            _send(state, webhook_id, name, post.id, body)
    return len(webhooks)


def _announce_to_accounts(state: State, post: Post, *, deleted: bool) -> None:
    concerned = {post.author_id: None}
    if not deleted:
        concerned.update({item.target_id: None for item in _creations(state, post) if item.target_id})
    for user_id in concerned:
        announce_to_account(state, user_id, post, deleted=deleted)


def _creations(state: State, post: Post) -> Iterator[Happening]:
    yield Happening("post.create", post)
    named = (state.app.account_named(name) for name in mentions(post.written))
    for user_id in dict.fromkeys(account.id for account in named if account):
        if user_id != post.author_id:
            yield Happening("post.mention.create", post, user_id)
    if post.in_reply_to_user_id:
        yield Happening("post.reply.create", post, post.in_reply_to_user_id)
    quoted = state.posts.get(post.quote) if post.quote else None
    if quoted:
        yield Happening("post.quote.create", post, quoted.author_id)


def _event_uuid(happening: Happening) -> str:
    """X's samples have the post's id here, and for deletions a signed number of 64 bits."""
    if happening.event_type != "post.delete":
        return happening.post.id
    digest = hashlib.sha256(f"deleted {happening.post.id}".encode()).digest()
    return str(int.from_bytes(digest[:8], "big", signed=True))


def _send(
    state: State,
    webhook_id: str,
    event_type: str,
    event_id: str,
    body: dict[str, Any],
    *,
    subscription_id: str | None = None,
) -> None:
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    now = state.clock.now()
    state.deliveries.add(
        Delivery(webhook_id, event_type, event_id, content, now, subscription_id=subscription_id)
    )
