from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import responses
from hypothesis import given, settings
from hypothesis import strategies as st
from requests import PreparedRequest

from x_provider.client import (
    OAuth1,
    Repeats,
    XClient,
    XInvalidRequest,
    XMediaFailed,
    XUnavailable,
    media,
    segments,
)
from x_provider.client.calls import FilePart
from x_provider.client.segments import LARGEST_SEGMENT_BYTES, MOST_SEGMENTS, SEGMENT_BYTES, segment_size
from x_provider.client.transport import Multipart

API = "https://api.x.com"
READY = {"data": {"id": "5", "media_key": "7_5", "expires_after_secs": 86400}}


def processing(state: str, **members: Any) -> dict[str, Any]:
    return {"data": READY["data"] | {"processing_info": {"state": state, **members}}}


@pytest.fixture
def x() -> Any:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def client(planted: OAuth1) -> XClient:
    return XClient(auth=planted, repeats=Repeats(first_pause=0))


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the client would have slept, in seconds."""
    taken: list[float] = []
    monkeypatch.setattr(media.time, "sleep", taken.append)
    return taken


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(bytes(range(256)) * 40)
    return path


def parts(request: PreparedRequest) -> dict[str, EmailMessage]:
    """The parts of a multipart request, read by a parser that is not ours."""
    kind = request.headers["Content-Type"]  # signing turns it into bytes
    head = b"Content-Type: " + (kind if isinstance(kind, bytes) else kind.encode()) + b"\r\n\r\n"
    message = email.message_from_bytes(head + b"".join(request.body or ()), policy=email.policy.HTTP)
    return {str(part.get_param("name", header="content-disposition")): part for part in message.iter_parts()}


def test_a_picture_is_uploaded_at_once(x: Any, client: XClient, tmp_path: Path) -> None:
    picture = tmp_path / 'grün"er Mond.png'
    picture.write_bytes(b"\x89PNG\r\n\x1a\n\0--boundary\r\n")
    x.post(f"{API}/2/media/upload", json=READY)
    progress: list[tuple[int, int]] = []

    uploaded = client.upload_media(picture, "tweet_image", on_progress=lambda *step: progress.append(step))

    assert (uploaded.id, uploaded.media_key, uploaded.state) == ("5", "7_5", "succeeded")
    found = parts(x.calls[0].request)
    assert found["media"].get_payload(decode=True) == picture.read_bytes()
    assert found["media"].get_content_type() == "image/png"
    assert found["media_category"].get_payload(decode=True) == b"tweet_image"
    size = picture.stat().st_size
    assert progress == [(size, size)]


def test_a_video_is_uploaded_in_segments(
    x: Any, client: XClient, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 4096)
    x.post(f"{API}/2/media/upload/initialize", json=READY)
    received: list[tuple[int, bytes]] = []

    def append(request: PreparedRequest) -> tuple[int, dict[str, str], str]:
        found = parts(request)
        received.append(
            (int(found["segment_index"].get_payload(decode=True)), found["media"].get_payload(decode=True))
        )
        return 204, {}, ""

    x.add_callback(responses.POST, f"{API}/2/media/upload/5/append", append)
    x.post(f"{API}/2/media/upload/5/finalize", json=READY)
    x.post(f"{API}/2/media/metadata", json={"data": {"id": "5"}})
    progress: list[tuple[int, int]] = []

    uploaded = client.upload_media(
        video, "tweet_video", alt_text="A clip", on_progress=lambda *step: progress.append(step)
    )

    received.sort()
    assert [index for index, _ in received] == [0, 1, 2]
    assert b"".join(content for _, content in received) == video.read_bytes()
    assert len(progress) == 3
    assert progress[-1] == (10240, 10240)
    assert uploaded.size == 10240
    assert uploaded.ready
    assert b'"total_bytes":10240' in x.calls[0].request.body
    assert b'"media_type":"video/mp4"' in x.calls[0].request.body
    assert b'"alt_text":{"text":"A clip"}' in x.calls[-1].request.body


def test_a_lost_segment_is_sent_again(x: Any, client: XClient, video: Path) -> None:
    x.post(f"{API}/2/media/upload/initialize", json=READY)
    x.post(f"{API}/2/media/upload/5/append", status=503)
    x.post(f"{API}/2/media/upload/5/append", json={"data": {"expires_at": 1}})
    x.post(f"{API}/2/media/upload/5/finalize", json=READY)

    assert client.upload_media(video, "tweet_video").ready
    assert [call.request.path_url.rsplit("/", 1)[1] for call in x.calls].count("append") == 2


def test_processing_is_waited_for_as_x_asks(
    x: Any, client: XClient, video: Path, pauses: list[float]
) -> None:
    x.post(f"{API}/2/media/upload/initialize", json=READY)
    x.post(f"{API}/2/media/upload/5/append", status=204)
    x.post(f"{API}/2/media/upload/5/finalize", json=processing("pending", check_after_secs=2))
    x.get(f"{API}/2/media/upload", json=processing("in_progress", check_after_secs=7, progress_percent=50))
    x.get(f"{API}/2/media/upload", json=processing("succeeded"))

    uploaded = client.upload_media(video, "tweet_video")

    assert uploaded.ready
    assert pauses == [2, 7]


def test_without_waiting_the_state_is_handed_over(x: Any, client: XClient, video: Path) -> None:
    x.post(f"{API}/2/media/upload/initialize", json=READY)
    x.post(f"{API}/2/media/upload/5/append", status=204)
    x.post(f"{API}/2/media/upload/5/finalize", json=processing("pending", check_after_secs=2))
    x.get(f"{API}/2/media/upload", json=processing("failed"))

    uploaded = client.upload_media(video, "tweet_video", wait=False)

    assert (uploaded.state, uploaded.check_after_secs) == ("pending", 2)
    assert client.media_status(uploaded.id).state == "failed"


def test_a_file_that_x_cannot_process_brings_x_words(
    x: Any, client: XClient, video: Path, pauses: list[float]
) -> None:
    x.post(f"{API}/2/media/upload/initialize", json=READY)
    x.post(f"{API}/2/media/upload/5/append", status=204)
    x.post(f"{API}/2/media/upload/5/finalize", json=processing("pending"))
    x.get(f"{API}/2/media/upload", json=processing("failed", error={"message": "Unsupported codec"}))

    with pytest.raises(XMediaFailed, match="media 5: Unsupported codec"):
        client.upload_media(video, "tweet_video")


def test_waiting_has_an_end(x: Any, client: XClient, video: Path, pauses: list[float]) -> None:
    x.post(f"{API}/2/media/upload/initialize", json=READY)
    x.post(f"{API}/2/media/upload/5/append", status=204)
    x.post(f"{API}/2/media/upload/5/finalize", json=processing("pending", check_after_secs=3600))

    with pytest.raises(XUnavailable, match="still pending after 10 s"):
        client.upload_media(video, "tweet_video", wait_seconds=10)

    assert pauses == []


def test_a_lost_finalize_is_sent_again(x: Any, client: XClient, pauses: list[float]) -> None:
    x.post(f"{API}/2/media/upload/5/finalize", status=503)
    x.post(f"{API}/2/media/upload/5/finalize", json=READY)

    assert client.finalize("5").ready


def test_a_finalize_that_is_refused_after_a_lost_one_is_settled_by_the_state(
    x: Any, client: XClient, pauses: list[float]
) -> None:
    x.post(f"{API}/2/media/upload/5/finalize", status=503)
    x.post(f"{API}/2/media/upload/5/finalize", json={"title": "Invalid Request"}, status=400)
    x.get(f"{API}/2/media/upload", json=processing("in_progress"))

    assert client.finalize("5").state == "in_progress"


def test_a_finalize_that_is_refused_at_first_stays_refused(x: Any, client: XClient) -> None:
    x.post(f"{API}/2/media/upload/5/finalize", json={"title": "Invalid Request"}, status=400)

    with pytest.raises(XInvalidRequest):
        client.finalize("5")


def test_a_finalize_that_never_brings_an_answer_can_be_begun_anew(
    x: Any, client: XClient, pauses: list[float]
) -> None:
    x.post(f"{API}/2/media/upload/5/finalize", status=503)

    with pytest.raises(XUnavailable, match="Upload the file again") as caught:
        client.finalize("5")

    assert caught.value.retry_safe
    assert len(x.calls) == 3


def test_an_empty_file_and_one_of_unknown_type_never_leave(x: Any, client: XClient, tmp_path: Path) -> None:
    empty, strange = tmp_path / "empty.png", tmp_path / "clip.unknown-kind"
    empty.touch()
    strange.write_bytes(b"x")

    with pytest.raises(XInvalidRequest, match=r"empty\.png is empty"):
        client.upload_media(empty, "tweet_image")
    with pytest.raises(XInvalidRequest, match="Give media_type"):
        client.upload_media(strange, "tweet_video")
    with pytest.raises(FileNotFoundError, match=r"missing\.png"):
        client.upload_media(tmp_path / "missing.png", "tweet_image")


def test_an_alt_text_that_is_too_long_never_leaves(x: Any, client: XClient) -> None:
    with pytest.raises(XInvalidRequest, match="1001 characters"):
        client.set_media_metadata("5", alt_text="x" * 1001)


@settings(deadline=None)
@given(st.integers(1, MOST_SEGMENTS * LARGEST_SEGMENT_BYTES))
def test_every_file_fits_into_x_segments(size: int) -> None:
    segment = segment_size(size)

    assert SEGMENT_BYTES <= segment <= LARGEST_SEGMENT_BYTES
    assert -(-size // segment) <= MOST_SEGMENTS


def test_a_file_beyond_x_segments_is_refused_with_its_size() -> None:
    with pytest.raises(XInvalidRequest, match="8,000,000,001 bytes"):
        segment_size(MOST_SEGMENTS * LARGEST_SEGMENT_BYTES + 1)


@settings(deadline=None)
@given(content=st.binary(max_size=300), name=st.text(max_size=20), value=st.text("0123456789", max_size=5))
def test_a_multipart_body_carries_any_bytes(content: bytes, name: str, value: str) -> None:
    name = name.encode("utf-8", "ignore").decode()

    body = Multipart({"segment_index": value}, {"media": FilePart(name, content)})

    boundary = body.content_type.split("boundary=")[1].encode()
    sent = b"".join(body)
    assert len(sent) == len(body)
    pieces = sent.split(b"--" + boundary)
    assert len(pieces) == 4
    assert pieces[1].endswith(b"\r\n\r\n" + value.encode() + b"\r\n")
    head, carried = pieces[2].split(b"\r\n\r\n", 1)
    assert carried == content + b"\r\n"
    assert head.count(b"\r\n") == 2
