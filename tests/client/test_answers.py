from __future__ import annotations

import json
from typing import Any

import pendulum
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from x_provider.client import XAmbiguous, XNotFound, XUnavailable, answers, calls
from x_provider.client.create_post import CreatePost
from x_provider.client.upload_dialects import DIALECTS

HEADERS = {"date": "Mon, 23 Nov 2026 12:00:00 GMT", "x-transaction-id": "abc"}
NOON = pendulum.datetime(2026, 11, 23, 12)

METRICS = {"like_count": 2, "reply_count": 3, "quote_count": 4, "bookmark_count": 5, "impression_count": 6}
OLD_POST = {
    "id": "20",
    "text": "see https://t.co/abc",
    "author_id": "1",
    "created_at": "2026-11-23T11:59:59.123Z",
    "edit_history_tweet_ids": ["20"],
    "referenced_tweets": [{"type": "replied_to", "id": "19"}],
    "public_metrics": {"retweet_count": 1, **METRICS},
    "organic_metrics": {"retweet_count": 7},
    "entities": {
        "urls": [{"start": 4, "end": 20, "url": "https://t.co/abc", "expanded_url": "https://example.com"}]
    },
    "attachments": {"media_keys": ["3_1"]},
}
NEW_POST = OLD_POST | {
    "edit_history_post_ids": ["20"],
    "referenced_posts": [{"type": "replied_to", "id": "19"}],
    "public_metrics": {"repost_count": 1, **METRICS},
    "organic_metrics": {"repost_count": 7},
}
for _name in ("edit_history_tweet_ids", "referenced_tweets"):
    del NEW_POST[_name]


def read(call: calls.Call, body: Any, status: int = 200) -> answers.Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return answers.read_answer(call, status, HEADERS, raw)


def test_both_vocabularies_say_the_same() -> None:
    old, new = (
        answers.read_posts(read(calls.get_posts(["20"]), {"data": [post]})).posts
        for post in (OLD_POST, NEW_POST)
    )

    assert old == new
    assert new[0].public_metrics is not None
    assert new[0].public_metrics.repost_count == 1
    assert new[0].in_reply_to_post_id == "19"
    assert new[0].media_keys == ["3_1"]
    assert new[0].created_at == pendulum.datetime(2026, 11, 23, 11, 59, 59, 123_000)
    assert new[0].entities is not None
    assert new[0].entities.urls[0].expanded_url == "https://example.com"


def test_a_user_of_the_older_vocabulary_is_read_too() -> None:
    user = {"id": "1", "username": "ada", "name": "Ada", "public_metrics": {"tweet_count": 9}}

    metrics = answers.read_user(read(calls.me(), {"data": user})).public_metrics

    assert metrics is not None
    assert metrics.post_count == 9
    assert metrics.followers_count is None


def test_unknown_counts_are_none_and_not_zero() -> None:
    body = {"data": [{"id": "1", "text": "x", "public_metrics": {"like_count": 0}}]}

    post = answers.read_posts(read(calls.get_posts(["1"]), body)).posts[0]

    assert post.public_metrics is not None
    assert post.public_metrics.like_count == 0
    assert post.public_metrics.impression_count is None
    assert post.non_public_metrics is None


def test_partial_problems_stand_beside_what_was_found() -> None:
    problem = {
        "type": "https://api.twitter.com/2/problems/resource-not-found",
        "title": "x",
        "resource_id": "2",
    }
    body = {
        "data": [NEW_POST],
        "errors": [problem],
        "includes": {"media": [{"media_key": "3_1", "type": "photo"}]},
    }

    page = answers.read_posts(read(calls.get_posts(["20", "2"]), body))

    assert [post.id for post in page.posts] == ["20"]
    assert [(found.kind, found.resource_id) for found in page.problems] == [("resource-not-found", "2")]
    assert page.media["3_1"].type == "photo"


def test_a_created_post_brings_its_receipt() -> None:
    body = {"data": {"id": "20", "text": "hello", "edit_history_tweet_ids": [""]}}

    created = answers.read_created_post(read(calls.create_post(CreatePost(text="hello")), body, 201))

    assert (created.id, created.text, created.request_id, created.date) == ("20", "hello", "abc", NOON)


@pytest.mark.parametrize("body", [{}, {"data": []}, {"data": {"text": "x"}}, {"data": {"id": ""}}])
def test_a_created_post_without_an_id_is_ambiguous(body: Any) -> None:
    with pytest.raises(XAmbiguous):
        answers.read_created_post(read(calls.create_post(CreatePost(text="hello")), body, 201))


@pytest.mark.parametrize("odd", [{"text": None}, {"edit_history_tweet_ids": "20"}, {"created_at": "soon"}])
def test_a_created_post_is_believed_by_its_id_alone(odd: Any) -> None:
    body = {"data": {"id": 20, "text": "hello", **odd}}

    assert answers.read_created_post(read(calls.create_post(CreatePost(text="hello")), body, 201)).id == "20"


def test_null_is_read_as_nothing() -> None:
    post = {"id": "1", "text": "x", "referenced_posts": None, "entities": {"urls": None}}
    body = {"data": [post | {"attachments": {"media_keys": None}}], "includes": None, "errors": None}

    found = answers.read_posts(read(calls.get_posts(["1"]), body)).posts[0]

    assert found.media_keys == []
    assert found.in_reply_to_post_id is None


@pytest.mark.parametrize(
    "body", [{"data": 1}, {"data": [{"text": "no id"}]}, {"data": [1]}, {"includes": [1]}]
)
def test_a_page_that_makes_no_sense_is_unavailable_and_not_empty(body: Any) -> None:
    with pytest.raises(XUnavailable):
        answers.read_posts(read(calls.get_posts(["1"]), body))


def test_a_timeline_of_nobody_is_an_error_and_not_empty() -> None:
    body = {"errors": [{"type": "https://api.x.com/2/problems/resource-not-found", "detail": "no user"}]}

    with pytest.raises(XNotFound, match="no user"):
        answers.refuse_if_only_problems(read(calls.user_timeline("1"), body))


def test_an_append_counts_without_a_body() -> None:
    call = DIALECTS["2"].append("1", 0, calls.FilePart("segment", b"x"))

    assert read(call, b"", 204).body == {}


@pytest.mark.parametrize(
    ("processing", "state"),
    [
        (None, "succeeded"),
        ({"state": "pending", "check_after_secs": 2}, "pending"),
        ({"state": "in_progress", "progress_percent": 50}, "in_progress"),
        ({"state": "succeeded"}, "succeeded"),
        ({"state": "failed"}, "failed"),
        ({"state": "a new one"}, "in_progress"),
    ],
)
def test_the_state_of_an_upload(processing: Any, state: str) -> None:
    data = {"id": "1", "media_key": "7_1", "expires_after_secs": 86400, "size": 5}
    if processing is not None:
        data["processing_info"] = processing

    uploaded = answers.read_upload(read(DIALECTS["2"].status("1"), {"data": data}))

    assert uploaded.state == state
    assert uploaded.ready == (state == "succeeded")
    assert uploaded.expires_at == NOON.add(days=1)


def test_why_processing_failed_is_kept_where_x_says_it() -> None:
    info = {"state": "failed", "error": {"code": 1, "name": "InvalidMedia", "message": "Unsupported codec"}}

    uploaded = answers.read_upload(
        read(DIALECTS["2"].status("1"), {"data": {"id": 1, "processing_info": info}})
    )

    assert uploaded.failure == "InvalidMedia: Unsupported codec"
    assert uploaded.id == "1"


_names = st.text(max_size=8) | st.sampled_from(["tweets", "retweet_count", "note_tweet", "posts"])
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None)
@given(_json)
def test_the_new_vocabulary_stays_as_it_is(value: Any) -> None:
    once = answers.in_new_vocabulary(value)

    assert answers.in_new_vocabulary(once) == once
