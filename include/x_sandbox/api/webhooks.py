"""Webhooks: register, list, challenge, delete, replay."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from x_sandbox.accounts import token
from x_sandbox.authentication import APP_ONLY, OAUTH1
from x_sandbox.clock import iso
from x_sandbox.exchange import Answer, Exchange, Operation
from x_sandbox.problems import Problem, invalid_request
from x_sandbox.receivers import url_fault
from x_sandbox.schemas import CREATE_WEBHOOK, REPLAY
from x_sandbox.state import State
from x_sandbox.webhooks import Webhook


async def register(exchange: Exchange) -> Answer:
    url = (await exchange.json(CREATE_WEBHOOK))["url"]
    state = exchange.state
    if fault := url_fault(url, state.settings):
        raise _failed("UrlValidationFailed", fault, url)
    _check_room(state, url)
    if fault := await state.receivers.challenge(url):
        raise _failed("CrcValidationFailed", fault, url)
    _check_room(state, url)
    return Answer({"data": _shown(state.webhooks.register(url))})


async def get(exchange: Exchange) -> Answer:
    asked = exchange.request.query_params.get("webhook_config.fields", "")
    fields = set(filter(None, asked.split(","))) or {"id", "url", "valid", "created_at"}
    shown = [
        {name: value for name, value in _shown(webhook).items() if name in fields}
        for webhook in exchange.state.webhooks.all()
    ]
    return Answer({"data": shown, "meta": {"result_count": len(shown)}})


async def validate(exchange: Exchange) -> Answer:
    """Challenge a webhook; `valid` in the answer means that a check was triggered (X's OpenAPI document)."""
    webhook = webhook_of(exchange.state, exchange.request.path_params["webhook_id"])
    fault = await exchange.state.deliveries.challenge(webhook)
    if fault and exchange.state.settings.webhook_validation == "refuse":
        raise _failed("CrcValidationFailed", fault, webhook.url)
    return Answer({"data": {"valid": True}})


async def delete(exchange: Exchange) -> Answer:
    webhook = webhook_of(exchange.state, exchange.request.path_params["webhook_id"])
    exchange.state.webhooks.delete(webhook.id)
    return Answer({"data": {"deleted": True}})


async def replay(exchange: Exchange) -> Answer:
    body = await exchange.json(REPLAY)
    webhook = webhook_of(exchange.state, body["webhook_id"])
    start, end = (_minute(name, body[name]) for name in ("from_date", "to_date"))
    if end < start:
        raise invalid_request("$.to_date: is before from_date", parameters={"to_date": [body["to_date"]]})
    exchange.state.deliveries.replay(webhook.id, start, end + 60)
    return Answer({"data": {"job_id": token(19), "created_at": iso(exchange.state.clock.now())}})


def webhook_of(state: State, webhook_id: str) -> Webhook:
    """Return a webhook by its id.

    :raises Problem: WebhookIdInvalid.
    """
    webhook = state.webhooks.get(webhook_id)
    if webhook is None:
        raise _failed("WebhookIdInvalid", f"there is no webhook [{webhook_id}]", webhook_id, "webhook_id")
    return webhook


def _check_room(state: State, url: str) -> None:
    if state.webhooks.at(url):
        raise _failed("DuplicateUrlFailed", "the URL is registered already", url)
    if len(state.webhooks.all()) >= state.settings.webhook_limit:
        raise _failed(
            "WebhookLimitExceeded", f"the app has its {state.settings.webhook_limit} webhooks already", url
        )


def _failed(reason: str, fault: str, value: str, parameter: str = "url") -> Problem:
    return invalid_request(f"{reason}: {fault}", parameters={parameter: [value]})


def _shown(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "valid": webhook.valid,
        "created_at": iso(webhook.created_at),
    }


def _minute(name: str, written: str) -> float:
    try:
        return datetime.strptime(written, "%Y%m%d%H%M").replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        raise invalid_request(
            f"$.{name}: [{written}] is no instant in the form yyyymmddhhmm", parameters={name: [written]}
        ) from None


_MEANS = (OAUTH1, APP_ONLY)
OPERATIONS = [
    Operation("GET", "/2/webhooks", get, (), (APP_ONLY,), query=("webhook_config.fields",)),
    Operation("POST", "/2/webhooks", register, (), _MEANS),
    Operation("POST", "/2/webhooks/replay", replay, (), (APP_ONLY,)),
    Operation("PUT", "/2/webhooks/{webhook_id}", validate, (), _MEANS),
    Operation("DELETE", "/2/webhooks/{webhook_id}", delete, (), _MEANS),
]
