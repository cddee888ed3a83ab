"""What a file turns out to be, whatever its name says."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import av
import pytest
from media_samples import silence, video
from PIL import Image

from x_provider.media import MediaError, inspect


def test_a_decompression_bomb_is_refused_unopened(album):
    with pytest.raises(MediaError, match=r"bomb.png has too many pixels for a picture"):
        inspect(album("bomb.png"))


def test_messages_use_the_name_that_people_know(album):
    with pytest.raises(MediaError, match=r"^logo\.png is not what its name says: it is image/gif"):
        inspect(album("wide.gif"), name="logo.png")


def test_the_end_of_a_url_promises_nothing(album):
    assert inspect(album("wide.gif"), name="logo.png", from_url=True)[0].media_type == "image/gif"


def test_a_page_that_was_saved_in_place_of_a_picture_is_called_one(tmp_path):
    (tmp_path / "dome.jpg").write_bytes(b"\n<!DOCTYPE html><html><img src=dome.jpg>")
    with pytest.raises(MediaError, match=r"dome\.jpg is a web page"):
        inspect(tmp_path / "dome.jpg")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("https:/b.example/x.png?sig=SECRET&a", "/https:/b.example/x.png?sig=…&…"),
        ("https://b.example/x.png?SECRET", "/https:/b.example/x.png?…"),
        ("s3:/AKIA:SECRET@bucket/x.png", "/s3:/…@bucket/x.png"),
        ("b.example/x.png?sig=SECRET", "/b.example/x.png?sig=…"),
        ("what? no #1.png", "/what? no #1.png"),
    ],
)
def test_a_url_that_was_taken_for_a_path_is_shown_without_its_secrets(tmp_path, name, words):
    with pytest.raises(MediaError) as caught:
        inspect(tmp_path / name)
    assert caught.value.message == f"there is no file {tmp_path}{words}"
    assert "SECRET" not in repr(caught.getrepr(style="short")) + str(caught.value)


def test_a_file_that_was_saved_under_its_url_is_shown_without_its_secrets(tmp_path):
    path = tmp_path / "x.png?sig=SECRET"
    for content, words in ((b"", "is empty"), (b"text", "neither a picture")):
        path.write_bytes(content)
        with pytest.raises(MediaError, match=rf"x\.png\?sig=….*{words}"):
            inspect(path)


def test_a_video_is_measured(tmp_path):
    path = video(tmp_path / "a.mp4", size=(96, 64), rate=25, frames=50, sound="stereo")
    found, sha256 = inspect(path)
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (found.category, found.media_type, found.size) == ("tweet_video", "video/mp4", path.stat().st_size)
    assert (found.width, found.height, found.fps) == (96, 64, 25)
    assert found.duration_seconds == pytest.approx(2, abs=0.1)
    assert (found.codecs, found.profiles, found.channels) == (("h264", "aac"), ("High", "LC"), 2)
    assert (found.pixel_format, found.square_pixels) == ("yuv420p", True)
    assert not found.interlaced
    assert not found.open_gop


def test_a_transport_stream_with_open_groups_is_seen_as_such(tmp_path):
    options = {"x264-params": "open-gop=1:keyint=12:bframes=3:b-adapt=0:scenecut=0"}
    found, _ = inspect(video(tmp_path / "a.ts", frames=40, options=options))
    assert (found.media_type, found.open_gop) == ("video/mp2t", True)


@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_a_video_that_ends_early_is_damaged(tmp_path, name):
    path = video(tmp_path / name, frames=60, noise=True, options={"g": "5"})
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    with pytest.raises(MediaError, match=f"the video {name} is damaged"):
        inspect(path)


def test_a_video_that_can_be_watched_while_it_loads_and_ends_early_is_damaged(tmp_path):
    path = video(tmp_path / "a.mp4", frames=60, noise=True, container={"movflags": "+faststart"})
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 3_000)
    with pytest.raises(MediaError, match=r"the video a\.mp4 is damaged \(it ends early\)"):
        inspect(path)


def test_sound_without_a_picture_is_no_video(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44_100, layout="mono")
        container.mux(stream.encode(silence(0, "mono")))
        container.mux(stream.encode())
    with pytest.raises(MediaError, match="has no picture in it"):
        inspect(tmp_path / "a.mp4")


def test_a_file_that_changes_is_looked_into_again(tmp_path):
    path = tmp_path / "a.png"
    for width in (10, 20):
        Image.new("RGB", (width, 10)).save(path)
        assert inspect(path)[0].width == width


def test_nothing_is_decoded_in_the_process_that_asks(album):
    code = "import sys; from pathlib import Path; from x_provider.media import inspect;"
    code += f"inspect(Path({str(album('good.mp4'))!r})); print(sorted({{'av', 'PIL'}} & set(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "[]"
