from __future__ import annotations

import time
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from requests_oauthlib import OAuth1

from x_sandbox.problems import Problem
from x_sandbox.signing import SignatureCheck, parse_authorization

KEYS = {"api_secret": "s3cret", "token_secret": "t0ken"}


def signed(method: str, url: str, **options) -> requests.PreparedRequest:
    auth = OAuth1("key", KEYS["api_secret"], "token", KEYS["token_secret"])
    return requests.Request(method, url, auth=auth, **options).prepare()


def check(
    request: requests.PreparedRequest, *, own_url: str = "http://127.0.0.1:1", checker=None, form=()
) -> None:
    parts = urlsplit(request.url)
    header = request.headers["Authorization"]
    (checker or SignatureCheck()).check(
        parse_authorization(header if isinstance(header, str) else header.decode()),
        method=request.method,
        own_url=own_url,
        path=parts.path,
        parameters=[*parse_qsl(parts.query, keep_blank_values=True), *form],
        **KEYS,
    )


@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=4))
def test_whatever_the_query_a_clients_signature_is_accepted(query) -> None:
    check(signed("GET", "http://127.0.0.1:1/2/tweets", params=query))


@pytest.mark.parametrize("host", ["api.x.com", "api.twitter.com", "upload.twitter.com", "upload.x.com"])
def test_a_signature_over_xs_own_host_is_as_good(host) -> None:
    check(signed("POST", f"https://{host}/2/tweets", json={"text": "a"}))


def test_a_signature_over_another_host_is_refused() -> None:
    with pytest.raises(Problem, match="Unauthorized"):
        check(signed("POST", "https://example.com/2/tweets", json={"text": "a"}))


def test_a_form_body_is_signed_and_a_json_body_is_not() -> None:
    request = signed("POST", "http://127.0.0.1:1/x", data={"a": "b c"})
    check(request, form=[("a", "b c")])
    with pytest.raises(Problem):
        check(signed("POST", "http://127.0.0.1:1/x", data={"a": "b c"}), form=[("a", "other")])
    check(signed("POST", "http://127.0.0.1:1/x", json={"a": "b c"}))


def test_a_request_is_good_only_once() -> None:
    checker, request = SignatureCheck(), signed("GET", "http://127.0.0.1:1/2/users/me")
    check(request, checker=checker)
    with pytest.raises(Problem) as refused:
        check(request, checker=checker)
    assert "oauth_nonce" in refused.value.note


@pytest.mark.parametrize("seconds", [-400, 400])
def test_an_old_or_early_timestamp_is_refused(seconds) -> None:
    auth = OAuth1(
        "key", KEYS["api_secret"], "token", KEYS["token_secret"], timestamp=str(int(time.time()) + seconds)
    )
    with pytest.raises(Problem) as refused:
        check(requests.Request("GET", "http://127.0.0.1:1/x", auth=auth).prepare())
    assert "oauth_timestamp" in refused.value.note


@pytest.mark.parametrize("part", ["api_key", "api_secret", "access_token", "access_token_secret"])
def test_any_wrong_key_is_a_401_that_tells_nothing(sandbox, part) -> None:
    keys = {**sandbox.credentials, **sandbox.accounts[0], part: "wrong"}
    auth = OAuth1(*(keys[name] for name in ("api_key", "api_secret", "access_token", "access_token_secret")))
    response = requests.get(sandbox.url + "/2/users/me", auth=auth, timeout=5)
    assert response.status_code == 401
    assert response.json() == {
        "title": "Unauthorized",
        "type": "about:blank",
        "status": 401,
        "detail": "Unauthorized",
    }
    assert sandbox.requests()[-1]["note"]


def test_no_credentials_at_all_are_a_401(sandbox) -> None:
    assert requests.post(sandbox.url + "/2/tweets", json={"text": "a"}, timeout=5).status_code == 401


def test_the_app_alone_reads_posts_but_writes_none(sandbox, alice, api_of) -> None:
    app = api_of(sandbox, bearer=sandbox.credentials["bearer_token"])
    post_id = alice.create("hello")
    assert app.get(f"/2/tweets/{post_id}").json()["data"]["id"] == post_id
    for refused in (app.post("/2/tweets", {"text": "no"}), app.get("/2/users/me")):
        assert refused.status_code == 403
        assert refused.json()["type"].endswith("/unsupported-authentication")
    assert app.get("/2/usage/tweets").json()["data"]["project_cap"] == "3000000"
    assert alice.get("/2/usage/tweets").status_code == 403


def test_read_only_keys_read_and_say_so(sandbox, alice) -> None:
    sandbox.post("/_sandbox/accounts/alice", {"access_level": "read"})
    assert alice.get("/2/users/me").headers["x-access-level"] == "read"
    refused = alice.post("/2/tweets", {"text": "no"})
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (403, "oauth1-permissions")
    sandbox.post("/_sandbox/accounts/alice", {"access_level": "read-write"})
    assert alice.post("/2/tweets", {"text": "yes"}).headers["x-access-level"] == "read-write"
