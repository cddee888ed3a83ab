"""Lists of posts: a user's timeline, recent search."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import merge

from x_sandbox import prices
from x_sandbox.clock import parse_iso
from x_sandbox.exchange import Answer, Exchange, Operation
from x_sandbox.posts import Post
from x_sandbox.problems import invalid_request, not_found
from x_sandbox.rendering import Rendering
from x_sandbox.vocabulary import POST_QUERY, Wanted

SEARCH_SECONDS = 7 * 86_400
MAX_ID = 1 << 63


@dataclass(frozen=True)
class Window:
    """Which posts of a list are asked for."""

    max_results: int
    since_id: int
    until_id: int
    start: float
    end: float

    @classmethod
    def of(cls, exchange: Exchange, *, least: int, default: int) -> Window:
        """Read a list's parameters.

        :raises Problem: 400, naming the parameter.
        """
        query = exchange.request.query_params
        count = query.get("max_results", str(default))
        if not count.isdecimal() or not least <= int(count) <= 100:
            raise _invalid("max_results", count, f"is not between {least} and 100")
        window = cls(
            max_results=int(count),
            since_id=_id(exchange, "since_id", 0),
            until_id=_id(exchange, "until_id", MAX_ID),
            start=_instant(exchange, "start_time", 0.0),
            end=_instant(exchange, "end_time", float("inf")),
        )
        token = query.get("pagination_token") or query.get("next_token")
        return window.continued(token) if token else window

    def continued(self, token: str) -> Window:
        """Go on where a page ended."""
        try:
            direction, position = base64.urlsafe_b64decode(token.encode()).decode().split(" ")
            if direction == "before":
                return Window(
                    self.max_results, self.since_id, min(self.until_id, int(position)), self.start, self.end
                )
            return Window(
                self.max_results, max(self.since_id, int(position)), self.until_id, self.start, self.end
            )
        except ValueError:
            raise _invalid("pagination_token", token, "is not a token of this list") from None

    def holds(self, post: Post) -> bool:
        return self.start <= post.created_at < self.end


def _page_token(direction: str, post_id: str) -> str:
    return base64.urlsafe_b64encode(f"{direction} {post_id}".encode()).decode()


def _answer(
    exchange: Exchange, posts: Iterator[Post], window: Window, *, kind: str, next_only: bool = False
) -> Answer:
    page: list[Post] = []
    more = False
    for post in posts:
        if len(page) == window.max_results:
            more = True
            break
        page.append(post)
    rendering = Rendering(exchange.state, Wanted.of(exchange.request), exchange.user_id)
    shown = rendering.posts(page)
    exchange.bill(kind, [post["id"] for post in shown])
    meta: dict[str, str | int] = {"result_count": len(shown)}
    if page:
        meta["newest_id"], meta["oldest_id"] = page[0].id, page[-1].id
    if more:
        meta["next_token"] = _page_token("before", page[-1].id)
    query = exchange.request.query_params
    if page and not next_only and (query.get("pagination_token") or query.get("next_token")):
        meta["previous_token"] = _page_token("after", page[0].id)
    return Answer(rendering.body(shown, meta=meta))


async def timeline(exchange: Exchange) -> Answer:
    state, user_id = exchange.state, exchange.request.path_params["id"]
    window = Window.of(exchange, least=5, default=10)
    excluded = set(filter(None, exchange.request.query_params.get("exclude", "").split(",")))
    if unknown := excluded - {"replies", "retweets"}:
        raise _invalid("exclude", ",".join(sorted(unknown)), "is not one of [replies,retweets]")
    if state.app.account(user_id) is None:
        return Answer({"errors": [not_found("user", "id", user_id)]})
    posts = state.posts.by_author(
        user_id,
        since_id=window.since_id,
        until_id=window.until_id,
        lag_seconds=state.settings.read_lag_seconds,
    )
    kept = (
        post
        for post in posts
        if window.holds(post)
        and not ("replies" in excluded and post.in_reply_to)
        and not ("retweets" in excluded and post.repost_of)
    )
    owner = state.app.account_named(state.settings.app_owner)
    owned = owner is not None and owner.id == user_id == exchange.user_id
    return _answer(exchange, kept, window, kind=prices.OWNED_READ if owned else prices.POST_READ)


async def search_recent(exchange: Exchange) -> Answer:
    state = exchange.state
    query = exchange.request.query_params.get("query", "")
    most = 512 if state.settings.self_serve else 4_096
    if not 1 <= len(query) <= most:
        raise _invalid("query", query, f"must be 1 to {most} characters long")
    window = Window.of(exchange, least=10, default=10)
    matches = _matcher(exchange, query)
    lists = [
        state.posts.by_author(
            account.id,
            since_id=window.since_id,
            until_id=window.until_id,
            lag_seconds=state.settings.read_lag_seconds,
        )
        for account in state.app.accounts
    ]
    oldest = state.clock.now() - SEARCH_SECONDS
    found = (
        post
        for post in merge(*lists, key=lambda post: -int(post.id))
        if post.created_at >= oldest and window.holds(post) and matches(post)
    )
    return _answer(exchange, found, window, kind=prices.POST_READ, next_only=True)


def _matcher(exchange: Exchange, query: str) -> Callable[[Post], bool]:
    """Understand words, "phrases", from:, conversation_id:, is:reply, is:retweet, has:media, has:links,
    and - for not.
    """
    app = exchange.state.app
    terms = re.findall(r'-?(?:"[^"]*"|\S+)', query)

    def holds(post: Post, term: str) -> bool:
        operator, _, operand = term.partition(":")
        if operator == "from" and operand:
            account = app.find(operand)
            return account is not None and account.id == post.author_id
        if operator == "conversation_id":
            return post.conversation_id == operand
        named = {
            "is:reply": bool(post.in_reply_to),
            "is:retweet": bool(post.repost_of),
            "has:media": bool(post.media_ids),
        }
        named["has:links"] = "urls" in post.entities
        return named.get(term, term.strip('"').lower() in post.written.lower())

    return lambda post: all(holds(post, term.lstrip("-")) != term.startswith("-") for term in terms)


def _id(exchange: Exchange, parameter: str, default: int) -> int:
    value = exchange.request.query_params.get(parameter)
    if value is None:
        return default
    if not re.fullmatch(r"[0-9]{1,19}", value):
        raise _invalid(parameter, value, "does not match ^[0-9]{1,19}$")
    return int(value)


def _instant(exchange: Exchange, parameter: str, default: float) -> float:
    value = exchange.request.query_params.get(parameter)
    if value is None:
        return default
    try:
        return parse_iso(value)
    except ValueError:
        raise _invalid(parameter, value, "is not a valid RFC 3339 date-time") from None


def _invalid(parameter: str, value: str, fault: str) -> Exception:
    return invalid_request(
        f"The `{parameter}` query parameter value [{value}] {fault}", parameters={parameter: [value]}
    )


_WINDOW = ("max_results", "pagination_token", "start_time", "end_time", "since_id", "until_id")
OPERATIONS = [
    Operation(
        "GET",
        "/2/tweets/search/recent",
        search_recent,
        query=("query", "next_token", "sort_order", *_WINDOW, *POST_QUERY),
        paid=True,
    ),
    Operation("GET", "/2/users/{id}/tweets", timeline, query=("exclude", *_WINDOW, *POST_QUERY), paid=True),
]
