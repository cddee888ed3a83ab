from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

CHOICES = {
    "credit_problem": ("credits", "credits-depleted"),
    "denied_metrics": ("keep_post", "drop_post"),
    "webhook_signatures": ("api_secret", "client_secret", "both"),
    "webhook_validation": ("refuse", "trigger"),
}
AMOUNTS = ("credits_usd", "spend_cap_usd")
"""Settings that are US dollars, or null."""


@dataclass
class Settings:
    """What can be turned while the sandbox runs (`POST /_sandbox/settings`)."""

    rate_limits: bool = True
    limits: dict[str, dict[str, int]] = field(default_factory=dict)
    """By "METHOD /path/{template}": `user` and `app` (requests a window), `window_seconds`,
    `user_24h`, `app_24h`; what is not given stays as X has it."""
    read_lag_seconds: float = 0.0
    reply_lag_seconds: float = 0.0
    latency_seconds: float = 0.0
    processing_seconds: float = 2.0
    clock_ahead_seconds: float = 0.0
    duplicate_window_seconds: float = 86_400.0
    media_lifetime_seconds: int = 86_400
    access_token_seconds: int = 7_200
    v11_upload: bool = True
    """Answer the upload of API v1.1; without it, as to an app that has lost it."""
    self_serve: bool = True
    """Refuse quotes, two cashtags, and replies to others' posts that do not mention the account."""
    video_minutes: float = 20.0
    premium_video_minutes: float = 125.0
    """How long the videos of posts may be."""
    communities: list[str] = field(default_factory=list)
    """The ids of the communities that may be posted in; empty accepts any."""
    credits_usd: float | None = None
    """What is left of the credits from the moment it is set; None is unlimited."""
    credit_problem: str = "credits-depleted"
    """X's words for used-up credits: `credits`, or `credits-depleted`."""
    spend_cap_usd: float | None = None
    """What a calendar month (UTC) may cost; None is unlimited."""
    app_owner: str = ""
    """The username of the account that owns the developer app, whose own timeline costs less; empty: none."""
    redirect_uris: list[str] = field(default_factory=list)
    """The app's registered callbacks; empty accepts any."""
    denied_metrics: str = "keep_post"
    """`keep_post` or `drop_post`: what happens to a post whose private metrics the caller may not see."""
    escape_text: bool = False
    """Write `&`, `<` and `>` of texts as HTML entities."""
    reply_names: bool = True
    """Begin replies with the names of those they answer, unless they are excluded."""
    webhook_local_http: bool = True
    """Accept webhooks on loopback addresses with http and a port; X itself wants https and no port."""
    webhook_hosts: list[str] = field(default_factory=list)
    """The hosts beyond loopback that webhooks may be at; no others are ever called."""
    webhook_limit: int = 1
    webhook_timeout_seconds: float = 10.0
    webhook_attempts: int = 4
    webhook_backoff_seconds: float = 1.0
    """How long after the first failed attempt the second comes; each later one waits twice as long."""
    webhook_copies: int = 1
    """How often each event is delivered."""
    webhook_crc_seconds: float = 3_600.0
    """How often webhooks are challenged, by the sandbox's clock."""
    webhook_signatures: str = "api_secret"
    """What deliveries are signed with: `api_secret`, `client_secret` or `both`."""
    webhook_validation: str = "refuse"
    """What `PUT /2/webhooks/{id}` answers when the challenge fails: `refuse` (CrcValidationFailed), or `trigger`:
    that a check was triggered, whatever came of it."""

    def updated(self, changes: dict[str, Any]) -> Settings:
        """Return a copy with some settings changed.

        :raises ValueError: an unknown setting, or a value of the wrong type; the message names it.
        """
        current = asdict(self)
        for name, value in list(changes.items()):
            if name not in current:
                raise ValueError(
                    f"unknown setting {name!r}; there are {', '.join(item.name for item in fields(self))}"
                )
            if name in AMOUNTS:
                _check_amount(name, value)
                continue
            expected = type(current[name])
            if expected is float and isinstance(value, int) and not isinstance(value, bool):
                changes = {**changes, name: float(value)}
            elif not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
                raise ValueError(f"setting {name!r} must be a {expected.__name__}, not {value!r}")
        for name in CHOICES.keys() & changes.keys():
            if changes[name] not in CHOICES[name]:
                raise ValueError(f"setting {name!r} must be one of {', '.join(CHOICES[name])}")
        return replace(self, **changes)


def _check_amount(name: str, value: object) -> None:
    if value is not None and (not isinstance(value, int | float) or isinstance(value, bool) or value < 0):
        raise ValueError(f"setting {name!r} must be US dollars or null, not {value!r}")
