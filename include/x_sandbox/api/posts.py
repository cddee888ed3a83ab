"""Posts: create, read, delete, hide replies."""

from __future__ import annotations

from x_sandbox import prices
from x_sandbox.activity import announce_created, announce_deleted
from x_sandbox.additions import names_answered, page_quoted
from x_sandbox.api.ids import check_id, post_id_of
from x_sandbox.authentication import USER_CONTEXTS
from x_sandbox.exchange import Answer, Exchange, Operation
from x_sandbox.problems import forbidden, invalid_request, missing, not_found
from x_sandbox.rendering import Rendering
from x_sandbox.rules import check, price_of
from x_sandbox.schemas import CREATE_POST, HIDE_REPLY
from x_sandbox.vocabulary import POST_QUERY, Wanted

PATHS = {"photo": "photo", "animated_gif": "photo", "video": "video"}


async def create(exchange: Exchange) -> Answer:
    request = await exchange.json(CREATE_POST)
    account = exchange.account
    media = check(exchange.state, account, request)
    exchange.bill(price_of(exchange.state, account, request))
    page = f"https://x.com/{account.username}/status/{{id}}/{PATHS[media[0].kind]}/1" if media else ""
    post = exchange.state.posts.create(
        account.id,
        request,
        page=page,
        media_keys=[item.media_key for item in media],
        names=names_answered(exchange.state, account.id, request),
        quoted_page=page_quoted(exchange.state, request),
    )
    announce_created(exchange.state, post)
    created = {"id": post.id, "text": post.text, "edit_history_tweet_ids": list(post.edit_history)}
    return Answer({"data": created}, 201)


async def get_one(exchange: Exchange) -> Answer:
    wanted = Wanted.of(exchange.request)
    post_id = post_id_of(exchange, "id")
    rendering = Rendering(exchange.state, wanted, exchange.user_id)
    post = exchange.state.posts.get(post_id, lag_seconds=exchange.state.settings.read_lag_seconds)
    shown = rendering.post(post) if post else None
    if post is None:
        rendering.errors.append(not_found("tweet", "id", post_id))
    elif shown:
        exchange.bill(prices.POST_READ, [post.id])
    return Answer(rendering.body(shown))


async def get_many(exchange: Exchange) -> Answer:
    ids = [item for item in exchange.request.query_params.get("ids", "").split(",") if item]
    if not 1 <= len(ids) <= 100:
        raise invalid_request(
            f"The number of values in the `ids` query parameter list [{len(ids)}] is not between 1 and 100",
            parameters={"ids": ids[:101]},
        )
    for post_id in ids:
        check_id("ids", post_id)
    rendering = Rendering(exchange.state, Wanted.of(exchange.request), exchange.user_id)
    lag = exchange.state.settings.read_lag_seconds
    found = []
    for post_id in dict.fromkeys(ids):
        post = exchange.state.posts.get(post_id, lag_seconds=lag)
        if post is None:
            rendering.errors.append(not_found("tweet", "ids", post_id))
        else:
            found.append(post)
    shown = rendering.posts(found)
    exchange.bill(prices.POST_READ, [post["id"] for post in shown])
    return Answer(rendering.body(shown, meta={"result_count": len(shown)}))


async def delete(exchange: Exchange) -> Answer:
    post_id = post_id_of(exchange, "id")
    post = exchange.state.posts.get(post_id)
    if post is None:
        raise missing("tweet", "id", post_id)
    if post.author_id != exchange.account.id:
        raise forbidden("You are not authorized to delete this Tweet.", note="the post is another account's")
    exchange.bill(prices.INTERACTION_DELETE)
    exchange.state.posts.delete(post_id)
    announce_deleted(exchange.state, post)
    return Answer({"data": {"deleted": True}})


async def hide(exchange: Exchange) -> Answer:
    body = await exchange.json(HIDE_REPLY)
    post = exchange.state.posts.get(post_id_of(exchange, "tweet_id"))
    root = post and exchange.state.posts.get(post.conversation_id)
    if not post or not root or post.id == root.id or root.author_id != exchange.account.id:
        raise forbidden(
            "You are not permitted to perform this action.", note="no reply in this account's thread"
        )
    exchange.bill(prices.MANAGE)
    exchange.state.posts.hide(post.id, body["hidden"])
    return Answer({"data": {"hidden": body["hidden"]}})


_WRITE = ("tweet.read", "tweet.write", "users.read")
OPERATIONS = [
    Operation("POST", "/2/tweets", create, _WRITE, USER_CONTEXTS, writes=True, paid=True),
    Operation("GET", "/2/tweets", get_many, query=("ids", *POST_QUERY), paid=True),
    Operation("GET", "/2/tweets/{id}", get_one, query=POST_QUERY, paid=True),
    Operation("DELETE", "/2/tweets/{id}", delete, _WRITE, USER_CONTEXTS, writes=True, paid=True),
    Operation(
        "PUT",
        "/2/tweets/{tweet_id}/hidden",
        hide,
        ("tweet.read", "tweet.moderate.write", "users.read"),
        USER_CONTEXTS,
        writes=True,
        paid=True,
    ),
]
