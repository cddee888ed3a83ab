from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from x_sandbox.clock import Clock, Snowflakes
from x_sandbox.journal import Event


@dataclass(frozen=True)
class Subscription:
    """A subscription of the X Activity API.

    :param filter: `user_id`, `keyword`, `direction`, as far as given.
    :param webhook_id: where its events go; None for the stream, which this X does not have.
    :param created_at: epoch seconds.
    """

    id: str
    event_type: str
    filter: dict[str, str]
    created_at: float
    updated_at: float
    tag: str | None = None
    webhook_id: str | None = None


class Subscriptions:
    """What the app is told of: by the X Activity API, and by the deprecated Account Activity API."""

    def __init__(self, clock: Clock, commit: Callable[[Event], None]) -> None:
        self._clock = clock
        self._commit = commit
        self.clear()

    def clear(self) -> None:
        self._snowflakes = Snowflakes()
        self._by_id: dict[str, Subscription] = {}
        self._accounts: dict[tuple[str, str], None] = {}

    def create(
        self, event_type: str, filters: dict[str, str], *, tag: str | None, webhook_id: str | None
    ) -> Subscription:
        now = self._clock.now()
        subscription = Subscription(
            self._snowflakes.next(now), event_type, filters, now, now, tag=tag, webhook_id=webhook_id
        )
        self._commit({"what": "subscription", "subscription": asdict(subscription)})
        return subscription

    def update(self, subscription: Subscription, *, tag: str | None, webhook_id: str | None) -> Subscription:
        """Change what is given of a subscription."""
        changed = replace(
            subscription,
            tag=tag or subscription.tag,
            webhook_id=webhook_id or subscription.webhook_id,
            updated_at=self._clock.now(),
        )
        self._commit({"what": "subscription", "subscription": asdict(changed)})
        return changed

    def delete(self, subscription_id: str) -> None:
        self._commit({"what": "subscription_deleted", "id": subscription_id})

    def set_account(self, webhook_id: str, user_id: str, *, active: bool) -> None:
        """Begin or end an Account Activity subscription."""
        self._commit(
            {"what": "account_activity", "webhook_id": webhook_id, "user_id": user_id, "active": active}
        )

    def apply(self, event: Event) -> None:
        """Bring one event of the journal about."""
        if event["what"] == "subscription":
            subscription = Subscription(**event["subscription"])
            self._snowflakes.advance_past(subscription.id)
            self._by_id[subscription.id] = subscription
        elif event["what"] == "subscription_deleted":
            self._by_id.pop(event["id"], None)
        elif event["what"] == "webhook_deleted":
            self._forget_webhook(event["id"])
        elif event["active"]:
            self._accounts[(event["webhook_id"], event["user_id"])] = None
        else:
            self._accounts.pop((event["webhook_id"], event["user_id"]), None)

    def _forget_webhook(self, webhook_id: str) -> None:
        self._by_id = {key: item for key, item in self._by_id.items() if item.webhook_id != webhook_id}
        self._accounts = {key: None for key in self._accounts if key[0] != webhook_id}

    def get(self, subscription_id: str) -> Subscription | None:
        return self._by_id.get(subscription_id)

    def all(self) -> list[Subscription]:
        """Return every X Activity subscription, oldest first."""
        return list(self._by_id.values())

    def accounts(self) -> list[tuple[str, str]]:
        """Return every Account Activity subscription: webhook id and user id."""
        return list(self._accounts)

    def __bool__(self) -> bool:
        return bool(self._by_id or self._accounts)
