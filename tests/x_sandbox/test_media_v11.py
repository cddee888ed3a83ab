from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
import requests

UPLOAD = "/1.1/media/upload.json"


def initialize(api, content: bytes, **more: str) -> requests.Response:
    form = {"command": "INIT", "media_type": "video/mp4", "total_bytes": str(len(content)), **more}
    return api.call("POST", UPLOAD, data=form)


def segment(api, media_id: str, index: int, content: bytes) -> requests.Response:
    """Append as a form: its parameters are signed, unlike those of a multipart body."""
    form = {
        "command": "APPEND",
        "media_id": media_id,
        "segment_index": str(index),
        "media_data": base64.b64encode(content).decode(),
    }
    return api.call("POST", UPLOAD, data=form)


def finalize(api, media_id: str) -> requests.Response:
    return api.call("POST", UPLOAD, data={"command": "FINALIZE", "media_id": media_id})


def upload(api, content: bytes, **fields: str) -> dict[str, Any]:
    response = api.call("POST", UPLOAD, data=fields, files={"media": content})
    assert response.status_code == 200, response.text
    return response.json()


def test_a_form_that_is_signed_carries_a_video_in_segments(sandbox, alice, mp4) -> None:
    sandbox.settings(processing_seconds=60)
    opened = initialize(alice, mp4, media_category="tweet_video")
    assert opened.status_code == 202
    media_id = opened.json()["media_id_string"]
    assert opened.json() == {
        "media_id": int(media_id),
        "media_id_string": media_id,
        "media_key": f"7_{media_id}",
        "expires_after_secs": 86_400,
    }
    for index in (1, 0):
        half = len(mp4) // 2
        content = mp4[half:] if index else mp4[:half]
        appended = segment(alice, media_id, index, content)
        assert (appended.status_code, appended.content) == (204, b"")
    done = finalize(alice, media_id)
    assert (done.status_code, done.json()["processing_info"]["state"]) == (201, "pending")
    sandbox.settings(clock_ahead_seconds=30)
    half_way = alice.get(UPLOAD, command="STATUS", media_id=media_id).json()["processing_info"]
    assert (half_way["state"], half_way["check_after_secs"]) == ("in_progress", 5)
    assert 0 < half_way["progress_percent"] < 100
    sandbox.settings(clock_ahead_seconds=61)
    status = alice.get(UPLOAD, command="STATUS", media_id=media_id).json()
    assert status["processing_info"] == {"state": "succeeded", "progress_percent": 100}
    alice.create("clip", media={"media_ids": [media_id]})
    assert sandbox.posts()[0]["media"][0]["sha256"] == hashlib.sha256(mp4).hexdigest()


def test_a_form_that_was_changed_on_its_way_is_refused(sandbox, alice, png) -> None:
    def changed(request: requests.PreparedRequest) -> requests.PreparedRequest:
        signed = auth(request)
        body = signed.body if isinstance(signed.body, str) else signed.body.decode()
        signed.body = body.replace("INIT", "EXIT")
        assert signed.body != body
        return signed

    auth, alice.session.auth = alice.session.auth, changed
    refused = initialize(alice, png)
    assert refused.status_code == 401
    assert refused.json() == {"errors": [{"code": 32, "message": "Could not authenticate you."}]}


@pytest.mark.parametrize("form", [{"files": "media"}, {"files": "media_data"}, {"data": "media_data"}])
def test_an_image_goes_up_in_one_request_however_it_is_sent(sandbox, alice, png, form) -> None:
    (where, field) = next(iter(form.items()))
    content = base64.b64encode(png) if field == "media_data" else png
    answer = alice.call("POST", UPLOAD, **{where: {field: content}}).json()
    assert (answer["size"], answer["image"]["w"], answer["image"]["h"]) == (len(png), 30, 20)
    alice.create("pic", media={"media_ids": [answer["media_id_string"]]})
    assert sandbox.posts()[0]["media"][0]["sha256"] == hashlib.sha256(png).hexdigest()


def test_what_x_cannot_process_is_explained_by_status(sandbox, alice, png) -> None:
    sandbox.settings(processing_seconds=0.0)
    media_id = initialize(alice, png, media_category="tweet_video").json()["media_id_string"]
    segment(alice, media_id, 0, png)
    assert finalize(alice, media_id).json()["processing_info"] == {
        "state": "failed",
        "progress_percent": 0,
        "error": {
            "code": 1,
            "name": "InvalidMedia",
            "message": "the file is image/png, which is no tweet_video",
        },
    }


def test_only_oauth1_may_upload(sandbox, api_of, png) -> None:
    tokens = (sandbox.credentials["bearer_token"], sandbox.accounts[0]["oauth2"]["access_token"])
    for token in tokens:
        refused = api_of(sandbox, 0, bearer=token).call("POST", UPLOAD, files={"media": png})
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (403, 220)
    nobody = requests.post(sandbox.url + UPLOAD, files={"media": png}, timeout=5)
    assert nobody.json() == {"errors": [{"code": 215, "message": "Bad Authentication data."}]}
    assert nobody.status_code == 401


def test_an_app_that_reads_only_may_not_upload(sandbox, alice, png) -> None:
    sandbox.post("/_sandbox/accounts/alice", {"access_level": "read"})
    refused = alice.call("POST", UPLOAD, files={"media": png})
    assert (refused.status_code, refused.json()["request"]) == (403, UPLOAD)


def test_without_the_setting_it_answers_as_to_an_app_without_access(sandbox, alice, png) -> None:
    sandbox.settings(v11_upload=False)
    for refused in (
        alice.call("POST", UPLOAD, files={"media": png}),
        alice.get(UPLOAD, command="STATUS", media_id="1"),
        alice.post("/1.1/media/metadata/create.json", {"media_id": "1"}),
    ):
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (403, 453)
    assert alice.upload(png, "tweet_image").status_code == 200


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"command": "BEGIN"}, 44),
        ({"command": "INIT", "total_bytes": "5"}, 38),
        ({"command": "INIT", "media_type": "image/png"}, 38),
        ({"command": "INIT", "media_type": "image/png", "total_bytes": "many"}, 44),
        ({"command": "INIT", "media_type": "image/png", "total_bytes": "5", "media_category": "no"}, 44),
        ({"command": "FINALIZE"}, 38),
        ({"media_data": "not base64!"}, 44),
        ({}, 38),
    ],
)
def test_a_parameter_that_is_missing_or_wrong_is_named(alice, form, code) -> None:
    refused = alice.call("POST", UPLOAD, data=form)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, code)


@pytest.mark.parametrize(
    ("media_type", "category", "size"),
    [
        ("image/png", "tweet_image", (5 << 20) + 1),
        ("image/gif", "tweet_gif", (15 << 20) + 1),
        ("video/mp4", "tweet_video", (512 << 20) + 1),
    ],
)
def test_every_category_has_its_size_limit(alice, media_type, category, size) -> None:
    form = {"command": "INIT", "media_type": media_type, "media_category": category}
    refused = alice.call("POST", UPLOAD, data={**form, "total_bytes": str(size)})
    assert (refused.status_code, refused.json()["request"]) == (400, UPLOAD)
    assert "File size exceeds" in refused.json()["error"]
    assert alice.call("POST", UPLOAD, data={**form, "total_bytes": str(size - 1)}).status_code == 202


def test_segments_have_their_limit_their_indices_and_their_session(sandbox, alice, bob, gif) -> None:
    media_id = initialize(alice, gif, media_type="image/gif").json()["media_id_string"]
    form = {"command": "APPEND", "media_id": media_id, "segment_index": "0"}
    too_large = alice.call("POST", UPLOAD, data=form, files={"media": bytes((5 << 20) + 1)})
    assert (too_large.status_code, "File size exceeds" in too_large.json()["error"]) == (400, True)
    assert segment(alice, media_id, 1000, gif).status_code == 400
    assert segment(bob, media_id, 0, gif).status_code == 404
    assert finalize(alice, media_id).status_code == 400
    assert segment(alice, media_id, 0, gif).status_code == 204
    assert finalize(alice, media_id).status_code == 201
    assert segment(alice, media_id, 0, gif).status_code == 400


def test_alt_text_and_warnings_are_kept(sandbox, alice, png) -> None:
    media_id = upload(alice, png)["media_id_string"]
    path = "/1.1/media/metadata/create.json"
    body = {"media_id": media_id, "alt_text": {"text": "Teal"}, "sensitive_media_warning": ["other"]}
    answer = alice.post(path, body)
    assert (answer.status_code, answer.content) == (200, b"")
    alice.create("pic", media={"media_ids": [media_id]})
    shown = sandbox.posts()[0]["media"][0]
    assert (shown["alt_text"], shown["sensitive"]) == ("Teal", ["other"])
    assert alice.post(path, {**body, "alt_text": {"text": "x" * 1001}}).status_code == 400
    assert alice.post(path, {**body, "sensitive_media_warning": ["boring"]}).status_code == 400
    assert alice.post(path, {"alt_text": {"text": "x"}}).json()["errors"][0]["code"] == 38


def test_subtitles_are_attached_and_removed(sandbox, alice, mp4) -> None:
    sandbox.settings(processing_seconds=0.0)
    media_id = initialize(alice, mp4, media_category="tweet_video").json()["media_id_string"]
    segment(alice, media_id, 0, mp4)
    finalize(alice, media_id)
    words = upload(alice, b"WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n", media_category="subtitles")
    track = {"media_id": words["media_id_string"], "language_code": "EN", "display_name": "English"}
    body = {"media_id": media_id, "media_category": "TweetVideo", "subtitle_info": {"subtitles": [track]}}
    answer = alice.post("/1.1/media/subtitles/create.json", body)
    assert (answer.status_code, answer.content) == (200, b"")
    alice.create("clip", media={"media_ids": [media_id]})
    shown = sandbox.posts()[0]["media"][0]["subtitles"]
    assert [(item["language_code"], item["display_name"]) for item in shown] == [("EN", "English")]
    body["subtitle_info"] = {"subtitles": [{"language_code": "EN"}]}
    assert alice.post("/1.1/media/subtitles/delete.json", body).status_code == 200
    assert sandbox.posts()[0]["media"][0]["subtitles"] == []
    assert alice.post("/1.1/media/subtitles/create.json", {"media_id": media_id}).status_code == 400


def test_rate_limits_are_told_in_the_words_of_v11(sandbox, alice, png) -> None:
    sandbox.settings(limits={"POST /1.1/media/upload.json": {"user": 1}})
    upload(alice, png)
    refused = alice.call("POST", UPLOAD, files={"media": png})
    assert refused.status_code == 429
    assert refused.json() == {"errors": [{"code": 88, "message": "Rate limit exceeded"}]}
    assert refused.headers["x-rate-limit-remaining"] == "0"
