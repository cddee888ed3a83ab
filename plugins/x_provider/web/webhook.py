"""The one public route: where X delivers events, guarded by their signature.

It is plain ASGI without FastAPI's layers: X delivers much at once, and wants an answer soon.
https://docs.x.com/x-api/webhooks/introduction
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from starlette.routing import Route

from x_provider.client.webhooks import OAUTH2_SIGNATURE, SIGNATURE, is_signed, response_token
from x_provider.events.receiving import (
    EventWriter,
    NotKeptError,
    UnreadableDeliveryError,
    read_delivery,
    scope_of,
)
from x_provider.hooks.webhooks import AppSecrets, EventShelf, app_secrets
from x_provider.publishing import utc_now
from x_provider.web.app_secrets import NoAnswerError, Secrets

MOST_BYTES = 1024 * 1024
READ_SECONDS = 5
_MOST_BYTES_IN_ALL = 64 * MOST_BYTES
_COMPLAINT_SECONDS = 60

_CONNECTION_ID = re.compile(r"[\w.\-]{1,250}")
# A challenge is answered with the signature of its token. A token that could be a body, which has braces,
# would give whoever asks the signature of a forged delivery.
_CRC_TOKEN = re.compile(r"[\w.\-+/=]{1,250}", re.ASCII)

_log = logging.getLogger(__name__)


class _RefusedError(Exception):
    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class _AwayError(Exception):
    """Whoever sends does not wait for an answer any more."""


class _Deadline:
    """Raises TimeoutError where the block takes longer; a tenth of what asyncio's and anyio's ways cost."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._is_over = False

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        self._handle = asyncio.get_running_loop().call_later(self._seconds, self._end)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._handle.cancel()
        if self._is_over and kind is asyncio.CancelledError:
            if sys.version_info >= (3, 11) and self._task is not None:
                self._task.uncancel()
            raise TimeoutError

    def _end(self) -> None:
        self._is_over = True
        if self._task is not None:
            self._task.cancel()


class WebhookReceiver:
    """The endpoint, as ASGI: ``GET`` answers challenges, ``POST`` takes deliveries.

    A delivery is acknowledged once its events are in the ledger: 200. Refused are what no app's secret has signed
    (403), what is too long (413), too slow (408), or no JSON (400); 503 asks X to bring it again.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._bytes = 0
        self._complained = -float("inf")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._bytes, self._secrets, self._writer = (
                loop,
                0,
                Secrets(app_secrets, EventShelf().accounts),
                EventWriter(EventShelf().store),
            )
        try:
            conn_id = scope["path_params"]["connection_id"]
            if scope["method"] == "POST":
                headers = {
                    name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
                }
                await self._take(conn_id, headers, receive)
                answer = {}
            else:
                secrets = await self._secrets_of(conn_id)
                answer = {"response_token": _challenged(secrets, scope["query_string"])}
        except _RefusedError as refused:
            await _answer(send, refused.status, {"detail": refused.detail}, close=True)
        except _AwayError:
            return
        else:
            await _answer(send, 200, answer)

    async def _secrets_of(self, conn_id: str) -> AppSecrets:
        try:
            secrets = await self._secrets.of(conn_id) if _CONNECTION_ID.fullmatch(conn_id) else None
        except NoAnswerError:
            raise _RefusedError(503, "Try again later.") from None
        if secrets is None:
            raise _RefusedError(404, "Not Found")
        return secrets

    async def _take(self, conn_id: str, headers: Mapping[str, str], receive: Any) -> None:
        if SIGNATURE not in headers and OAUTH2_SIGNATURE not in headers:
            raise _RefusedError(403, "The delivery is not signed.")
        secrets = await self._secrets_of(conn_id)
        body = await self._read(headers.get("content-length"), receive)
        if not is_signed(
            body, headers, consumer_secret=secrets.consumer_secret, client_secret=secrets.client_secret
        ):
            self._complain(conn_id)
            raise _RefusedError(403, "The signature is wrong.")
        try:
            events = read_delivery(
                body, app=conn_id, received_at=utc_now(), scope=scope_of(secrets.consumer_secret)
            )
            await self._writer.keep(events)
        except UnreadableDeliveryError as error:
            _log.warning("connection %s: X signed a delivery that cannot be read: %s", conn_id, error)
            raise _RefusedError(400, f"The delivery cannot be read: {error}.") from None
        except NotKeptError:
            raise _RefusedError(503, "The delivery was not kept; send it again.") from None

    async def _read(self, length: str | None, receive: Any) -> bytes:
        """The whole body, of at most ``MOST_BYTES``, within ``READ_SECONDS``, as long as there is room for it."""
        if length and _whole(length) > MOST_BYTES:
            raise _RefusedError(413, f"A delivery has at most {MOST_BYTES} bytes.")
        held = 0

        def hold(size: int) -> None:
            nonlocal held
            if self._bytes + size > _MOST_BYTES_IN_ALL:
                raise _RefusedError(503, "Try again later.")
            self._bytes += size
            held += size

        try:
            with _Deadline(READ_SECONDS):
                return await _body(receive, hold)
        except TimeoutError:
            raise _RefusedError(408, f"The delivery took longer than {READ_SECONDS} s.") from None
        finally:
            self._bytes -= held

    def _complain(self, conn_id: str) -> None:
        # Whoever forges deliveries must not be able to fill the disk with their log.
        if time.monotonic() - self._complained > _COMPLAINT_SECONDS:
            self._complained = time.monotonic()
            _log.warning(
                "connection %s: a delivery with a wrong signature was refused. If X sent it, the API key secret"
                " (password) is not the app's. This is said once a minute",
                conn_id,
            )


async def _body(receive: Any, hold: Callable[[int], None]) -> bytes:
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise _AwayError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > MOST_BYTES:
            raise _RefusedError(413, f"A delivery has at most {MOST_BYTES} bytes.")
        hold(len(chunk))
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _whole(written: str) -> int:
    # The server has refused what is no number; one of too many digits is no length either.
    return int(written) if written.isascii() and written.isdigit() and len(written) < 12 else MOST_BYTES + 1


def _challenged(secrets: AppSecrets, query: bytes) -> str:
    tokens = parse_qs(query.decode("latin-1")).get("crc_token", [])
    if len(tokens) != 1 or not _CRC_TOKEN.fullmatch(tokens[0]):
        raise _RefusedError(400, "A challenge has one crc_token, of letters, digits and .-+/=_ only.")
    return response_token(secrets.consumer_secret, tokens[0])


async def _answer(send: Any, status: int, body: Mapping[str, str], *, close: bool = False) -> None:
    content = json.dumps(body).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    if close:  # what is left of the body is not waited for
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


route = Route(
    "/webhook/{connection_id}",
    WebhookReceiver(),
    methods=["GET", "POST"],
    name="webhook",
    include_in_schema=False,
)
