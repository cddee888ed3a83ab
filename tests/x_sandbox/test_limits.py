from __future__ import annotations

import time

import pytest
import requests


def test_headers_count_down_to_a_429_and_the_window_ends(sandbox, alice) -> None:
    sandbox.settings(limits={"POST /2/tweets": {"user": 2, "window_seconds": 600}})
    first = alice.post("/2/tweets", {"text": "1"})
    assert first.headers["x-rate-limit-limit"] == "2"
    assert first.headers["x-rate-limit-remaining"] == "1"
    assert 595 <= int(first.headers["x-rate-limit-reset"]) - time.time() <= 605
    assert first.headers["x-app-limit-24hour-limit"] == "10000"
    alice.create("2")
    refused = alice.post("/2/tweets", {"text": "3"})
    assert refused.status_code == 429
    assert refused.headers["x-rate-limit-remaining"] == "0"
    assert refused.json()["title"] == "Too Many Requests"
    assert len(sandbox.posts()) == 2
    sandbox.settings(clock_ahead_seconds=601)
    alice.create("3")


def test_users_do_not_share_their_limits_but_the_apps_day(sandbox, alice, bob) -> None:
    sandbox.settings(limits={"POST /2/tweets": {"user": 1, "app_24h": 2}})
    alice.create("1")
    bob.create("1")
    sandbox.settings(clock_ahead_seconds=901)
    refused = alice.post("/2/tweets", {"text": "2"})
    assert refused.status_code == 429
    assert refused.headers["x-rate-limit-remaining"] == "1"
    assert refused.headers["x-app-limit-24hour-remaining"] == "0"
    assert int(refused.headers["x-app-limit-24hour-reset"]) > int(refused.headers["x-rate-limit-reset"])


def test_a_refused_request_costs_nothing(sandbox, alice) -> None:
    sandbox.settings(limits={"GET /2/users/me": {"user": 1}})
    alice.get("/2/users/me")
    for _ in range(3):
        assert alice.get("/2/users/me").headers["x-rate-limit-remaining"] == "0"
    sandbox.settings(limits={"GET /2/users/me": {"user": 2}})
    assert alice.get("/2/users/me").status_code == 200


def test_limits_can_be_switched_off(sandbox, alice) -> None:
    sandbox.settings(rate_limits=False, limits={"GET /2/users/me": {"user": 1}})
    answers = [alice.get("/2/users/me") for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert "x-rate-limit-limit" not in answers[0].headers


def test_latency_is_added_to_every_answer(sandbox, alice) -> None:
    sandbox.settings(latency_seconds=0.2)
    assert alice.get("/2/users/me").elapsed.total_seconds() >= 0.2


@pytest.mark.parametrize(
    "wrong",
    [
        {"nope": 1},
        {"read_lag_seconds": "x"},
        {"rate_limits": 1},
        {"limits": {"GET /2/users/me": {"nope": 1}}},
        {"limits": {"GET /2/users/me": 5}},
        {"denied_metrics": "explode"},
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(sandbox, wrong) -> None:
    response = requests.post(sandbox.url + "/_sandbox/settings", json=wrong, timeout=5)
    assert response.status_code == 400
    assert next(iter(wrong)) in response.json()["error"]
