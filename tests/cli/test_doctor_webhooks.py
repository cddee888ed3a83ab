"""`airflow x doctor` and the webhooks: what X last found, and what their answer to a challenge is now."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from webhook_server import served

from x_provider.hooks.x import XHook
from x_provider.web import webhook


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(webhook.route.app, "_loop", None)
    with served() as url:
        yield url


@pytest.fixture
def register():
    return lambda url: XHook("x_cli").get_conn().register_webhook(url)


@pytest.fixture
def check(doctor, account):
    """What the doctor says of a webhook; no secret is in it."""

    def check(webhook) -> dict[str, str]:
        said = doctor()[1][f"webhook {webhook.id}"]
        assert account.credentials["api_secret"] not in json.dumps(said)
        return said

    return check


@contextmanager
def answering(port: int, status: int, body: bytes, *, pause: float = 0):
    """Something else at a webhook's address; it may pause before each byte."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            with suppress(OSError):
                for byte in body:
                    time.sleep(pause)
                    self.wfile.write(bytes([byte]))

        def log_message(self, *_: object) -> None:
            pass

    ThreadingHTTPServer.allow_reuse_address = True
    other = ThreadingHTTPServer(("127.0.0.1", port), Answer)
    thread = Thread(target=other.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        other.shutdown()
        other.server_close()
        thread.join(10)


def test_a_webhook_is_in_order_when_x_found_it_valid_and_it_answers_us_too(
    ledger, account, doctor, server, register
):
    assert doctor()[1]["webhooks"]["words"] == "none is registered"
    registered = register(f"{server}/x/webhook/x_cli")
    checks = doctor()[1]
    assert checks[f"webhook {registered.id}"]["state"] == "ok"
    assert checks[f"webhook {registered.id}"]["words"] == (
        f"X last found {registered.url} valid; asked from here, it answers X's challenge as it should"
    )
    assert {"DAG x_events", "watcher of events", "events"} <= checks.keys()


def test_one_that_nobody_answers_at_any_more_is_told_before_x_notices(
    ledger, account, check, register, monkeypatch
):
    monkeypatch.setattr(webhook.route.app, "_loop", None)
    with served() as url:
        registered = register(f"{url}/x/webhook/x_cli")
    said = check(registered)
    assert said["state"] == "warning"
    assert "valid; asked from here, it does not answer X's challenge (ConnectionError)" in said["words"]
    account.post(f"/_sandbox/webhooks/{registered.id}/crc")
    said = check(registered)
    assert (said["state"], "not valid, and tells it nothing" in said["words"]) == ("warning", True)
    assert f"airflow x webhooks validate x_cli --webhook {registered.id}" in said["next_step"]


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (404, b"", "with HTTP 404"),
        (302, b"", "with HTTP 302"),
        (200, b"Hello", "with something else"),
        (200, b"[]", "with something else"),
        (200, b'{"response_token": "sha256=x"}', "by another secret than the app's"),
    ],
)
def test_one_where_something_else_answers_is_told(
    ledger, account, check, register, monkeypatch, status, body, words
):
    monkeypatch.setattr(webhook.route.app, "_loop", None)
    with served() as url:
        registered = register(f"{url}/x/webhook/x_cli")
    with answering(int(url.rpartition(":")[2]), status, body):
        said = check(registered)
    assert (said["state"], words in said["words"]) == ("warning", True)


def test_one_that_never_comes_to_an_end_warns_in_seconds(ledger, account, check, register, monkeypatch):
    monkeypatch.setattr(webhook.route.app, "_loop", None)
    with served() as url:
        registered = register(f"{url}/x/webhook/x_cli")
    with answering(int(url.rpartition(":")[2]), 200, b"." * 12, pause=1):
        said = check(registered)
    assert (said["state"], said["words"]) == ("warning", "no answer within 5 s")


def test_one_that_answers_by_another_secret_is_told_with_whose_to_correct(
    ledger, account, check, server, register, monkeypatch
):
    described = json.loads(account.connection())
    monkeypatch.setenv("AIRFLOW_CONN_X_OTHER", json.dumps(described))
    registered = register(f"{server}/x/webhook/x_other")
    assert check(registered)["state"] == "ok"
    monkeypatch.setenv("AIRFLOW_CONN_X_OTHER", json.dumps({**described, "password": "an-old-secret"}))
    monkeypatch.setattr(webhook.route.app, "_loop", None)
    said = check(registered)
    assert (said["state"], "by another secret than the app's" in said["words"]) == ("warning", True)
    assert said["next_step"].startswith("Correct the password of connection x_other")
    assert "an-old-secret" not in json.dumps(said)
    monkeypatch.delenv("AIRFLOW_CONN_X_OTHER")
    assert "no connection x_other of type x with an API key secret" in check(registered)["words"]


@pytest.mark.parametrize("base_url", ["https://airflow.example.com", "https://airflow.example.com/"])
def test_one_that_is_no_webhook_of_this_airflow_is_told(
    ledger, account, check, server, register, monkeypatch, base_url
):
    registered = register(f"{server}/x/webhook/x_cli")
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base_url)
    said = check(registered)
    assert said["state"] == "warning"
    assert "no webhook of this Airflow, whose [api] base_url is https://airflow.example.com" in said["words"]
    assert f"`airflow x webhooks delete x_cli --webhook {registered.id}`" in said["next_step"]


def test_accounts_of_one_app_have_its_webhooks_looked_at_once(
    ledger, account, doctor, server, register, monkeypatch
):
    monkeypatch.setenv("AIRFLOW_CONN_X_SECOND", account.connection(1))
    registered = register(f"{server}/x/webhook/x_cli")
    _, checks = doctor()
    assert {"account x_cli", "account x_second"} <= checks.keys()
    assert [name for name in checks if name.startswith("webhook")] == [f"webhook {registered.id}"]
