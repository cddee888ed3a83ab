"""What webhooks are told: the X Activity API, and the deprecated Account Activity API."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import xdk
from xdk.activity.models import CreateSubscriptionRequest, UpdateSubscriptionRequest

from x_sandbox.payloads import with_strings


def types(events: list[dict[str, Any]]) -> list[str]:
    return sorted(event["data"]["event_type"] for event in events)


def test_a_new_post_arrives_in_xs_envelope(alice, receiver, subscribe, openapi) -> None:
    subscribe(alice, "post.create", tag="mine")
    post_id = alice.create("Hello https://example.com #hi")
    told = receiver.events(1)[0]["data"]
    assert (told["event_uuid"], told["event_type"], told["tag"]) == (post_id, "post.create", "mine")
    assert told["filter"] == {"user_id": alice.account["id"]}
    payload = told["payload"]
    assert (payload["id"], payload["author_id"]) == (post_id, alice.account["id"])
    assert payload["edit_history_tweet_ids"] == [post_id]
    assert (payload["public_metrics"]["retweet_count"], payload["public_metrics"]["retweet_count_str"]) == (
        0,
        "0",
    )
    assert payload["entities"]["urls"][0]["end_str"] == str(payload["entities"]["urls"][0]["end"])
    assert told["includes"]["users"][0]["username"] == "alice"
    assert told["includes"]["tweets"][0] == payload
    if openapi:
        described = openapi.schema("ActivityStreamResponse")["properties"]["data"]["properties"]
        assert set(told) <= set(described)


def test_a_deleted_post_is_told_by_its_ids(alice, receiver, subscribe) -> None:
    subscribe(alice, "post.delete")
    post_id = alice.create("soon gone")
    alice.call("DELETE", f"/2/tweets/{post_id}")
    told = receiver.events(1)[0]["data"]
    assert told["payload"] == {"id": post_id, "author_id": alice.account["id"]}
    assert told["event_uuid"] != post_id


def test_what_others_do_reaches_whom_it_concerns(sandbox, alice, bob, receiver, subscribe) -> None:
    sandbox.settings(self_serve=False)
    for event_type in ("post.mention.create", "post.reply.create", "post.quote.create"):
        subscribe(alice, event_type)
    root = alice.create("root")
    bob.create("hey @alice and @ALICE")
    bob.create("an answer", reply={"in_reply_to_tweet_id": root})
    bob.create("look", quote_tweet_id=root)
    bob.create("nothing to do with her")
    events = receiver.events(3)
    assert types(events) == ["post.mention.create", "post.quote.create", "post.reply.create"]
    assert {event["data"]["payload"]["author_id"] for event in events} == {bob.account["id"]}
    reply = next(event["data"] for event in events if event["data"]["event_type"] == "post.reply.create")
    assert reply["payload"]["referenced_tweets"] == [{"type": "replied_to", "id": root}]
    assert root in [post["id"] for post in reply["includes"]["tweets"]]


def test_a_repost_reaches_whose_post_it_repeats(alice, bob, receiver, subscribe) -> None:
    subscribe(alice, "post.repost.create")
    root = alice.create("worth repeating")
    bob.post(f"/2/users/{bob.account['id']}/retweets", {"tweet_id": root})
    payload = receiver.events(1)[0]["data"]["payload"]
    assert (payload["author_id"], payload["text"]) == (bob.account["id"], "RT @alice: worth repeating")
    assert payload["referenced_tweets"] == [{"type": "retweeted", "id": root}]


def test_each_event_that_arrives_is_billed(sandbox, alice, receiver, subscribe, wait_until) -> None:
    sandbox.settings(webhook_copies=2)
    subscribe(alice, "post.create")
    alice.create("told twice, billed once")
    receiver.events(2)
    billed = wait_until(lambda: sandbox.charges()["accounts"].get("app"))
    assert billed == {"Activity: Event": {"units": 1, "usd": "0.005"}}


def test_filters_choose_by_direction_and_keyword(alice, bob, app, receiver, subscribe) -> None:
    subscribe(bob, "post.mention.create", user_id=bob.account["id"], direction="outbound")
    subscribe(app, "post.create", keyword="Launch")
    alice.create("hello @bob")
    bob.create("hello @alice")
    alice.create("our launch")
    assert types(receiver.events(2)) == ["post.create", "post.mention.create"]
    assert {event["data"]["payload"]["text"] for event in receiver.events(2)} == {
        "hello @alice",
        "our launch",
    }


def test_private_events_need_the_user_they_are_about(sandbox, alice, app, webhook, api_of) -> None:
    body = {
        "event_type": "post.mention.create",
        "filter": {"user_id": alice.account["id"]},
        "webhook_id": webhook,
    }
    path, (hers, his) = "/2/activity/subscriptions", (each["oauth2"] for each in sandbox.accounts[:2])
    assert app.post(path, body).status_code == 403
    assert api_of(sandbox, bearer=his["access_token"]).post(path, body).status_code == 403
    by_keys = alice.post(path, body)
    assert by_keys.status_code == 403
    assert "OAuth 2.0 user token" in by_keys.text
    assert api_of(sandbox, bearer=hers["access_token"]).post(path, body).status_code == 200


def test_subscriptions_are_listed_changed_and_deleted(app, alice, webhook, subscribe) -> None:
    ids = [subscribe(app, kind, user_id=alice.account["id"]) for kind in ("post.create", "post.delete")]
    path = "/2/activity/subscriptions"
    assert [item["subscription_id"] for item in app.get(path).json()["data"]] == ids
    page = app.get(path, max_results="1").json()
    token = page["meta"]["next_token"]
    assert len(token) >= 16
    second = app.get(path, max_results="1", pagination_token=token).json()
    assert [item["subscription_id"] for item in second["data"]] == ids[1:]
    changed = app.call("PUT", f"{path}/{ids[0]}", json={"tag": "new"}).json()["data"]
    assert (changed["subscription"]["tag"], changed["total_subscriptions"]) == ("new", 2)
    assert app.call("DELETE", f"{path}/{ids[0]}").json() == {"data": {"deleted": True}}
    many = app.call("DELETE", path, params={"ids": f"{ids[1]},7"}).json()
    assert many["data"] == [{"subscription_id": ids[1], "deleted": True}]
    assert many["errors"][0]["subscription_id"] == "7"
    assert app.call("DELETE", f"{path}/{ids[0]}").status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"event_type": "post.nothing"},
        {"filter": {}},
        {"filter": {"user": "1"}},
        {"webhook_id": "7"},
        {"tag": ""},
    ],
)
def test_subscriptions_that_cannot_be_are_refused(app, webhook, change) -> None:
    body = {"event_type": "post.create", "filter": {"user_id": "1"}, "webhook_id": webhook, **change}
    assert app.post("/2/activity/subscriptions", body).status_code == 400


def test_the_same_subscription_is_made_once(app, webhook, subscribe) -> None:
    subscribe(app, "post.create", user_id="1")
    body = {"event_type": "post.create", "filter": {"user_id": "1"}, "webhook_id": webhook}
    assert "DuplicateSubscriptionFailed" in app.post("/2/activity/subscriptions", body).text


def test_a_deleted_webhook_takes_its_subscriptions_along(app, webhook, subscribe) -> None:
    subscribe(app, "post.create", user_id="1")
    app.call("DELETE", f"/2/webhooks/{webhook}")
    assert app.get("/2/activity/subscriptions").json()["data"] == []


@pytest.mark.parametrize(
    ("event_type", "reference"),
    [
        ("post.mention.create", None),
        ("post.reply.create", "replied_to"),
        ("post.quote.create", "quoted"),
        ("post.repost.create", "retweeted"),
    ],
)
def test_a_stranger_does_something_on_demand(
    sandbox, alice, receiver, subscribe, event_type, reference
) -> None:
    subscribe(alice, event_type)
    root = alice.create("root")
    made = {"event_type": event_type, "user": "alice", "author": "mallory", "text": "hi @alice"}
    answer = sandbox.post("/_sandbox/events", {**made, **({"post_id": root} if reference else {})})
    assert answer["deliveries"] == 1
    told = receiver.events(1)[0]["data"]
    assert told["event_uuid"] == answer["post_id"]
    assert told["includes"]["users"][0]["username"] == "mallory"
    assert told["includes"]["users"][0]["id"] == told["payload"]["author_id"]
    assert told["payload"].get("referenced_tweets", [{}])[0].get("type") == reference
    assert [post["id"] for post in sandbox.posts()] == [root]


@pytest.mark.parametrize(
    ("event", "word"),
    [
        ({"event_type": "like.create", "user": "alice"}, "like.create"),
        ({"event_type": "post.create", "user": "nobody"}, "nobody"),
        ({"event_type": "post.reply.create", "user": "alice"}, "post_id"),
        ({"event_type": "post.create", "user": "alice", "who": 1}, "who"),
    ],
)
def test_an_event_that_cannot_be_is_refused_plainly(sandbox, event, word) -> None:
    response = requests.post(sandbox.url + "/_sandbox/events", json=event, timeout=5)
    assert response.status_code == 400
    assert word in response.json()["error"]


def test_the_account_activity_api_speaks_the_words_of_v1(app, alice, bob, receiver, webhook) -> None:
    path = f"/2/account_activity/webhooks/{webhook}/subscriptions"
    assert alice.get(f"{path}/all").json() == {"data": {"subscribed": False}}
    assert alice.post(f"{path}/all", {}).json() == {"data": {"subscribed": True}}
    assert alice.post(f"{path}/all", {}).status_code == 400
    post_id = alice.create("mine #tag https://example.com")
    bob.create("for you, @alice")
    bob.create("not for you")
    alice.call("DELETE", f"/2/tweets/{post_id}")
    events = receiver.events(3)
    by_kind = {next(name for name in event if name.startswith("tweet_")): event for event in events}
    assert {event["for_user_id"] for event in events} == {alice.account["id"]}
    gone = by_kind["tweet_delete_events"]["tweet_delete_events"][0]
    assert gone["status"] == {"id": post_id, "user_id": alice.account["id"]}
    created = [event for event in events if "tweet_create_events" in event]
    mine = next(event for event in created if "user_has_blocked" not in event)["tweet_create_events"][0]
    assert (mine["id"], mine["id_str"], mine["user"]["screen_name"]) == (int(post_id), post_id, "alice")
    assert mine["entities"]["hashtags"][0]["text"] == "tag"
    assert mine["entities"]["urls"][0]["expanded_url"] == "https://example.com"
    theirs = next(event for event in created if "user_has_blocked" in event)["tweet_create_events"][0]
    assert theirs["entities"]["user_mentions"][0]["id_str"] == alice.account["id"]

    assert app.get(f"{path}/all/list").json()["data"]["subscriptions"] == [{"user_id": alice.account["id"]}]
    count = app.get("/2/account_activity/subscriptions/count").json()["data"]
    assert (count["subscriptions_count_all"], count["provisioned_count"]) == ("1", "3")
    ended = app.call("DELETE", f"{path}/{alice.account['id']}/all").json()
    assert ended == {"data": {"subscribed": False}}
    assert app.call("DELETE", f"{path}/{alice.account['id']}/all").status_code == 404


def test_whole_numbers_have_twins_and_nothing_else_has() -> None:
    assert with_strings({"a": 1, "b": True, "c": "1", "d": [{"e": 2}, 3]}) == {
        "a": 1,
        "a_str": "1",
        "b": True,
        "c": "1",
        "d": [{"e": 2, "e_str": "2"}, 3],
    }


def test_xdk_subscribes_and_is_told(sandbox, alice, receiver, webhook) -> None:
    client = xdk.Client(base_url=sandbox.url, bearer_token=sandbox.credentials["bearer_token"])
    wanted = CreateSubscriptionRequest(
        event_type="post.create",
        filter={"user_id": alice.account["id"]},
        webhook_id=webhook,
        tag="xdk",
    )
    made = client.activity.create_subscription(wanted).data.subscription
    post_id = alice.create("for xdk")
    assert receiver.events(1)[0]["data"]["payload"]["id"] == post_id
    listed = [item for page in client.activity.get_subscriptions() for item in page.data]
    assert [item.tag for item in listed] == ["xdk"]
    changed = client.activity.update_subscription(made.subscription_id, UpdateSubscriptionRequest(tag="new"))
    assert changed.data.subscription.tag == "new"
    assert client.activity.delete_subscription(made.subscription_id).data.deleted is True
    assert client.account_activity.get_subscription_count().data.subscriptions_count_all == "0"
