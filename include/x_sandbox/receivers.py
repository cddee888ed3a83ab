"""Calls to the app's webhooks: where they may go, the challenge (CRC), and signed deliveries."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from x_sandbox import outgoing
from x_sandbox.accounts import DeveloperApp
from x_sandbox.settings import Settings

MAX_URL_LENGTH = 200
SIGNATURE = "x-twitter-webhooks-signature"
OAUTH2_SIGNATURE = "x-twitter-webhooks-signature-oauth2"


def signature(secret: str, content: bytes) -> str:
    """Sign a challenge's token or a delivery's raw body (docs.x.com, webhooks/quickstart)."""
    return "sha256=" + base64.b64encode(hmac.new(secret.encode(), content, hashlib.sha256).digest()).decode()


def url_fault(url: str, settings: Settings) -> str | None:
    """Say what is wrong with a webhook's URL, or None.

    X wants https on the default port of a public host. A rehearsal is local, so loopback addresses are
    free of these rules if the setting `webhook_local_http` says so; other hosts are called only if
    the setting `webhook_hosts` names them, lest the sandbox calls out by accident.
    """
    if len(url) > MAX_URL_LENGTH:
        return f"the URL is longer than {MAX_URL_LENGTH} characters"
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        return f"this is no URL: {error}"
    local = _is_loopback(host)
    free = local and settings.webhook_local_http
    rules = {
        "the URL needs a host, and no user and no fragment": host
        and parts.username is None
        and not parts.fragment,
        "the URL must begin with https://": parts.scheme == "https" or (free and parts.scheme == "http"),
        "the URL must not name a port": free or port is None,
        f"the sandbox calls loopback addresses only; to let it call {host}, "
        "name the host in the setting webhook_hosts": local
        or host in (name.lower() for name in settings.webhook_hosts),
    }
    return next((fault for fault, kept in rules.items() if not kept), None)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True)
class Reply:
    """What came of a call.

    :param status: HTTP status, or None without an answer.
    :param fault: why it does not count, or None.
    :param signatures: the names of the signature headers that were sent.
    """

    status: int | None
    fault: str | None
    signatures: tuple[str, ...] = ()


class Receivers:
    """Calls the webhooks that the settings let it call."""

    def __init__(self, app: DeveloperApp, settings: Callable[[], Settings]) -> None:
        self._app = app
        self._settings = settings

    async def challenge(self, url: str) -> str | None:
        """Send a challenge (CRC); return why its answer is wrong, or None."""
        token = secrets.token_urlsafe(24)
        answer = await self._send("GET", url, token=token)
        if isinstance(answer, str):
            return answer
        status, body = answer
        if status != 200:
            return f"the URL answered {status}, not 200"
        try:
            given = json.loads(body)["response_token"]
        except (ValueError, KeyError, TypeError):
            return 'the answer is no JSON with a "response_token"'
        keys = self._keys().values()
        if not any(
            hmac.compare_digest(str(given).encode(), signature(key, token.encode()).encode()) for key in keys
        ):
            return "Invalid response_token"
        return None

    async def deliver(self, url: str, body: bytes) -> Reply:
        """POST an event, signed."""
        headers = {name: signature(key, body) for name, key in self._keys().items()}
        answer = await self._send(
            "POST", url, content=body, headers={"content-type": "application/json", **headers}
        )
        sent = tuple(headers)
        if isinstance(answer, str):
            return Reply(None, answer, sent)
        status = answer[0]
        return Reply(status, None if 200 <= status < 300 else f"the receiver answered {status}", sent)

    async def _send(
        self,
        method: str,
        url: str,
        *,
        token: str | None = None,
        content: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> tuple[int, bytes] | str:
        """Make one request; return the status and body of its answer, or why there is none."""
        settings = self._settings()
        if fault := url_fault(url, settings):
            return fault
        if token is not None:
            url += f"{'&' if urlsplit(url).query else '?'}crc_token={token}"
        seconds = settings.webhook_timeout_seconds
        call = outgoing.request(method, url, headers=headers, content=content)
        try:
            return await asyncio.wait_for(call, seconds)
        except asyncio.TimeoutError:
            return f"no answer within {seconds:g} s"
        except (OSError, ValueError) as error:
            return f"no answer: {error or type(error).__name__}"

    def _keys(self) -> dict[str, str]:
        """Return the secret of each signature header that this app's deliveries carry."""
        every = {SIGNATURE: self._app.api_secret, OAUTH2_SIGNATURE: self._app.client_secret}
        chosen = {"api_secret": (SIGNATURE,), "client_secret": (OAUTH2_SIGNATURE,)}
        return {name: every[name] for name in chosen.get(self._settings().webhook_signatures, tuple(every))}
