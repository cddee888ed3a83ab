"""The sandbox's own controls under /_sandbox/: state, requests, faults, settings, reset."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from x_sandbox.clock import iso
from x_sandbox.faults import KINDS
from x_sandbox.media import Media
from x_sandbox.metrics import public_metrics, votes
from x_sandbox.posts import Post, Repost
from x_sandbox.state import State

PAGE = Path(__file__).parent.parent / "page"
METRICS_SECONDS = 10
"""How long a reader who has the newest posts waits for newer numbers."""
NO_PAGE = "This is x-sandbox. Its timeline page is not installed; /_sandbox/posts has the posts as JSON.\n"


class Controls:
    """Handlers of the controls; whoever reaches the port may use them."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def health(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def issued(self, _request: Request) -> Response:
        return JSONResponse({"issued": [*self._state.grants.issued, *self._state.request_tokens.issued]})

    async def posts(self, request: Request) -> Response:
        limit = request.query_params.get("limit", "")
        if limit and not limit.isdecimal():
            return refusal(f"limit must be a number, not {limit!r}")
        version = f'"{self._state.revision}-{int(self._state.clock.now() // METRICS_SECONDS)}"'
        if request.headers.get("if-none-match") == version:
            return Response(status_code=304, headers={"etag": version})
        newest = islice(self._state.posts.everything(), int(limit) if limit else None)
        return JSONResponse({"posts": [self._post(post) for post in newest]}, headers={"etag": version})

    async def accounts(self, _request: Request) -> Response:
        shown = [
            {
                "id": account.id,
                "username": account.username,
                "name": account.name,
                "access_level": account.access_level,
                "premium": account.premium,
            }
            for account in self._state.app.accounts
        ]
        return JSONResponse({"accounts": shown})

    async def change_account(self, request: Request) -> Response:
        account = self._state.app.find(request.path_params["account"])
        if account is None:
            return refusal(f"there is no account {request.path_params['account']!r}", 404)
        changes = await json_of(request)
        if unknown := set(changes) - {"access_level", "premium"}:
            return refusal(f"unknown members {sorted(unknown)}; there are access_level and premium")
        if changes.get("access_level", "read") not in ("read", "read-write"):
            return refusal("access_level must be read or read-write")
        account.access_level = changes.get("access_level", account.access_level)
        account.premium = bool(changes.get("premium", account.premium))
        return await self.accounts(request)

    async def media(self, request: Request) -> Response:
        media = self._state.media.get(request.path_params["id"])
        if media is None or media.finalized_at is None:
            return PlainTextResponse("no such media\n", 404)
        return FileResponse(self._state.media.file(media.id), media_type=media.media_type)

    async def requests(self, _request: Request) -> Response:
        return JSONResponse({"requests": list(self._state.requests)})

    async def charges(self, _request: Request) -> Response:
        return JSONResponse(self._state.billing.listing())

    async def list_faults(self, _request: Request) -> Response:
        return JSONResponse({"faults": self._state.faults.listing(), "kinds": KINDS})

    async def add_fault(self, request: Request) -> Response:
        try:
            fault = self._state.faults.add(await json_of(request))
        except ValueError as error:
            return refusal(str(error))
        return JSONResponse(vars(fault), 201)

    async def remove_faults(self, request: Request) -> Response:
        return JSONResponse({"removed": self._state.faults.remove(request.path_params.get("id"))})

    async def settings(self, request: Request) -> Response:
        if request.method == "POST":
            try:
                self._state.change_settings(await json_of(request))
            except ValueError as error:
                return refusal(str(error))
        return JSONResponse(vars(self._state.settings))

    async def reset(self, _request: Request) -> Response:
        self._state.reset()
        return JSONResponse({"reset": True})

    async def page(self, _request: Request) -> Response:
        index = PAGE / "index.html"
        return FileResponse(index) if index.is_file() else PlainTextResponse(NO_PAGE)

    def _post(self, post: Post) -> dict[str, Any]:
        state = self._state
        account = state.app.account(post.author_id)
        age = state.clock.now() - post.created_at
        posts = state.posts
        reposts = [shown for repost in posts.reposts(post) if (shown := self._repost(repost))]
        return {
            "id": post.id,
            "author_id": post.author_id,
            "username": account.username if account else "",
            "name": account.name if account else "",
            "text": post.text,
            "written": post.written,
            "created_at": iso(post.created_at),
            "in_reply_to": post.in_reply_to,
            "conversation_id": post.conversation_id,
            "quote": post.quote,
            "reply_settings": post.reply_settings,
            "poll": self._poll(post, age),
            "media": [_media(media) for item in post.media_ids if (media := state.media.get(item))],
            "entities": {"urls": [], **post.entities},
            "metrics": public_metrics(
                post.id,
                age,
                replies=posts.replies(post),
                quotes=posts.quotes(post),
                reposts=len(reposts),
            ),
            "reposts": reposts,
            "edits": list(post.edit_history[:-1]),
            "versions": [
                {"id": version.id, "text": version.text, "created_at": iso(version.created_at)}
                for version in map(posts.get, post.edit_history[:-1])
                if version
            ],
            "tagged": [
                account.username
                for user_id in post.choices.get("media", {}).get("tagged_user_ids", ())
                if (account := state.app.account(user_id))
            ],
            "choices": post.choices,
            "hidden": post.hidden,
            "deleted": post.deleted,
        }

    def _repost(self, repost: Repost) -> dict[str, Any] | None:
        account = self._state.app.account(repost.user_id)
        if account is None or self._state.posts.get(repost.id) is None:
            return None
        return {
            "id": repost.id,
            "author_id": account.id,
            "username": account.username,
            "name": account.name,
            "created_at": iso(repost.at),
        }

    @staticmethod
    def _poll(post: Post, age: float) -> dict[str, Any] | None:
        if post.poll is None:
            return None
        counted = votes(post.id, len(post.poll.options), age, post.poll.duration_minutes)
        return {
            "options": [
                {"label": label, "votes": number}
                for label, number in zip(post.poll.options, counted, strict=True)
            ],
            "duration_minutes": post.poll.duration_minutes,
            "ends_at": iso(post.created_at + post.poll.duration_minutes * 60),
        }


def _media(media: Media) -> dict[str, Any]:
    return {
        "id": media.id,
        "media_key": media.media_key,
        "type": media.kind,
        "media_type": media.media_type,
        "size": media.size,
        "sha256": media.sha256,
        "alt_text": media.alt_text,
        "sensitive": list(media.sensitive),
        "subtitles": [
            {**track, "url": f"/_sandbox/media/{track['id']}"} for track in media.subtitles.values()
        ],
        "width": media.width,
        "height": media.height,
        "url": f"/_sandbox/media/{media.id}",
    }


async def json_of(request: Request) -> dict[str, Any]:
    """Read the JSON object that a control was sent.

    :raises HTTPException: 400, saying what is wrong.
    """
    try:
        body = json.loads(await request.body())
    except ValueError as error:
        raise HTTPException(400, f"the body is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise HTTPException(400, "the body must be a JSON object")
    return body


def refusal(message: str, status: int = 400) -> Response:
    """Answer that a control cannot do what it was asked."""
    return JSONResponse({"error": message}, status)


async def refused(_request: Request, error: Exception) -> Response:
    """Answer for a control whose body cannot be read."""
    return refusal(error.detail if isinstance(error, HTTPException) else str(error))


def routes(state: State) -> list[BaseRoute]:
    """Make the routes of the controls and the timeline page."""
    controls = Controls(state)
    found: list[BaseRoute] = [
        Route("/", controls.page),
        Route("/{username}/status/{id}", controls.page),
        Route("/_sandbox/health", controls.health),
        Route("/_sandbox/posts", controls.posts),
        Route("/_sandbox/accounts", controls.accounts),
        Route("/_sandbox/issued", controls.issued),
        Route("/_sandbox/accounts/{account}", controls.change_account, methods=["POST"]),
        Route("/_sandbox/media/{id}", controls.media),
        Route("/_sandbox/requests", controls.requests),
        Route("/_sandbox/charges", controls.charges),
        Route("/_sandbox/faults", controls.list_faults),
        Route("/_sandbox/faults", controls.add_fault, methods=["POST"]),
        Route("/_sandbox/faults", controls.remove_faults, methods=["DELETE"]),
        Route("/_sandbox/faults/{id}", controls.remove_faults, methods=["DELETE"]),
        Route("/_sandbox/settings", controls.settings, methods=["GET", "POST"]),
        Route("/_sandbox/reset", controls.reset, methods=["POST"]),
    ]
    if PAGE.is_dir():
        found.append(Mount("/_sandbox/page", StaticFiles(directory=PAGE)))
    return found
