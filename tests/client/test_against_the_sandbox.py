"""The client against a local X, over a real socket."""

from __future__ import annotations

import hashlib
import struct
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from x_provider.client import (
    AppBearer,
    CreatePost,
    MediaAttachment,
    OAuth1,
    OAuth2User,
    Poll,
    Post,
    Repeats,
    Reply,
    ResponseFacts,
    Timeouts,
    XAmbiguous,
    XClient,
    XDuplicate,
    XInvalidRequest,
    XMediaFailed,
    XNeedsLogin,
    XNotFound,
    XOutOfCredits,
    XPermission,
    XRateLimited,
    XRefused,
    XUnavailable,
)

GALLERY = Path(__file__).parents[2] / "include" / "calendar" / "media"
PICTURE, GIF, VIDEO = (GALLERY / name for name in ("aurora.jpg", "meteors.gif", "aurora-timelapse.mp4"))


@pytest.fixture
def account(sandbox: Any) -> dict[str, Any]:
    return sandbox.accounts[0]


@pytest.fixture
def client(sandbox: Any) -> Iterator[XClient]:
    client = XClient(
        sandbox.url,
        OAuth1(*sandbox.keys()),
        timeouts=Timeouts(connect=2, read=2),
        repeats=Repeats(attempts=3, first_pause=0),
    )
    yield client
    client.close()


def say(client: XClient, text: str, **fields: Any) -> str:
    return client.create_post(CreatePost(text=text, **fields)).id


def calls_seen(sandbox: Any, path: str, method: str = "POST") -> int:
    return sum(1 for seen in sandbox.requests() if seen["path"] == path and seen["method"] == method)


def test_every_kind_of_user_credentials_says_who_it_is(
    sandbox: Any, client: XClient, account: dict[str, Any]
) -> None:
    oauth2 = XClient(sandbox.url, OAuth2User(lambda: account["oauth2"]["access_token"]))

    assert client.me().username == oauth2.me().username == account["username"]
    assert client.access_level == "read-write"


def test_the_app_token_reads_and_may_not_write(sandbox: Any, client: XClient) -> None:
    post_id = say(client, "hello")
    app = XClient(sandbox.url, AppBearer(sandbox.credentials["bearer_token"]))

    assert app.get_posts([post_id]).posts[0].text == "hello"
    with pytest.raises(XPermission, match="kind of credentials"):
        app.create_post(CreatePost(text="as nobody"))


def test_a_text_arrives_as_it_was_written(sandbox: Any, client: XClient) -> None:
    text = 'Grüße aus 京都 🌅 <b>&amp; "quotes"</b> https://example.com/a?b=c'

    created = client.create_post(CreatePost(text=text))

    assert created.id == sandbox.posts()[0]["id"]
    assert created.request_id
    assert created.date is not None
    read = client.get_posts([created.id]).posts[0]
    assert read.entities is not None
    assert read.entities.urls[0].expanded_url == "https://example.com/a?b=c"
    assert read.text.startswith("Grüße aus 京都 🌅")
    assert read.author_id == client.me().id


def test_a_picture_gif_and_video_arrive_byte_for_byte_with_their_alt_text(
    sandbox: Any, client: XClient
) -> None:
    for path, category in ((PICTURE, "tweet_image"), (GIF, "tweet_gif"), (VIDEO, "tweet_video")):
        uploaded = client.upload_media(path, category, alt_text=f"Alt text of {path.name} äöü")  # type: ignore[arg-type]
        assert uploaded.ready
        assert uploaded.expires_at is not None
        post_id = say(client, path.name, media=MediaAttachment(media_ids=[uploaded.id]))

        shown = sandbox.posts()[0]["media"][0]
        assert shown["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert shown["alt_text"] == f"Alt text of {path.name} äöü"
        page = client.get_posts([post_id])
        assert page.posts[0].media_keys == [uploaded.media_key]
        assert page.media[page.posts[0].media_keys[0]].alt_text == f"Alt text of {path.name} äöü"


def test_a_video_of_many_segments_arrives_byte_for_byte(
    sandbox: Any, client: XClient, tmp_path: Path
) -> None:
    # A valid video, followed by a box that players skip.
    filling = bytes(range(251)) * 40_000
    long = tmp_path / "long.mp4"
    long.write_bytes(VIDEO.read_bytes() + struct.pack(">I4s", len(filling) + 8, b"free") + filling)

    uploaded = client.upload_media(long, "tweet_video")

    say(client, "long", media=MediaAttachment(media_ids=[uploaded.id]))
    assert sandbox.posts()[0]["media"][0]["sha256"] == hashlib.sha256(long.read_bytes()).hexdigest()
    assert calls_seen(sandbox, f"/2/media/upload/{uploaded.id}/append") == 3


def test_memory_does_not_grow_with_the_file(sandbox: Any, client: XClient, tmp_path: Path) -> None:
    large = tmp_path / "large.mp4"
    size = 64 << 20
    large.write_bytes(VIDEO.read_bytes() + struct.pack(">I4s", size, b"free"))
    with large.open("ab") as file:
        file.truncate(file.tell() + size - 8)

    tracemalloc.start()
    try:
        client.upload_media(large, "tweet_video", wait=False)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 20 << 20


def test_a_dropped_segment_and_a_lost_finalize_do_not_spoil_the_file(sandbox: Any, client: XClient) -> None:
    sandbox.faults("drop_before_commit", method="POST", path="^/2/media/upload/[0-9]+/append")
    sandbox.faults("drop_after_commit", method="POST", path="^/2/media/upload/[0-9]+/finalize")

    uploaded = client.upload_media(VIDEO, "tweet_video")

    say(client, "video", media=MediaAttachment(media_ids=[uploaded.id]))
    assert sandbox.posts()[0]["media"][0]["sha256"] == hashlib.sha256(VIDEO.read_bytes()).hexdigest()


def test_a_file_that_is_no_video_is_refused_for_good(sandbox: Any, client: XClient, tmp_path: Path) -> None:
    fake = tmp_path / "fake.mp4"
    fake.write_bytes(b"this is no video" * 100)

    with pytest.raises(XMediaFailed) as caught:
        client.upload_media(fake, "tweet_video")

    assert isinstance(caught.value, XRefused)


def test_an_upload_need_not_be_waited_for(sandbox: Any, client: XClient) -> None:
    sandbox.settings(processing_seconds=60)

    uploaded = client.upload_media(VIDEO, "tweet_video", wait=False)

    assert not uploaded.ready
    assert uploaded.check_after_secs
    assert client.media_status(uploaded.id).state in ("pending", "in_progress")
    with pytest.raises(XInvalidRequest, match="media IDs are invalid"):
        say(client, "too early", media=MediaAttachment(media_ids=[uploaded.id]))


def test_a_thread_hangs_together(sandbox: Any, client: XClient) -> None:
    first = say(client, "one")
    second = say(client, "two", reply=Reply(in_reply_to_tweet_id=first))
    third = say(client, "three", reply=Reply(in_reply_to_tweet_id=second))

    read = {post.id: post for post in client.get_posts([first, second, third]).posts}

    assert {post.conversation_id for post in read.values()} == {first}
    assert read[third].in_reply_to_post_id == second
    assert read[third].in_reply_to_user_id == client.me().id


def test_a_poll_opens(sandbox: Any, client: XClient) -> None:
    say(
        client,
        "Which one?",
        poll=Poll(options=["Red", "Blue"], duration_minutes=60),
        reply_settings="following",
    )

    shown = sandbox.posts()[0]
    assert [option["label"] for option in shown["poll"]["options"]] == ["Red", "Blue"]
    assert shown["reply_settings"] == "following"


def test_250_posts_are_read_with_three_calls(sandbox: Any, client: XClient) -> None:
    sandbox.settings(rate_limits=False)
    ids = [say(client, f"post {number}") for number in range(60)]
    missing = [str(10**17 + number) for number in range(190)]

    page = client.get_posts(ids + missing)

    assert [post.id for post in page.posts] == ids
    assert {problem.resource_id for problem in page.problems} == set(missing)
    assert {problem.kind for problem in page.problems} == {"resource-not-found"}
    assert calls_seen(sandbox, "/2/tweets", "GET") == 3


def test_a_timeline_is_read_to_its_end(sandbox: Any, client: XClient) -> None:
    ids = [say(client, f"post {number}") for number in range(12)]
    user_id = client.me().id

    def read(**limits: Any) -> list[str]:
        posts: list[Post] = list(client.user_timeline(user_id, **limits))
        return [post.id for post in posts]

    newest_first = ids[::-1]
    assert read(page_size=5) == newest_first
    assert calls_seen(sandbox, f"/2/users/{user_id}/tweets", "GET") == 3
    assert read(since_id=ids[8]) == newest_first[:3]
    assert read(until_id=ids[3]) == newest_first[-3:]
    assert read(max_posts=7) == newest_first[:7]


def test_private_metrics_are_there_for_own_posts_and_problems_for_others(
    sandbox: Any, client: XClient
) -> None:
    stranger = XClient(sandbox.url, OAuth1(*sandbox.keys(1)))
    post_id = say(client, "hello")

    own = client.get_posts([post_id], private_metrics=True)
    foreign = stranger.get_posts([post_id], private_metrics=True)

    assert own.posts[0].non_public_metrics is not None
    assert own.posts[0].organic_metrics is not None
    assert own.problems == []
    assert all(post.non_public_metrics is None for post in foreign.posts)
    assert {problem.kind for problem in foreign.problems} == {"not-authorized-for-field"}


def test_a_deleted_post_is_gone(sandbox: Any, client: XClient) -> None:
    post_id = say(client, "hello")

    assert client.delete_post(post_id) is True
    assert sandbox.posts() == []
    assert client.get_posts([post_id]).posts == []


def test_the_same_text_twice_is_a_duplicate(sandbox: Any, client: XClient) -> None:
    say(client, "hello")

    with pytest.raises(XDuplicate):
        say(client, "hello")

    assert len(sandbox.posts()) == 1


def test_wrong_keys_need_a_login(sandbox: Any) -> None:
    key, _, *tokens = sandbox.keys()
    wrong = OAuth1(key, "not-the-secret", *tokens)

    for auth in (wrong, OAuth2User("expired-long-ago")):
        with pytest.raises(XNeedsLogin):
            XClient(sandbox.url, auth).me()


def test_a_used_up_limit_says_when_it_resets(sandbox: Any) -> None:
    sandbox.settings(limits={"POST /2/tweets": {"user": 1, "user_24h": 1}})
    seen: list[ResponseFacts] = []
    observed = XClient(sandbox.url, OAuth1(*sandbox.keys()), on_response=seen.append)
    say(observed, "one")

    with pytest.raises(XRateLimited) as caught:
        say(observed, "two")

    windows = {window.name: window for window in seen[-1].windows}
    assert windows["user-24-hour"].exhausted
    assert caught.value.reset_at == windows["user-24-hour"].reset_at
    assert caught.value.retry_safe


def test_out_of_credits(sandbox: Any, client: XClient) -> None:
    sandbox.faults("status", method="POST", path="/2/tweets", problem="credits-depleted")

    with pytest.raises(XOutOfCredits):
        say(client, "hello")


@pytest.mark.parametrize(
    ("fault", "posts"),
    [
        ({"kind": "drop_before_commit"}, 0),
        ({"kind": "drop_before_commit", "reset": True}, 0),
        ({"kind": "drop_after_commit"}, 1),
        ({"kind": "status_after_commit", "status": 503}, 1),
        ({"kind": "truncate"}, 1),
        ({"kind": "garbage"}, 1),
        ({"kind": "delay_after", "seconds": 2.3}, 1),
    ],
    ids=lambda value: " ".join(map(str, value.values())) if isinstance(value, dict) else str(value),
)
def test_a_create_without_an_answer_is_ambiguous_and_was_sent_once(
    fault: dict[str, Any], posts: int, sandbox: Any, client: XClient
) -> None:
    sandbox.faults(**fault, method="POST", path="/2/tweets", times=-1)

    with pytest.raises(XAmbiguous):
        say(client, "hello")

    assert len(sandbox.posts()) == posts
    # The sandbox notes a request when it is done with it.
    deadline = time.monotonic() + 10
    while not (seen := calls_seen(sandbox, "/2/tweets")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert seen == 1


def test_a_read_survives_two_failures_and_no_more(sandbox: Any, client: XClient) -> None:
    sandbox.faults("status", method="GET", path="/2/users/me", status=503, times=2)
    assert client.me().username

    sandbox.faults("drop_before_commit", method="GET", path="/2/users/me", times=-1)
    with pytest.raises(XUnavailable):
        client.me()


def test_a_user_that_does_not_exist(sandbox: Any, client: XClient) -> None:
    with pytest.raises(XNotFound):
        client.user("123456")
    with pytest.raises(XNotFound):
        list(client.user_timeline("123456"))


def test_a_post_fires_over_the_connection_that_was_warmed(sandbox: Any, client: XClient) -> None:
    client.warm()

    assert say(client, "hello") == sandbox.posts()[0]["id"]
