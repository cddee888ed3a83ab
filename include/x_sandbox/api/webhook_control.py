"""The sandbox's own controls of webhooks: what was delivered, challenges now, events made up."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from x_sandbox.activity import POST_EVENTS, Happening, announce, announce_to_account
from x_sandbox.additions import names_answered, page_quoted
from x_sandbox.api.control import json_of, refusal
from x_sandbox.clock import iso
from x_sandbox.deliveries import KEPT
from x_sandbox.payloads import Stranger
from x_sandbox.posts import Post
from x_sandbox.state import State

MEMBERS = ("event_type", "user", "author", "text", "post_id")
REFERENCES = ("post.reply.create", "post.quote.create", "post.repost.create", "post.delete")


class WebhookControls:
    """Handlers; whoever reaches the port may use them."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def overview(self, request: Request) -> Response:
        state, limit = self._state, request.query_params.get("limit", str(KEPT))
        if not limit.isdecimal():
            return refusal(f"limit must be a number, not {limit!r}")
        return JSONResponse(
            {
                "webhooks": [
                    {
                        **vars(webhook),
                        "created_at": iso(webhook.created_at),
                        "checked_at": iso(webhook.checked_at),
                    }
                    for webhook in state.webhooks.all()
                ],
                "subscriptions": [
                    {**vars(item), "created_at": iso(item.created_at), "updated_at": iso(item.updated_at)}
                    for item in state.subscriptions.all()
                ],
                "account_activity": [
                    {"webhook_id": webhook_id, "user_id": user_id}
                    for webhook_id, user_id in state.subscriptions.accounts()
                ],
                "counts": state.deliveries.counts(),
                "deliveries": state.deliveries.listing(int(limit)),
            }
        )

    async def challenge(self, request: Request) -> Response:
        webhook = self._state.webhooks.get(request.path_params["id"])
        if webhook is None:
            return refusal(f"there is no webhook {request.path_params['id']!r}", 404)
        fault = await self._state.deliveries.challenge(webhook)
        return JSONResponse({"valid": fault is None, "fault": fault})

    async def event(self, request: Request) -> Response:
        """Make up an event that a stranger causes; nothing of it is on this X, only the webhooks learn it."""
        try:
            happening = self._happening(await json_of(request))
        except ValueError as error:
            return refusal(str(error))
        queued = announce(self._state, happening)
        user_id = happening.target_id or happening.post.author_id
        queued += announce_to_account(
            self._state,
            user_id,
            happening.post,
            deleted=happening.event_type == "post.delete",
            author=happening.author,
        )
        return JSONResponse({"post_id": happening.post.id, "deliveries": queued}, 201)

    def _happening(self, wanted: dict[str, Any]) -> Happening:
        """Read a request for an event.

        :raises ValueError: it cannot be; the message says why.
        """
        state, event_type = self._state, wanted.get("event_type")
        if unknown := set(wanted) - set(MEMBERS):
            raise ValueError(f"unknown members {sorted(unknown)}; there are {', '.join(MEMBERS)}")
        if event_type not in POST_EVENTS:
            raise ValueError(f"unknown event_type {event_type!r}; one of {', '.join(POST_EVENTS)}")
        account = state.app.find(str(wanted.get("user", "")))
        if account is None:
            raise ValueError(f"there is no account {wanted.get('user')!r}; `user` is whom the event is about")
        post_id = str(wanted.get("post_id") or "")
        post = state.posts.get(post_id)
        if event_type in REFERENCES and (post is None or post.author_id != account.id):
            raise ValueError(f"{event_type} needs `post_id`, a post of {account.username}; not {post_id!r}")
        if event_type == "post.delete" and post:
            return Happening(event_type, post)
        if event_type == "post.create":
            text = str(wanted.get("text", "A post from elsewhere"))
            return Happening(event_type, state.posts.draft(account.id, {"text": text}))
        stranger = Stranger(str(wanted.get("author", "stranger")))
        draft = self._draft(event_type, stranger, str(wanted.get("text", f"Hello @{account.username}")), post)
        reposted = post_id if event_type == "post.repost.create" else None
        return Happening(event_type, draft, account.id, stranger, reposted)

    def _draft(self, event_type: str, author: Stranger, text: str, post: Post | None) -> Post:
        request: dict[str, Any] = {"text": text}
        if post and event_type == "post.reply.create":
            request["reply"] = {"in_reply_to_tweet_id": post.id}
        elif post and event_type == "post.quote.create":
            request["quote_tweet_id"] = post.id
        elif post and event_type == "post.repost.create":
            request["text"] = f"RT: {post.written}"
        return self._state.posts.draft(
            author.id,
            request,
            names=names_answered(self._state, author.id, request),
            quoted_page=page_quoted(self._state, request),
        )


def routes(state: State) -> list[BaseRoute]:
    """Make the routes of these controls."""
    controls = WebhookControls(state)
    return [
        Route("/_sandbox/webhooks", controls.overview),
        Route("/_sandbox/webhooks/{id}/crc", controls.challenge, methods=["POST"]),
        Route("/_sandbox/events", controls.event, methods=["POST"]),
    ]
