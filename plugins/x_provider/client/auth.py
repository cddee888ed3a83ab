"""Credentials, one small class a scheme. Secrets show in no repr, log line or error.

https://docs.x.com/fundamentals/authentication/overview
"""

from __future__ import annotations

import hashlib
import logging
from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote

from x_provider.client.errors import XNeedsLogin

if TYPE_CHECKING:
    from requests import PreparedRequest

# At DEBUG these two write the Authorization header and the signature's ingredients.
for _talker in ("oauthlib", "requests_oauthlib"):
    logging.getLogger(_talker).setLevel(logging.INFO)


_SHORTEST_SECRET = 8  # a shorter one is a placeholder, and would be found in half of all words


class Auth(ABC):
    """How a request shows who sends it."""

    @abstractmethod
    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """The request with its credentials.

        :raises XNeedsLogin: when there are none that could be sent.
        """

    @abstractmethod
    def secrets(self) -> tuple[str, ...]:
        """What must appear nowhere else."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"

    @abstractmethod
    def identity(self) -> str:
        """The credential that stands for the user, or for the app where there is none."""

    def fingerprint(self) -> str:
        """Tells credentials of one user from another's, and is no secret: what it was made from is too random
        to be guessed.
        """
        return hashlib.sha256(f"{type(self).__name__}:{self.identity()}".encode()).hexdigest()[:32]

    def digest(self) -> str | None:
        """Tells these credentials from any others, by all that they consist of; as little a secret. None for what
        changes by itself.
        """
        return hashlib.sha256(f"{type(self).__name__}:{':'.join(self.secrets())}".encode()).hexdigest()[:32]

    def app(self) -> AppKeys | AppBearer | None:
        """What these credentials hold of the app's own; None for nothing."""
        return None

    def renew(self, rejected: str) -> bool:  # noqa: ARG002
        """Whether there are other credentials by now than those that X did not accept.

        :param rejected: the token that was sent.
        """
        return False

    def masked(self, words: str) -> str:
        """The same words without the secrets."""
        # The longest first: one may begin like another.
        for secret in sorted(self.secrets(), key=len, reverse=True):
            if len(secret) >= _SHORTEST_SECRET:
                words = words.replace(secret, "***")
        return words


class OAuth1(Auth):
    """A user's OAuth 1.0a keys, which do not expire. Acts as that user.

    https://docs.x.com/fundamentals/authentication/oauth-1-0a/api-key-and-secret

    :param check: called whenever somebody asks whose they are; raises ``XNeedsLogin`` once they must not be used
        any more.
    :raises XNeedsLogin: when one is missing or cannot be a key.
    """

    def __init__(
        self,
        api_key: str,
        api_secret: str,
        access_token: str,
        access_token_secret: str,
        *,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._check = check
        keys = {
            "api_key": api_key,
            "api_secret": api_secret,
            "access_token": access_token,
            "access_token_secret": access_token_secret,
        }
        self._keys = tuple(checked(type(self).__name__, name, key) for name, key in keys.items())
        # JSON and multipart bodies are no part of an OAuth 1.0a signature, so uploads are not read for it.
        import requests_oauthlib  # noqa: PLC0415  (what a DAG file that names an operator is read without)

        self._signer = requests_oauthlib.OAuth1(api_key, api_secret, access_token, access_token_secret)

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        signed: PreparedRequest = self._signer(request)
        return signed

    def secrets(self) -> tuple[str, ...]:
        return self._keys

    def identity(self) -> str:
        self._check()
        return self._keys[2]

    def app(self) -> AppKeys:
        return AppKeys(*self._keys[:2])


class NotLoggedIn(Auth):
    """Stands for an account until somebody logs it in: nothing is sent by it.

    :param account: who needs the login.
    :param why: in words, without a full stop.
    :param next_step: what to do about it.
    """

    def __init__(self, account: str, *, why: str, next_step: str) -> None:
        self._detail = f"account {account}: {why}"
        self._next_step = next_step

    def __call__(self, request: PreparedRequest) -> PreparedRequest:  # noqa: ARG002
        raise XNeedsLogin(detail=self._detail, next_step=self._next_step)

    def secrets(self) -> tuple[str, ...]:
        return ()

    def digest(self) -> None:
        return None

    def identity(self) -> str:
        raise XNeedsLogin(detail=self._detail, next_step=self._next_step)


class AppKeys(Auth):
    """The app's API key and secret, which get the app's own token and nothing else.

    https://docs.x.com/fundamentals/authentication/oauth-2-0/application-only

    :raises XNeedsLogin: when one is missing or cannot be a key.
    """

    def __init__(self, api_key: str, api_secret: str) -> None:
        keys = {"api_key": api_key, "api_secret": api_secret}
        self._keys = tuple(checked(type(self).__name__, name, key) for name, key in keys.items())
        self._basic = b64encode(":".join(map(quote, self._keys)).encode()).decode()

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Basic {self._basic}"
        return request

    def secrets(self) -> tuple[str, ...]:
        return (*self._keys, self._basic)

    def identity(self) -> str:
        return self._keys[0]


class _Bearer(Auth):
    """A token sent as it is."""

    def __init__(self, token: str | Callable[[], str], name: str) -> None:
        self._token = token if callable(token) else checked(type(self).__name__, name, token)
        self._name = name
        self._sent = ""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        token = self._token
        self._sent = checked(type(self).__name__, self._name, token()) if callable(token) else token
        request.headers["Authorization"] = f"Bearer {self._sent}"
        return request

    def identity(self) -> str:
        return self._token() if callable(self._token) else self._token

    def digest(self) -> str | None:
        return None if callable(self._token) else super().digest()

    def secrets(self) -> tuple[str, ...]:
        known = self._sent if callable(self._token) else self._token
        return (known,) if known else ()


class OAuth2User(_Bearer):
    """A user's OAuth 2.0 access token, which lives two hours. Acts as that user.

    https://docs.x.com/fundamentals/authentication/oauth-2-0/authorization-code

    :param access_token: the token, or a function that gives the one that is valid now, asked before every
        call.
    :param identity: what stays the same while tokens change, such as the user's id on X, or a function that
        gives it; left out, the token stands for the user.
    :param renew: told a token that X did not accept; whether there is another by now, with which the call is
        worth sending once more.
    :raises XNeedsLogin: when it is missing or cannot be a token.
    """

    def __init__(
        self,
        access_token: str | Callable[[], str],
        *,
        identity: str | Callable[[], str] | None = None,
        renew: Callable[[str], bool] | None = None,
    ) -> None:
        super().__init__(access_token, "access_token")
        self._identity = identity
        self._renew = renew

    def identity(self) -> str:
        identity = self._identity() if callable(self._identity) else self._identity
        return identity or super().identity()

    def renew(self, rejected: str) -> bool:
        return self._renew is not None and self._renew(rejected)


class AppBearer(_Bearer):
    """The app's own token: reads what is public, acts as nobody.

    https://docs.x.com/fundamentals/authentication/oauth-2-0/application-only

    :raises XNeedsLogin: when it is missing or cannot be a token.
    """

    def __init__(self, token: str) -> None:
        super().__init__(token, "token")

    def app(self) -> AppBearer:
        return self


def checked(scheme: str, name: str, secret: str) -> str:
    """The secret, if it can be one.

    :raises XNeedsLogin: when it is missing or has characters that no key has.
    """
    # http.client would refuse such a header with an error that quotes it.
    if secret and secret.isascii() and secret.isprintable() and " " not in secret:
        return secret
    fault = "has blanks, line breaks or other characters that no key has" if secret else "is missing"
    raise XNeedsLogin(
        detail=f"{name} of {scheme} {fault}",
        next_step="Copy it again from the X developer portal into the Airflow connection.",
    )
