from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from x_sandbox.metrics import public_metrics

DAY = 86_400


@given(st.integers(1, 2**63 - 1), st.floats(0, 100 * DAY), st.floats(0, 100 * DAY))
def test_numbers_never_shrink_and_are_the_same_at_the_same_age(post_id, one, other) -> None:
    younger, older = (public_metrics(str(post_id), age, replies=2, quotes=1) for age in sorted((one, other)))
    assert all(younger[name] <= older[name] for name in younger)
    assert older == public_metrics(str(post_id), max(one, other), replies=2, quotes=1)


def test_numbers_start_at_zero_and_grow(sandbox, alice) -> None:
    post_id = alice.create("watch me")
    path, fields = f"/2/tweets/{post_id}", {"post_fields": "public_metrics,organic_metrics"}
    assert set(alice.get(path, **fields).json()["data"]["public_metrics"].values()) == {0}
    sandbox.settings(clock_ahead_seconds=2 * DAY)
    grown = alice.get(path, **fields).json()["data"]
    assert grown["public_metrics"]["impression_count"] > 0
    assert grown["organic_metrics"]["like_count"] == grown["public_metrics"]["like_count"]


def test_replies_are_counted_as_they_come_and_go(sandbox, alice) -> None:
    root = alice.create("root")
    reply = alice.create("reply", reply={"in_reply_to_tweet_id": root})
    assert sandbox.posts()[1]["metrics"]["reply_count"] == 1
    alice.call("DELETE", f"/2/tweets/{reply}")
    assert sandbox.posts()[0]["metrics"]["reply_count"] == 0


def test_private_metrics_are_for_the_author_within_thirty_days(sandbox, alice, bob) -> None:
    post_id = alice.create("see https://example.com")
    fields = {"post_fields": "non_public_metrics,organic_metrics", "ids": post_id}
    own = alice.get("/2/tweets", **fields).json()
    assert "url_link_clicks" in own["data"][0]["non_public_metrics"]
    assert "errors" not in own

    others = bob.get("/2/tweets", **fields).json()
    assert "non_public_metrics" not in others["data"][0]
    assert {error["type"].rpartition("/")[2] for error in others["errors"]} == {"not-authorized-for-field"}
    assert "non_public_metrics.impression_count" in {error["field"] for error in others["errors"]}

    sandbox.settings(clock_ahead_seconds=30 * DAY + 60)
    old = alice.get("/2/tweets", **fields).json()
    assert "non_public_metrics" not in old["data"][0]
    assert old["errors"]

    sandbox.settings(denied_metrics="drop_post")
    dropped = alice.get("/2/tweets", **fields).json()
    assert "data" not in dropped
    assert dropped["meta"] == {"result_count": 0}
