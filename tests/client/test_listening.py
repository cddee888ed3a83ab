"""Webhooks and subscriptions, against a local X that calls a real receiver."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pendulum
import pytest
from airflow_harness import wait_for

from x_provider.client import AppKeys, OAuth1, OAuth2User, XClient, XForbidden, XInvalidRequest, XPermission
from x_provider.client.listening import PRIVATE_EVENTS
from x_provider.client.webhooks import is_signed, response_token


@pytest.fixture
def receiver(sandbox: Any) -> Iterator[Any]:
    """A webhook that answers challenges with our own code; ``deliveries`` are what was signed as X signs it."""
    secret = sandbox.credentials["api_secret"]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            (token,) = parse_qs(urlsplit(self.path).query)["crc_token"]
            self._answer({"response_token": response_token(self.server.secret, token)})  # type: ignore[attr-defined]

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            if is_signed(body, headers, consumer_secret=secret):
                self.server.deliveries.append(json.loads(body))  # type: ignore[attr-defined]
            self._answer({})

        def _answer(self, body: dict[str, str]) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: Any) -> None:
            pass

    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.secret, server.deliveries = secret, []
    server.url = f"http://127.0.0.1:{server.server_port}/hook"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def client(sandbox: Any) -> Iterator[XClient]:
    client = XClient(sandbox.url, OAuth1(*sandbox.keys()))
    yield client
    client.close()


@pytest.fixture
def by_login(sandbox: Any) -> Iterator[XClient]:
    """The same account by OAuth 2.0, and its app by its keys."""
    token, app = sandbox.accounts[0]["oauth2"]["access_token"], AppKeys(*sandbox.keys()[:2])
    client = XClient(sandbox.url, OAuth2User(token), app=app)
    yield client
    client.close()


@pytest.fixture
def user_id(client: XClient) -> str:
    return client.me().id


def test_a_webhook_is_registered_listed_validated_and_deleted(client: XClient, receiver: Any) -> None:
    made = client.register_webhook(receiver.url)
    assert (made.url, made.valid) == (receiver.url, True)
    assert client.webhooks() == [made]
    assert client.validate_webhook(made.id) is True
    receiver.secret = "another"
    with pytest.raises(XInvalidRequest, match="CrcValidationFailed"):
        client.validate_webhook(made.id)
    assert client.webhooks()[0].valid is False
    assert client.delete_webhook(made.id) is True
    assert client.webhooks() == []


def test_a_webhook_that_cannot_be_is_refused(sandbox: Any, client: XClient, receiver: Any) -> None:
    with pytest.raises(XInvalidRequest, match="200"):
        client.register_webhook("https://example.com/" + "x" * 200)
    assert all("webhooks" not in seen["path"] for seen in sandbox.requests())
    with pytest.raises(XInvalidRequest, match="UrlValidationFailed"):
        client.register_webhook("http://example.com/hook")
    with pytest.raises(XInvalidRequest, match="no id of X"):
        client.delete_webhook("1/../2")


def test_what_people_do_is_told_signed(sandbox: Any, by_login: XClient, receiver: Any, user_id: str) -> None:
    client = by_login
    webhook = client.register_webhook(receiver.url)
    for event_type in PRIVATE_EVENTS:
        made = client.subscribe(event_type, user_id=user_id, webhook_id=webhook.id, tag="airflow")
        assert (made.event_type, made.filter, made.webhook_id) == (
            event_type,
            {"user_id": user_id},
            webhook.id,
        )
    assert sorted(each.event_type for each in client.subscriptions()) == sorted(PRIVATE_EVENTS)
    sandbox.post(
        "/_sandbox/events", {"event_type": "post.mention.create", "user": "alice", "author": "mallory"}
    )
    (told,) = wait_for("the delivery", lambda: receiver.deliveries, within=10, every=0.02)
    assert (told["data"]["event_type"], told["data"]["tag"]) == ("post.mention.create", "airflow")


def test_what_was_told_is_told_again(sandbox: Any, by_login: XClient, receiver: Any, user_id: str) -> None:
    client = by_login
    webhook = client.register_webhook(receiver.url)
    client.subscribe("post.mention.create", user_id=user_id, webhook_id=webhook.id)
    sandbox.post(
        "/_sandbox/events", {"event_type": "post.mention.create", "user": "alice", "author": "mallory"}
    )
    wait_for("the delivery", lambda: receiver.deliveries, within=10, every=0.02)
    now = pendulum.now("Europe/Berlin")
    assert client.replay_events(webhook.id, start=now.subtract(minutes=5), end=now)
    wait_for("the replay", lambda: len(receiver.deliveries) == 2, within=10, every=0.02)
    first, again = receiver.deliveries
    assert first == again


def test_what_is_unsubscribed_is_told_no_more(client: XClient, receiver: Any, user_id: str) -> None:
    webhook = client.register_webhook(receiver.url)
    made = client.subscribe("post.delete", user_id=user_id, webhook_id=webhook.id)
    with pytest.raises(XInvalidRequest, match="Duplicate"):
        client.subscribe("post.delete", user_id=user_id, webhook_id=webhook.id)
    assert client.unsubscribe(made.id) is True
    assert client.subscriptions() == []


def test_the_list_is_read_to_its_end(client: XClient, receiver: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("x_provider.client.listening._PAGE", 2)
    webhook = client.register_webhook(receiver.url)
    for number in range(5):
        client.subscribe("post.create", user_id=str(100 + number), webhook_id=webhook.id)
    assert [each.filter["user_id"] for each in client.subscriptions()] == ["100", "101", "102", "103", "104"]


def test_nobody_subscribes_to_somebody_elses_mentions(by_login: XClient, receiver: Any) -> None:
    webhook = by_login.register_webhook(receiver.url)
    with pytest.raises(XForbidden):
        by_login.subscribe("post.mention.create", user_id="12345", webhook_id=webhook.id)


def test_mentions_are_not_for_keys(client: XClient, receiver: Any, user_id: str) -> None:
    webhook = client.register_webhook(receiver.url)
    with pytest.raises(XForbidden, match=r"OAuth 2\.0 user token"):
        client.subscribe("post.mention.create", user_id=user_id, webhook_id=webhook.id)


def test_the_deprecated_api_too(client: XClient, receiver: Any, user_id: str) -> None:
    webhook = client.register_webhook(receiver.url)
    assert client.account_activity(webhook.id) == []
    assert client.subscribe_account_activity(webhook.id) is True
    assert client.account_activity(webhook.id) == [user_id]
    assert client.unsubscribe_account_activity(webhook.id, user_id) is True
    assert client.account_activity(webhook.id) == []


def test_without_credentials_of_the_app_it_says_what_is_missing(sandbox: Any) -> None:
    token = sandbox.accounts[0].get("oauth2_access_token", "a-users-token")
    with pytest.raises(XPermission, match="app's own token"):
        XClient(sandbox.url, OAuth2User(token)).webhooks()
