"""Users, what the app has used, and what its plan lacks."""

from __future__ import annotations

from typing import Any

from x_sandbox import prices
from x_sandbox.accounts import Account
from x_sandbox.authentication import APP_ONLY, USER_CONTEXTS
from x_sandbox.exchange import Answer, Exchange, Operation
from x_sandbox.problems import invalid_request, not_found, preset
from x_sandbox.rendering import Rendering
from x_sandbox.vocabulary import USER_QUERY, Wanted

PROJECT_CAP = 3_000_000
PROJECT_ID = "1"
CLIENT_APP_ID = "1"


async def me(exchange: Exchange) -> Answer:
    return _one(exchange, exchange.account)


async def by_id(exchange: Exchange) -> Answer:
    user_id = exchange.request.path_params["id"]
    account = exchange.state.app.account(user_id)
    return _one(exchange, account) if account else Answer({"errors": [not_found("user", "id", user_id)]})


async def by_username(exchange: Exchange) -> Answer:
    username = exchange.request.path_params["username"]
    account = exchange.state.app.account_named(username)
    return (
        _one(exchange, account) if account else Answer({"errors": [not_found("user", "username", username)]})
    )


async def by_ids(exchange: Exchange) -> Answer:
    ids = [item for item in exchange.request.query_params.get("ids", "").split(",") if item]
    if not 1 <= len(ids) <= 100:
        raise invalid_request(
            "The `ids` query parameter must hold 1 to 100 ids", parameters={"ids": ids[:101]}
        )
    rendering = Rendering(exchange.state, Wanted.of(exchange.request), exchange.user_id)
    users = []
    for user_id in ids:
        if account := exchange.state.app.account(user_id):
            users.append(rendering.user(account))
        else:
            rendering.errors.append(not_found("user", "ids", user_id))
    exchange.bill(prices.USER_READ, [user["id"] for user in users])
    return Answer(rendering.body(users))


def _one(exchange: Exchange, account: Account) -> Answer:
    rendering = Rendering(exchange.state, Wanted.of(exchange.request), exchange.user_id)
    shown = rendering.user(account)
    exchange.bill(prices.USER_READ, [account.id])
    latest = (
        exchange.state.posts.latest(account.id)
        if "most_recent_post_id" in rendering.wanted.expansions
        else None
    )
    if latest:
        shown["most_recent_post_id"] = latest.id
        post = rendering.post(latest)
        return Answer(rendering.body(shown, includes={"posts": [post]}))
    return Answer(rendering.body(shown))


async def usage(exchange: Exchange) -> Answer:
    days = exchange.request.query_params.get("days", "7")
    if not days.isdecimal() or not 1 <= int(days) <= 90:
        raise invalid_request(f"The `days` query parameter value [{days}] is not between 1 and 90")
    billing = exchange.state.billing
    wanted = exchange.request.query_params.get("usage.fields", "").split(",")
    reads = [
        {"date": f"{day}T00:00:00.000Z", "usage": str(number)}
        for day, number in billing.post_reads(int(days)).items()
    ]
    every: dict[str, Any] = {
        "cap_reset_day": billing.days_until_reset(),
        "project_cap": str(PROJECT_CAP),
        "project_id": PROJECT_ID,
        "project_usage": str(billing.post_reads_this_month()),
        "daily_project_usage": {"project_id": PROJECT_ID, "usage": reads},
        "daily_client_app_usage": [
            {"client_app_id": CLIENT_APP_ID, "usage": reads, "usage_result_count": len(reads)}
        ],
    }
    defaults = ("cap_reset_day", "project_cap", "project_id", "project_usage")
    return Answer({"data": {name: value for name, value in every.items() if name in (*defaults, *wanted)}})


async def not_enrolled(_exchange: Exchange) -> Answer:
    raise preset("client-forbidden")


_ANALYTICS = ("start_time", "end_time", "granularity")
OPERATIONS = [
    Operation(
        "GET",
        "/2/tweets/analytics",
        not_enrolled,
        means=USER_CONTEXTS,
        query=("ids", "analytics.fields", *_ANALYTICS),
    ),
    Operation(
        "GET",
        "/2/media/analytics",
        not_enrolled,
        ("tweet.read",),
        USER_CONTEXTS,
        query=("media_keys", "media_analytics.fields", *_ANALYTICS),
    ),
    Operation("GET", "/2/users/me", me, means=USER_CONTEXTS, query=USER_QUERY, paid=True),
    Operation("GET", "/2/users", by_ids, query=("ids", *USER_QUERY), paid=True),
    Operation("GET", "/2/users/by/username/{username}", by_username, query=USER_QUERY, paid=True),
    Operation("GET", "/2/users/{id}", by_id, query=USER_QUERY, paid=True),
    Operation("GET", "/2/usage/tweets", usage, means=(APP_ONLY,), query=("days", "usage.fields")),
]
