from __future__ import annotations

import base64
import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests


def state_of(answer: requests.Response) -> str:
    return answer.json()["data"]["processing_info"]["state"]


def test_an_image_goes_up_in_one_shot_and_stays_byte_identical(sandbox, alice, png) -> None:
    answer = alice.upload(png, "tweet_image").json()["data"]
    assert answer["image"] == {"image_type": "image/png", "w": 30, "h": 20}
    assert answer["media_key"] == f"3_{answer['id']}"
    assert "processing_info" not in answer
    alice.create("pic", media={"media_ids": [answer["id"]]})
    media = sandbox.posts()[0]["media"][0]
    assert media["sha256"] == hashlib.sha256(png).hexdigest()
    assert requests.get(sandbox.url + media["url"], timeout=5).content == png
    part = requests.get(sandbox.url + media["url"], headers={"range": "bytes=1-3"}, timeout=5)
    assert (part.status_code, part.content) == (206, b"PNG")


def test_an_image_goes_up_as_base64_in_json(alice, png) -> None:
    body = {"media": base64.b64encode(png).decode(), "media_category": "tweet_image"}
    assert alice.post("/2/media/upload", body).json()["data"]["size"] == len(png)
    assert alice.post("/2/media/upload", {"media_category": "tweet_image"}).status_code == 400


def test_a_video_in_segments_is_processed_before_a_post_may_carry_it(sandbox, alice, mp4) -> None:
    sandbox.settings(processing_seconds=60)
    finalized = alice.upload_in_segments(mp4, media_type="video/mp4", category="tweet_video", size=1000)
    media_id = finalized.json()["data"]["id"]
    assert state_of(finalized) == "pending"
    assert finalized.json()["data"]["processing_info"]["check_after_secs"] >= 1
    assert alice.refusal("clip", media={"media_ids": [media_id]}) == (400, "Your media IDs are invalid.")
    sandbox.settings(clock_ahead_seconds=30)
    assert alice.status(media_id)["processing_info"]["state"] == "in_progress"
    sandbox.settings(clock_ahead_seconds=61)
    done = alice.status(media_id)
    assert done["processing_info"] == {"state": "succeeded", "progress_percent": 100}
    alice.create("clip", media={"media_ids": [media_id]})
    media = sandbox.posts()[0]["media"][0]
    assert media["sha256"] == hashlib.sha256(mp4).hexdigest()
    assert (media["type"], media["width"], media["height"]) == ("video", 64, 48)


def test_segments_may_come_out_of_order_and_twice(sandbox, alice, gif) -> None:
    sandbox.settings(processing_seconds=0.0)
    opened = alice.post(
        "/2/media/upload/initialize",
        {"media_type": "image/gif", "total_bytes": len(gif), "media_category": "tweet_gif"},
    ).json()["data"]
    half = len(gif) // 2
    for index, content in ((1, gif[half:]), (0, b"wrong"), (0, gif[:half])):
        alice.post(
            f"/2/media/upload/{opened['id']}/append", data={"segment_index": index}, files={"media": content}
        )
    assert state_of(alice.post(f"/2/media/upload/{opened['id']}/finalize")) == "succeeded"
    alice.create("gif", media={"media_ids": [opened["id"]]})
    assert sandbox.posts()[0]["media"][0]["sha256"] == hashlib.sha256(gif).hexdigest()


def test_a_missing_segment_is_refused_at_finalize(alice, gif) -> None:
    opened = alice.post(
        "/2/media/upload/initialize",
        {"media_type": "image/gif", "total_bytes": len(gif) + 1, "media_category": "tweet_gif"},
    ).json()["data"]
    alice.post(f"/2/media/upload/{opened['id']}/append", data={"segment_index": 0}, files={"media": gif})
    response = alice.post(f"/2/media/upload/{opened['id']}/finalize")
    assert response.status_code == 400
    assert "do not add up" in response.json()["errors"][0]["message"]


@pytest.mark.parametrize("index", ["1000", "-1", "x", None])
def test_segment_indices_run_from_0_to_999(alice, index) -> None:
    opened = alice.post(
        "/2/media/upload/initialize",
        {"media_type": "video/mp4", "total_bytes": 10, "media_category": "tweet_video"},
    ).json()["data"]
    fields = {} if index is None else {"segment_index": index}
    response = alice.post(f"/2/media/upload/{opened['id']}/append", data=fields, files={"media": b"x"})
    assert response.status_code == 400


def test_a_segment_of_more_than_8_mb_is_refused(alice) -> None:
    opened = alice.post(
        "/2/media/upload/initialize",
        {"media_type": "video/mp4", "total_bytes": 10 << 20, "media_category": "tweet_video"},
    ).json()["data"]
    path = f"/2/media/upload/{opened['id']}/append"
    response = alice.post(path, data={"segment_index": "0"}, files={"media": bytes((8 << 20) + 1)})
    assert response.status_code == 400


@pytest.mark.parametrize(
    ("category", "media_type", "size"),
    [
        ("tweet_image", "image/png", (5 << 20) + 1),
        ("tweet_gif", "image/gif", (15 << 20) + 1),
        ("tweet_video", "video/mp4", (8 << 30) + 1),
        ("subtitles", "text/srt", (1 << 20) + 1),
    ],
)
def test_every_category_has_its_size_limit(alice, category, media_type, size) -> None:
    body = {"media_type": media_type, "total_bytes": size, "media_category": category}
    response = alice.post("/2/media/upload/initialize", body)
    assert response.status_code == 400
    assert "File size exceeds" in response.json()["errors"][0]["message"]
    assert alice.post("/2/media/upload/initialize", {**body, "total_bytes": size - 1}).status_code == 200


@pytest.mark.parametrize("content", [b"not an image at all", b"\x89PNG\r\n\x1a\nbroken", b""])
def test_a_file_that_is_no_image_is_refused(alice, content) -> None:
    assert alice.upload(content, "tweet_image").status_code == 400


def test_a_file_that_is_no_video_fails_in_processing(sandbox, alice, png) -> None:
    sandbox.settings(processing_seconds=0.0)
    for content in (png, b"\0\0\0\x18ftypisom" + bytes(500)):
        answer = alice.upload_in_segments(content, media_type="video/mp4", category="tweet_video", size=5000)
        assert state_of(answer) == "failed"
        media_id = answer.json()["data"]["id"]
        assert alice.refusal("clip", media={"media_ids": [media_id]}) == (400, "Your media IDs are invalid.")


def test_a_post_carries_four_photos_or_one_gif_or_one_video(sandbox, alice, png, gif) -> None:
    sandbox.settings(processing_seconds=0.0)
    photos = [alice.image(png) for _ in range(4)]
    moving = alice.upload_in_segments(gif, media_type="image/gif", category="tweet_gif", size=5000)
    moving_id = moving.json()["data"]["id"]
    alice.create("four", media={"media_ids": photos})
    assert alice.refusal("mixed", media={"media_ids": [photos[0], moving_id]})[0] == 400
    assert alice.refusal("same twice", media={"media_ids": [photos[0], photos[0]]})[0] == 400
    alice.create("gif", media={"media_ids": [moving_id]})
    assert [media["type"] for media in sandbox.posts()[0]["media"]] == ["animated_gif"]


def test_media_of_others_and_old_media_are_invalid(sandbox, alice, bob, png) -> None:
    media_id = bob.image(png)
    assert alice.refusal("theirs", media={"media_ids": [media_id]}) == (400, "Your media IDs are invalid.")
    own = alice.image(png)
    sandbox.settings(clock_ahead_seconds=24 * 3600 + 1)
    assert alice.refusal("stale", media={"media_ids": [own]}) == (400, "Your media IDs are invalid.")
    assert alice.get("/2/media/upload", media_id=own).status_code == 404


def test_media_may_be_shared_with_additional_owners(alice, bob, png) -> None:
    form = {"media_category": "tweet_image", "additional_owners": bob.account["id"]}
    media_id = alice.post("/2/media/upload", data=form, files={"media": png}).json()["data"]["id"]
    bob.create("shared", media={"media_ids": [media_id]})


def test_alt_text_is_kept_and_limited(sandbox, alice, png) -> None:
    media_id = alice.image(png)
    body = {"id": media_id, "metadata": {"alt_text": {"text": "A teal square"}}}
    assert alice.post("/2/media/metadata", body).json()["data"]["associated_metadata"] == body["metadata"]
    body["metadata"]["alt_text"]["text"] = "x" * 1001
    assert alice.post("/2/media/metadata", body).status_code == 400
    alice.create("pic", media={"media_ids": [media_id]})
    assert sandbox.posts()[0]["media"][0]["alt_text"] == "A teal square"
    key = sandbox.posts()[0]["media"][0]["media_key"]
    assert alice.get(f"/2/media/{key}", media_fields="alt_text").json()["data"]["alt_text"] == "A teal square"


def test_subtitles_belong_to_a_video(sandbox, alice, mp4) -> None:
    sandbox.settings(processing_seconds=0.0)
    video = alice.upload_in_segments(mp4, media_type="video/mp4", category="tweet_video", size=5000)
    words = alice.upload(b"1\n00:00:00,000 --> 00:00:01,000\nHello\n", "subtitles").json()["data"]["id"]
    video_id = video.json()["data"]["id"]
    track = {"id": words, "language_code": "EN", "display_name": "English"}
    body = {"id": video_id, "media_category": "TweetVideo", "subtitles": track}
    assert alice.post("/2/media/subtitles", body).status_code == 200
    gone = {"id": video_id, "media_category": "TweetVideo", "language_code": "EN"}
    assert alice.call("DELETE", "/2/media/subtitles", json=gone).json() == {"data": {"deleted": True}}


def test_a_video_longer_than_the_account_may_post_is_refused_at_the_post(sandbox, alice, long_video) -> None:
    sandbox.settings(processing_seconds=0.0)
    answer = alice.upload_in_segments(
        long_video, media_type="video/mp4", category="tweet_video", size=1 << 20
    )
    media_id = answer.json()["data"]["id"]
    status, detail = alice.refusal("long", media={"media_ids": [media_id]})
    assert (status, detail) == (403, "This user is not allowed to post a video longer than 20 minutes.")
    sandbox.post("/_sandbox/accounts/alice", {"premium": True})
    alice.create("long", media={"media_ids": [media_id]})


def test_uploads_of_many_clients_at_once_do_not_mix(sandbox, api_of, mp4) -> None:
    sandbox.settings(processing_seconds=0.0)
    contents = [mp4 + bytes([number]) * 5000 for number in range(6)]
    accounts = [api_of(sandbox, number % 2) for number in range(6)]

    def upload(api, content: bytes) -> str:
        answer = api.upload_in_segments(content, media_type="video/mp4", category="tweet_video", size=700)
        return answer.json()["data"]["id"]

    with ThreadPoolExecutor(6) as pool:
        ids = list(pool.map(upload, accounts, contents))
    for media_id, content in zip(ids, contents, strict=True):
        assert requests.get(f"{sandbox.url}/_sandbox/media/{media_id}", timeout=5).content == content
