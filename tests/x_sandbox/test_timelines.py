from __future__ import annotations

import pytest
import requests


def ids_of(answer: dict) -> list[str]:
    return [post["id"] for post in answer.get("data", [])]


@pytest.fixture
def twelve(alice) -> list[str]:
    """Twelve posts, newest first."""
    return [alice.create(f"post {number}") for number in range(12)][::-1]


def test_a_timeline_is_read_page_by_page_newest_first(alice, twelve) -> None:
    path = f"/2/users/{alice.account['id']}/tweets"
    first = alice.get(path, max_results="5").json()
    second = alice.get(path, max_results="5", pagination_token=first["meta"]["next_token"]).json()
    third = alice.get(path, max_results="5", pagination_token=second["meta"]["next_token"]).json()
    assert ids_of(first) + ids_of(second) + ids_of(third) == twelve
    assert "next_token" not in third["meta"]
    assert first["meta"]["newest_id"], first["meta"]["oldest_id"] == (twelve[0], twelve[4])


def test_since_and_until_ids_are_exclusive(alice, twelve) -> None:
    path = f"/2/users/{alice.account['id']}/tweets"
    assert ids_of(alice.get(path, since_id=twelve[3]).json()) == twelve[:3]
    assert ids_of(alice.get(path, until_id=twelve[9]).json()) == twelve[10:]
    assert ids_of(alice.get(path, since_id=twelve[5], until_id=twelve[2]).json()) == twelve[3:5]


def test_start_and_end_times_cut_a_timeline(sandbox, alice, twelve) -> None:
    path = f"/2/users/{alice.account['id']}/tweets"
    at = {post["id"]: post["created_at"] for post in sandbox.posts()}
    assert twelve[4] in ids_of(alice.get(path, start_time=at[twelve[4]]).json())
    assert twelve[4] not in ids_of(alice.get(path, end_time=at[twelve[4]]).json())
    assert ids_of(alice.get(path, start_time="2099-01-01T00:00:00Z").json()) == []


def test_replies_can_be_left_out(alice) -> None:
    root = alice.create("root")
    alice.create("reply", reply={"in_reply_to_tweet_id": root})
    path = f"/2/users/{alice.account['id']}/tweets"
    assert ids_of(alice.get(path, exclude="replies,retweets").json()) == [root]


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_results": "4"},
        {"max_results": "101"},
        {"since_id": "x"},
        {"start_time": "yesterday"},
        {"pagination_token": "x"},
        {"exclude": "likes"},
        {"nonsense": "1"},
    ],
)
def test_wrong_parameters_are_named(alice, wrong) -> None:
    response = alice.get(f"/2/users/{alice.account['id']}/tweets", **wrong)
    assert response.status_code == 400
    assert next(iter(wrong)) in response.json()["errors"][0]["message"]


def test_a_timeline_carries_media_and_private_metrics_of_own_posts(alice, png) -> None:
    alice.create("pic", media={"media_ids": [alice.image(png)]})
    answer = alice.get(
        f"/2/users/{alice.account['id']}/tweets",
        post_fields="attachments,non_public_metrics",
        expansions="attachments.media_keys",
        media_fields="url,alt_text,width",
    ).json()
    assert requests.get(answer["includes"]["media"][0]["url"], timeout=5).content == png
    assert answer["data"][0]["attachments"]["media_keys"] == [answer["includes"]["media"][0]["media_key"]]
    assert answer["includes"]["media"][0]["width"] == 30
    assert "impression_count" in answer["data"][0]["non_public_metrics"]


def test_recent_search_understands_words_authors_and_negation(alice, bob) -> None:
    found = alice.create("the quick brown fox")
    alice.create("the lazy dog", reply={"in_reply_to_tweet_id": found})
    bob.create("the quick hare")
    query = "quick from:alice -is:reply"
    assert ids_of(alice.get("/2/tweets/search/recent", query=query).json()) == [found]
    assert len(ids_of(alice.get("/2/tweets/search/recent", query='"the quick"').json())) == 2


def test_an_unknown_user_is_an_error_in_a_200(alice) -> None:
    answer = alice.get("/2/users/1/tweets")
    assert (answer.status_code, answer.json()["errors"][0]["resource_type"]) == (200, "user")


def test_analytics_are_not_in_this_plan(alice) -> None:
    for path, subject in (("/2/tweets/analytics", "ids"), ("/2/media/analytics", "media_keys")):
        response = alice.get(path, **{subject: "1"})
        assert (response.status_code, response.json()["reason"]) == (403, "client-not-enrolled")


def test_users_are_found_by_id_name_and_themselves(sandbox, alice, bob) -> None:
    me = alice.get("/2/users/me", user_fields="public_metrics,created_at").json()["data"]
    assert (me["username"], me["id"]) == ("alice", alice.account["id"])
    assert alice.get("/2/users/by/username/BOB").json()["data"]["id"] == bob.account["id"]
    assert alice.get(f"/2/users/{bob.account['id']}").json()["data"]["username"] == "bob"
    both = alice.get("/2/users", ids=f"{alice.account['id']},{bob.account['id']},1").json()
    assert (len(both["data"]), len(both["errors"])) == (2, 1)
