"""What X refuses of a post, in its words, and what it takes."""

from __future__ import annotations

from itertools import combinations

import pytest

POLL = {"options": ["Red", "Blue"], "duration_minutes": 5}
DEEP_LINK = "https://x.com/messages/compose?recipient_id=2244994945"


def video(sandbox, api, content: bytes) -> str:
    sandbox.settings(processing_seconds=0.0)
    answer = api.upload_in_segments(content, media_type="video/mp4", category="tweet_video", size=1 << 20)
    return answer.json()["data"]["id"]


@pytest.mark.parametrize(
    "pair",
    list(combinations(("media", "quote_tweet_id", "poll", "card_uri", "direct_message_deep_link"), 2)),
    ids="-".join,
)
def test_a_post_carries_one_thing(sandbox, alice, png, pair) -> None:
    sandbox.settings(self_serve=False)
    every = {
        "media": {"media_ids": [alice.image(png)]},
        "quote_tweet_id": alice.create("quotable"),
        "poll": POLL,
        "card_uri": "card://1",
        "direct_message_deep_link": DEEP_LINK,
    }
    status, message = alice.refusal("both", **{name: every[name] for name in pair})
    assert (status, "mutually exclusive" in message) == (400, True)
    for name in pair:
        alice.create(f"only {name}", **{name: every[name]})


def test_premium_accounts_write_up_to_25000_characters(sandbox, alice) -> None:
    assert alice.refusal("x" * 281)[0] == 400
    sandbox.post("/_sandbox/accounts/alice", {"premium": True})
    alice.create("x" * 25_000)
    status, message = alice.refusal("x" * 25_001)
    assert (status, "too long" in message) == (400, True)


def test_a_promoted_only_post_is_on_no_timeline_but_can_be_read(sandbox, alice) -> None:
    post_id = alice.create("for ads", nullcast=True)
    assert alice.get(f"/2/users/{alice.account['id']}/tweets").json()["meta"]["result_count"] == 0
    assert alice.get("/2/tweets/search/recent", query="ads").json()["meta"]["result_count"] == 0
    assert alice.get(f"/2/tweets/{post_id}").json()["data"]["text"] == "for ads"
    assert sandbox.posts()[0]["choices"]["nullcast"] is True


def test_every_choice_is_kept_as_it_was_sent(sandbox, alice) -> None:
    choices = {
        "card_uri": "card://853503245793136640",
        "community_id": "5",
        "share_with_followers": True,
        "for_super_followers_only": True,
        "geo": {"place_id": "5a110d312052166f"},
        "made_with_ai": True,
        "paid_partnership": True,
    }
    alice.create("labelled", reply_settings="subscribers", **choices)
    shown = sandbox.posts()[0]
    assert shown["choices"] == choices
    assert shown["reply_settings"] == "subscribers"


def test_what_x_accepts_and_drops_is_accepted(sandbox, alice) -> None:
    root = alice.create("a thread", poll={**POLL, "reply_settings": "following"})
    alice.create("more", reply={"in_reply_to_tweet_id": root, "auto_populate_reply_metadata": True})
    reply, poll = sandbox.posts()
    assert reply["choices"] == {"reply": {"auto_populate_reply_metadata": True}}
    assert poll["choices"] == {"poll": {"reply_settings": "following"}}
    assert poll["reply_settings"] == "everyone"


@pytest.mark.parametrize(
    "link",
    ["https://example.com/messages/compose?recipient_id=1", "https://x.com/messages/compose", "x"],
)
def test_a_deep_link_leads_to_a_conversation(alice, link) -> None:
    assert alice.refusal("write to us", direct_message_deep_link=link)[0] == 400
    alice.create("write to us", direct_message_deep_link=DEEP_LINK)


def test_a_community_must_be_one_of_those_that_the_setting_names(sandbox, alice) -> None:
    alice.create("to any", community_id="5")
    sandbox.settings(communities=["7"])
    refused = alice.refusal("to five", community_id="5")
    assert refused == (403, "You are not permitted to perform this action.")
    alice.create("to seven", community_id="7")


def test_ten_users_may_be_tagged_and_only_in_media(alice, bob, png) -> None:
    ids = [str(number) for number in range(1, 12)]
    media = {"media_ids": [alice.image(png)]}
    assert alice.refusal("too many", media={**media, "tagged_user_ids": ids})[0] == 400
    assert alice.refusal("without media", media={"tagged_user_ids": ids[:1]})[0] == 400
    alice.create("ten", media={**media, "tagged_user_ids": ids[:10]})


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("title", "A title"),
        ("description", "What it is"),
        ("call_to_actions", {"visit_site": {"url": "https://example.com"}}),
        ("call_to_actions", {"watch_now": {"url": "https://example.com"}}),
        ("call_to_actions", {"app_install": {"app_store_id": "1"}}),
    ],
)
def test_what_stands_around_a_video_is_for_videos_only(sandbox, alice, png, mp4, member, value) -> None:
    status, message = alice.refusal("photo", media={"media_ids": [alice.image(png)], member: value})
    assert (status, member in message) == (400, True)
    alice.create("clip", media={"media_ids": [video(sandbox, alice, mp4)], member: value})
    assert sandbox.posts()[0]["choices"]["media"][member] == value


@pytest.mark.parametrize(
    "actions", [{"visit_site": {"url": "example"}}, {"watch_now": {"url": "ftp://x"}}, {"app_install": {}}]
)
def test_a_button_leads_somewhere(sandbox, alice, mp4, actions) -> None:
    media = {"media_ids": [video(sandbox, alice, mp4)], "call_to_actions": actions}
    assert alice.refusal("clip", media=media)[0] == 400


def test_the_picture_before_a_video_is_an_image_of_the_account(sandbox, alice, bob, png, mp4) -> None:
    clip = video(sandbox, alice, mp4)
    for wrong in ("123", clip, bob.image(png)):
        refused = alice.refusal("clip", media={"media_ids": [clip], "preview_media_id": wrong})
        assert refused == (400, "Your media IDs are invalid.")
    alice.create("clip", media={"media_ids": [clip], "preview_media_id": alice.image(png)})


def test_how_long_videos_may_be_is_a_setting(sandbox, alice, long_video) -> None:
    clip = video(sandbox, alice, long_video)
    sandbox.settings(video_minutes=2)
    refused = alice.refusal("long", media={"media_ids": [clip]})
    assert refused == (403, "This user is not allowed to post a video longer than 2 minutes.")
    sandbox.settings(video_minutes=22)
    alice.create("long", media={"media_ids": [clip]})


@pytest.mark.parametrize(
    "members",
    [{"poll": POLL}, {"community_id": "5"}, {"nullcast": True}, {"for_super_followers_only": True}],
    ids=lambda members: next(iter(members)),
)
def test_not_every_kind_of_post_can_be_edited_or_made_of_another(sandbox, alice, members) -> None:
    sandbox.post("/_sandbox/accounts/alice", {"premium": True})
    post_id = alice.create("final", **members)
    refused = alice.refusal("changed", edit_options={"previous_post_id": post_id})
    assert refused == (403, "You are not permitted to edit this Tweet.")
    plain = {"edit_options": {"previous_post_id": alice.create("plain")}}
    assert alice.refusal("changed", **members, **plain) == refused
    alice.create("changed", **plain, nullcast=False)


def test_nothing_is_edited_after_an_hour_in_another_name_or_into_a_poll(sandbox, alice, bob) -> None:
    for name in ("alice", "bob"):
        sandbox.post(f"/_sandbox/accounts/{name}", {"premium": True})
    edit = {"edit_options": {"previous_post_id": alice.create("first, @bob")}}
    assert bob.refusal("mine now", **edit)[0] == 403
    assert alice.refusal("a poll now", poll=POLL, **edit)[0] == 403
    reply = bob.create("yes", reply={"in_reply_to_tweet_id": edit["edit_options"]["previous_post_id"]})
    assert bob.refusal("no", edit_options={"previous_post_id": reply})[0] == 403
    sandbox.settings(clock_ahead_seconds=3_601)
    assert alice.refusal("too late", **edit)[0] == 403


def test_the_hour_counts_from_the_first_version(sandbox, alice) -> None:
    sandbox.post("/_sandbox/accounts/alice", {"premium": True})
    first = alice.create("first")
    sandbox.settings(clock_ahead_seconds=1_800)
    second = alice.create("second", edit_options={"previous_post_id": first})
    sandbox.settings(clock_ahead_seconds=3_601)
    assert alice.refusal("third", edit_options={"previous_post_id": second})[0] == 403
    until = [
        alice.get(f"/2/tweets/{id}", post_fields="edit_controls").json()["data"]["edit_controls"][
            "editable_until"
        ]
        for id in (first, second)
    ]
    assert until[0] == until[1]


@pytest.mark.parametrize("character", ["\ufeff", "\ufffe", "\uffff"])
def test_some_characters_are_in_no_text(alice, character) -> None:
    status, message = alice.refusal(f"a{character}b")
    assert (status, f"U+{ord(character):04X}" in message) == (400, True)


def test_a_new_version_stays_where_the_old_one_stood(sandbox, alice) -> None:
    sandbox.post("/_sandbox/accounts/alice", {"premium": True})
    root = alice.create("a thread")
    first = alice.create("secnod", reply={"in_reply_to_tweet_id": root})
    second = alice.create("second", edit_options={"previous_post_id": first})
    alice.create("third", reply={"in_reply_to_tweet_id": first})
    newest = {post["text"]: post for post in sandbox.posts()}
    assert (newest["second"]["id"], newest["second"]["in_reply_to"]) == (second, root)
    assert {post["conversation_id"] for post in newest.values()} == {root}
    assert newest["a thread"]["metrics"]["reply_count"] == 1
    assert newest["second"]["metrics"]["reply_count"] == 1


def test_self_serve_apps_answer_only_who_asked_and_quote_nobody(sandbox, alice, bob) -> None:
    other = bob.create("my opinion")
    status, detail = alice.refusal("mine", reply={"in_reply_to_tweet_id": other})
    assert (status, detail) == (
        403,
        "You can only reply to or quote posts where you are mentioned or are the author.",
    )
    assert alice.refusal("look", quote_tweet_id=other)[0] == 403
    called = bob.create("and yours, @alice?")
    alice.create("mine", reply={"in_reply_to_tweet_id": called})


def test_who_is_quoted_may_answer(sandbox, alice, bob) -> None:
    sandbox.settings(self_serve=False)
    quotes = [
        bob.create(f"listen {of}", quote_tweet_id=api.create(of)) for api, of in ((alice, "a"), (bob, "b"))
    ]
    sandbox.settings(self_serve=True)
    alice.create("thank you", reply={"in_reply_to_tweet_id": quotes[0]})
    assert alice.refusal("and?", reply={"in_reply_to_tweet_id": quotes[1]})[0] == 403


def test_warnings_of_media_are_shown_with_the_post(sandbox, alice, png) -> None:
    media_id = alice.image(png)
    warnings = {"adult_content": False, "graphic_violence": True, "other": True}
    body = {"id": media_id, "metadata": {"sensitive_media_warning": warnings}}
    assert alice.post("/2/media/metadata", body).status_code == 200
    body["metadata"]["sensitive_media_warning"] = {"other": "yes"}
    assert alice.post("/2/media/metadata", body).status_code == 400
    post_id = alice.create("careful", media={"media_ids": [media_id]})
    assert sandbox.posts()[0]["media"][0]["sensitive"] == ["graphic_violence", "other"]
    shown = alice.get(f"/2/tweets/{post_id}", post_fields="possibly_sensitive").json()["data"]
    assert shown["possibly_sensitive"] is True


def test_subtitles_stay_with_their_video_until_they_are_removed(sandbox, alice, png, mp4) -> None:
    clip = video(sandbox, alice, mp4)
    words = alice.upload(b"1\n00:00:00,000 --> 00:00:01,000\nHello\n", "subtitles").json()["data"]["id"]
    track = {"id": words, "language_code": "DE", "display_name": "Deutsch"}
    body = {"id": clip, "media_category": "TweetVideo", "subtitles": track}
    alice.post("/2/media/subtitles", body)
    alice.create("clip", media={"media_ids": [clip]})
    shown = sandbox.posts()[0]["media"][0]["subtitles"]
    assert [(item["language_code"], item["display_name"]) for item in shown] == [("DE", "Deutsch")]
    for wrong in ({"id": alice.image(png)}, {"subtitles": {**track, "id": clip}}):
        assert alice.post("/2/media/subtitles", {**body, **wrong}).status_code == 400
    gone = {"id": clip, "media_category": "TweetVideo", "language_code": "DE"}
    deletions = [alice.call("DELETE", "/2/media/subtitles", json=gone).json()["data"] for _ in range(2)]
    assert [item["deleted"] for item in deletions] == [True, False]
    assert sandbox.posts()[0]["media"][0]["subtitles"] == []
