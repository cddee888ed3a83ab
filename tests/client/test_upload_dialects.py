"""The same upload in both of X's dialects, against a local X that speaks both and checks every signature."""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import responses

from x_provider.client import (
    AppBearer,
    CreatePost,
    MediaApi,
    MediaAttachment,
    OAuth1,
    OAuth2User,
    Repeats,
    Timeouts,
    XClient,
    XError,
    XInvalidRequest,
    XMediaFailed,
    XNotFound,
    XPlanLacks,
)
from x_provider.client.calls import MediaCategory
from x_provider.client.media_failures import processing_failed
from x_provider.client.segments import SEGMENT_BYTES
from x_provider.client.upload_dialects import DIALECTS

GALLERY = Path(__file__).parents[2] / "include" / "calendar" / "media"
PICTURE, GIF, VIDEO = (GALLERY / name for name in ("aurora.jpg", "meteors.gif", "aurora-timelapse.mp4"))


def client_of(sandbox: Any, media_api: MediaApi) -> XClient:
    return XClient(
        sandbox.url,
        OAuth1(*sandbox.keys()),
        timeouts=Timeouts(connect=2, read=5),
        repeats=Repeats(first_pause=0),
        media_api=media_api,
        upload_base_url=sandbox.url,
    )


@pytest.fixture(params=["2", "1.1"])
def client(request: pytest.FixtureRequest, sandbox: Any) -> Iterator[XClient]:
    client = client_of(sandbox, request.param)
    yield client
    client.close()
    versions = {seen["path"].split("/")[1] for seen in sandbox.requests() if "/media/" in seen["path"]}
    assert versions == {request.param}, "the files went by the other API"


@pytest.fixture
def v11(sandbox: Any) -> Iterator[XClient]:
    client = client_of(sandbox, "1.1")
    yield client
    client.close()


def shown(sandbox: Any, client: XClient, *media_ids: str) -> list[dict[str, Any]]:
    """The files of a post, as they are on X."""
    client.create_post(CreatePost(text="with media", media=MediaAttachment(media_ids=list(media_ids))))
    media: list[dict[str, Any]] = sandbox.posts()[0]["media"]
    return media


@pytest.mark.parametrize(
    ("path", "category"), [(PICTURE, "tweet_image"), (GIF, "tweet_gif"), (VIDEO, "tweet_video")]
)
def test_a_file_arrives_byte_for_byte_with_its_alt_text(
    sandbox: Any, client: XClient, path: Path, category: Any
) -> None:
    uploaded = client.upload_media(path, category, alt_text="Zwei Dächer, “nachts” & 🌃")

    on_x = shown(sandbox, client, uploaded.id)[0]
    assert on_x["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert on_x["alt_text"] == "Zwei Dächer, “nachts” & 🌃"
    assert uploaded.ready
    assert uploaded.media_key == on_x["media_key"]
    assert uploaded.size == path.stat().st_size
    assert uploaded.expires_at.diff().in_hours() >= 22


def test_a_video_of_many_segments_arrives_in_order_though_some_are_lost(
    sandbox: Any, client: XClient, tmp_path: Path
) -> None:
    filling = bytes(range(251)) * (6 * SEGMENT_BYTES // 251)
    long = tmp_path / "long.mp4"
    long.write_bytes(VIDEO.read_bytes() + struct.pack(">I4s", len(filling) + 8, b"free") + filling)
    sandbox.faults("drop_before_commit", method="POST", path="^.*(/append|upload.json)$", times=2)
    told: list[int] = []

    uploaded = client.upload_media(long, "tweet_video", on_progress=lambda sent, _: told.append(sent))

    on_x = shown(sandbox, client, uploaded.id)[0]
    assert on_x["sha256"] == hashlib.sha256(long.read_bytes()).hexdigest()
    assert len(told) == 7
    assert told == sorted(told)
    assert told[-1] == long.stat().st_size


@pytest.mark.parametrize("step", ["append", "finalize"])
def test_an_upload_that_x_has_lost_is_begun_anew_and_no_third_time(sandbox: Any, step: str) -> None:
    client = client_of(sandbox, "2")
    body = {"title": "Not Found Error", "detail": "Could not find media", "status": 404}
    lost = {"kind": "status", "status": 404, "body": body, "method": "POST", "path": f"^.*/{step}$"}
    sandbox.faults(**lost, times=1)

    uploaded = client.upload_media(VIDEO, "tweet_video")

    assert shown(sandbox, client, uploaded.id)[0]["sha256"] == hashlib.sha256(VIDEO.read_bytes()).hexdigest()
    sandbox.faults(**lost, times=-1)
    with pytest.raises(XNotFound):
        client.upload_media(VIDEO, "tweet_video")
    begun = [request for request in sandbox.requests() if request["path"].endswith("/initialize")]
    assert len(begun) == 4


def test_viewers_are_warned_of_what_is_named_and_of_nothing_else(sandbox: Any, client: XClient) -> None:
    uploaded = client.upload_media(PICTURE, "tweet_image", alt_text="A dome")

    client.set_media_metadata(uploaded.id, sensitive=["graphic_violence", "other"])

    on_x = shown(sandbox, client, uploaded.id)[0]
    assert on_x["sensitive"] == ["graphic_violence", "other"]
    assert on_x["alt_text"] == "A dome"


def test_alt_text_and_warnings_go_in_one_request_and_nothing_to_say_in_none(
    sandbox: Any, client: XClient
) -> None:
    uploaded = client.upload_media(PICTURE, "tweet_image")
    before = len(sandbox.requests())

    client.set_media_metadata(uploaded.id)
    client.set_media_metadata(uploaded.id, alt_text="A dome", sensitive=["other"])

    assert len(sandbox.requests()) == before + 1
    on_x = shown(sandbox, client, uploaded.id)[0]
    assert (on_x["alt_text"], on_x["sensitive"]) == ("A dome", ["other"])


def test_subtitles_come_and_go(sandbox: Any, client: XClient, tmp_path: Path) -> None:
    words = tmp_path / "words.srt"
    words.write_text("1\n00:00:00,000 --> 00:00:01,000\nGood evening\n")
    video = client.upload_media(VIDEO, "tweet_video")
    subtitles = client.upload_media(words, "subtitles", media_type="text/srt")

    client.attach_subtitles(video.id, "tweet_video", subtitles.id, language="en", name="English")
    client.attach_subtitles(video.id, "tweet_video", subtitles.id, language="DE", name="Deutsch")
    removed = client.remove_subtitles(video.id, "tweet_video", "DE")

    tracks = shown(sandbox, client, video.id)[0]["subtitles"]
    assert removed is True
    assert [(track["language_code"], track["display_name"]) for track in tracks] == [("EN", "English")]


def test_a_file_that_cannot_be_processed_is_refused_for_good(client: XClient, tmp_path: Path) -> None:
    fake = tmp_path / "fake.mp4"
    fake.write_bytes(b"this is no video" * 100)

    with pytest.raises(XMediaFailed, match=r"fake\.mp4|media [0-9]+"):
        client.upload_media(fake, "tweet_video")


def test_a_file_that_x_does_not_know_is_not_found(client: XClient) -> None:
    with pytest.raises((XNotFound, XInvalidRequest)):
        client.media_status("12345")


def test_v11_says_why_processing_failed_and_what_to_do(v11: XClient, tmp_path: Path) -> None:
    fake = tmp_path / "fake.mp4"
    fake.write_bytes(b"this is no video" * 100)

    with pytest.raises(XMediaFailed, match=r"InvalidMedia: .*X cannot read the video"):
        v11.upload_media(fake, "tweet_video")


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("InvalidMedia", "may be damaged"),
        ("UnsupportedMedia", "does not take it"),
        ("FileSizeTooLarge", "Make the {noun} smaller"),
        ("InternalError", "X failed, not the {noun}"),
        ("SomethingNew", "Export the {noun}"),
    ],
)
@pytest.mark.parametrize(
    ("category", "noun", "limit"),
    [
        ("tweet_image", "picture", "JPEG, PNG or WEBP of 5 MB"),
        ("tweet_gif", "GIF", "15 MB, 1280x1080 pixels, 350 frames, 300 million pixels in all frames"),
        (
            "tweet_video",
            "video",
            "0.5 to 140 s, 32x32 to 1280x1024 pixels, 1:3 to 3:1, 60 frames a second, 512 MB",
        ),
        ("subtitles", "file of subtitles", ".srt or .vtt"),
    ],
)
def test_every_known_failure_has_its_advice_for_each_kind_of_file(
    name: str, advice: str, category: MediaCategory, noun: str, limit: str, planted: OAuth1
) -> None:
    client = XClient(auth=planted, media_api="1.1")
    said = {"state": "failed", "error": {"code": 1, "name": name, "message": "X's words"}}
    with responses.RequestsMock() as x:
        x.get(
            "https://upload.twitter.com/1.1/media/upload.json",
            json={"media_id": 5, "media_id_string": "5", "processing_info": said},
        )
        error = processing_failed(client.media_status("5"), category, "clip.mp4")

    assert f"clip.mp4, media 5: {name}: X's words" in str(error)
    assert advice.format(noun=noun) in error.next_step
    assert limit in error.next_step


def test_an_error_beside_an_unfinished_state_is_a_failure(planted: OAuth1) -> None:
    said = {"state": "in_progress", "progress_percent": 99, "error": {"code": 1, "name": "InvalidMedia"}}
    with responses.RequestsMock() as x:
        x.get(
            "https://upload.twitter.com/1.1/media/upload.json",
            json={"media_id": 5, "media_id_string": "5", "processing_info": said},
        )
        assert XClient(auth=planted, media_api="1.1").media_status("5").state == "failed"


def test_a_big_id_is_read_from_its_text_since_the_number_may_be_rounded(planted: OAuth1) -> None:
    with responses.RequestsMock() as x:
        x.post(
            "https://upload.twitter.com/1.1/media/upload.json",
            json={"media_id": 1284554329119236000, "media_id_string": "1284554329119236097"},
        )
        session = XClient(auth=planted, media_api="1.1").initialize(
            media_type="video/mp4", total_bytes=10, category="tweet_video"
        )
        form = parse_qs(x.calls[0].request.body.decode())

    assert session.id == "1284554329119236097"
    assert form == {
        "command": ["INIT"],
        "media_type": ["video/mp4"],
        "total_bytes": ["10"],
        "media_category": ["tweet_video"],
    }


def test_only_files_go_by_v11_and_posts_stay_where_they_were(sandbox: Any, v11: XClient) -> None:
    shown(sandbox, v11, v11.upload_media(PICTURE, "tweet_image").id)

    assert [seen["path"] for seen in sandbox.requests()] == ["/1.1/media/upload.json", "/2/tweets"]


def test_where_x_has_taken_v11_away_it_says_to_use_v2(sandbox: Any, v11: XClient) -> None:
    sandbox.settings(v11_upload=False)

    with pytest.raises(XPlanLacks, match="set the connection's media_api to 2"):
        v11.upload_media(PICTURE, "tweet_image")


@pytest.mark.parametrize("auth", [OAuth2User("planted-token"), AppBearer("planted-bearer")])
def test_v11_is_refused_without_oauth_1_before_anything_is_sent(auth: Any) -> None:
    with pytest.raises(ValueError, match=r'give OAuth1.*or media_api="2"'):
        XClient(auth=auth, media_api="1.1")


def test_what_x_could_not_take_never_leaves(sandbox: Any) -> None:
    client = client_of(sandbox, "2")

    with pytest.raises(XInvalidRequest, match="does not warn of spoilers"):
        client.set_media_metadata("5", sensitive=["spoilers"])  # type: ignore[list-item]
    with pytest.raises(XInvalidRequest, match="two letters"):
        client.attach_subtitles("5", "tweet_video", "6", language="en-GB", name="English")
    with pytest.raises(XInvalidRequest, match="belong to a video"):
        client.remove_subtitles("5", "tweet_image", "EN")
    assert sandbox.requests() == []


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"request": "/1.1/media/upload.json", "error": "media type unrecognized."}, XInvalidRequest),
        (403, {"errors": [{"code": 453, "message": "a subset of endpoints"}]}, XPlanLacks),
        (404, {"errors": [{"code": 34, "message": "Sorry, that page does not exist."}]}, XPlanLacks),
        (410, {"errors": [{"code": 1, "message": "Gone"}]}, XPlanLacks),
    ],
)
def test_a_refusal_of_v11_keeps_x_words(
    status: int, body: dict[str, Any], kind: type[XError], planted: OAuth1
) -> None:
    with responses.RequestsMock() as x:
        x.post("https://upload.twitter.com/1.1/media/upload.json", json=body, status=status)
        with pytest.raises(kind) as caught:
            XClient(auth=planted, media_api="1.1").upload_media(PICTURE, "tweet_image")

    words = body.get("error") or body["errors"][0]["message"]
    assert words.rstrip(".") in str(caught.value)


def test_bodies_of_v2_have_the_members_of_x_openapi_document(schemas: dict[str, Any]) -> None:
    v2 = DIALECTS["2"]
    attached = v2.attach_subtitles("5", "amplify_video", "6", language="en", name="English").json or {}
    removed = v2.remove_subtitles("5", "tweet_video", "EN").json or {}
    said = v2.metadata("5", alt_text="A dome", sensitive=["other"]).json or {}

    theirs = schemas["CreateMediaSubtitlesRequest"]["properties"]
    assert set(attached) == set(theirs)
    assert attached["media_category"] in theirs["media_category"]["enum"]
    track = schemas["CreateMediaSubtitlesSubtitles"]["properties"]
    assert set(attached["subtitles"]) == set(track)
    assert re.fullmatch(track["language_code"]["pattern"], attached["subtitles"]["language_code"])
    assert set(removed) == set(schemas["DeleteMediaSubtitlesRequest"]["required"])
    assert set(said["metadata"]) <= set(schemas["CreateMediaMetadataMetadata"]["properties"])
    assert said["metadata"]["alt_text"] == {"text": "A dome"}
    assert said["metadata"]["sensitive_media_warning"] == {
        "adult_content": False,
        "graphic_violence": False,
        "other": True,
    }
