"""Reposts: make one, take it back."""

from __future__ import annotations

from x_sandbox import prices
from x_sandbox.activity import announce_reposted
from x_sandbox.api.ids import check_id, post_id_of
from x_sandbox.authentication import USER_CONTEXTS
from x_sandbox.exchange import Answer, Exchange, Operation
from x_sandbox.posts import Post
from x_sandbox.problems import forbidden, invalid_request, missing
from x_sandbox.schemas import REPOST

SHOWN_LENGTH = 140


async def repost(exchange: Exchange) -> Answer:
    _check_own(exchange)
    post_id = (await exchange.json(REPOST))["tweet_id"]
    post = exchange.state.posts.get(post_id)
    if post is None:
        raise missing("tweet", "tweet_id", post_id)
    if post.repost_of or (
        post.choices.get("for_super_followers_only") and post.author_id != exchange.account.id
    ):
        raise forbidden("You are not permitted to perform this action.", note="it cannot be reposted")
    exchange.bill(prices.INTERACTION)
    if exchange.state.posts.repost(exchange.account.id, post, text=_shown(exchange, post)):
        announce_reposted(exchange.state, post, by=exchange.account.id)
    return Answer({"data": {"retweeted": True, "rest_id": post.id}})


async def undo(exchange: Exchange) -> Answer:
    _check_own(exchange)
    post_id = post_id_of(exchange, "source_tweet_id")
    exchange.bill(prices.INTERACTION_DELETE)
    exchange.state.posts.undo_repost(exchange.account.id, post_id)
    return Answer({"data": {"retweeted": False}})


def _check_own(exchange: Exchange) -> None:
    user_id = check_id("id", exchange.request.path_params["id"])
    if user_id != exchange.account.id:
        raise invalid_request(
            f"The `id` query parameter value [{user_id}] must be the same as the authenticating user "
            f"[{exchange.account.id}]",
            parameters={"id": [user_id]},
        )


def _shown(exchange: Exchange, post: Post) -> str:
    author = exchange.state.app.account(post.author_id)
    text = f"RT @{author.username if author else ''}: {post.text}"
    return text if len(text) <= SHOWN_LENGTH else text[: SHOWN_LENGTH - 1] + "…"


_WRITE = ("tweet.read", "tweet.write", "users.read")
OPERATIONS = [
    Operation("POST", "/2/users/{id}/retweets", repost, _WRITE, USER_CONTEXTS, writes=True, paid=True),
    Operation(
        "DELETE",
        "/2/users/{id}/retweets/{source_tweet_id}",
        undo,
        _WRITE,
        USER_CONTEXTS,
        writes=True,
        paid=True,
    ),
]
