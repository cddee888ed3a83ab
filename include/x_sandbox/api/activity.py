"""The X Activity API's subscriptions."""

from __future__ import annotations

import base64
import re
from typing import Any

from x_sandbox.activity import PRIVATE_EVENTS
from x_sandbox.api.webhooks import webhook_of
from x_sandbox.authentication import ANY, APP_ONLY, OAUTH1, OAUTH2
from x_sandbox.clock import iso
from x_sandbox.exchange import Answer, Exchange, Operation
from x_sandbox.problems import forbidden, invalid_request, missing
from x_sandbox.schemas import CREATE_SUBSCRIPTION, UPDATE_SUBSCRIPTION
from x_sandbox.subscriptions import Subscription

MOST = 1_500
PAGE = 1_000


async def create(exchange: Exchange) -> Answer:
    body = await exchange.json(CREATE_SUBSCRIPTION)
    subscriptions, filters = exchange.state.subscriptions, body["filter"]
    if not filters.get("user_id") and not filters.get("keyword"):
        raise invalid_request("$.filter: needs user_id or keyword")
    _check_private(exchange, body["event_type"], filters)
    if "webhook_id" in body:
        webhook_of(exchange.state, body["webhook_id"])
    existing = subscriptions.all()
    same = (body["event_type"], filters, body.get("webhook_id"))
    if any((item.event_type, item.filter, item.webhook_id) == same for item in existing):
        raise invalid_request("DuplicateSubscriptionFailed: there is such a subscription already")
    if len(existing) >= MOST:
        raise invalid_request(f"SubscriptionLimitExceeded: the app has its {MOST} subscriptions already")
    created = subscriptions.create(
        body["event_type"], filters, tag=body.get("tag"), webhook_id=body.get("webhook_id")
    )
    return Answer({"data": {"subscription": _shown(created)}})


def _check_private(exchange: Exchange, event_type: str, filters: dict[str, str]) -> None:
    if event_type not in PRIVATE_EVENTS:
        return
    caller = exchange.caller
    if caller.means == OAUTH1:
        raise forbidden(
            f"Subscribing to {event_type} needs an OAuth 2.0 user token.",
            note="private events take an OAuth 2.0 user token with tweet.read, no OAuth 1.0a keys",
        )
    if caller.account is None or filters.get("user_id") != caller.account.id:
        raise forbidden(
            f"Subscribing to {event_type} needs the authorization of the user in the filter.",
            note="private events are for the user in filter.user_id, in user context",
        )
    if caller.means == OAUTH2 and "tweet.read" not in caller.scopes:
        raise forbidden("Forbidden", note="the token lacks the scope tweet.read")


async def get(exchange: Exchange) -> Answer:
    query = exchange.request.query_params
    count = query.get("max_results", str(PAGE))
    if not count.isdecimal() or not 1 <= int(count) <= PAGE:
        raise invalid_request(
            f"The `max_results` query parameter value [{count}] is not between 1 and {PAGE}",
            parameters={"max_results": [count]},
        )
    after = _position(query.get("pagination_token"))
    visible = [
        item
        for item in exchange.state.subscriptions.all()
        if int(item.id) > after and exchange.user_id in (None, item.filter.get("user_id"))
    ]
    page = visible[: int(count)]
    meta: dict[str, Any] = {"result_count": len(page)}
    if len(visible) > len(page):
        meta["next_token"] = base64.urlsafe_b64encode(f"after {page[-1].id}".encode()).decode()
    return Answer({"data": [_shown(item) for item in page], "meta": meta})


def _position(token: str | None) -> int:
    if token is None:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token.encode()).decode().removeprefix("after "))
    except ValueError:
        raise invalid_request(
            f"The `pagination_token` query parameter value [{token}] is not a token of this list",
            parameters={"pagination_token": [token]},
        ) from None


async def update(exchange: Exchange) -> Answer:
    body = await exchange.json(UPDATE_SUBSCRIPTION)
    subscription = _subscription(exchange)
    if "webhook_id" in body:
        webhook_of(exchange.state, body["webhook_id"])
    subscriptions = exchange.state.subscriptions
    changed = subscriptions.update(subscription, tag=body.get("tag"), webhook_id=body.get("webhook_id"))
    total = len(subscriptions.all())
    return Answer({"data": {"subscription": _shown(changed), "total_subscriptions": total}})


async def delete(exchange: Exchange) -> Answer:
    exchange.state.subscriptions.delete(_subscription(exchange).id)
    return Answer({"data": {"deleted": True}})


async def delete_many(exchange: Exchange) -> Answer:
    ids = ",".join(exchange.request.query_params.getlist("ids")).split(",")
    wrong = [item for item in ids if not re.fullmatch(r"[0-9]{1,19}", item)]
    if wrong or len(ids) > 100:
        raise invalid_request(
            "The `ids` query parameter must hold 1 to 100 ids", parameters={"ids": wrong or ids[:101]}
        )
    subscriptions = exchange.state.subscriptions
    deleted, errors = [], []
    for subscription_id in dict.fromkeys(ids):
        if subscriptions.get(subscription_id):
            subscriptions.delete(subscription_id)
            deleted.append({"subscription_id": subscription_id, "deleted": True})
        else:
            message = f"Could not find subscription with ids: [{subscription_id}]."
            errors.append(
                {"subscription_id": subscription_id, "reason": "SubscriptionNotFound", "message": message}
            )
    meta = {"total_subscriptions": len(subscriptions.all())}
    return Answer({"data": deleted, **({"errors": errors} if errors else {}), "meta": meta})


def _subscription(exchange: Exchange) -> Subscription:
    subscription_id = exchange.request.path_params["subscription_id"]
    subscription = exchange.state.subscriptions.get(subscription_id)
    if subscription is None:
        raise missing("subscription", "subscription_id", subscription_id)
    return subscription


def _shown(subscription: Subscription) -> dict[str, Any]:
    every = {
        "subscription_id": subscription.id,
        "event_type": subscription.event_type,
        "filter": subscription.filter,
        "tag": subscription.tag,
        "webhook_id": subscription.webhook_id,
        "created_at": iso(subscription.created_at),
        "updated_at": iso(subscription.updated_at),
    }
    return {name: value for name, value in every.items() if value is not None}


_PATH = "/2/activity/subscriptions"
OPERATIONS = [
    Operation("POST", _PATH, create, (), ANY),
    Operation("GET", _PATH, get, ("like.read", "tweet.read"), ANY, query=("max_results", "pagination_token")),
    Operation("DELETE", _PATH, delete_many, (), (APP_ONLY,), query=("ids",)),
    Operation("PUT", f"{_PATH}/{{subscription_id}}", update, (), (APP_ONLY,)),
    Operation("DELETE", f"{_PATH}/{{subscription_id}}", delete, (), (APP_ONLY,)),
]
