"""Several segments of a file at the same time: what is sent, what stops it, and what it leaves alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from x_provider.client import CreatePost, OAuth1, Repeats, Timeouts, XClient, XInvalidRequest, XUnavailable
from x_provider.client import segments as module
from x_provider.client.segments import Segments

READY = {"data": {"id": "5", "media_key": "7_5", "expires_after_secs": 86400}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"".join(bytes([number]) * 1000 for number in range(10)))
    return path


def wait_until(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not met():
        assert time.monotonic() < deadline, "it did not come about within 10 s"
        time.sleep(0.005)


def test_four_segments_are_on_their_way_at_once_and_never_more(file: Path) -> None:
    together = threading.Barrier(4, timeout=10)
    counting, under_way, most = threading.Lock(), 0, 0
    received: dict[int, bytes] = {}

    def append(index: int, segment: memoryview, **_: Any) -> None:
        nonlocal under_way, most
        with counting:
            under_way += 1
            most = max(most, under_way)
        if index < 8:
            together.wait()
        received[index] = bytes(segment)
        with counting:
            under_way -= 1

    Segments(file, 10_000, 1000).send(append, at_once=4)

    assert most == 4
    assert b"".join(received[index] for index in range(10)) == file.read_bytes()


def test_progress_grows_and_is_told_in_the_thread_that_asked(file: Path) -> None:
    told: list[tuple[int, int]] = []
    tellers: set[int] = set()

    def on_progress(sent: int, total: int) -> None:
        told.append((sent, total))
        tellers.add(threading.get_ident())

    Segments(file, 9_500, 1000).send(lambda *_, **__: None, at_once=4, on_progress=on_progress)

    assert len(told) == 10
    assert told == sorted(told)
    assert told[-1] == (9_500, 9_500)
    assert tellers == {threading.get_ident()}


def test_the_first_error_is_raised_at_once_and_nothing_more_is_begun(file: Path) -> None:
    begun: list[int] = []
    others_begun, answered = threading.Semaphore(0), threading.Event()
    told_to_stop: list[bool] = []

    def append(index: int, _: memoryview, *, may_leave: Callable[[], bool]) -> None:
        begun.append(index)
        if index == 0:
            for _others in range(3):
                assert others_begun.acquire(timeout=10)
            raise XInvalidRequest(detail="segment 0 is refused")
        others_begun.release()
        assert answered.wait(10)
        told_to_stop.append(not may_leave())

    with pytest.raises(XInvalidRequest, match="segment 0 is refused"):
        Segments(file, 10_000, 1000).send(append, at_once=4)  # while X answers none of the others

    answered.set()
    wait_until(lambda: len(told_to_stop) == 3 and not workers())
    assert told_to_stop == [True] * 3
    assert sorted(begun) == [0, 1, 2, 3]


def test_a_caller_who_gives_up_stops_the_segments(file: Path) -> None:
    begun: list[int] = []

    def give_up(*_: int) -> None:
        raise KeyboardInterrupt

    def append(index: int, _: memoryview, *, may_leave: Callable[[], bool]) -> None:
        begun.append(index)
        if index:
            wait_until(lambda: not may_leave())

    with pytest.raises(KeyboardInterrupt):
        Segments(file, 10_000, 1000).send(append, at_once=4, on_progress=give_up)

    wait_until(lambda: not workers())
    assert len(begun) <= 5


def test_a_file_that_shrinks_is_told(file: Path) -> None:
    with pytest.raises(XInvalidRequest, match="became shorter"):
        Segments(file, 10_001, 1000).send(lambda *_, **__: None, at_once=4)


def workers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("x-segments")]


@pytest.fixture
def client(raw_server: Any, planted: OAuth1) -> Iterator[XClient]:
    client = XClient(
        raw_server.url, planted, timeouts=Timeouts(connect=5, read=10), repeats=Repeats(first_pause=0)
    )
    yield client
    client.close()


@pytest.fixture
def segments_of_1000(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEGMENT_BYTES", 1000)


@pytest.mark.usefixtures("segments_of_1000")
def test_a_create_goes_out_over_its_warmed_connection_while_segments_fill_the_line(
    raw_server: Any, client: XClient, behaviours: Any, file: Path
) -> None:
    released, appending = threading.Event(), threading.Semaphore(0)

    def hold(connection: Any) -> None:
        appending.release()
        assert released.wait(10)
        behaviours.answer(200, READY)(connection)

    raw_server.choose = lambda head: (
        hold
        if b"/append" in head
        else behaviours.answer(201)
        if b"/2/tweets" in head
        else behaviours.answer(200, READY)
    )
    client.warm()
    uploading = threading.Thread(target=client.upload_media, args=(file, "tweet_video"))
    uploading.start()
    for _ in range(4):
        assert appending.acquire(timeout=10)
    before = raw_server.connections

    created = client.create_post(CreatePost(text="punctual"))

    assert created.id == "1"
    assert raw_server.connections == before == 5  # the warmed one and four of the upload
    released.set()
    uploading.join(10)
    assert not uploading.is_alive()
    assert sum(b"/append" in head for head in raw_server.heads) == 10


@pytest.mark.usefixtures("segments_of_1000")
def test_a_refused_segment_ends_the_upload_while_x_is_silent_about_the_others(
    raw_server: Any, client: XClient, behaviours: Any, file: Path
) -> None:
    appends = iter(range(100))
    silent = threading.Event()

    def step(connection: Any) -> None:
        if next(appends) == 3:
            behaviours.answer(400, {"title": "Invalid Request", "detail": "bad segment"})(connection)
        else:
            silent.wait(10)

    raw_server.choose = lambda head: step if b"/append" in head else behaviours.answer(200, READY)

    with pytest.raises(XInvalidRequest, match="bad segment"):
        client.upload_media(file, "tweet_video")

    assert not silent.is_set()
    assert sum(b"/append" in head for head in raw_server.heads) == 4
    silent.set()


def test_a_segment_that_is_not_wanted_any_more_stops_in_its_middle_and_is_not_repeated(
    raw_server: Any, client: XClient
) -> None:
    asked = iter(range(1000))

    with pytest.raises(XUnavailable, match="not to be sent any more"):
        client.append("5", 0, bytes(4 << 20), may_leave=lambda: next(asked) < 5)

    assert next(asked) == 7  # five pieces, the one that stayed, and whether to repeat
    assert raw_server.bodies == []
