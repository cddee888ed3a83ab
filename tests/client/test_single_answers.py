"""What leaves, and what is made of one answer."""

from __future__ import annotations

import json
from itertools import chain
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pendulum
import pytest
import responses
from requests import PreparedRequest

from x_provider.client import (
    AppBearer,
    CreatePost,
    OAuth1,
    OAuth2User,
    Repeats,
    ResponseFacts,
    XClient,
    XError,
    XInvalidRequest,
)

API = "https://api.x.com"
POST = {"id": "1", "text": "hello"}


@pytest.fixture
def x() -> Any:
    """X, answering as it is told."""
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def client(planted: OAuth1) -> XClient:
    return XClient(auth=planted, repeats=Repeats(first_pause=0))


def sent(x: Any, index: int = 0) -> PreparedRequest:
    return x.calls[index].request


def header(request: PreparedRequest, name: str) -> str:
    value = request.headers[name]
    return value.decode() if isinstance(value, bytes) else value


def query(request: PreparedRequest) -> dict[str, list[str]]:
    return parse_qs(urlsplit(request.url or "").query)


def test_json_leaves_as_utf_8(x: Any, client: XClient) -> None:
    x.post(f"{API}/2/tweets", json={"data": POST}, status=201)

    client.create_post(CreatePost(text="Grüße aus 京都 🌅"))

    assert isinstance(sent(x).body, bytes)
    assert "Grüße aus 京都 🌅".encode() in sent(x).body
    assert json.loads(sent(x).body) == {"text": "Grüße aus 京都 🌅"}
    assert header(sent(x), "Content-Type") == "application/json; charset=utf-8"


def test_oauth1_signs_without_the_body(x: Any, client: XClient) -> None:
    x.post(f"{API}/2/tweets", json={"data": POST}, status=201)

    client.create_post(CreatePost(text="hello"))

    signed = header(sent(x), "Authorization")
    assert signed.startswith("OAuth ")
    assert 'oauth_consumer_key="planted-api-key"' in signed
    assert "oauth_signature=" in signed
    assert "body_hash" not in signed
    assert "secret" not in signed


def test_a_token_function_is_asked_before_every_call(x: Any) -> None:
    x.get(f"{API}/2/users/me", json={"data": {"id": "1", "username": "ada", "name": "Ada"}})
    tokens = iter(["first", "second"])
    client = XClient(auth=OAuth2User(lambda: next(tokens)))

    client.me()
    client.me()

    assert [sent(x, index).headers["Authorization"] for index in (0, 1)] == ["Bearer first", "Bearer second"]


def test_a_token_in_netrc_does_not_replace_ours(
    x: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine api.x.com login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    x.get(f"{API}/2/users/me", json={"data": {"id": "1", "username": "ada", "name": "Ada"}})

    XClient(auth=AppBearer("planted-bearer")).me()

    assert sent(x).headers["Authorization"] == "Bearer planted-bearer"


def test_one_vocabulary_is_asked_for(x: Any, client: XClient) -> None:
    x.get(f"{API}/2/tweets", json={"data": [POST]})

    client.get_posts(["1"], private_metrics=True)

    asked = query(sent(x))
    assert "post.fields" in asked
    assert "tweet.fields" not in asked
    assert "non_public_metrics" in asked["post.fields"][0].split(",")
    assert not any("tweet" in value for values in asked.values() for value in values)


def test_250_posts_take_three_calls(x: Any, client: XClient) -> None:
    x.get(f"{API}/2/tweets", json={"data": [POST]})
    ids = [str(number) for number in range(1, 251)]

    page = client.get_posts([*ids, "1", "2"])

    asked = [query(sent(x, index))["ids"][0].split(",") for index in range(len(x.calls))]
    assert [len(chunk) for chunk in asked] == [100, 100, 50]
    assert list(chain.from_iterable(asked)) == ids
    assert len(page.posts) == 3


def test_no_posts_take_no_call(x: Any, client: XClient) -> None:
    assert client.get_posts([]).posts == []


@pytest.mark.parametrize("bad", ["", "abc", "1/../../users/me", "1" * 20, "١"])
def test_what_is_no_id_never_leaves(bad: str, x: Any, client: XClient) -> None:
    for attempt in (
        lambda: client.get_posts(["1", bad]),
        lambda: client.delete_post(bad),
        lambda: client.user(bad),
        lambda: list(client.user_timeline(bad)),
        lambda: client.media_status(bad),
    ):
        with pytest.raises(XInvalidRequest, match="no id of X"):
            attempt()


def test_a_timeline_is_read_page_by_page_and_only_as_far_as_it_is_taken(x: Any, client: XClient) -> None:
    for first, token in ((30, "next"), (20, "last"), (10, None)):
        posts = [{"id": str(number), "text": "x"} for number in range(first, first - 10, -1)]
        meta = {"result_count": 10} | ({"next_token": token} if token else {})
        x.get(f"{API}/2/users/7/tweets", json={"data": posts, "meta": meta})

    timeline = client.user_timeline(
        "7",
        since_id="5",
        start_time=pendulum.datetime(2026, 11, 23, 9, 30, tz="Europe/Berlin"),
        exclude=["replies", "retweets"],
        page_size=10,
    )
    first = [next(timeline) for _ in range(10)]
    assert len(x.calls) == 1
    rest = list(timeline)

    assert [post.id for post in first + rest] == [str(number) for number in range(30, 0, -1)]
    assert [query(sent(x, index)).get("pagination_token") for index in range(3)] == [None, ["next"], ["last"]]
    asked = query(sent(x, 2))
    assert asked["start_time"] == ["2026-11-23T08:30:00Z"]
    assert asked["exclude"] == ["replies,retweets"]
    assert asked["since_id"] == ["5"]


def test_a_timeline_asks_for_no_more_than_it_may_give(x: Any, client: XClient) -> None:
    posts = [{"id": str(number), "text": "x"} for number in range(12, 0, -1)]
    x.get(f"{API}/2/users/7/tweets", json={"data": posts, "meta": {"next_token": "more"}})

    assert len(list(client.user_timeline("7", max_posts=12))) == 12

    assert query(sent(x))["max_results"] == ["12"]
    assert len(x.calls) == 1


def test_an_observer_learns_of_successes_and_refusals(x: Any, planted: OAuth1) -> None:
    reset = pendulum.datetime(2026, 11, 23, 12)
    windows = {"x-rate-limit-limit": "75", "x-rate-limit-remaining": "74"}
    windows["x-rate-limit-reset"] = str(reset.int_timestamp)
    x.get(f"{API}/2/users/me", json={"data": {"id": "1", "username": "ada", "name": "Ada"}}, headers=windows)
    x.post(f"{API}/2/tweets", json={}, status=403, headers={"x-transaction-id": "abc"})
    seen: list[ResponseFacts] = []
    client = XClient(auth=planted, on_response=seen.append)

    client.me()
    with pytest.raises(XError):
        client.create_post(CreatePost(text="hello"))

    assert [(facts.family, facts.status, facts.request_id) for facts in seen] == [
        ("me", 200, None),
        ("create_post", 403, "abc"),
    ]
    assert seen[0].windows[0].remaining == 74
    assert seen[0].windows[0].reset_at == reset
    assert seen[0].elapsed >= 0


def test_an_observer_that_fails_does_not_cost_the_receipt(
    x: Any, planted: OAuth1, caplog: pytest.LogCaptureFixture
) -> None:
    x.post(f"{API}/2/tweets", json={"data": POST}, status=201)

    def broken(facts: ResponseFacts) -> None:
        raise RuntimeError("the governor is out")

    created = XClient(auth=planted, on_response=broken).create_post(CreatePost(text="hello"))

    assert created.id == "1"
    assert "the governor is out" in caplog.text


def test_the_access_level_is_the_one_seen_last(x: Any, client: XClient) -> None:
    user = {"data": {"id": "1", "username": "ada", "name": "Ada"}}
    x.get(f"{API}/2/users/me", json=user, headers={"x-access-level": "read"})
    x.get(f"{API}/2/users/me", json=user)
    assert client.access_level is None

    client.me()
    client.me()

    assert client.access_level == "read"


def test_cookies_are_not_kept(x: Any, client: XClient) -> None:
    user = {"data": {"id": "1", "username": "ada", "name": "Ada"}}
    x.get(f"{API}/2/users/me", json=user, headers={"Set-Cookie": "guest_id=1; Path=/"})

    client.me()
    client.me()

    assert "Cookie" not in sent(x, 1).headers


@pytest.mark.parametrize("url", ["api.x.com", "ftp://api.x.com", "https://", "https://api.x.com?a=b"])
def test_a_base_url_that_is_none_is_refused_at_once(url: str, planted: OAuth1) -> None:
    with pytest.raises(ValueError, match=r"https://api\.x\.com"):
        XClient(url, planted)


def test_a_base_url_may_end_in_a_slash(x: Any, planted: OAuth1) -> None:
    x.delete(f"{API}/2/tweets/1", json={"data": {"deleted": True}})

    client = XClient(f"{API}/", planted)

    assert client.base_url == API
    assert client.delete_post("1") is True
