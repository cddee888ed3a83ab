"""The Account Activity API's subscriptions, which X has deprecated in favour of the X Activity API."""

from __future__ import annotations

from x_sandbox.api.webhooks import webhook_of
from x_sandbox.authentication import APP_ONLY, USER_CONTEXTS
from x_sandbox.exchange import Answer, Exchange, Operation
from x_sandbox.problems import invalid_request, missing
from x_sandbox.webhooks import Webhook

MOST = 3
"""What pay-per-use provisions."""


async def subscribe(exchange: Exchange) -> Answer:
    webhook, user_id = _webhook(exchange), exchange.account.id
    existing = exchange.state.subscriptions.accounts()
    if (webhook.id, user_id) in existing:
        raise invalid_request("DuplicateSubscriptionFailed: there is such a subscription already")
    if len(existing) >= MOST:
        raise invalid_request(f"SubscriptionLimitExceeded: the app has its {MOST} subscriptions already")
    exchange.state.subscriptions.set_account(webhook.id, user_id, active=True)
    return Answer({"data": {"subscribed": True}})


async def validate(exchange: Exchange) -> Answer:
    key = (_webhook(exchange).id, exchange.account.id)
    return Answer({"data": {"subscribed": key in exchange.state.subscriptions.accounts()}})


async def get(exchange: Exchange) -> Answer:
    webhook = _webhook(exchange)
    users = [user for item, user in exchange.state.subscriptions.accounts() if item == webhook.id]
    return Answer(
        {
            "data": {
                "application_id": "1",
                "webhook_id": webhook.id,
                "webhook_url": webhook.url,
                "subscriptions": [{"user_id": user_id} for user_id in users],
            }
        }
    )


async def unsubscribe(exchange: Exchange) -> Answer:
    webhook, user_id = _webhook(exchange), exchange.request.path_params["user_id"]
    if (webhook.id, user_id) not in exchange.state.subscriptions.accounts():
        raise missing("subscription", "user_id", user_id)
    exchange.state.subscriptions.set_account(webhook.id, user_id, active=False)
    return Answer({"data": {"subscribed": False}})


async def count(exchange: Exchange) -> Answer:
    return Answer(
        {
            "data": {
                "account_name": "x-sandbox",
                "provisioned_count": str(MOST),
                "subscriptions_count_all": str(len(exchange.state.subscriptions.accounts())),
                "subscriptions_count_direct_messages": "0",
            }
        }
    )


def _webhook(exchange: Exchange) -> Webhook:
    return webhook_of(exchange.state, exchange.request.path_params["webhook_id"])


_SCOPES = ("dm.read", "dm.write", "tweet.read", "users.read")
_PATH = "/2/account_activity/webhooks/{webhook_id}/subscriptions"
OPERATIONS = [
    Operation("POST", f"{_PATH}/all", subscribe, _SCOPES, USER_CONTEXTS),
    Operation("GET", f"{_PATH}/all", validate, _SCOPES, USER_CONTEXTS),
    Operation("GET", f"{_PATH}/all/list", get, (), (APP_ONLY,)),
    Operation("DELETE", f"{_PATH}/{{user_id}}/all", unsubscribe, (), (APP_ONLY,)),
    Operation("GET", "/2/account_activity/subscriptions/count", count, (), (APP_ONLY,)),
]
