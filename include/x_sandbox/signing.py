"""OAuth 1.0a signatures, checked (RFC 5849 and X's "Creating a signature")."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Iterable
from urllib.parse import quote, unquote

from x_sandbox.problems import unauthorized

TIMESTAMP_WINDOW_SECONDS = 300
HOSTS_OF_X = (
    "https://api.x.com",
    "https://api.twitter.com",
    "https://upload.twitter.com",
    "https://upload.x.com",
)


def parse_authorization(header: str) -> dict[str, str]:
    """Read the parameters of an `Authorization: OAuth …` header."""
    parameters: dict[str, str] = {}
    for pair in header[len("OAuth ") :].split(","):
        name, separator, value = pair.strip().partition("=")
        if not separator:
            raise unauthorized(f"the OAuth header has a malformed parameter: {name!r}")
        parameters[unquote(name)] = unquote(value.strip('"'))
    return parameters


def escape(text: str) -> str:
    return quote(text, safe="-._~")


def base_string(method: str, url: str, parameters: Iterable[tuple[str, str]]) -> str:
    """Build the signature base string.

    :param method: HTTP method in capitals.
    :param url: scheme, host, port and path, without the query.
    :param parameters: those of the header (without signature and realm), the query and a form body, decoded.
    """
    pairs = sorted((escape(name), escape(value)) for name, value in parameters)
    return f"{method}&{escape(url)}&{escape('&'.join(f'{name}={value}' for name, value in pairs))}"


def sign(base: str, api_secret: str, token_secret: str) -> str:
    key = f"{escape(api_secret)}&{escape(token_secret)}".encode()
    return base64.b64encode(hmac.new(key, base.encode(), hashlib.sha1).digest()).decode()


class SignatureCheck:
    """Accepts each well-signed request once, within five minutes of its timestamp."""

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}
        self._swept_at = 0.0

    def check(
        self,
        oauth: dict[str, str],
        *,
        method: str,
        own_url: str,
        path: str,
        parameters: list[tuple[str, str]],
        api_secret: str,
        token_secret: str,
    ) -> None:
        """Verify one request.

        :param oauth: the parameters of the Authorization header.
        :param own_url: the sandbox's own address as the client wrote it; X's host names are tried as well.
        :param parameters: decoded query and form parameters.
        :raises Problem: 401, with the reason in its note.
        """
        if oauth.get("oauth_signature_method") != "HMAC-SHA1":
            raise unauthorized("oauth_signature_method is not HMAC-SHA1")
        if oauth.get("oauth_version", "1.0") != "1.0":
            raise unauthorized("oauth_version is not 1.0")
        now = time.time()
        try:
            skew = abs(now - int(oauth.get("oauth_timestamp", "")))
        except ValueError:
            raise unauthorized("oauth_timestamp is not a number of seconds") from None
        if skew > TIMESTAMP_WINDOW_SECONDS:
            raise unauthorized(f"oauth_timestamp is {skew:.0f} s off the sandbox's clock")
        signature = oauth.get("oauth_signature", "")
        signed = [pair for pair in oauth.items() if pair[0] != "realm"] + parameters
        signed = [pair for pair in signed if pair[0] != "oauth_signature"]
        if not any(
            hmac.compare_digest(
                sign(base_string(method, host + path, signed), api_secret, token_secret), signature
            )
            for host in (own_url, *HOSTS_OF_X)
        ):
            raise unauthorized("the OAuth 1.0a signature does not match the request")
        self._refuse_replay(oauth, now)

    def _refuse_replay(self, oauth: dict[str, str], now: float) -> None:
        nonce = f"{oauth.get('oauth_token')} {oauth.get('oauth_timestamp')} {oauth.get('oauth_nonce')}"
        if not oauth.get("oauth_nonce") or nonce in self._seen:
            raise unauthorized("oauth_nonce is missing or was used before")
        self._seen[nonce] = now
        if now - self._swept_at > TIMESTAMP_WINDOW_SECONDS:
            self._swept_at = now
            oldest = now - 2 * TIMESTAMP_WINDOW_SECONDS
            self._seen = {key: at for key, at in self._seen.items() if at > oldest}
