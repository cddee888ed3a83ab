"""Rate limits: X's table (docs.x.com, fundamentals/rate-limits), its windows and its headers."""

from __future__ import annotations

from dataclasses import dataclass

from x_sandbox.clock import Clock
from x_sandbox.problems import too_many_requests
from x_sandbox.settings import Settings

DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Limit:
    """Requests a window for one operation; None is unlimited."""

    user: int | None = None
    app: int | None = None
    user_24h: int | None = None
    app_24h: int | None = None
    window_seconds: int = 900


LIMITS = {
    "POST /2/tweets": Limit(user=100, app_24h=10_000),
    "DELETE /2/tweets/{id}": Limit(user=50),
    "GET /2/tweets": Limit(user=5_000, app=3_500),
    "GET /2/tweets/{id}": Limit(user=900, app=450),
    "GET /2/users/{id}/tweets": Limit(user=900, app=10_000),
    "GET /2/users/me": Limit(user=75),
    "GET /2/tweets/search/recent": Limit(user=300, app=450),
    "GET /2/usage/tweets": Limit(app=50),
    "PUT /2/tweets/{tweet_id}/hidden": Limit(user=50),
    "POST /2/users/{id}/retweets": Limit(user=50),
    "DELETE /2/users/{id}/retweets/{source_tweet_id}": Limit(user=50),
    "POST /2/media/upload": Limit(user=500, app_24h=50_000),
    "GET /2/media/upload": Limit(user=1_000, app_24h=100_000),
    "POST /2/media/upload/initialize": Limit(user=1_875, app_24h=180_000),
    "POST /2/media/upload/{id}/append": Limit(user=1_875, app_24h=180_000),
    "POST /2/media/upload/{id}/finalize": Limit(user=1_875, app_24h=180_000),
    "POST /2/media/metadata": Limit(user=500, app_24h=50_000),
    "POST /2/media/subtitles": Limit(user=100, app_24h=10_000),
    "DELETE /2/media/subtitles": Limit(user=100, app_24h=10_000),
    "POST /1.1/media/upload.json": Limit(user=1_875, app_24h=180_000),
    "GET /1.1/media/upload.json": Limit(user=1_000, app_24h=100_000),
    "POST /1.1/media/metadata/create.json": Limit(user=500, app_24h=50_000),
    "POST /1.1/media/subtitles/create.json": Limit(user=100, app_24h=10_000),
    "POST /1.1/media/subtitles/delete.json": Limit(user=100, app_24h=10_000),
    "GET /2/webhooks": Limit(app=450),
    "POST /2/webhooks": Limit(app=450),
    "PUT /2/webhooks/{webhook_id}": Limit(app=450),
    "DELETE /2/webhooks/{webhook_id}": Limit(app=450),
    "POST /2/webhooks/replay": Limit(app=100),
    "GET /2/activity/subscriptions": Limit(app=500),
    "POST /2/activity/subscriptions": Limit(app=500),
    "DELETE /2/activity/subscriptions": Limit(app=500),
    "PUT /2/activity/subscriptions/{subscription_id}": Limit(app=500),
    "DELETE /2/activity/subscriptions/{subscription_id}": Limit(app=500),
}
DEFAULT_LIMIT = Limit(user=900, app=900)


def check_limits(limits: dict[str, dict[str, int]]) -> None:
    """Hold the setting `limits` against what can be limited.

    :raises ValueError: a value that is no limit; the message names it.
    """
    for operation, changes in limits.items():
        try:
            Limit(**changes)
        except TypeError:
            raise ValueError(
                f"limits of {operation!r} are {changes!r}; there are {', '.join(Limit.__dataclass_fields__)}"
            ) from None
        if not all(isinstance(value, int) for value in changes.values()):
            raise ValueError(f"limits of {operation!r} must be whole numbers, not {changes!r}")


@dataclass
class _Window:
    ends_at: float
    used: int = 0


class RateLimits:
    """Counts requests by user and by app in windows that open with the first request."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._windows: dict[tuple[str, str, str], _Window] = {}

    def reset(self) -> None:
        self._windows.clear()

    def admit(self, operation: str, user_id: str | None, settings: Settings) -> dict[str, str]:
        """Count one request.

        :param operation: "METHOD /path/{template}".
        :param user_id: the user behind the request, or None for app-only authentication.
        :return: the `x-rate-limit-*` and 24-hour headers.
        :raises Problem: 429, carrying the same headers.
        """
        if not settings.rate_limits:
            return {}
        limit = LIMITS.get(operation, DEFAULT_LIMIT)
        if operation in settings.limits:
            limit = Limit(**{**vars(limit), **settings.limits[operation]})
        counted = [
            ("x-rate-limit", "user", user_id, limit.user, limit.window_seconds),
            ("x-user-limit-24hour", "user_24h", user_id, limit.user_24h, DAY_SECONDS),
            ("x-rate-limit", "app", None if user_id else "app", limit.app, limit.window_seconds),
            ("x-app-limit-24hour", "app_24h", "app", limit.app_24h, DAY_SECONDS),
        ]
        windows = [
            (prefix, most, self._window(operation, scope, owner, seconds))
            for prefix, scope, owner, most, seconds in counted
            if owner is not None and most is not None
        ]
        refused = any(window.used >= most for _, most, window in windows)
        headers: dict[str, str] = {}
        for prefix, most, window in windows:
            window.used += 0 if refused else 1
            headers[f"{prefix}-limit"] = str(most)
            headers[f"{prefix}-remaining"] = str(max(0, most - window.used))
            headers[f"{prefix}-reset"] = str(int(window.ends_at) + 1)
        if refused:
            problem = too_many_requests()
            problem.headers = headers
            raise problem
        return headers

    def _window(self, operation: str, scope: str, owner: str, seconds: int) -> _Window:
        now = self._clock.now()
        key = (operation, scope, owner)
        window = self._windows.get(key)
        if window is None or window.ends_at <= now:
            window = self._windows[key] = _Window(ends_at=now + seconds)
        return window
