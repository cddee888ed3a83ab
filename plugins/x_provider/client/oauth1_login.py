"""OAuth 1.0a for users: a request token, the way to X's consent page, and the account's own keys.

https://docs.x.com/fundamentals/authentication/oauth-1-0a/obtaining-user-access-tokens
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from x_provider.client.auth import AppKeys, Auth, OAuth1, checked
from x_provider.client.calls import Call
from x_provider.client.errors import XAmbiguous
from x_provider.client.sending import Timeouts

if TYPE_CHECKING:
    from requests import PreparedRequest

    from x_provider.client.answers import Answer

PIN = "oob"
"""The callback of those who have none: X shows the user a PIN instead."""


@dataclass(frozen=True)
class RequestToken:
    """A login begun at X, which knows it by the token."""

    token: str = field(repr=False)
    secret: str = field(repr=False)


@dataclass(frozen=True)
class UserKeys:
    """The keys of an account that has let the app in; they do not expire."""

    access_token: str = field(repr=False)
    access_token_secret: str = field(repr=False)
    user_id: str
    username: str


class OAuth1App:
    """A developer app's side of the three-legged OAuth 1.0a. Nothing is sent twice.

    :param base_url: X, or a sandbox that answers like it.
    :raises XNeedsLogin: when the API key or secret cannot be one.
    """

    def __init__(
        self,
        api_key: str,
        api_secret: str,
        *,
        base_url: str = "https://api.x.com",
        timeouts: Timeouts = Timeouts(),  # noqa: B008  # frozen
    ) -> None:
        self.api_key = checked("OAuth 1.0a", "api_key", api_key)
        self.base_url = base_url.rstrip("/")
        self._secret = checked("OAuth 1.0a", "api_secret", api_secret)
        self._timeouts = timeouts

    def __repr__(self) -> str:
        return f"OAuth1App({self.api_key!r}, base_url={self.base_url!r})"

    def fingerprint(self) -> str:
        """Tells the app from another, and is no secret."""
        return AppKeys(self.api_key, self._secret).fingerprint()

    def request_token(self, callback: str = PIN) -> RequestToken:
        """Begin a login.

        :param callback: where X sends the user back, registered with the app; or :data:`PIN`.
        :raises XPermission: when X does not know the app, or not this callback.
        :raises XError: when X could not be asked, or answered nothing usable.
        """
        answer = self._send(
            Call("POST", "/oauth/request_token", "request_token", json_answer=False),
            _Signed(self.api_key, self._secret, callback=callback),
        )
        given = _form(answer, "oauth_token", "oauth_token_secret")
        return RequestToken(given["oauth_token"], given["oauth_token_secret"])

    def consent_url(self, token: RequestToken, *, another_user: bool = False) -> str:
        """Where the user consents; X comes back with ``oauth_token`` and ``oauth_verifier``, or shows the PIN.

        :param another_user: let X ask who it is, whoever is logged in there.
        """
        asked = {"oauth_token": token.token, **({"force_login": "true"} if another_user else {})}
        return f"{self.base_url}/oauth/authorize?{urlencode(asked)}"

    def access_token(self, token: RequestToken, verifier: str) -> UserKeys:
        """Turn a consent into the account's keys; once.

        :param verifier: ``oauth_verifier`` of the callback, or the PIN.
        :raises XNeedsLogin: when X does not take the PIN or verifier, or the login any more.
        :raises XError: when X could not be asked, or answered nothing usable.
        """
        answer = self._send(
            Call("POST", "/oauth/access_token", "access_token", json_answer=False),
            _Signed(
                self.api_key, self._secret, token=token, verifier=checked("OAuth 1.0a", "verifier", verifier)
            ),
        )
        given = _form(answer, "oauth_token", "oauth_token_secret", "user_id")
        return UserKeys(
            given["oauth_token"], given["oauth_token_secret"], given["user_id"], given.get("screen_name", "")
        )

    def acting_as(self, keys: UserKeys) -> OAuth1:
        """What signs as the account."""
        return OAuth1(self.api_key, self._secret, keys.access_token, keys.access_token_secret)

    def revoke(self, access_token: str, access_token_secret: str) -> None:
        """Make X forget an account's keys; also where another connection holds the same.

        :raises XError: when X did not say that it has.
        """
        call = Call("POST", "/1.1/oauth/invalidate_token", "access_token", json_answer=False, idempotent=True)
        keys = RequestToken(access_token, access_token_secret)
        self._send(call, _Signed(self.api_key, self._secret, token=keys))

    def _send(self, call: Call, auth: Auth) -> Answer:
        # requests, which parsing a DAG does not need
        from x_provider.client.transport import send_alone  # noqa: PLC0415

        return send_alone(call, auth, self.base_url, self._timeouts)


class _Signed(Auth):
    """The app's signature, over what OAuth adds for a login."""

    def __init__(
        self,
        api_key: str,
        api_secret: str,
        *,
        callback: str | None = None,
        token: RequestToken | None = None,
        verifier: str | None = None,
    ) -> None:
        import requests_oauthlib  # noqa: PLC0415  (as in auth)

        self._api_key = api_key
        known = (api_secret, token and token.token, token and token.secret, verifier)
        self._secrets = tuple(secret for secret in known if secret)
        self._signer = requests_oauthlib.OAuth1(
            api_key,
            api_secret,
            token.token if token else None,
            token.secret if token else None,
            callback_uri=callback,
            verifier=verifier,
        )

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        signed: PreparedRequest = self._signer(request)
        return signed

    def secrets(self) -> tuple[str, ...]:
        return self._secrets

    def identity(self) -> str:
        return self._api_key


def _form(answer: Answer, *names: str) -> dict[str, str]:
    """The members of a form-encoded answer.

    :raises XAmbiguous: when one of the names is not among them; what came is not quoted, for it may be a secret.
    """
    given = dict(parse_qsl(answer.raw.decode("utf-8", "replace")))
    if absent := [name for name in names if not given.get(name)]:
        raise XAmbiguous(
            family=answer.call.family,
            status=answer.status,
            detail=f"the answer holds no {', '.join(absent)}",
            next_step="Begin the login again.",
        )
    return given
