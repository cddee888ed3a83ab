"""Deliver signed events to a webhook as fast as it takes them, for bench/webhook.py, from a process of its own.

Prints one line of JSON: seconds, answers by status, and how many connections broke; writes the event_uuid of every
acknowledged event into a file.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

from x_provider.client.webhooks import SIGNATURE, signature_of

USER, AUTHOR = "1500000000000000001", "1500000000000000002"


class Sender(asyncio.Protocol):
    """One connection: the next request leaves when the answer to the last one is there."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._answer = b""
        self._uuid = ""
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, separator, body = self._answer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(body) < length:
            return
        self._answer = b""
        self._load.answered(int(head[9:12]), self._uuid)
        self._next()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002
        self._load.broken += not self._load.is_over()
        if not self.closed.done():
            self.closed.set_result(None)

    def _next(self) -> None:
        if self._load.is_over():
            self._transport.close()
            return
        self._uuid, request = self._load.request()
        self._transport.write(request)


class Load:
    """What all connections share."""

    def __init__(self, url: str, *, secret: str, first: int, seconds: float, signed: bool) -> None:
        parts = urlsplit(url)
        self._secret, self._signed, self._number = secret, signed, first
        self._target = parts.path.encode()
        self._host = parts.netloc.encode()
        self._until = time.perf_counter() + seconds
        self.statuses: Counter[int] = Counter()
        self.acknowledged: list[str] = []
        self.broken = 0

    def is_over(self) -> bool:
        """Whether no request is to leave any more."""
        return time.perf_counter() >= self._until

    def request(self) -> tuple[str, bytes]:
        """The next request and its event's uuid."""
        if not self._signed:
            return "", b"GET %b HTTP/1.1\r\nhost: %b\r\n\r\n" % (self._target, self._host)
        self._number += 1
        uuid = str(1_900_000_000_000_000_000 + self._number)
        body = event(uuid)
        head = b"POST %b HTTP/1.1\r\nhost: %b\r\ncontent-length: %d\r\n%b: %b\r\n\r\n"
        signature = signature_of(self._secret, body).encode()
        return uuid, head % (self._target, self._host, len(body), SIGNATURE.encode(), signature) + body

    def answered(self, status: int, uuid: str) -> None:
        """An answer has come."""
        self.statuses[status] += 1
        if status == 200:
            self.acknowledged.append(uuid)


def event(uuid: str) -> bytes:
    """A mention as X tells it."""
    return _EVENT.replace(b"UUID", uuid.encode())


def _user(user_id: str, name: str) -> dict[str, object]:
    counts = {"followers_count": 3817, "following_count": 127, "tweet_count": 8842, "listed_count": 42}
    return {
        "id": user_id,
        "name": name,
        "username": name.lower(),
        "created_at": "2019-03-04T10:20:30.000Z",
        "description": "Somebody who likes museums",
        "protected": False,
        "verified": False,
        "verified_type": "none",
        "public_metrics": {**counts, **{f"{key}_str": str(value) for key, value in counts.items()}},
    }


def _post() -> dict[str, object]:
    text = "Is the @museum open today? I have come all the way from Aachen with my two children."
    counts = {"retweet_count": 0, "reply_count": 0, "like_count": 0, "quote_count": 0, "bookmark_count": 0}
    return {
        "id": "UUID",
        "text": text,
        "author_id": AUTHOR,
        "conversation_id": "UUID",
        "created_at": "2026-12-01T08:00:00.000Z",
        "edit_history_tweet_ids": ["UUID"],
        "lang": "en",
        "reply_settings": "everyone",
        "entities": {"mentions": [{"start": 7, "end": 14, "username": "museum", "id": USER}]},
        "public_metrics": {**counts, **{f"{key}_str": str(value) for key, value in counts.items()}},
    }


_EVENT = json.dumps(
    {
        "data": {
            "event_uuid": "UUID",
            "filter": {"user_id": USER},
            "event_type": "post.mention.create",
            "tag": "airflow",
            "payload": _post(),
            "includes": {"users": [_user(AUTHOR, "Mallory"), _user(USER, "Museum")], "tweets": [_post()]},
        }
    },
    separators=(",", ":"),
).encode()


async def _run(load: Load, url: str, connections: int) -> None:
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: Sender(load), parts.hostname, parts.port)
        for _ in range(connections)
    ]
    await asyncio.gather(*(sender.closed for _, sender in made))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument(
        "--secret-from", default="X_BENCH_SECRET", help="environment variable of the app's secret"
    )
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--first", type=int, default=0, help="number of the first event")
    parser.add_argument("--empty", action="store_true", help="GET the URL without a body")
    parser.add_argument("--acknowledged", type=Path, help="file for the acknowledged event_uuids")
    options = parser.parse_args()
    load = Load(
        options.url,
        secret=os.environ.get(options.secret_from, ""),
        first=options.first,
        seconds=options.seconds,
        signed=not options.empty,
    )
    started = time.perf_counter()
    asyncio.run(_run(load, options.url, options.connections))
    took = time.perf_counter() - started
    if options.acknowledged:
        options.acknowledged.write_text("\n".join(load.acknowledged))
    json.dump({"seconds": took, "statuses": load.statuses, "broken": load.broken}, sys.stdout)


if __name__ == "__main__":
    main()
