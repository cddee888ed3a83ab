"""Hiding replies and reposting, against a local X."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import responses

from x_provider.client import (
    CreatePost,
    OAuth1,
    OAuth2User,
    Repeats,
    Reply,
    XClient,
    XForbidden,
    XNotFound,
    XPermission,
    calls,
)

API = "https://api.x.com"


@pytest.fixture
def client(sandbox: Any) -> Iterator[XClient]:
    client = XClient(sandbox.url, OAuth1(*sandbox.keys()), repeats=Repeats(first_pause=0))
    yield client
    client.close()


@pytest.fixture
def other(sandbox: Any) -> Iterator[XClient]:
    client = XClient(sandbox.url, OAuth1(*sandbox.keys(1)))
    yield client
    client.close()


def on_x(sandbox: Any, post_id: str) -> Any:
    return next(post for post in sandbox.posts() if post["id"] == post_id)


def test_a_reply_is_hidden_and_shown_again(sandbox: Any, client: XClient) -> None:
    first = client.create_post(CreatePost(text="What do you see?")).id
    reply = client.create_post(CreatePost(text="Nothing.", reply=Reply(in_reply_to_tweet_id=first))).id

    assert client.hide_reply(reply) is True
    assert on_x(sandbox, reply)["hidden"] is True
    assert client.hide_reply(reply, hidden=False) is True
    assert on_x(sandbox, reply)["hidden"] is False


def test_a_reply_in_somebody_elses_conversation_cannot_be_hidden(client: XClient, other: XClient) -> None:
    post = other.create_post(CreatePost(text="Not a reply of yours")).id

    with pytest.raises(XForbidden, match="conversations that the account itself began"):
        client.hide_reply(post)


def test_a_repost_is_made_once_and_taken_back(sandbox: Any, client: XClient, other: XClient) -> None:
    post = other.create_post(CreatePost(text="Worth repeating")).id
    me = client.me()
    sandbox.faults("drop_after_commit", method="POST", path="/retweets$")

    assert client.repost(me.id, post) is True
    assert client.repost(me.id, post) is True
    assert [each["username"] for each in on_x(sandbox, post)["reposts"]] == [me.username]

    assert client.undo_repost(me.id, post) is True
    assert client.undo_repost(me.id, post) is True
    assert on_x(sandbox, post)["reposts"] == []


def test_what_is_not_there_cannot_be_reposted(client: XClient) -> None:
    with pytest.raises(XNotFound):
        client.repost(client.me().id, "123")


def test_a_repost_that_x_already_has_is_one(planted: OAuth1) -> None:
    already = {"errors": [{"code": 327, "message": "You have already retweeted this Post."}]}
    with responses.RequestsMock() as x:
        x.post(f"{API}/2/users/7/retweets", json=already, status=403)
        assert XClient(auth=planted).repost("7", "5") is True


def test_an_undone_repost_that_x_still_has_is_told(planted: OAuth1) -> None:
    with responses.RequestsMock() as x:
        x.delete(f"{API}/2/users/7/retweets/5", json={"data": {"retweeted": True}})
        assert XClient(auth=planted).undo_repost("7", "5") is False


def test_hiding_without_its_scope_names_the_scope() -> None:
    refused = {
        "title": "Forbidden",
        "detail": "Missing scope",
        "type": "https://api.x.com/2/problems/insufficient-scope",
    }
    with responses.RequestsMock() as x:
        x.put(f"{API}/2/tweets/5/hidden", json=refused, status=403)
        with pytest.raises(XPermission, match=r"tweet\.moderate\.write"):
            XClient(auth=OAuth2User("planted-token")).hide_reply("5")


def test_bodies_have_the_members_of_x_openapi_document(schemas: dict[str, Any]) -> None:
    assert set(calls.hide_reply("5").json or {}) == set(schemas["HidePostsReplyRequest"]["properties"])
    assert set(calls.repost("7", "5").json or {}) == set(schemas["RepostPostRequest"]["properties"])


@pytest.mark.parametrize("bad", ["", "abc", "1/../../users/me"])
def test_what_is_no_id_never_leaves(bad: str, planted: OAuth1) -> None:
    client = XClient(auth=planted)
    with responses.RequestsMock():
        for attempt in (
            lambda: client.hide_reply(bad),
            lambda: client.repost("7", bad),
            lambda: client.repost(bad, "5"),
            lambda: client.undo_repost("7", bad),
        ):
            with pytest.raises(Exception, match="no id of X"):
                attempt()
