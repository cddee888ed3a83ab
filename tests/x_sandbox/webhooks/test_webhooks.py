from __future__ import annotations

import json
import socket
import threading

import pytest
import requests
import xdk
from xdk.webhooks.models import CreateRequest, CreateWebhookReplayJobRequest

from x_sandbox.deliveries import KEPT, WAITING, Delivery
from x_sandbox.receivers import signature, url_fault
from x_sandbox.settings import Settings
from x_sandbox.state import State

SECRET = "test-consumer-secret"
EVERYWHERE = Settings(webhook_hosts=["example.com"])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"challenge_string", "sha256=wbxoN8scmhw5dqzftzpj6g3uAnVpSktqxDDUHYNfIqA="),
        (b'{"data":{"event_uuid":"1"}}', "sha256=E2GPzk//zTCsdZlt7dEjA6c+a1eY9If6af2iY0krz6c="),
    ],
)
def test_signatures_are_those_of_the_known_vectors(content, expected) -> None:
    assert signature(SECRET, content) == expected


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("https://example.com/hook", None),
        ("http://example.com/hook", "https://"),
        ("https://example.com:8443/hook", "port"),
        ("https://example.org/hook", "webhook_hosts"),
        ("https://user@example.com/hook", "user"),
        ("https://example.com:port/hook", "no URL"),
        ("https:///hook", "host"),
        ("https://example.com/" + "x" * 200, "200"),
        ("http://127.0.0.1:8080/hook", None),
        ("http://[::1]:8080/hook", None),
        ("http://localhost/hook", None),
        ("http://127.0.0.1.example.org/hook", "https://"),
        ("ftp://127.0.0.1/hook", "https://"),
    ],
)
def test_a_webhook_is_where_x_and_the_settings_allow_it(url, word) -> None:
    fault = url_fault(url, EVERYWHERE)
    assert fault is None if word is None else word in str(fault)


def test_as_strict_as_x_no_local_http_is_left() -> None:
    strict = Settings(webhook_local_http=False)
    assert "https://" in str(url_fault("http://127.0.0.1/hook", strict))
    assert "port" in str(url_fault("https://127.0.0.1:8443/hook", strict))


def reason(response: requests.Response) -> str:
    assert response.status_code == 400, response.text
    assert response.json()["type"].endswith("/invalid-request")
    return response.json()["errors"][0]["message"].partition(":")[0]


def test_a_webhook_is_registered_once_its_challenge_is_answered(app, alice, receiver, webhook) -> None:
    assert receiver.challenges == 1
    listed = app.get("/2/webhooks").json()
    assert listed["meta"] == {"result_count": 1}
    assert (listed["data"][0]["url"], listed["data"][0]["valid"]) == (receiver.url, True)
    assert app.get("/2/webhooks", webhook_config_fields="id").json()["data"] == [{"id": webhook}]
    assert alice.get("/2/webhooks").status_code == 403
    assert alice.call("DELETE", f"/2/webhooks/{webhook}").json() == {"data": {"deleted": True}}
    assert app.get("/2/webhooks").json()["data"] == []


@pytest.mark.parametrize("status", [200, 302, 404, 500])
def test_a_wrong_answer_to_the_challenge_is_refused(app, receiver, status) -> None:
    receiver.challenge_status = status
    receiver.secret = "another" if status == 200 else receiver.secret
    assert reason(app.post("/2/webhooks", {"url": receiver.url})) == "CrcValidationFailed"
    assert receiver.challenges == 1
    assert app.get("/2/webhooks").json()["data"] == []


def test_nobody_there_is_a_failed_challenge(app, receiver) -> None:
    receiver.close()
    assert reason(app.post("/2/webhooks", {"url": receiver.url})) == "CrcValidationFailed"


def test_every_other_refusal_has_its_reason(sandbox, app, receiver, webhook) -> None:
    for url in ("http://example.com/", "https://example.com/"):
        assert reason(app.post("/2/webhooks", {"url": url})) == "UrlValidationFailed"
    assert reason(app.post("/2/webhooks", {"url": receiver.url})) == "DuplicateUrlFailed"
    assert reason(app.post("/2/webhooks", {"url": receiver.url + "2"})) == "WebhookLimitExceeded"
    assert reason(app.call("PUT", "/2/webhooks/1")) == "WebhookIdInvalid"
    assert reason(app.call("DELETE", "/2/webhooks/1")) == "WebhookIdInvalid"
    sandbox.settings(webhook_limit=2)
    assert app.post("/2/webhooks", {"url": receiver.url + "2"}).status_code == 200


def test_a_webhook_that_fails_its_challenge_gets_no_events_until_it_is_validated_again(
    sandbox, app, alice, receiver, webhook, subscribe, wait_until
) -> None:
    subscribe(alice, "post.create")
    good, receiver.secret = receiver.secret, "rotated"
    assert reason(app.call("PUT", f"/2/webhooks/{webhook}")) == "CrcValidationFailed"
    assert app.get("/2/webhooks").json()["data"][0]["valid"] is False
    alice.create("into the void")
    wait_until(lambda: sandbox.get("/_sandbox/webhooks")["counts"].get("held"))
    receiver.secret = good
    assert app.call("PUT", f"/2/webhooks/{webhook}").json() == {"data": {"valid": True}}
    alice.create("heard")
    assert [event["data"]["payload"]["text"] for event in receiver.events(1)] == ["heard"]


def test_that_a_challenge_was_triggered_may_be_all_that_is_answered(sandbox, app, receiver, webhook) -> None:
    sandbox.settings(webhook_validation="trigger")
    receiver.secret = "another"
    assert app.call("PUT", f"/2/webhooks/{webhook}").json() == {"data": {"valid": True}}
    assert app.get("/2/webhooks").json()["data"][0]["valid"] is False


def test_webhooks_are_challenged_by_the_hour_and_on_demand(
    sandbox, app, receiver, webhook, wait_until
) -> None:
    sandbox.settings(clock_ahead_seconds=3_601)
    wait_until(lambda: receiver.challenges == 2)
    assert sandbox.post(f"/_sandbox/webhooks/{webhook}/crc") == {"valid": True, "fault": None}
    receiver.secret = "wrong"
    assert sandbox.post(f"/_sandbox/webhooks/{webhook}/crc")["fault"] == "Invalid response_token"
    receiver.secret = sandbox.credentials["api_secret"]
    sandbox.settings(webhook_crc_seconds=0.01)
    wait_until(lambda: app.get("/2/webhooks").json()["data"][0]["valid"])


def test_deliveries_are_signed_over_their_raw_bytes(sandbox, alice, receiver, webhook, subscribe) -> None:
    subscribe(alice, "post.create")
    alice.create("Grüße 👋")
    receiver.events(1)
    body, headers = receiver.received[0]
    assert headers["content-type"] == "application/json"
    keys = {**sandbox.credentials, **sandbox.accounts[0]["oauth2"]}
    assert headers["x-twitter-webhooks-signature"] == signature(keys["api_secret"], body)
    assert "x-twitter-webhooks-signature-oauth2" not in headers
    sandbox.settings(webhook_signatures="both")
    alice.create("again")
    receiver.events(2)
    body, headers = receiver.received[1]
    assert headers["x-twitter-webhooks-signature"] == signature(keys["api_secret"], body)
    assert headers["x-twitter-webhooks-signature-oauth2"] == signature(keys["client_secret"], body)


def test_a_receiver_that_fails_is_tried_again_with_the_same_event(
    sandbox, alice, receiver, subscribe, wait_until
) -> None:
    sandbox.settings(webhook_backoff_seconds=0.02)
    subscribe(alice, "post.create")
    receiver.statuses = [500, 302]
    alice.create("third time lucky")
    assert len({event["data"]["event_uuid"] for event in receiver.events(3)}) == 1
    wait_until(lambda: sandbox.get("/_sandbox/webhooks")["counts"] == {"delivered": 1})
    (delivery,) = sandbox.get("/_sandbox/webhooks")["deliveries"]
    assert [attempt["status"] for attempt in delivery["attempts"]] == [500, 302, 200]
    assert all(attempt["signed"] for attempt in delivery["attempts"])


def test_after_its_attempts_a_delivery_is_given_up(sandbox, alice, receiver, subscribe, wait_until) -> None:
    sandbox.settings(webhook_backoff_seconds=0.01, webhook_attempts=3)
    subscribe(alice, "post.create")
    receiver.statuses = [503] * 9
    alice.create("lost")
    wait_until(lambda: sandbox.get("/_sandbox/webhooks")["counts"] == {"failed": 1})
    assert len(receiver.received) == 3


def test_a_slow_receiver_neither_counts_nor_holds_up_posts(
    sandbox, alice, receiver, subscribe, wait_until
) -> None:
    sandbox.settings(webhook_timeout_seconds=0.2, webhook_attempts=1)
    subscribe(alice, "post.create")
    receiver.delay = 5.0
    for number in range(8):
        assert alice.post("/2/tweets", {"text": f"fast {number}"}).elapsed.total_seconds() < 1
    wait_until(lambda: sandbox.get("/_sandbox/webhooks")["counts"] == {"failed": 8})
    (last,) = sandbox.get("/_sandbox/webhooks?limit=1")["deliveries"]
    assert "0.2 s" in last["attempts"][0]["fault"]


def test_a_delivery_in_flight_does_not_hold_up_the_stop(own_sandbox, api_of, receiver, wait_until) -> None:
    server = own_sandbox()
    receiver.secret = server.credentials["api_secret"]
    app, alice = api_of(server, bearer=server.credentials["bearer_token"]), api_of(server)
    webhook = app.post("/2/webhooks", {"url": receiver.url}).json()["data"]["id"]
    alice.post(f"/2/account_activity/webhooks/{webhook}/subscriptions/all", {})
    receiver.delay = 60
    alice.create("never answered")
    wait_until(lambda: receiver.received)
    assert server.stop() == 0


@pytest.mark.parametrize(
    "answer", [b"", b"not HTTP at all\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"]
)
def test_whatever_answers_a_challenge_is_answered_for(app, answer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def respond() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)

        thread = threading.Thread(target=respond)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/hook"
        assert reason(app.post("/2/webhooks", {"url": url})) == "CrcValidationFailed"
        thread.join(timeout=5)


def test_a_receiver_behind_chunks_is_understood(app, receiver) -> None:
    receiver.chunked = True
    assert app.post("/2/webhooks", {"url": receiver.url + "?tenant=1"}).status_code == 200


def test_events_come_twice_on_demand(sandbox, alice, receiver, subscribe) -> None:
    sandbox.settings(webhook_copies=2)
    subscribe(alice, "post.create")
    alice.create("twice")
    first, second = receiver.events(2)
    assert first == second


def test_a_time_span_is_replayed(sandbox, app, alice, receiver, webhook, subscribe) -> None:
    subscribe(alice, "post.create")
    alice.create("replayed")
    first = receiver.events(1)[0]
    at = sandbox.get("/_sandbox/webhooks")["deliveries"][0]["at"]
    minute = at[:16].replace("-", "").replace("T", "").replace(":", "")
    body = {"webhook_id": webhook, "from_date": minute, "to_date": minute}
    assert app.post("/2/webhooks/replay", body).json()["data"]["job_id"]
    assert receiver.events(2)[1] == first
    missed = {**body, "from_date": "200001010000", "to_date": "200001010001"}
    assert app.post("/2/webhooks/replay", missed).status_code == 200
    assert sandbox.get("/_sandbox/webhooks")["deliveries"][-1]["origin"] == "replay"
    assert len(sandbox.get("/_sandbox/webhooks")["deliveries"]) == 2
    assert app.post("/2/webhooks/replay", {**body, "from_date": "202613010000"}).status_code == 400
    assert app.post("/2/webhooks/replay", {**body, "from_date": "999912312359"}).status_code == 400
    assert alice.post("/2/webhooks/replay", body).status_code == 403


def test_the_overview_holds_no_secret(sandbox, alice, receiver, subscribe) -> None:
    subscribe(alice, "post.create")
    alice.create("open")
    receiver.events(1)
    shown = json.dumps(sandbox.get("/_sandbox/webhooks"))
    _, headers = receiver.received[0]
    for secret in (sandbox.credentials["api_secret"], headers["x-twitter-webhooks-signature"]):
        assert secret not in shown


def test_webhooks_and_subscriptions_survive_a_kill(own_sandbox, api_of, receiver) -> None:
    first = own_sandbox()
    receiver.secret = first.credentials["api_secret"]
    app, alice = api_of(first, bearer=first.credentials["bearer_token"]), api_of(first)
    webhook = app.post("/2/webhooks", {"url": receiver.url}).json()["data"]["id"]
    subscription = {
        "event_type": "post.create",
        "filter": {"user_id": alice.account["id"]},
        "webhook_id": webhook,
    }
    assert app.post("/2/activity/subscriptions", subscription).status_code == 200
    assert alice.post(f"/2/account_activity/webhooks/{webhook}/subscriptions/all", {}).status_code == 200
    before = first.get("/_sandbox/webhooks")
    first.kill()

    second = own_sandbox()
    assert second.get("/_sandbox/webhooks") == before
    api_of(second).create("after the kill")
    kinds = {"data" if "data" in event else "for_user_id" for event in receiver.events(2)}
    assert kinds == {"data", "for_user_id"}


def test_a_reset_forgets_webhooks(sandbox, app, webhook, alice, receiver, subscribe) -> None:
    subscribe(alice, "post.create")
    sandbox.reset()
    alice.create("unheard")
    shown = sandbox.get("/_sandbox/webhooks")
    assert (shown["webhooks"], shown["subscriptions"], shown["deliveries"]) == ([], [], [])


def test_xdk_registers_validates_replays_and_deletes(sandbox, receiver) -> None:
    client = xdk.Client(base_url=sandbox.url, bearer_token=sandbox.credentials["bearer_token"])
    webhook = client.webhooks.create(CreateRequest(url=receiver.url)).data
    assert webhook.valid is True
    assert [item.url for item in client.webhooks.get().data] == [receiver.url]
    assert client.webhooks.validate(webhook.id).data.valid is True
    span = CreateWebhookReplayJobRequest(
        webhook_id=webhook.id, from_date="202601010000", to_date="202601010100"
    )
    assert client.webhooks.create_webhook_replay_job(span).data.job_id
    assert client.webhooks.delete(webhook.id).data.deleted is True


def test_what_waits_is_bounded_and_what_does_not_fit_is_dropped(tmp_path) -> None:
    state = State(tmp_path / "state", Settings(), accounts=1)
    for number in range(WAITING + 5):
        state.deliveries.add(Delivery("1", "post.create", str(number), b"{}", at=0.0))
    assert state.deliveries.counts()["dropped"] == 5
    assert len(state.deliveries.listing()) == KEPT
    state.close()
