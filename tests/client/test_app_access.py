"""The app's own token: where it comes from, how long it is kept, and that nobody sees it."""

from __future__ import annotations

import json
import logging
import traceback
from typing import Any

import pendulum
import pytest
import responses

from x_provider.client import (
    AppBearer,
    AppKeys,
    CreatePost,
    OAuth1,
    OAuth2User,
    Repeats,
    Usage,
    XClient,
    XError,
    XNeedsLogin,
    XPermission,
    calls,
)
from x_provider.client.calls import Call

API = "https://api.x.com"
TOKEN = "planted-app-token"

USED = {
    "project_id": "11",
    "project_cap": "3000000",
    "project_usage": "412",
    "cap_reset_day": 17,
    "daily_project_usage": {
        "project_id": "11",
        "usage": [
            {"date": "2026-11-24T00:00:00.000Z", "usage": "12"},
            {"date": "2026-11-23T00:00:00.000Z", "usage": "400"},
        ],
    },
    "daily_client_app_usage": [
        {"client_app_id": "5", "usage": [{"date": "2026-11-23T00:00:00.000Z"}], "usage_result_count": 1}
    ],
}


def asked_for_tokens(sandbox: Any) -> int:
    return sum(seen["path"] == "/oauth2/token" for seen in sandbox.requests())


def test_the_usage_is_told_with_the_token_that_the_keys_get_once(sandbox: Any) -> None:
    client = XClient(sandbox.url, OAuth1(*sandbox.keys()))
    watched = client.watched(before_request=lambda _: None, on_response=lambda _: None)
    post = client.create_post(CreatePost(text="hello")).id
    client.get_posts([post])

    usage = client.usage()
    assert watched.usage(days=30).project_usage == usage.project_usage

    assert usage.project_usage == 1
    assert usage.project_cap == 3_000_000
    assert usage.days[-1].usage == 1
    assert asked_for_tokens(sandbox) == 1
    assert {seen["authentication"] for seen in sandbox.requests() if "usage" in seen["path"]} == {
        "OAuth 2.0 Application-Only"
    }


def test_a_token_that_is_given_is_used_and_none_is_asked_for(sandbox: Any) -> None:
    bearer = AppBearer(sandbox.credentials["bearer_token"])
    user = OAuth2User(sandbox.accounts[0]["oauth2"]["access_token"])

    for client in (XClient(sandbox.url, bearer), XClient(sandbox.url, user, app=bearer)):
        assert client.usage(days=1).project_id

    assert asked_for_tokens(sandbox) == 0


def test_a_user_without_the_app_is_told_what_is_missing(sandbox: Any) -> None:
    client = XClient(sandbox.url, OAuth2User(sandbox.accounts[0]["oauth2"]["access_token"]))

    with pytest.raises(XPermission, match="bearer token, or its API key and secret"):
        client.usage()
    assert sandbox.requests() == []

    keys = AppKeys(sandbox.credentials["api_key"], sandbox.credentials["api_secret"])
    assert XClient(sandbox.url, OAuth2User("any"), app=keys).usage().project_id


def test_a_token_that_x_has_forgotten_is_got_anew_and_only_once(sandbox: Any) -> None:
    client = XClient(sandbox.url, OAuth1(*sandbox.keys()), repeats=Repeats(attempts=1))
    client.usage()
    sandbox.faults("outage_401", method="GET", path="/2/usage/tweets")
    assert client.usage().project_id
    assert asked_for_tokens(sandbox) == 2

    sandbox.faults("outage_401", method="GET", path="/2/usage/tweets", times=-1)
    with pytest.raises(XNeedsLogin):
        client.usage()
    assert asked_for_tokens(sandbox) == 3


def test_wrong_keys_say_so(sandbox: Any) -> None:
    key, _, *tokens = sandbox.keys()

    with pytest.raises(XNeedsLogin, match="API key and secret"):
        XClient(sandbox.url, OAuth1(key, "not-the-secret", *tokens)).usage()


def test_what_is_asked_before_a_request_hears_of_it_and_can_forbid_it(planted: OAuth1) -> None:
    heard: list[str] = []

    def forbid(call: Call) -> None:
        heard.append(call.family)
        raise XPermission(detail="not now")

    with responses.RequestsMock(), pytest.raises(XPermission, match="not now"):
        XClient(auth=planted, before_request=forbid).usage()
    assert heard == ["usage"]


def test_days_and_numbers_are_read_and_what_is_unknown_is_none(planted: OAuth1) -> None:
    with responses.RequestsMock() as x:
        x.post(f"{API}/oauth2/token", json={"token_type": "bearer", "access_token": TOKEN})
        x.get(f"{API}/2/usage/tweets", json={"data": USED})
        usage = XClient(auth=planted).usage(90)
        asked, read = (call.request for call in x.calls)

    assert isinstance(usage, Usage)
    assert (usage.project_cap, usage.project_usage, usage.cap_reset_day) == (3_000_000, 412, 17)
    assert [(day.date, day.usage) for day in usage.days] == [
        (pendulum.datetime(2026, 11, 23), 400),
        (pendulum.datetime(2026, 11, 24), 12),
    ]
    assert usage.daily_client_app_usage[0].usage[0].usage is None
    assert asked.headers["Authorization"].startswith("Basic ")
    assert asked.body == b"grant_type=client_credentials"
    assert read.headers["Authorization"] == f"Bearer {TOKEN}"
    assert "days=90" in read.url


def test_every_field_of_x_openapi_document_is_asked_for_and_read(schemas: dict[str, Any]) -> None:
    theirs = set(schemas["Usage"]["properties"])

    assert set(calls.usage().params["usage.fields"].split(",")) == theirs
    assert set(Usage.model_fields) == theirs


@pytest.mark.parametrize("days", [0, 91])
def test_days_that_x_does_not_tell_never_leave(days: int, planted: OAuth1) -> None:
    with responses.RequestsMock(), pytest.raises(ValueError, match="1 to 90 days"):
        XClient(auth=planted).usage(days)


@pytest.mark.parametrize(
    "answer",
    [
        {"json": {"token_type": "mac", "access_token": TOKEN}},
        {"body": f"token {TOKEN}"},
        {"json": {"errors": [{"code": 99, "message": "Unable to verify your credentials"}]}, "status": 403},
    ],
)
def test_neither_keys_nor_token_show_in_errors_and_logs(
    answer: dict[str, Any], planted: OAuth1, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = XClient(auth=planted, repeats=Repeats(attempts=1))
    with responses.RequestsMock() as x:
        x.post(f"{API}/oauth2/token", **answer)
        with pytest.raises(XError) as caught:
            client.usage()

    written = "".join(traceback.format_exception(caught.value)) + json.dumps(vars(caught.value), default=str)
    for secret in (*planted.secrets(), *planted.app().secrets(), TOKEN):
        assert secret not in written
        assert secret not in caplog.text
    assert "planted" not in repr(planted.app()) + repr(client)
