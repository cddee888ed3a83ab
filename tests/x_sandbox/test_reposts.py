from __future__ import annotations

import pytest


def repost(api, post_id: str, *, as_id: str | None = None):
    return api.post(f"/2/users/{as_id or api.account['id']}/retweets", {"tweet_id": post_id})


def undo(api, post_id: str):
    return api.call("DELETE", f"/2/users/{api.account['id']}/retweets/{post_id}")


def count(api, post_id: str) -> int:
    post = api.get(f"/2/tweets/{post_id}", post_fields="public_metrics").json()["data"]
    return post["public_metrics"]["repost_count"]


def test_a_repost_is_made_once_however_often_it_is_asked_for(sandbox, alice, bob) -> None:
    post_id = bob.create("worth repeating")
    for _ in range(2):
        answer = repost(alice, post_id)
        assert (answer.status_code, answer.json()) == (200, {"data": {"retweeted": True, "rest_id": post_id}})
    repost(bob, post_id)
    assert count(alice, post_id) == 2
    shown = sandbox.posts()
    assert [item["username"] for item in shown[0]["reposts"]] == ["alice", "bob"]
    assert (len(shown), shown[0]["metrics"]["repost_count"]) == (1, 2)


def test_a_repost_is_taken_back_once_however_often_it_is_asked_for(sandbox, alice, bob) -> None:
    post_id = bob.create("worth repeating")
    repost(alice, post_id)
    for _ in range(2):
        assert undo(alice, post_id).json() == {"data": {"retweeted": False}}
        assert count(alice, post_id) == 0
    repost(alice, post_id)
    assert count(alice, post_id) == 1


def test_a_repost_is_on_the_timeline_of_who_made_it(alice, bob) -> None:
    post_id = bob.create("worth repeating")
    repost(alice, post_id)
    timeline = f"/2/users/{alice.account['id']}/tweets"
    first = alice.get(timeline, post_fields="public_metrics", expansions="referenced_posts").json()["data"][0]
    assert first["text"] == "RT @bob: worth repeating"
    assert first["referenced_posts"] == [{"type": "retweeted", "id": post_id}]
    assert alice.get(timeline, exclude="retweets").json()["meta"]["result_count"] == 0
    assert alice.call("DELETE", f"/2/tweets/{first['id']}").json() == {"data": {"deleted": True}}
    assert count(alice, post_id) == 0
    assert alice.get(timeline).json()["meta"]["result_count"] == 0


def test_reposts_go_with_the_post_they_repeat(alice, bob) -> None:
    post_id = bob.create("soon gone")
    repost(alice, post_id)
    bob.call("DELETE", f"/2/tweets/{post_id}")
    assert alice.get(f"/2/users/{alice.account['id']}/tweets").json()["meta"]["result_count"] == 0
    assert repost(alice, post_id).status_code == 404


def test_nobody_reposts_for_another_account(alice, bob) -> None:
    post_id = bob.create("worth repeating")
    refused = repost(alice, post_id, as_id=bob.account["id"])
    assert refused.status_code == 400
    assert "must be the same as the authenticating user" in refused.json()["errors"][0]["message"]


def test_what_is_exclusive_cannot_be_reposted_by_others(alice, bob) -> None:
    post_id = bob.create("for subscribers", for_super_followers_only=True)
    assert repost(alice, post_id).status_code == 403
    assert repost(bob, post_id).status_code == 200


def test_reposts_have_rate_limits_of_their_own(alice, bob) -> None:
    post_id = bob.create("worth repeating")
    assert repost(alice, post_id).headers["x-rate-limit-limit"] == "50"
    assert undo(alice, post_id).headers["x-rate-limit-remaining"] == "49"


@pytest.mark.parametrize("ahead", [0, 3_600])
def test_reposts_outlive_a_restart(own_sandbox, api_of, ahead) -> None:
    server = own_sandbox()
    server.settings(clock_ahead_seconds=ahead)
    alice = api_of(server, 0)
    kept, undone = alice.create("kept"), alice.create("undone")
    repost(alice, kept)
    repost(alice, undone)
    undo(alice, undone)
    server.kill()
    again = own_sandbox()
    again.settings(clock_ahead_seconds=ahead)
    assert {post["text"]: len(post["reposts"]) for post in again.posts()} == {"kept": 1, "undone": 0}
