from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

from x_sandbox.accounts import DeveloperApp, token
from x_sandbox.clock import Clock
from x_sandbox.journal import Event
from x_sandbox.settings import Settings

CODE_SECONDS = 30
SCOPES = frozenset(
    [
        "block.read",
        "block.write",
        "bookmark.read",
        "bookmark.write",
        "broadcast.read",
        "broadcast.write",
        "dm.read",
        "dm.write",
        "follows.read",
        "follows.write",
        "like.read",
        "like.write",
        "list.read",
        "list.write",
        "media.write",
        "mute.read",
        "mute.write",
        "offline.access",
        "space.read",
        "timeline.read",
        "tweet.moderate.write",
        "tweet.read",
        "tweet.write",
        "users.email",
        "users.read",
    ]
)
SEED_SCOPES = (
    "tweet.read",
    "tweet.write",
    "users.read",
    "media.write",
    "tweet.moderate.write",
    "offline.access",
)


class TokenError(Exception):
    """A refusal of the token endpoint, in RFC 6749's words."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.status = status
        self.body = {"error": error, "error_description": description}


@dataclass(frozen=True)
class AccessToken:
    """What an access token stands for."""

    user_id: str
    scopes: tuple[str, ...]
    issued_at: float


@dataclass(frozen=True)
class AuthorizationCode:
    """A consent on its way from the browser to the token endpoint."""

    user_id: str
    scopes: tuple[str, ...]
    redirect_uri: str
    challenge: str
    challenge_method: str
    issued_at: float


class Grants:
    """OAuth 2.0 codes and tokens; refresh tokens are good for one use."""

    def __init__(
        self,
        app: DeveloperApp,
        clock: Clock,
        settings: Callable[[], Settings],
        commit: Callable[[Event], None],
    ) -> None:
        self._app = app
        self._clock = clock
        self._settings = settings
        self._commit = commit
        self.issued: list[str] = []
        """Every secret that this process gave out, for who looks for leaks; a reset does not forget them."""
        self.clear()

    def clear(self) -> None:
        self._codes: dict[str, AuthorizationCode] = {}
        self._access: dict[str, AccessToken] = {}
        self._refresh: dict[str, AccessToken] = {}
        self._seeded: set[str] = set()

    def seed(self) -> None:
        """Make the tokens of the credentials file valid, once for each account."""
        for account in self._app.accounts:
            if account.id not in self._seeded:
                self._issue(
                    account.id,
                    SEED_SCOPES,
                    access=account.oauth2_access_token,
                    refresh=account.oauth2_refresh_token,
                    seed=True,
                )

    def apply(self, event: Event) -> None:
        """Bring one event of the journal about."""
        for spent in event.get("spent", ()):
            self._access.pop(spent, None)
            self._refresh.pop(spent, None)
        if "access" in event:
            standing = AccessToken(event["user_id"], tuple(event["scopes"]), event["at"])
            self._access[event["access"]] = standing
            if event["refresh"]:
                self._refresh[event["refresh"]] = standing
            if event["seed"]:
                self._seeded.add(event["user_id"])

    def access(self, access_token: str) -> AccessToken | None:
        """Return what a living access token stands for."""
        standing = self._access.get(access_token)
        if standing and self._clock.now() < standing.issued_at + self._settings().access_token_seconds:
            return standing
        return None

    def authorize(
        self, user_id: str, scopes: tuple[str, ...], redirect_uri: str, challenge: str, challenge_method: str
    ) -> str:
        """Make the authorization code of a consent; it lives 30 seconds and is good for one use."""
        code = token(90)
        self.issued.append(code)
        self._codes[code] = AuthorizationCode(
            user_id, scopes, redirect_uri, challenge, challenge_method, self._clock.now()
        )
        return code

    def exchange(self, code: str, redirect_uri: str, verifier: str) -> dict[str, str | int]:
        """Turn a code into tokens.

        :raises TokenError: the code is unknown, used or late, or redirect address or verifier do not match.
        """
        given = self._codes.pop(code, None)
        if given is None or self._clock.now() > given.issued_at + CODE_SECONDS:
            raise TokenError("invalid_request", "Value passed for the authorization code was invalid.")
        if redirect_uri != given.redirect_uri:
            raise TokenError("invalid_request", "Value passed for the redirect uri was invalid.")
        if not hmac.compare_digest(_challenge(verifier, given.challenge_method), given.challenge):
            raise TokenError("invalid_request", "Value passed for the code verifier was invalid.")
        return self._issue(given.user_id, given.scopes)

    def refresh(self, refresh_token: str) -> dict[str, str | int]:
        """Turn a refresh token into new tokens; it is spent.

        :raises TokenError: the token is unknown or spent.
        """
        standing = self._refresh.get(refresh_token)
        if standing is None:
            raise TokenError("invalid_request", "Value passed for the token was invalid.")
        return self._issue(standing.user_id, standing.scopes, spent=(refresh_token,))

    def revoke(self, either_token: str) -> None:
        self._commit({"what": "grant", "spent": [either_token]})

    def _issue(
        self,
        user_id: str,
        scopes: tuple[str, ...],
        *,
        access: str | None = None,
        refresh: str | None = None,
        spent: tuple[str, ...] = (),
        seed: bool = False,
    ) -> dict[str, str | int]:
        access = access or token(90)
        if "offline.access" in scopes:
            refresh = refresh or token(90)
        event: Event = {
            "what": "grant",
            "user_id": user_id,
            "scopes": list(scopes),
            "access": access,
            "refresh": refresh,
            "at": self._clock.now(),
            "spent": list(spent),
            "seed": seed,
        }
        self._commit(event)
        if not seed:
            self.issued += [access, refresh] if refresh else [access]
        answer: dict[str, str | int] = {
            "token_type": "bearer",
            "expires_in": self._settings().access_token_seconds,
            "access_token": access,
            "scope": " ".join(scopes),
        }
        return {**answer, "refresh_token": refresh} if refresh else answer


def _challenge(verifier: str, method: str) -> str:
    if method == "plain":
        return verifier
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
