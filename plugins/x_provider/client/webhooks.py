"""How X and a webhook prove to each other that they know the app's secret. Pure: no network, no clock.

https://docs.x.com/x-api/webhooks/quickstart
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping

SIGNATURE = "x-twitter-webhooks-signature"
"""The header that is signed with the app's consumer secret."""
OAUTH2_SIGNATURE = "x-twitter-webhooks-signature-oauth2"
"""The one that is signed with its OAuth 2.0 client secret, where X sends it."""


def response_token(secret: str, crc_token: str) -> str:
    """The answer to a challenge (CRC), as the JSON member ``response_token``.

    :param secret: the app's consumer secret.
    """
    return signature_of(secret, crc_token.encode())


def signature_of(secret: str, body: bytes) -> str:
    """What X writes into the signature's header for a body with exactly these bytes."""
    return "sha256=" + base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()


def is_signed(
    body: bytes, headers: Mapping[str, str], *, consumer_secret: str, client_secret: str | None = None
) -> bool:
    """Whether X has sent this body: one of its signatures is right. How wrong one is shows in no time.

    :param body: as it came, before anything has decoded it.
    :param headers: their names in lower case.
    :param client_secret: None where the app has none; what is signed with it is not believed then.
    """
    pairs = ((SIGNATURE, consumer_secret), (OAUTH2_SIGNATURE, client_secret))
    return any(
        _is_same(headers[name], secret, body) for name, secret in pairs if secret and headers.get(name)
    )


def _is_same(given: str, secret: str, body: bytes) -> bool:
    # As bytes: compare_digest refuses texts that are not ASCII.
    return hmac.compare_digest(given.encode(), signature_of(secret, body).encode())
