"""One HTTP request out of the sandbox: small, because deliveries share the event loop with the API."""

from __future__ import annotations

import asyncio
import ssl
from urllib.parse import urlsplit

import h11

MAX_ANSWER = 64 * 1024


async def request(
    method: str, url: str, *, headers: dict[str, str] | None = None, content: bytes = b""
) -> tuple[int, bytes]:
    """Send a request and read its answer; no proxy and no redirect leads it elsewhere.

    :return: HTTP status and body.
    :raises OSError: no connection, or a certificate that does not verify.
    :raises ValueError: what came back is no HTTP answer, is cut short, or longer than 64 KiB.
    """
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    context = ssl.create_default_context() if secure else None
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=context)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = {
            "host": parts.netloc,
            "user-agent": "x-sandbox",
            "connection": "close",
            "content-length": str(len(content)),
            **(headers or {}),
        }
        connection = h11.Connection(h11.CLIENT)
        head = connection.send(h11.Request(method=method, target=target, headers=list(lines.items())))
        body = connection.send(h11.Data(content)) or b"" if content else b""
        writer.write((head or b"") + body + (connection.send(h11.EndOfMessage()) or b""))
        return await _answer(connection, reader)
    except h11.ProtocolError as error:
        raise ValueError(f"this is no HTTP answer: {error}") from error
    finally:
        writer.close()


async def _answer(connection: h11.Connection, reader: asyncio.StreamReader) -> tuple[int, bytes]:
    status, body = 0, b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(MAX_ANSWER))
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
            if len(body) > MAX_ANSWER:
                raise ValueError(f"the answer is longer than {MAX_ANSWER} bytes")
        elif isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
            return status, body
