from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from x_sandbox.activity import PRIVATE_EVENTS


class Receiver:
    """An app's webhook on loopback: answers challenges and keeps what it is sent.

    :ivar secret: what it answers challenges with.
    :ivar statuses: the statuses of its next answers to deliveries, then 200.
    :ivar delay: seconds before it answers a delivery.
    :ivar chunked: it answers in chunks.
    :ivar received: the raw bodies and headers of the deliveries.
    """

    def __init__(self) -> None:
        self.secret = ""
        self.statuses: list[int] = []
        self.delay = 0.0
        self.challenge_status = 200
        self.challenges = 0
        self.chunked = False
        self.received: list[tuple[bytes, dict[str, str]]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/hook"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                receiver.challenges += 1
                token = parse_qs(urlsplit(self.path).query)["crc_token"][0]
                digest = hmac.new(receiver.secret.encode(), token.encode(), hashlib.sha256).digest()
                answer = {"response_token": "sha256=" + base64.b64encode(digest).decode()}
                self._answer(receiver.challenge_status, json.dumps(answer).encode())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.received.append(
                    (body, {name.lower(): value for name, value in self.headers.items()})
                )
                if receiver.delay:
                    time.sleep(receiver.delay)
                self._answer(receiver.statuses.pop(0) if receiver.statuses else 200, b"")

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("location", receiver.url + "/elsewhere")
                if receiver.chunked:
                    self.send_header("transfer-encoding", "chunked")
                    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
                else:
                    self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler

    def events(self, count: int, *, seconds: float = 10) -> list[dict[str, Any]]:
        """Wait for deliveries and return their bodies, oldest first."""
        until(lambda: len(self.received) >= count, seconds=seconds)
        return [json.loads(body) for body, _ in self.received]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def until(condition: Callable[[], Any], *, seconds: float = 10) -> Any:
    """Wait for a condition and return its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
    return value


@pytest.fixture
def receiver(sandbox: Any) -> Iterator[Receiver]:
    """A webhook that knows the app's secret."""
    receiver = Receiver()
    receiver.secret = sandbox.credentials["api_secret"]
    yield receiver
    receiver.close()


@pytest.fixture
def app(sandbox: Any, api_of: Callable[..., Any]) -> Any:
    """The app itself, without a user."""
    return api_of(sandbox, bearer=sandbox.credentials["bearer_token"])


@pytest.fixture
def webhook(app: Any, receiver: Receiver) -> str:
    """Register the receiver; the webhook's id."""
    response = app.post("/2/webhooks", {"url": receiver.url})
    assert response.status_code == 200, response.text
    return response.json()["data"]["id"]


@pytest.fixture
def subscribe(sandbox: Any, webhook: str, api_of: Callable[..., Any]) -> Callable[..., str]:
    """Subscribe to events of a user: `subscribe(api, "post.create", user_id=...)`; the subscription's id.

    Private events take the account's OAuth 2.0 token, whatever `api` signs with.
    """

    def make(api: Any, event_type: str, *, tag: str = "ours", **filters: str) -> str:
        body = {
            "event_type": event_type,
            "filter": filters or {"user_id": api.account["id"]},
            "tag": tag,
            "webhook_id": webhook,
        }
        if event_type in PRIVATE_EVENTS:
            api = api_of(sandbox, bearer=api.account["oauth2"]["access_token"])
        response = api.post("/2/activity/subscriptions", body)
        assert response.status_code == 200, response.text
        return response.json()["data"]["subscription"]["subscription_id"]

    return make


@pytest.fixture
def wait_until() -> Callable[..., Any]:
    return until
