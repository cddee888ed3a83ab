from __future__ import annotations

import fcntl
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from x_sandbox.accounts import Profile, load_app
from x_sandbox.billing import Billing
from x_sandbox.clock import Clock
from x_sandbox.deliveries import Deliveries, Delivery
from x_sandbox.faults import Faults
from x_sandbox.journal import Event, Journal
from x_sandbox.limits import RateLimits, check_limits
from x_sandbox.media import MediaLibrary
from x_sandbox.oauth1 import RequestTokens
from x_sandbox.oauth2 import Grants
from x_sandbox.posts import Posts
from x_sandbox.receivers import Receivers
from x_sandbox.settings import Settings
from x_sandbox.signing import SignatureCheck
from x_sandbox.subscriptions import Subscriptions
from x_sandbox.webhooks import Webhooks

REQUESTS_KEPT = 20_000


class State:
    """Everything this X knows; what matters is in the state directory before it is answered.

    :param folder: the state directory; made if absent, held by one sandbox at a time.
    :param settings: the settings at the start and after each reset.
    :param accounts: how many accounts there must be at least.
    :param profiles: accounts that must be among them, the first ones in a new directory.
    :raises OSError: the directory cannot be used.
    :raises ValueError: another sandbox holds it, or a file in it is damaged.
    """

    def __init__(
        self, folder: Path, settings: Settings, *, accounts: int, profiles: Sequence[Profile] = ()
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = (folder / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"the state directory {folder} is in use by another x-sandbox") from None
        self.clock = Clock()
        self.settings = self._initial_settings = settings
        self.clock.ahead_seconds = settings.clock_ahead_seconds
        self.app = load_app(folder / "app.json", accounts=accounts, profiles=profiles)
        self.posts = Posts(self.clock, self._commit)
        self.media = MediaLibrary(folder / "media", self.clock, self._commit)
        self.billing = Billing(self.clock, lambda: self.settings, self._commit)
        self.grants = Grants(self.app, self.clock, lambda: self.settings, self._commit)
        self.request_tokens = RequestTokens(self.clock, self._commit)
        self.webhooks = Webhooks(self.clock, self._commit)
        self.subscriptions = Subscriptions(self.clock, self._commit)
        self.receivers = Receivers(self.app, lambda: self.settings)
        self.deliveries = Deliveries(
            self.clock, self.webhooks, self.receivers, lambda: self.settings, self._bill_delivery
        )
        self.limits = RateLimits(self.clock)
        self.faults = Faults()
        self.signatures = SignatureCheck()
        self.requests: deque[dict[str, Any]] = deque(maxlen=REQUESTS_KEPT)
        self.revision = time.time_ns()
        """Another number whenever anything that is shown changed, also across restarts."""
        self._journal = Journal(folder / "journal.jsonl")
        for event in self._journal.replay():
            self._apply(event)
        self.grants.seed()

    def _commit(self, event: Event) -> None:
        self._journal.append(event)
        if event["what"] != "charge":
            self.revision += 1
        self._apply(event)

    def _apply(self, event: Event) -> None:
        if event["what"] == "media":
            self.media.apply(event)
        elif event["what"] == "charge":
            self.billing.apply(event)
        elif event["what"] == "grant":
            self.grants.apply(event)
        elif event["what"] == "oauth1":
            self.request_tokens.apply(event)
        elif event["what"] == "webhook":
            self.webhooks.apply(event)
        elif event["what"] == "webhook_deleted":
            self.webhooks.apply(event)
            self.subscriptions.apply(event)
        elif event["what"] in ("subscription", "subscription_deleted", "account_activity"):
            self.subscriptions.apply(event)
        else:
            self.posts.apply(event)

    def _bill_delivery(self, delivery: Delivery) -> None:
        if delivery.subscription_id and delivery.origin == "event":
            self.billing.charge_event(delivery.event_type)

    def change_settings(self, changes: dict[str, Any]) -> None:
        """Change settings while running.

        :raises ValueError: an unknown setting, or a value of the wrong type.
        """
        changed = self.settings.updated(changes)
        check_limits(changed.limits)
        self.settings = changed
        if "credits_usd" in changes:
            self.billing.top_up()
        self.clock.ahead_seconds = self.settings.clock_ahead_seconds

    def reset(self) -> None:
        """Forget posts, media, webhooks, faults, requests and rate limits; accounts and credentials stay."""
        self.revision += 1
        self._journal.clear()
        self.posts.clear()
        self.media.clear()
        self.billing.clear()
        self.grants.clear()
        self.request_tokens.clear()
        self.webhooks.clear()
        self.subscriptions.clear()
        self.deliveries.clear()
        self.limits.reset()
        self.faults.remove()
        self.requests.clear()
        self.settings = self._initial_settings
        self.clock.ahead_seconds = self.settings.clock_ahead_seconds
        for account in self.app.accounts:
            account.access_level, account.premium = "read-write", False
        self.grants.seed()

    def close(self) -> None:
        self._journal.close()
        self._lock.close()
