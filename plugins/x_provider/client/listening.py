"""How an app lets X tell it what happens: webhooks, and subscriptions to events of accounts.

https://docs.x.com/x-api/webhooks/introduction, https://docs.x.com/x-api/activity/introduction
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pendulum import DateTime

from x_provider.client.answers import Answer, refuse_if_only_problems
from x_provider.client.calls import Call, checked_id
from x_provider.client.classify import classify
from x_provider.client.errors import XInvalidRequest

PUBLIC_EVENTS = ("post.create", "post.delete")
PRIVATE_EVENTS = ("post.mention.create", "post.reply.create", "post.quote.create", "post.repost.create")
"""Those that only the account itself may subscribe to, by an OAuth 2.0 login."""
ACCOUNT_ACTIVITY_SCOPES = ("dm.read", "dm.write", "tweet.read", "users.read")
"""What an OAuth 2.0 login needs for the Account Activity API; OAuth 1.0a keys need nothing more."""

LONGEST_URL = 200

_WEBHOOKS = "/2/webhooks"
_ACTIVITY = "/2/activity/subscriptions"
_ACCOUNT_ACTIVITY = "/2/account_activity/webhooks/{}/subscriptions"
_PAGE = 1_000


@dataclass(frozen=True)
class Webhook:
    """A URL that X tells an app's events to.

    :param valid: whether it answered the last challenge; X tells others nothing.
    """

    id: str
    url: str
    valid: bool
    created_at: str | None = None


@dataclass(frozen=True)
class Subscription:
    """What of which account an app is told.

    :param filter: such as ``{"user_id": "15…"}``.
    """

    id: str
    event_type: str
    filter: Mapping[str, str]
    tag: str | None = None
    webhook_id: str | None = None


class WebhookMethods:
    """The calls of ``XClient`` about being told things: all but subscribing is the app's business, no account's."""

    @abstractmethod
    def send(self, call: Call, *, may_leave: Callable[[], bool] | None = None) -> Answer:
        """What X answers."""

    def webhooks(self) -> list[Webhook]:
        """The app's webhooks."""
        call = Call("GET", _WEBHOOKS, "webhooks", idempotent=True, as_app=True)
        answer = refuse_if_only_problems(self.send(call))
        return [_webhook(answer, each) for each in answer.body.get("data") or []]

    def register_webhook(self, url: str) -> Webhook:
        """Have X tell a URL; X challenges it before it answers.

        :param url: https, without a port, up to 200 characters.
        :raises XInvalidRequest: when X refuses the URL, or its answer to the challenge.
        """
        if len(url) > LONGEST_URL:
            raise XInvalidRequest(
                detail=f"the URL has {len(url)} characters, and X takes {LONGEST_URL}",
                next_step="Give a shorter one, such as by a shorter connection id.",
            )
        answer = self.send(Call("POST", _WEBHOOKS, "webhooks", json={"url": url}, as_app=True))
        return _webhook(answer, answer.body.get("data"))

    def validate_webhook(self, webhook_id: str) -> bool:
        """Have X challenge a webhook now; whether X began to. What came of it stands in :meth:`webhooks`.

        :raises XInvalidRequest: when X says at once that the answer was wrong.
        """
        path = f"{_WEBHOOKS}/{checked_id(webhook_id)}"
        return bool(
            _data(self.send(Call("PUT", path, "webhooks", idempotent=True, as_app=True))).get("valid")
        )

    def delete_webhook(self, webhook_id: str) -> bool:
        """Have X tell it nothing any more, its subscriptions included; whether X did."""
        path = f"{_WEBHOOKS}/{checked_id(webhook_id)}"
        return bool(
            _data(self.send(Call("DELETE", path, "webhooks", idempotent=True, as_app=True))).get("deleted")
        )

    def replay_events(self, webhook_id: str, *, start: DateTime, end: DateTime) -> str:
        """Have X tell once more what it has told, or tried to; the job's id.

        :param start: to the minute, as ``end``.
        """
        body = {
            "webhook_id": checked_id(webhook_id),
            "from_date": start.in_timezone("UTC").format("YYYYMMDDHHmm"),
            "to_date": end.in_timezone("UTC").format("YYYYMMDDHHmm"),
        }
        call = Call("POST", f"{_WEBHOOKS}/replay", "webhook_replay", json=body, idempotent=True, as_app=True)
        return str(_data(self.send(call)).get("job_id"))

    def subscriptions(self) -> list[Subscription]:
        """All that the app is told of, whichever webhook it goes to."""
        found: list[Subscription] = []
        params = {"max_results": str(_PAGE)}
        while True:
            call = Call("GET", _ACTIVITY, "activity", params=params, idempotent=True, as_app=True)
            answer = refuse_if_only_problems(self.send(call))
            found += [_subscription(answer, each) for each in answer.body.get("data") or []]
            token = _member(answer.body, "meta").get("next_token")
            if not token:
                return found
            params = {"max_results": str(_PAGE), "pagination_token": str(token)}

    def subscribe(
        self, event_type: str, *, user_id: str, webhook_id: str, tag: str | None = None
    ) -> Subscription:
        """Be told of events about an account; those of ``PRIVATE_EVENTS`` are for its own OAuth 2.0 user token.

        :param event_type: such as ``post.mention.create``.
        :param tag: up to 200 characters that come with each event.
        """
        body = {
            "event_type": event_type,
            "filter": {"user_id": checked_id(user_id)},
            "webhook_id": checked_id(webhook_id),
            **({"tag": tag} if tag else {}),
        }
        answer = self.send(Call("POST", _ACTIVITY, "activity", json=body))
        return _subscription(answer, _data(answer).get("subscription"))

    def unsubscribe(self, subscription_id: str) -> bool:
        """End a subscription; whether X did."""
        call = Call(
            "DELETE", f"{_ACTIVITY}/{checked_id(subscription_id)}", "activity", idempotent=True, as_app=True
        )
        return bool(_data(self.send(call)).get("deleted"))

    def subscribe_account_activity(self, webhook_id: str) -> bool:
        """Be told all about the client's own account, in the words of API v1.1, which X has deprecated."""
        path = f"{_ACCOUNT_ACTIVITY.format(checked_id(webhook_id))}/all"
        return bool(_data(self.send(Call("POST", path, "account_activity", json={}))).get("subscribed"))

    def account_activity(self, webhook_id: str) -> list[str]:
        """The ids of the users that the app is told all about in that way."""
        path = f"{_ACCOUNT_ACTIVITY.format(checked_id(webhook_id))}/all/list"
        data = _data(self.send(Call("GET", path, "account_activity", idempotent=True, as_app=True)))
        return [str(each["user_id"]) for each in data.get("subscriptions") or []]

    def unsubscribe_account_activity(self, webhook_id: str, user_id: str) -> bool:
        """End it; whether X did."""
        path = f"{_ACCOUNT_ACTIVITY.format(checked_id(webhook_id))}/{checked_id(user_id)}/all"
        call = Call("DELETE", path, "account_activity", idempotent=True, as_app=True)
        return _data(self.send(call)).get("subscribed") is False


def _data(answer: Answer) -> Mapping[str, Any]:
    data = answer.body.get("data")
    if not isinstance(data, dict):
        raise _unreadable(answer)
    return data


def _webhook(answer: Answer, found: Any) -> Webhook:
    try:
        created_at = found.get("created_at")
        return Webhook(str(found["id"]), str(found["url"]), bool(found.get("valid")), created_at)
    except (AttributeError, KeyError, TypeError):
        raise _unreadable(answer) from None


def _subscription(answer: Answer, found: Any) -> Subscription:
    try:
        return Subscription(
            id=str(found["subscription_id"]),
            event_type=str(found["event_type"]),
            filter=dict(found.get("filter") or {}),
            tag=found.get("tag"),
            webhook_id=found.get("webhook_id"),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        raise _unreadable(answer) from None


def _member(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = body.get(name)
    return found if isinstance(found, dict) else {}


def _unreadable(answer: Answer) -> Exception:
    return classify(answer.status, answer.headers, answer.raw, answer.call)
