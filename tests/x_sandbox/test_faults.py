from __future__ import annotations

import time

import pytest
import requests


def lost(api, text: str) -> type[Exception]:
    with pytest.raises(requests.exceptions.RequestException) as failure:
        api.post("/2/tweets", {"text": text})
    return failure.type


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(("kind", "created"), [("drop_before_commit", 0), ("drop_after_commit", 1)])
def test_the_connection_is_lost_before_or_after_the_post_exists(sandbox, alice, kind, created, reset) -> None:
    sandbox.faults(kind, method="POST", path="/2/tweets", reset=reset)
    assert lost(alice, "hello") is requests.exceptions.ConnectionError
    assert len(sandbox.posts()) == created
    seen = sandbox.requests()[-1]
    assert (seen["status"], seen["fault"], seen["account"]) == (None, kind, "alice")


@pytest.mark.parametrize(("kind", "created"), [("status", 0), ("status_after_commit", 1)])
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_comes_before_or_after_the_post_exists(sandbox, alice, kind, created, status) -> None:
    sandbox.faults(kind, method="POST", path="/2/tweets", status=status)
    assert alice.post("/2/tweets", {"text": "hello"}).status_code == status
    assert len(sandbox.posts()) == created


@pytest.mark.parametrize("kind", ["delay_before", "delay_after"])
def test_an_answer_that_is_late_loses_the_client_but_not_the_post(sandbox, alice, kind) -> None:
    sandbox.faults(kind, method="POST", path="/2/tweets", seconds=0.4)
    with pytest.raises(requests.exceptions.ReadTimeout):
        alice.session.post(alice.url + "/2/tweets", json={"text": "late"}, timeout=0.1)
    deadline = time.monotonic() + 5
    while not sandbox.posts() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert [post["text"] for post in sandbox.posts()] == ["late"]


def test_an_answer_is_cut_or_no_json_although_the_post_exists(sandbox, alice) -> None:
    sandbox.faults("truncate", method="POST", path="/2/tweets")
    assert issubclass(lost(alice, "cut"), requests.exceptions.RequestException)
    sandbox.faults("garbage", method="POST", path="/2/tweets")
    alice.session.hooks["response"].clear()
    response = alice.post("/2/tweets", {"text": "garbage"})
    assert response.status_code == 201
    with pytest.raises(requests.exceptions.JSONDecodeError):
        response.json()
    assert len(sandbox.posts()) == 2


def test_an_outage_of_authentication_refuses_good_credentials(sandbox, alice) -> None:
    sandbox.faults("outage_401", times=2)
    assert alice.get("/2/users/me").status_code == 401
    assert alice.post("/2/tweets", {"text": "a"}).status_code == 401
    alice.create("a")


@pytest.mark.parametrize(
    ("problem", "status", "title"),
    [
        ("credits", 402, "CreditsDepleted"),
        ("credits-depleted", 402, "Payment Required"),
        ("spend-cap-reached", 403, "SpendCapReached"),
        ("usage-capped", 429, "UsageCapExceeded"),
        ("client-forbidden", 403, "Client Forbidden"),
        ("user-suspended", 403, "Forbidden"),
    ],
)
def test_xs_refusals_come_by_name(sandbox, alice, problem, status, title) -> None:
    sandbox.faults("status", problem=problem)
    response = alice.post("/2/tweets", {"text": "a"})
    assert (response.status_code, response.json()["title"]) == (status, title)


def test_a_fault_has_its_own_body_and_headers(sandbox, alice) -> None:
    body = {"errors": [{"code": 88, "message": "Rate limit exceeded"}]}
    headers = {"x-rate-limit-remaining": "0", "x-rate-limit-reset": "2000000000"}
    sandbox.faults("status", status=429, body=body, headers=headers)
    response = alice.get("/2/users/me")
    assert (response.status_code, response.json()) == (429, body)
    assert response.headers["x-rate-limit-reset"] == "2000000000"


def test_a_fault_hits_only_its_method_path_account_and_number(sandbox, alice, bob) -> None:
    sandbox.faults("status", method="POST", path=r"^/2/tweets$", account="alice", skip=1, times=1)
    bob.create("other account")
    alice.get("/2/users/me")
    alice.create("skipped")
    assert alice.post("/2/tweets", {"text": "hit"}).status_code == 503
    alice.create("spent")
    assert [seen["fault"] for seen in sandbox.requests()].count("status") == 1


def test_a_fault_without_end_stays_until_it_is_removed(sandbox, alice) -> None:
    fault = sandbox.faults("status", times=-1)
    assert [alice.get("/2/users/me").status_code for _ in range(3)] == [503, 503, 503]
    assert sandbox.get("/_sandbox/faults")["faults"][0]["applied"] == 3
    removed = requests.delete(f"{sandbox.url}/_sandbox/faults/{fault['id']}", timeout=5)
    assert removed.json() == {"removed": 1}
    assert alice.get("/2/users/me").status_code == 200


def test_faults_hit_uploads_and_tokens_too(sandbox, alice, png) -> None:
    sandbox.faults("drop_after_commit", path="/2/oauth2/token")
    client = sandbox.accounts[0]["oauth2"]
    form = {
        "grant_type": "refresh_token",
        "refresh_token": client["refresh_token"],
        "client_id": client["client_id"],
    }
    url = sandbox.url + "/2/oauth2/token"
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.post(url, data=form, timeout=5)
    assert requests.post(url, data=form, timeout=5).status_code == 400
    sandbox.faults("status", path="/2/media", status=503)
    assert alice.upload(png, "tweet_image").status_code == 503
    assert alice.upload(png, "tweet_image").status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "explode"},
        {"kind": "status", "nope": 1},
        {"kind": "status", "problem": "nope"},
        {"kind": "status", "times": "x"},
        {"kind": "status", "status": 99},
        {"kind": "status", "path": "^("},
        {},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(sandbox, wrong) -> None:
    response = requests.post(sandbox.url + "/_sandbox/faults", json=wrong, timeout=5)
    assert response.status_code == 400
    assert response.json()["error"]
