"""OAuth 2.0 for users: the way to X's consent page, and codes and refresh tokens turned into tokens.

https://docs.x.com/fundamentals/authentication/oauth-2-0/authorization-code
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from x_provider.client import calls
from x_provider.client.auth import Auth, checked
from x_provider.client.errors import XAmbiguous
from x_provider.client.sending import Timeouts

if TYPE_CHECKING:
    from requests import PreparedRequest

    from x_provider.client.answers import Answer
    from x_provider.client.calls import Call

SCOPES: Mapping[str, str] = {
    "tweet.read": "to find out what became of a post whose answer was lost",
    "tweet.write": "to post",
    "users.read": "to know which account this is",
    "media.write": "to upload pictures and videos",
    "offline.access": "to go on without a new login every two hours",
}
"""What is asked for by default, and why: the least that publishing takes."""
MORE_SCOPES: Mapping[str, str] = {
    "tweet.moderate.write": "to hide replies",
}
"""What may be asked for besides, and why."""

_LIFETIME_SECONDS = 7_200
_HOSTS_OF_X = ("api.x.com", "api.twitter.com")
_CONSENT_ON_X = "https://x.com/i/oauth2/authorize"


@dataclass(frozen=True)
class Tokens:
    """What X gives for a consent.

    :param refresh: good for one use; None without the scope ``offline.access``.
    :param expires_in: seconds that the access token lives.
    """

    access: str = field(repr=False)
    refresh: str | None = field(repr=False)
    scopes: tuple[str, ...]
    expires_in: int = _LIFETIME_SECONDS


@dataclass(frozen=True)
class Proof:
    """PKCE: who begins a login keeps the verifier, the challenge goes to X (RFC 7636, S256)."""

    verifier: str = field(repr=False)
    challenge: str


def new_proof() -> Proof:
    """A proof for one login."""
    verifier = secrets.token_urlsafe(64)
    digest = hashlib.sha256(verifier.encode()).digest()
    return Proof(verifier, urlsafe_b64encode(digest).rstrip(b"=").decode())


class OAuth2App:
    """A developer app's side of OAuth 2.0. Nothing is sent twice: codes and refresh tokens are good for one use.

    :param client_id: names the app.
    :param client_secret: of a confidential client; None for a public one, which proves itself by PKCE alone.
    :param base_url: X, or a sandbox that answers like it.
    :raises XNeedsLogin: when the client id or secret cannot be one.
    """

    def __init__(
        self,
        client_id: str,
        client_secret: str | None = None,
        *,
        base_url: str = "https://api.x.com",
        timeouts: Timeouts = Timeouts(),  # noqa: B008  # frozen
    ) -> None:
        self.client_id = client_id
        self.base_url = base_url.rstrip("/")
        self._client = _Client(client_id, client_secret)
        self._timeouts = timeouts

    def __repr__(self) -> str:
        return f"OAuth2App({self.client_id!r}, base_url={self.base_url!r})"

    def consent_url(self, *, redirect_uri: str, scopes: Iterable[str], state: str, challenge: str) -> str:
        """Where the user consents; X comes back to ``redirect_uri`` with ``code`` and ``state``."""
        is_x = urlsplit(self.base_url).hostname in _HOSTS_OF_X
        page = _CONSENT_ON_X if is_x else f"{self.base_url}/i/oauth2/authorize"
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(scopes),
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{page}?{urlencode(asked, quote_via=quote)}"

    def exchange(self, code: str, *, redirect_uri: str, verifier: str) -> Tokens:
        """Turn the code of a consent into tokens; within 30 s of the consent, and once.

        :raises XNeedsLogin: when X does not take the code any more, or it belongs to another login.
        :raises XPermission: when X does not know the app.
        :raises XError: when X could not be asked, or answered nothing usable.
        """
        return self._tokens(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": redirect_uri,
                "code_verifier": verifier,
            },
            asked=(),
        )

    def refresh(self, refresh_token: str, *, scopes: tuple[str, ...] = ()) -> Tokens:
        """Turn a refresh token into new tokens; it is spent then.

        :param scopes: what the tokens had, for an answer that does not say.
        :raises XNeedsLogin: when X does not take the refresh token any more: the user must log in again.
        :raises XUnreachable: when it was provably not sent.
        :raises XPermission: when X does not know the app.
        :raises XAmbiguous: when nobody knows whether the token is spent.
        :raises XError: when X answered something else.
        """
        return self._tokens({"grant_type": "refresh_token", "refresh_token": refresh_token}, asked=scopes)

    def revoke(self, token: str) -> None:
        """Make X forget a token, access or refresh.

        :raises XError: when X did not say that it has.
        """
        self._send(calls.revoke_token({"token": token, **self._client.form}))

    def _tokens(self, form: Mapping[str, str], *, asked: tuple[str, ...]) -> Tokens:
        answer = self._send(calls.user_token({**form, **self._client.form}))
        access, refresh = answer.body.get("access_token"), answer.body.get("refresh_token")
        if not isinstance(access, str) or not access:
            raise XAmbiguous(
                family=answer.call.family,
                status=answer.status,
                detail="the answer holds no access token",
                next_step="Try again; if it says the same, log the account in again.",
            )
        return Tokens(
            access=access,
            refresh=refresh if isinstance(refresh, str) and refresh else None,
            scopes=_scopes(answer.body.get("scope")) or asked,
            expires_in=_seconds(answer.body.get("expires_in")),
        )

    def _send(self, call: Call) -> Answer:
        # requests, which parsing a DAG does not need
        from x_provider.client.transport import send_alone  # noqa: PLC0415

        return send_alone(call, self._client.hiding(call.form or {}), self.base_url, self._timeouts)


class _Client(Auth):
    """The app as the token endpoint wants to see it: Basic with a secret, else its id in the form."""

    def __init__(self, client_id: str, client_secret: str | None, hidden: tuple[str, ...] = ()) -> None:
        self._id = checked("OAuth 2.0", "client_id", client_id)
        self._secret = checked("OAuth 2.0", "client_secret", client_secret) if client_secret else None
        self._hidden = hidden
        pair = f"{quote(self._id, safe='')}:{quote(self._secret or '', safe='')}"
        self._basic = b64encode(pair.encode()).decode()

    @property
    def form(self) -> dict[str, str]:
        return {} if self._secret else {"client_id": self._id}

    def hiding(self, form: Mapping[str, str]) -> _Client:
        """The same client, for a request whose tokens must not come back in an error."""
        hidden = (form.get(name) for name in ("code", "code_verifier", "refresh_token", "token"))
        return _Client(self._id, self._secret, tuple(each for each in hidden if each))

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        if self._secret:
            request.headers["Authorization"] = f"Basic {self._basic}"
        return request

    def secrets(self) -> tuple[str, ...]:
        return (*self._hidden, *((self._secret, self._basic) if self._secret else ()))

    def identity(self) -> str:
        return self._id


def _scopes(said: Any) -> tuple[str, ...]:
    return tuple(said.split()) if isinstance(said, str) else ()


def _seconds(said: Any) -> int:
    is_number = isinstance(said, int) and not isinstance(said, bool) and said > 0
    return int(said) if is_number else _LIFETIME_SECONDS
