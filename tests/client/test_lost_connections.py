"""What is known about a request when its connection fails, over real sockets."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from urllib3 import PoolManager

from x_provider.client import (
    AppBearer,
    CreatePost,
    Repeats,
    Timeouts,
    XAmbiguous,
    XClient,
    XUnavailable,
    XUnreachable,
    connections,
)

HELLO = CreatePost(text="hello")
POSTS = {"data": [{"id": "1", "text": "hello"}]}
ME = {"data": {"id": "1", "username": "ada", "name": "Ada"}}


@pytest.mark.parametrize("loss", ["drop", "reset", "break_off", "say_nothing"])
def test_a_create_whose_answer_is_lost_is_ambiguous_and_sent_once(
    loss: str, raw_server: Any, raw_client: XClient, behaviours: Any
) -> None:
    raw_server.steps = [getattr(behaviours, loss)]

    with pytest.raises(XAmbiguous) as caught:
        raw_client.create_post(HELLO)

    assert len(raw_server.bodies) == 1
    assert caught.value.status is None
    assert "Look for it on X" in str(caught.value)


@pytest.mark.parametrize("status", [500, 503])
def test_a_create_that_is_answered_with_a_server_error_is_sent_once(
    status: int, raw_server: Any, raw_client: XClient, behaviours: Any
) -> None:
    raw_server.steps = [behaviours.answer(status, {}, retry_after="0")]

    with pytest.raises(XAmbiguous):
        raw_client.create_post(HELLO)

    assert len(raw_server.bodies) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_never_followed(
    status: int, raw_server: Any, raw_client: XClient, behaviours: Any
) -> None:
    raw_server.steps = [behaviours.answer(status, {}, location="/2/tweets")]

    with pytest.raises(XUnreachable, match="base URL"):
        raw_client.create_post(HELLO)

    assert len(raw_server.bodies) == 1


def test_a_refused_connection_means_that_nothing_was_sent(raw_server: Any, raw_client: XClient) -> None:
    raw_server.close()

    with pytest.raises(XUnreachable, match="refused") as caught:
        raw_client.create_post(HELLO)

    assert caught.value.retry_safe


def test_an_unknown_host_means_that_nothing_was_sent() -> None:
    client = XClient("https://x.invalid", AppBearer("planted-bearer"))

    with pytest.raises(XUnreachable, match=r"x\.invalid"):
        client.create_post(HELLO)


def test_a_connection_that_does_not_open_in_time_means_that_nothing_was_sent() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        # A queue of one that nobody empties: further handshakes get no answer.
        waiting = [socket.socket() for _ in range(3)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        x = XClient(f"http://127.0.0.1:{port}", AppBearer("b" * 9), timeouts=Timeouts(connect=0.3, read=5))

        with pytest.raises(XUnreachable, match="timed out"):
            x.create_post(HELLO)

        for client in waiting:
            client.close()


def test_a_failed_tls_handshake_means_that_nothing_was_sent(raw_server: Any) -> None:
    # The raw server speaks no TLS: it closes, or waits for a line that never comes.
    client = XClient(
        raw_server.url.replace("http:", "https:"),
        AppBearer("b" * 9),
        timeouts=Timeouts(connect=0.3, read=0.3),
    )

    with pytest.raises(XUnreachable):
        client.create_post(HELLO)

    assert raw_server.bodies == []


def test_a_certificate_that_nobody_vouches_for_means_that_nothing_was_sent(tls_server: Any) -> None:
    client = XClient(tls_server.url, AppBearer("b" * 9), timeouts=Timeouts(connect=2, read=2))

    with pytest.raises(XUnreachable, match="certificate verify failed"):
        client.create_post(HELLO)

    assert tls_server.bodies == []


def test_a_create_over_tls_whose_answer_is_lost_is_ambiguous(
    tls_server: Any, behaviours: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls_server.certificate))
    tls_server.steps = [behaviours.reset]
    client = XClient(tls_server.url, AppBearer("b" * 9), timeouts=Timeouts(connect=2, read=2))

    with pytest.raises(XAmbiguous):
        client.create_post(HELLO)

    assert len(tls_server.bodies) == 1


def test_a_tls_connection_that_the_server_closed_meanwhile_costs_no_post(
    tls_server: Any, behaviours: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls_server.certificate))
    tls_server.steps = [behaviours.answer(201)]
    client = XClient(tls_server.url, AppBearer("b" * 9), timeouts=Timeouts(connect=2, read=2))
    client.warm()
    assert tls_server.handshake_done.wait(timeout=5)
    tls_server.drop_idle_connections()

    assert client.create_post(HELLO).id == "1"
    assert tls_server.connections == 2


@pytest.mark.parametrize("refusal", ["drop", "say_nothing", "answer"])
def test_a_proxy_that_does_not_let_us_through_means_that_nothing_was_sent(
    refusal: str, raw_server: Any, behaviours: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw_server.steps = [behaviours.answer(502, {}) if refusal == "answer" else getattr(behaviours, refusal)]
    monkeypatch.setenv("HTTPS_PROXY", raw_server.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    client = XClient("https://x.invalid", AppBearer("b" * 9), timeouts=Timeouts(connect=0.5, read=0.5))

    for attempt in (client.warm, lambda: client.create_post(HELLO)):
        with pytest.raises(XUnreachable):
            attempt()

    assert all(head.startswith(b"CONNECT x.invalid:443") for head in raw_server.heads)


def test_a_proxy_whose_connections_cannot_be_watched_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    # What urllib3 does for SOCKS: pools of its own.
    monkeypatch.setattr(connections.FreshAdapter, "_pools", PoolManager().pool_classes_by_scheme)
    client = XClient("http://127.0.0.1:9", AppBearer("b" * 9))

    with pytest.raises(XAmbiguous):
        client.create_post(HELLO)


def test_a_create_over_tls_fires_over_the_connection_that_was_warmed(
    tls_server: Any, behaviours: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls_server.certificate))
    tls_server.steps = [behaviours.answer(201)]
    client = XClient(tls_server.url, AppBearer("b" * 9), timeouts=Timeouts(connect=2, read=2))

    client.warm()

    assert client.create_post(HELLO).id == "1"
    assert tls_server.connections == 1


def test_a_read_is_repeated_until_it_is_answered(
    raw_server: Any, raw_client: XClient, behaviours: Any
) -> None:
    raw_server.steps = [behaviours.drop, behaviours.answer(503, {}), behaviours.answer(200, POSTS)]

    assert raw_client.get_posts(["1"]).posts[0].text == "hello"
    assert len(raw_server.bodies) == 3


@pytest.mark.parametrize("loss", ["drop", "break_off", "say_nothing"])
def test_a_read_gives_up_after_a_few_attempts(
    loss: str, raw_server: Any, raw_client: XClient, behaviours: Any
) -> None:
    raw_server.steps = [getattr(behaviours, loss)]

    with pytest.raises(XUnavailable) as caught:
        raw_client.me()

    assert len(raw_server.bodies) == 3
    assert caught.value.retry_safe


def test_a_refused_read_is_not_repeated(raw_server: Any, raw_client: XClient, behaviours: Any) -> None:
    raw_server.steps = [behaviours.answer(429, {}), behaviours.answer(200, ME)]

    with pytest.raises(Exception, match="rate limit"):
        raw_client.me()

    assert len(raw_server.bodies) == 1


def test_a_create_does_not_trust_a_connection_that_idled(
    raw_server: Any, raw_client: XClient, behaviours: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw_server.steps = [behaviours.answer(201)]
    raw_client.create_post(HELLO)
    monkeypatch.setattr(connections, "FRESH_SECONDS", 0.0)

    raw_client.create_post(HELLO)

    assert raw_server.connections == 2


def test_creates_in_quick_succession_share_a_connection(
    raw_server: Any, raw_client: XClient, behaviours: Any
) -> None:
    raw_server.steps = [behaviours.answer(201)]

    for _ in range(3):
        raw_client.create_post(HELLO)

    assert raw_server.connections == 1


def test_a_connection_that_the_server_closed_meanwhile_costs_no_post(
    raw_server: Any, raw_client: XClient, behaviours: Any
) -> None:
    raw_server.steps = [behaviours.answer(201)]
    raw_client.create_post(HELLO)
    raw_server.drop_idle_connections()

    assert raw_client.create_post(HELLO).id == "1"
    assert len(raw_server.bodies) == 2


def test_a_warmed_connection_is_the_one_that_fires_even_from_another_thread(
    raw_server: Any, raw_client: XClient, behaviours: Any
) -> None:
    raw_server.steps = [behaviours.answer(201)]

    raw_client.warm()
    in_another_thread(lambda: raw_client.create_post(HELLO))

    assert raw_server.connections == 1
    assert len(raw_server.bodies) == 1


def test_each_warming_makes_room_for_one_more_post_up_to_as_many_as_are_sent_at_once(
    raw_server: Any, raw_client: XClient, behaviours: Any
) -> None:
    together = threading.Barrier(4)

    def step(connection: socket.socket) -> None:
        together.wait(timeout=10)
        behaviours.answer(201)(connection)

    raw_server.steps = [step]
    patient = XClient(raw_server.url, AppBearer("b" * 9), timeouts=Timeouts(connect=1, read=10))
    for _ in range(4):
        patient.warm(at_most=4)
    in_threads(4, lambda: patient.warm(at_most=4))

    in_threads(4, lambda: patient.create_post(HELLO))

    assert raw_server.connections == 4


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="counts sockets in /proc")
def test_warming_again_and_again_keeps_no_heap_of_old_connections(
    raw_server: Any, raw_client: XClient, behaviours: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw_server.steps = [behaviours.answer(201)]
    monkeypatch.setattr(connections, "FRESH_SECONDS", 0.0)

    for _ in range(5):
        raw_client.warm()

    assert open_sockets_to(raw_server.url) <= 1


def test_warming_without_a_server_says_so_and_sends_nothing(raw_server: Any, raw_client: XClient) -> None:
    raw_server.close()

    with pytest.raises(XUnreachable):
        raw_client.warm()


def test_many_threads_share_a_client(raw_server: Any, raw_client: XClient, behaviours: Any) -> None:
    raw_server.steps = [behaviours.answer(200, ME)]
    patient = XClient(raw_server.url, AppBearer("b" * 9), repeats=Repeats(attempts=1))

    users = in_threads(16, lambda: [patient.me().username for _ in range(5)])

    assert users == [["ada"] * 5] * 16
    assert len(raw_server.bodies) == 80


def in_another_thread(work: Any) -> Any:
    return in_threads(1, work)[0]


def in_threads(count: int, work: Any) -> list[Any]:
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(work())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert len(results) == count
    return results


def open_sockets_to(url: str) -> int:
    """How many established connections this host has to a port, seen from the client's side."""
    port = f"{int(url.rsplit(':', 1)[1]):04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(1 for row in rows if row[2].endswith(f":{port}") and row[3] == "01")
