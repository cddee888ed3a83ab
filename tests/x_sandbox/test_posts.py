from __future__ import annotations

import re
import time

import pytest


def test_a_post_is_answered_with_its_id_and_text_and_read_back(sandbox, alice) -> None:
    before = time.time()
    response = alice.post("/2/tweets", {"text": "Hello, world"})
    created = response.json()["data"]
    assert response.status_code == 201
    assert created["text"] == "Hello, world"
    assert created["edit_history_tweet_ids"] == [created["id"]]

    read = alice.get(
        f"/2/tweets/{created['id']}", post_fields="created_at,public_metrics", expansions="author_id"
    )
    post = read.json()["data"]
    assert post["text"] == "Hello, world"
    assert post["author_id"] == alice.account["id"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", post["created_at"])
    assert sandbox.posts()[0]["created_at"] == post["created_at"]
    assert abs(((int(created["id"]) >> 22) + 1_288_834_974_657) / 1000 - before) < 5


def test_links_are_shortened_and_listed_with_what_they_stand_for(alice) -> None:
    post_id = alice.create("See https://example.com/a?b=1 and example.org #Airflow @bob $AIR")
    post = alice.get(f"/2/tweets/{post_id}", post_fields="entities").json()["data"]
    first, second = post["entities"]["urls"]
    assert first["expanded_url"] == "https://example.com/a?b=1"
    assert second["expanded_url"] == "http://example.org"
    assert post["text"][first["start"] : first["end"]] == first["url"]
    assert post["text"][second["start"] : second["end"]] == second["url"]
    assert [tag["tag"] for tag in post["entities"]["hashtags"]] == ["Airflow"]
    assert [name["username"] for name in post["entities"]["mentions"]] == ["bob"]
    assert [tag["tag"] for tag in post["entities"]["cashtags"]] == ["AIR"]


def test_answers_come_in_the_vocabulary_of_the_parameter_sent(alice) -> None:
    parent = alice.create("one")
    post_id = alice.create("two", reply={"in_reply_to_tweet_id": parent})
    new = alice.get(
        f"/2/tweets/{post_id}",
        post_fields="public_metrics,conversation_id",
        expansions="referenced_posts,author_id",
    ).json()
    assert new["data"]["referenced_posts"] == [{"type": "replied_to", "id": parent}]
    assert "repost_count" in new["data"]["public_metrics"]
    assert new["includes"]["posts"][0]["id"] == parent
    assert new["includes"]["users"][0]["username"] == "alice"

    old = alice.get(
        f"/2/tweets/{post_id}",
        **{
            "tweet.fields": "public_metrics,referenced_tweets,author_id",
            "expansions": "referenced_tweets.id",
        },
    ).json()
    assert old["data"]["referenced_tweets"] == [{"type": "replied_to", "id": parent}]
    assert "retweet_count" in old["data"]["public_metrics"]
    assert old["data"]["edit_history_tweet_ids"] == [post_id]
    assert old["includes"]["tweets"][0]["id"] == parent


def test_unknown_fields_are_ignored_silently(alice) -> None:
    post_id = alice.create("hello")
    response = alice.get(f"/2/tweets/{post_id}", post_fields="nonsense,author_id")
    assert response.status_code == 200
    assert set(response.json()["data"]) == {"id", "text", "edit_history_post_ids"}


def test_a_missing_post_is_a_partial_error_beside_those_found(alice) -> None:
    post_id = alice.create("here")
    answer = alice.get("/2/tweets", ids=f"{post_id},123").json()
    assert [post["id"] for post in answer["data"]] == [post_id]
    assert answer["meta"] == {"result_count": 1}
    assert answer["errors"][0]["resource_id"] == "123"
    assert answer["errors"][0]["type"].endswith("/resource-not-found")


def test_more_than_a_hundred_ids_are_refused(alice) -> None:
    assert alice.get("/2/tweets", ids=",".join(map(str, range(1, 102)))).status_code == 400


def test_a_deleted_post_is_gone_for_readers_and_marked_for_us(sandbox, alice) -> None:
    post_id = alice.create("oops")
    assert alice.call("DELETE", f"/2/tweets/{post_id}").json() == {"data": {"deleted": True}}
    assert "data" not in alice.get(f"/2/tweets/{post_id}").json()
    assert alice.call("DELETE", f"/2/tweets/{post_id}").status_code == 404
    assert sandbox.get("/_sandbox/posts")["posts"][0]["deleted"] is True
    assert sandbox.posts() == []


def test_nobody_deletes_anothers_post(alice, bob) -> None:
    assert bob.call("DELETE", f"/2/tweets/{alice.create('mine')}").status_code == 403


REFUSED_BODIES = [
    ({"text": "a", "nope": 1}, "$.nope: is not defined"),
    ({}, "$.text"),
    ({"text": "  "}, "$.text"),
    ({"text": 1}, "$.text: integer found, string expected"),
    ({"text": "a", "reply": {}}, "$.reply.in_reply_to_tweet_id"),
    ({"text": "a", "reply_settings": "everyone"}, "$.reply_settings"),
    ({"text": "a", "quote_tweet_id": "x"}, "$.quote_tweet_id"),
    ({"text": "a", "media": {"media_ids": []}}, "$.media.media_ids"),
    ({"text": "a", "media": {"media_ids": ["1", "2", "3", "4", "5"]}}, "$.media.media_ids"),
    ({"text": "a", "poll": {"options": ["one"], "duration_minutes": 5}}, "$.poll.options"),
    ({"text": "a", "poll": {"options": ["a", "b"], "duration_minutes": 4}}, "$.poll.duration_minutes"),
    ({"text": "a", "poll": {"options": ["a", "b"], "duration_minutes": 10081}}, "$.poll.duration_minutes"),
    ({"text": "a", "poll": {"options": ["a", "b" * 26], "duration_minutes": 5}}, "$.poll.options[1]"),
    (
        {"text": "a", "poll": {"options": ["a", "b"], "duration_minutes": 5}, "card_uri": "card://1"},
        "exclusive",
    ),
    ({"text": "a" * 281}, "too long"),
    ({"text": "日" * 141}, "too long"),
]


@pytest.mark.parametrize(("body", "message"), REFUSED_BODIES)
def test_bodies_that_break_the_rules_are_refused_with_their_place(alice, sandbox, body, message) -> None:
    response = alice.post("/2/tweets", body)
    assert response.status_code == 400
    assert message in response.json()["errors"][0]["message"]
    assert response.json()["type"].endswith("/invalid-request")
    assert sandbox.posts() == []


def test_a_body_that_is_no_json_is_refused(alice) -> None:
    headers = {"content-type": "text/plain"}
    assert alice.call("POST", "/2/tweets", data=b"{nope", headers=headers).status_code == 400


def test_a_text_of_exactly_280_goes_out_with_links_counted_as_23(alice) -> None:
    alice.create("x" * 280)
    alice.create("y" * 256 + " https://example.com/" + "z" * 200)
    assert alice.refusal("y" * 257 + " https://example.com/" + "z" * 200)[0] == 400


def test_premium_accounts_write_long_posts_whose_text_is_cut_and_noted(sandbox, alice) -> None:
    sandbox.post("/_sandbox/accounts/alice", {"premium": True})
    text = "word " * 1000
    post_id = alice.create(text)
    post = alice.get(f"/2/tweets/{post_id}", post_fields="note_post").json()["data"]
    assert post["note_post"]["text"] == text
    assert post["text"].endswith("…")
    assert len(post["text"]) <= 280


def test_the_same_text_twice_is_a_duplicate_for_the_same_account_only(sandbox, alice, bob) -> None:
    first = alice.create("again")
    assert alice.refusal("again") == (403, "You are not allowed to create a Tweet with duplicate content.")
    bob.create("again")
    alice.call("DELETE", f"/2/tweets/{first}")
    alice.create("again")
    sandbox.settings(duplicate_window_seconds=10, clock_ahead_seconds=60)
    alice.create("again")


def test_two_cashtags_are_one_too_many_for_self_serve(sandbox, alice) -> None:
    assert alice.refusal("buy $ABC and $DEF") == (403, "Posts are limited to a maximum of one cashtag")
    alice.create("price ($ABC) and $DEF, not 5$GHI")
    sandbox.settings(self_serve=False)
    alice.create("buy $ABC and $DEF")


def test_own_threads_are_fine_and_replies_to_others_need_a_mention(sandbox, alice, bob) -> None:
    root = alice.create("a thread")
    second = alice.create("goes on", reply={"in_reply_to_tweet_id": root})
    assert sandbox.posts()[0]["conversation_id"] == root
    status, detail = bob.refusal("me too", reply={"in_reply_to_tweet_id": second})
    assert (status, "mentioned or are the author" in detail) == (403, True)
    called = alice.create("what do you say, @bob?")
    bob.create("this", reply={"in_reply_to_tweet_id": called})
    sandbox.settings(self_serve=False)
    bob.create("me too", reply={"in_reply_to_tweet_id": second})


def test_a_reply_needs_a_parent_that_is_visible(sandbox, alice) -> None:
    assert alice.refusal("hm", reply={"in_reply_to_tweet_id": "123"})[0] == 403
    sandbox.settings(reply_lag_seconds=60)
    fresh = alice.create("fresh")
    assert alice.refusal("hm", reply={"in_reply_to_tweet_id": fresh})[0] == 403
    sandbox.settings(clock_ahead_seconds=61)
    alice.create("hm", reply={"in_reply_to_tweet_id": fresh})


def test_quotes_are_not_for_self_serve(sandbox, alice) -> None:
    quoted = alice.create("quotable")
    assert alice.refusal("look", quote_tweet_id=quoted)[0] == 403
    sandbox.settings(self_serve=False)
    alice.create("look", quote_tweet_id=quoted)
    assert sandbox.posts()[0]["quote"] == quoted
    assert sandbox.posts()[1]["metrics"]["quote_count"] == 1


@pytest.mark.parametrize("text", ["look", "日本 see example.com"])
def test_a_quote_ends_in_a_short_link_that_stands_for_the_quoted_post(sandbox, alice, bob, text) -> None:
    sandbox.settings(self_serve=False)
    quoted = bob.create("quotable")
    quote = alice.create(text, quote_tweet_id=quoted)
    fields = {"post_fields": "entities", "expansions": "referenced_posts"}
    post = alice.get(f"/2/tweets/{quote}", **fields).json()["data"]
    last = post["entities"]["urls"][-1]
    assert last["expanded_url"] == f"https://x.com/bob/status/{quoted}"
    assert post["text"].endswith(f" {last['url']}")
    assert post["text"][last["start"] : last["end"]] == last["url"]
    assert post["referenced_posts"] == [{"type": "quoted", "id": quoted}]
    assert alice.refusal(text, quote_tweet_id=quoted)[0] == 403  # the link is not what makes it another text


def test_a_reply_begins_with_the_names_of_those_it_answers(sandbox, alice, bob) -> None:
    def text_of(post_id: str) -> str:
        return alice.get(f"/2/tweets/{post_id}", post_fields="entities").json()["data"]["text"]

    called = bob.create("what do you say, @alice?")
    first = alice.create("this", reply={"in_reply_to_tweet_id": called})
    assert text_of(first) == "@bob this"
    assert text_of(alice.create("and that", reply={"in_reply_to_tweet_id": first})) == "@bob and that"
    assert text_of(alice.create("Thanks, @Bob", reply={"in_reply_to_tweet_id": called})) == "Thanks, @Bob"
    left_out = {"in_reply_to_tweet_id": called, "exclude_reply_user_ids": [bob.account["id"]]}
    assert text_of(alice.create("to all", reply=left_out)) == "to all"
    sandbox.settings(reply_names=False)
    assert text_of(alice.create("once more", reply={"in_reply_to_tweet_id": called})) == "once more"


def test_a_reply_to_oneself_begins_with_nobody(alice) -> None:
    root = alice.create("a thread about @bob")
    post_id = alice.create("goes on", reply={"in_reply_to_tweet_id": root})
    assert alice.get(f"/2/tweets/{post_id}").json()["data"]["text"] == "goes on"


def test_premium_accounts_edit_five_times_within_an_hour(sandbox, alice) -> None:
    first = alice.create("version 0")
    assert alice.refusal("version 1", edit_options={"previous_post_id": first})[0] == 403
    sandbox.post("/_sandbox/accounts/alice", {"premium": True})
    versions = [first]
    for number in range(1, 6):
        versions.append(alice.create(f"version {number}", edit_options={"previous_post_id": versions[-1]}))
    assert alice.refusal("version 6", edit_options={"previous_post_id": versions[-1]})[0] == 403
    assert alice.refusal("version 6", edit_options={"previous_post_id": first})[0] == 403
    assert alice.get(f"/2/tweets/{first}").json()["data"]["edit_history_post_ids"] == versions
    assert [post["text"] for post in sandbox.posts()] == ["version 5"]
    assert sandbox.posts()[0]["edits"] == versions[:-1]


def test_a_poll_collects_votes_until_it_ends(sandbox, alice) -> None:
    post_id = alice.create("Which?", poll={"options": ["Red", "Blue"], "duration_minutes": 60})
    fields = {
        "expansions": "attachments.poll_ids",
        "poll_fields": "end_datetime,voting_status,duration_minutes",
    }
    poll = alice.get(f"/2/tweets/{post_id}", **fields).json()["includes"]["polls"][0]
    assert [option["label"] for option in poll["options"]] == ["Red", "Blue"]
    assert poll["voting_status"] == "open"
    sandbox.settings(clock_ahead_seconds=3601)
    closed = alice.get(f"/2/tweets/{post_id}", **fields).json()["includes"]["polls"][0]
    assert closed["voting_status"] == "closed"
    assert sum(option["votes"] for option in closed["options"]) > 0
    assert sandbox.posts()[0]["poll"]["options"][0]["votes"] == closed["options"][0]["votes"]


def test_a_reply_in_the_own_thread_can_be_hidden(sandbox, alice, bob) -> None:
    root = alice.create("hello @bob")
    reply = bob.create("spam", reply={"in_reply_to_tweet_id": root})
    answer = alice.call("PUT", f"/2/tweets/{reply}/hidden", json={"hidden": True})
    assert answer.json() == {"data": {"hidden": True}}
    assert sandbox.posts()[0]["hidden"] is True
    assert bob.call("PUT", f"/2/tweets/{reply}/hidden", json={"hidden": True}).status_code == 403


def test_new_posts_stay_invisible_to_reads_for_the_lag(sandbox, alice) -> None:
    sandbox.settings(read_lag_seconds=60)
    post_id = alice.create("wait for it")
    assert "data" not in alice.get(f"/2/tweets/{post_id}").json()
    assert alice.get(f"/2/users/{alice.account['id']}/tweets").json()["meta"]["result_count"] == 0
    assert len(sandbox.posts()) == 1
    sandbox.settings(clock_ahead_seconds=61)
    assert alice.get(f"/2/tweets/{post_id}").json()["data"]["id"] == post_id


def test_labels_and_choices_of_a_post_are_kept(sandbox, alice) -> None:
    choices = {
        "made_with_ai": True,
        "paid_partnership": True,
        "community_id": "5",
        "share_with_followers": True,
    }
    post_id = alice.create("labelled", reply_settings="following", geo={"place_id": "abc"}, **choices)
    assert choices.items() <= sandbox.posts()[0]["choices"].items()
    post = alice.get(
        f"/2/tweets/{post_id}", post_fields="reply_settings,paid_partnership,community_id"
    ).json()["data"]
    assert (post["reply_settings"], post["paid_partnership"], post["community_id"]) == (
        "following",
        True,
        "5",
    )
