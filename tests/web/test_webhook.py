"""The public route for X's deliveries, over a real socket."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from new_ledger import new_ledger
from sqlalchemy import text
from webhook_server import served, served_by_a_process

from x_provider.client.webhooks import OAUTH2_SIGNATURE, SIGNATURE, response_token, signature_of
from x_provider.ledger import Ledger
from x_provider.publishing import utc_now
from x_provider.web import webhook

SECRET, CLIENT_SECRET = "the-consumer-secret", "the-client-secret"


@pytest.fixture(scope="module")
def server(airflow_home):
    with served() as url:
        yield url


@pytest.fixture
def ledger(tmp_path, monkeypatch):
    """The ledger that the route finds, which looks its connection up anew for every test."""
    url = new_ledger(tmp_path)
    monkeypatch.setenv("AIRFLOW_CONN_X_LEDGER", url)
    monkeypatch.setattr(webhook.route.app, "_loop", None)
    ledger = Ledger(url)
    yield ledger
    ledger.database.dispose()


@pytest.fixture
def connection(monkeypatch):
    described = {"conn_type": "x", "password": SECRET, "extra": {"client_secret": CLIENT_SECRET}}
    monkeypatch.setenv("AIRFLOW_CONN_X_WEB", json.dumps(described))
    return "x_web"


@pytest.fixture
def address(server, ledger, connection):
    return f"{server}/x/webhook/{connection}"


def body_of(uuid: str = "1", **data: Any) -> bytes:
    return json.dumps({"data": {"event_uuid": uuid, "event_type": "post.create", **data}}).encode()


def deliver(address: str, body: bytes, headers: dict[str, str] | None = None) -> requests.Response:
    signed = {SIGNATURE: signature_of(SECRET, body)} if headers is None else headers
    return requests.post(address, data=body, headers=signed, timeout=20)


def kept(ledger: Ledger) -> int:
    return ledger.events.counts().get("waiting", 0)


def test_a_challenge_is_answered(address) -> None:
    answer = requests.get(address, params={"crc_token": "challenge_string", "nonce": "n"}, timeout=20)
    assert answer.status_code == 200
    assert answer.json() == {"response_token": response_token(SECRET, "challenge_string")}


@pytest.mark.parametrize(
    "token",
    [
        '{"data":{"event_uuid":"1"}}',
        "{}",
        "[]",
        "a b",
        "",
        "é",
        "x" * 251,
        "token\n",
    ],
)
def test_what_could_be_a_delivery_is_not_signed_for_whoever_asks(address, ledger, token) -> None:
    # The answer to a challenge is its token's signature: else anybody could have a forged body signed here.
    answer = requests.get(address, params={"crc_token": token}, timeout=20)
    assert answer.status_code == 400
    assert "sha256" not in answer.text


@pytest.mark.parametrize("query", ["", "crc_token=a&crc_token=b", "crc_tokens=a"])
def test_a_challenge_without_one_token_is_none(address, query) -> None:
    assert requests.get(f"{address}?{query}", timeout=20).status_code == 400


def test_a_signed_delivery_is_in_the_ledger_when_it_is_acknowledged(address, ledger) -> None:
    started = time.monotonic()
    answer = deliver(address, body_of())
    assert (answer.status_code, answer.json()) == (200, {})
    assert time.monotonic() - started < 1
    (event,) = ledger.events.due(utc_now(), limit=9)
    assert (event.body, event.app) == (body_of().decode(), "x_web")


def test_the_client_secrets_signature_counts_too(address, ledger) -> None:
    headers = {OAUTH2_SIGNATURE: signature_of(CLIENT_SECRET, body_of())}
    assert deliver(address, body_of(), headers).status_code == 200
    assert kept(ledger) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {SIGNATURE: "sha256="},
        {SIGNATURE: "sha256=E2GPzk//zTCsdZlt7dEjA6c+a1eY9If6af2iY0krz6c="},
        {SIGNATURE: signature_of(SECRET, body_of("2"))},
        {SIGNATURE: signature_of(CLIENT_SECRET, body_of())},
        {OAUTH2_SIGNATURE: signature_of(SECRET, body_of())},
    ],
)
def test_a_forged_delivery_is_refused(address, ledger, headers) -> None:
    answer = deliver(address, body_of(), headers)
    assert answer.status_code == 403
    assert kept(ledger) == 0


def test_nothing_is_looked_up_for_what_is_not_signed(server, ledger) -> None:
    assert deliver(f"{server}/x/webhook/x_nobody", body_of(), {}).status_code == 403


def test_forgeries_are_said_once_a_minute_and_quote_nothing(address, ledger, caplog, monkeypatch) -> None:
    monkeypatch.setattr(webhook.route.app, "_complained", -float("inf"))
    with caplog.at_level(logging.WARNING, "x_provider.web.webhook"):
        for number in range(3):
            deliver(address, body_of(str(number)), {SIGNATURE: "sha256=forged-by-mallory"})
    (record,) = caplog.records
    assert "x_web" in record.getMessage()
    assert "mallory" not in caplog.text


def test_a_replayed_delivery_is_acknowledged_and_kept_once(address, ledger) -> None:
    assert [deliver(address, body_of()).status_code for _ in range(3)] == [200] * 3
    assert kept(ledger) == 1


def test_a_delivery_replayed_at_another_connection_of_the_app_is_kept_once(
    server, address, ledger, monkeypatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_X_BESIDE", json.dumps({"conn_type": "x", "password": SECRET}))
    for each in (address, f"{server}/x/webhook/x_beside"):
        assert deliver(each, body_of()).status_code == 200
    assert kept(ledger) == 1
    with ledger.database.read() as connection:
        rows = connection.execute(text("SELECT * FROM x_events")).all()
    assert SECRET not in str(rows)


@pytest.mark.parametrize("name", ["X_web", "X_WEB", "x_weB"])
def test_a_connection_has_one_name(server, ledger, connection, name) -> None:
    assert deliver(f"{server}/x/webhook/{name}", body_of()).status_code == 404


def test_what_several_subscriptions_are_told_is_kept_each(address, ledger) -> None:
    filters = [{"user_id": "7"}, {"user_id": "8"}, {"user_id": "7", "keyword": "dome"}]
    for each in (*filters, filters[0]):
        assert deliver(address, body_of(filter=each)).status_code == 200
    assert kept(ledger) == 3


@pytest.mark.parametrize("body", [body_of()[:-4], b"", b"[]", b"not JSON"])
def test_what_x_signed_but_cannot_be_read_is_refused(address, ledger, body) -> None:
    assert deliver(address, body).status_code == 400
    assert kept(ledger) == 0


def test_the_longest_delivery_is_taken_and_a_longer_one_refused(address, ledger) -> None:
    longest = body_of(text="").replace(
        b'""', b'"' + b"x" * (webhook.MOST_BYTES - len(body_of(text=""))) + b'"'
    )
    assert len(longest) == webhook.MOST_BYTES
    assert deliver(address, longest).status_code == 200
    assert kept(ledger) == 1


def speak(address: str, *pieces: bytes, wait: float = 10, finish: bool = False) -> bytes:
    """Say this to the server, a piece at a time, and give what it answers until it closes."""
    parts = urlsplit(address)
    with socket.create_connection((parts.hostname, parts.port), timeout=wait) as link:
        for piece in pieces:
            link.sendall(piece)
            time.sleep(0.05)
        if finish:
            link.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := link.recv(65536):
            answer += chunk
        return answer


def head_of(address: str, body: bytes, *more: str, length: int | None = None) -> bytes:
    lines = [
        f"POST {urlsplit(address).path} HTTP/1.1",
        "host: x",
        f"{SIGNATURE}: {signature_of(SECRET, body)}",
        *more,
        *([f"content-length: {length}"] if length is not None else []),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def test_an_oversized_delivery_is_refused_before_it_is_read(address, ledger) -> None:
    head = head_of(address, b"", length=webhook.MOST_BYTES + 1)
    assert status_of(speak(address, head)) == 413


def test_one_that_does_not_say_how_long_it_is_is_refused_once_it_is_too_long(address, ledger) -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    answer = speak(address, head_of(address, b"", "transfer-encoding: chunked"), *[chunk] * 17)
    assert status_of(answer) == 413
    assert kept(ledger) == 0


def test_one_in_chunks_is_taken(address, ledger) -> None:
    body = body_of()
    chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (body[:9], body[9:])]
    head = head_of(address, body, "transfer-encoding: chunked", "connection: close")
    assert status_of(speak(address, head, *chunks, b"0\r\n\r\n")) == 200
    assert kept(ledger) == 1


def test_a_slow_delivery_is_refused_and_its_connection_closed(address, ledger, monkeypatch) -> None:
    monkeypatch.setattr(webhook, "READ_SECONDS", 0.3)
    body = body_of()
    started = time.monotonic()
    answer = speak(address, head_of(address, body, length=len(body)), body[:5])
    assert status_of(answer) == 408
    assert time.monotonic() - started < 5
    assert kept(ledger) == 0


def test_one_that_is_cut_short_is_not_kept_and_takes_no_room(address, ledger) -> None:
    body = body_of()
    parts = urlsplit(address)
    for _ in range(80):  # more than fit, were they held on to
        with socket.create_connection((parts.hostname, parts.port)) as link:
            link.sendall(head_of(address, body, length=webhook.MOST_BYTES) + body[:-3])
    assert deliver(address, body_of("2")).status_code == 200
    assert kept(ledger) == 1


def test_many_who_dawdle_do_not_fill_the_memory(address, ledger, monkeypatch) -> None:
    monkeypatch.setattr(webhook, "READ_SECONDS", 2)
    monkeypatch.setattr(webhook, "_MOST_BYTES_IN_ALL", 100_000)
    head, piece = head_of(address, b"", length=webhook.MOST_BYTES), b"{" * 30_000
    with ThreadPoolExecutor(8) as pool:
        answers = [status_of(answer) for answer in pool.map(lambda _: speak(address, head, piece), range(8))]
    assert sorted(set(answers)) == [408, 503]
    assert deliver(address, body_of()).status_code == 200


def test_who_promises_much_and_sends_nothing_keeps_nobody_out(address, ledger, monkeypatch) -> None:
    monkeypatch.setattr(webhook, "READ_SECONDS", 3)
    monkeypatch.setattr(webhook, "_MOST_BYTES_IN_ALL", 100_000)
    head = head_of(address, b"", length=webhook.MOST_BYTES)
    with ThreadPoolExecutor(8) as pool:
        dawdling = [pool.submit(speak, address, head, b"{") for _ in range(8)]
        assert deliver(address, body_of()).status_code == 200
        assert {status_of(each.result()) for each in dawdling} == {408}


@pytest.mark.parametrize("name", ["x_nobody", "x_ledger", "a b", "%00", "x" * 300])
def test_an_unknown_connection_says_nothing(server, ledger, connection, name) -> None:
    for answer in (
        deliver(f"{server}/x/webhook/{name}", body_of()),
        requests.get(f"{server}/x/webhook/{name}?crc_token=a", timeout=20),
    ):
        assert answer.status_code == 404
        assert answer.json() == {"detail": "Not Found"}


@pytest.mark.parametrize(
    "described",
    [{"conn_type": "x"}, {"conn_type": "x", "password": "  "}, {"conn_type": "http", "password": SECRET}],
)
def test_a_connection_without_an_apps_secret_takes_nothing(server, ledger, monkeypatch, described) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_X_BARE", json.dumps(described))
    assert (
        deliver(f"{server}/x/webhook/x_bare", body_of(), {SIGNATURE: signature_of("", body_of())}).status_code
        == 404
    )


def test_other_methods_are_not_allowed(address) -> None:
    assert requests.put(address, timeout=20).status_code == 405
    assert requests.delete(address, timeout=20).status_code == 405


def test_while_the_ledger_is_away_x_is_asked_to_come_again(server, connection, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(webhook.route.app, "_loop", None)
    monkeypatch.setenv("AIRFLOW_CONN_X_LEDGER", f"sqlite:///{tmp_path}/no/such/folder/ledger.db")
    address = f"{server}/x/webhook/{connection}"
    answer = deliver(address, body_of())
    assert answer.status_code == 503
    assert str(tmp_path) not in answer.text
    monkeypatch.setenv("AIRFLOW_CONN_X_LEDGER", f"sqlite:///{tmp_path}/ledger.db")
    assert deliver(address, body_of()).status_code == 200


def test_what_many_deliver_at_once_is_all_kept(address, ledger) -> None:
    session = threading.local()

    def one(number: int) -> int:
        session.own = getattr(session, "own", None) or requests.Session()
        body = body_of(str(number))
        headers = {SIGNATURE: signature_of(SECRET, body)}
        return session.own.post(address, data=body, headers=headers, timeout=20).status_code

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(one, range(400))) == {200}
    assert kept(ledger) == 400


def test_what_was_acknowledged_outlives_a_killed_server(airflow_home, tmp_path) -> None:
    ledger_url = f"sqlite:///{tmp_path}/ledger.db"
    connection = json.dumps({"conn_type": "x", "password": SECRET})
    environment = {"AIRFLOW_CONN_X_LEDGER": ledger_url, "AIRFLOW_CONN_X_WEB": connection}
    acknowledged: list[str] = []
    with served_by_a_process(environment) as (url, process):

        def stream(first: int) -> None:
            for number in range(first, first + 10_000):
                try:
                    if deliver(f"{url}/x/webhook/x_web", body_of(str(number))).status_code == 200:
                        acknowledged.append(str(number))
                except requests.ConnectionError:
                    return

        with ThreadPoolExecutor(4) as pool:
            streams = [pool.submit(stream, first) for first in range(0, 40_000, 10_000)]
            deadline = time.monotonic() + 60
            while len(acknowledged) < 50 and time.monotonic() < deadline:
                time.sleep(0.01)
            process.kill()
            for each in streams:
                each.result(60)
    assert len(acknowledged) >= 50
    ledger = Ledger(ledger_url)
    waiting = ledger.events.claim(utc_now(), until=utc_now().add(minutes=5), limit=100_000)
    ledger.database.dispose()
    assert set(acknowledged) <= {json.loads(event.body)["data"]["event_uuid"] for event in waiting}
