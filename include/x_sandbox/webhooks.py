from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from x_sandbox.clock import Clock, Snowflakes
from x_sandbox.journal import Event


@dataclass(frozen=True)
class Webhook:
    """A URL that the app registered for events.

    :param created_at: epoch seconds.
    :param checked_at: epoch seconds of the last challenge.
    :param valid: the last challenge was answered as it should be; others get no events.
    """

    id: str
    url: str
    created_at: float
    checked_at: float
    valid: bool = True


class Webhooks:
    """The app's webhooks, by id."""

    def __init__(self, clock: Clock, commit: Callable[[Event], None]) -> None:
        self._clock = clock
        self._commit = commit
        self.clear()

    def clear(self) -> None:
        self._snowflakes = Snowflakes()
        self._by_id: dict[str, Webhook] = {}

    def register(self, url: str) -> Webhook:
        """Keep a URL whose challenge was answered."""
        now = self._clock.now()
        webhook = Webhook(self._snowflakes.next(now), url, created_at=now, checked_at=now)
        self._commit({"what": "webhook", "webhook": asdict(webhook)})
        return webhook

    def checked(self, webhook: Webhook, *, valid: bool) -> None:
        """Keep the outcome of a challenge; nothing happens if the webhook was deleted meanwhile."""
        if webhook.id in self._by_id:
            checked = replace(webhook, valid=valid, checked_at=self._clock.now())
            self._commit({"what": "webhook", "webhook": asdict(checked)})

    def delete(self, webhook_id: str) -> None:
        self._commit({"what": "webhook_deleted", "id": webhook_id})

    def apply(self, event: Event) -> None:
        """Bring one event of the journal about."""
        if event["what"] == "webhook":
            webhook = Webhook(**event["webhook"])
            self._snowflakes.advance_past(webhook.id)
            self._by_id[webhook.id] = webhook
        else:
            self._by_id.pop(event["id"], None)

    def get(self, webhook_id: str) -> Webhook | None:
        return self._by_id.get(webhook_id)

    def all(self) -> list[Webhook]:
        """Return every webhook, oldest first."""
        return list(self._by_id.values())

    def at(self, url: str) -> Webhook | None:
        """Return the webhook of a URL, if it is registered."""
        return next((webhook for webhook in self._by_id.values() if webhook.url == url), None)
