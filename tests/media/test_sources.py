"""Files of this machine, https URLs and objects, all given as a path for as long as they are needed."""

from __future__ import annotations

import io
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest
from internet import Internet, Server, broken_off, redirect, reply

from x_provider.media import Fetcher, FetchSettings, MediaError, MediaSources, inspect
from x_provider.media.sources import SCRATCH_PREFIX, SCRATCH_SECONDS

URL = "https://cdn.example/x.png"
OBJECT = "s3://aws_default@bucket/campaign/x.png"


@pytest.fixture
def cdn(internet: Internet, picture: bytes) -> Server:
    server = internet.site("cdn.example", "93.184.215.14")
    server.answers["/x.png"] = reply(picture)
    return server


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's temporary folder, for this test alone."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def sources(internet: Internet, cdn: Server, scratch: Path) -> MediaSources:
    return MediaSources(internet.fetcher())


def stored(body: bytes, **settings: int) -> MediaSources:
    """Sources with a store that has one object."""
    return MediaSources(Fetcher(FetchSettings(**settings)), lambda source: io.BytesIO(body))


def refusal(use: Callable[[], object]) -> MediaError:
    with pytest.raises(MediaError) as caught:
        use()
    assert caught.value.hint
    return caught.value


def opened(sources: MediaSources, source: str) -> bytes:
    with sources.open(source) as path:
        return path.read_bytes()


class TestFilesOfThisMachine:
    def test_a_path_is_given_as_it_is(self, sources: MediaSources, tmp_path: Path, scratch: Path) -> None:
        path = tmp_path / "x.png"
        path.write_bytes(b"x")
        with sources.open(str(path)) as found:
            assert found == path
            assert list(scratch.iterdir()) == []
        assert path.read_bytes() == b"x"

    def test_a_path_is_relative_to_the_folder(self, sources: MediaSources, tmp_path: Path) -> None:
        with sources.open("media/x.png", folder=tmp_path) as found:
            assert found == tmp_path / "media/x.png"
        assert sources.absolute("media/x.png", tmp_path) == str(tmp_path / "media/x.png")

    def test_a_path_kept_is_absolute_whatever_the_folder(
        self, sources: MediaSources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert sources.absolute("x.png", Path("media")) == str(tmp_path / "media/x.png")
        assert sources.absolute("/srv/x.png", Path("media")) == "/srv/x.png"

    @pytest.mark.parametrize("name", ["Foto: Sommer.png", "a:b.png", "https.png", "c:/x.png", "data.png"])
    def test_a_colon_makes_no_url(self, sources: MediaSources, tmp_path: Path, name: str) -> None:
        assert sources.absolute(name, tmp_path) == str(tmp_path / name)

    def test_blanks_around_a_source_are_left_out(
        self, sources: MediaSources, tmp_path: Path, picture: bytes
    ) -> None:
        (tmp_path / "x.png").write_bytes(b"x")
        with sources.open(" x.png\n", folder=tmp_path) as path:
            assert path.read_bytes() == b"x"
        assert sources.absolute("\tx.png ", tmp_path) == str(tmp_path / "x.png")
        assert sources.absolute(f" {URL} ", tmp_path) == URL
        assert opened(sources, f" {URL} ") == picture


class TestUrls:
    def test_a_file_is_there_within_the_block_and_gone_after_it(
        self, sources: MediaSources, scratch: Path, picture: bytes
    ) -> None:
        with sources.open(URL) as path:
            assert path.read_bytes() == picture
            assert path.is_relative_to(scratch)
            assert inspect(path)[0].media_type == "image/png"
        assert list(scratch.iterdir()) == []

    def test_nobody_else_can_read_it(self, sources: MediaSources) -> None:
        with sources.open(URL) as path:
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    def test_it_is_gone_when_the_block_fails(self, sources: MediaSources, scratch: Path) -> None:
        with pytest.raises(RuntimeError), sources.open(URL):
            raise RuntimeError
        assert list(scratch.iterdir()) == []

    def test_it_is_gone_when_the_fetch_fails(self, sources: MediaSources, cdn: Server, scratch: Path) -> None:
        cdn.answers["/x.png"] = broken_off(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        assert refusal(lambda: opened(sources, URL)).may_pass
        assert list(scratch.iterdir()) == []

    @pytest.mark.parametrize(
        ("path", "name"),
        [
            ("/photos/Summer.JPG?w=1200", "Summer.JPG"),
            ("/photos/gr%C3%BCn%20und%2Fblau.png", "blau.png"),
            ("/a%2f..%2f..%2fetc%2fpasswd", "passwd"),
            ("/%2e%2e/", "media"),
            ("/", "media"),
            ("/gr%C3%BCn%20.png", "gr_n_.png"),
            ("?file=x.png", "media"),
            ("/" + "x" * 300 + ".webp", "x" * 95 + ".webp"),
            ("/.png", "png"),
        ],
    )
    def test_its_name_is_the_urls(
        self, sources: MediaSources, cdn: Server, scratch: Path, path: str, name: str
    ) -> None:
        cdn.otherwise = reply(b"x")
        with sources.open(f"https://cdn.example{path}") as found:
            assert found.name == name
            assert found.parent.parent == scratch

    def test_what_is_not_what_its_name_says_is_told_by_that_name(
        self, sources: MediaSources, cdn: Server, picture: bytes
    ) -> None:
        cdn.answers["/photo.jpg"] = redirect("/x.png")
        with (
            sources.open("https://cdn.example/photo.jpg") as path,
            pytest.raises(MediaError, match=r"photo\.jpg is not what its name says"),
        ):
            inspect(path)

    def test_a_url_is_kept_as_it_is_written_and_not_fetched(self, sources: MediaSources, cdn: Server) -> None:
        url = "HTTPS://CDN.example/x.png?signature=a%2Bb"
        assert sources.absolute(url, Path("/srv")) == url
        assert cdn.visits == 0

    @pytest.mark.parametrize(
        "url", ["https://me:secret@cdn.example/x.png", "https://cdn.example:22/x.png", "https://x y/z.png"]
    )
    def test_what_no_fetch_would_take_is_refused_when_it_is_written(
        self, sources: MediaSources, url: str
    ) -> None:
        error = refusal(lambda: sources.absolute(url, Path("/srv")))
        assert "cannot be fetched" in error.message
        assert "secret" not in error.message

    def test_a_full_disk_is_told(
        self, sources: MediaSources, scratch: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(url: str, into: Path) -> None:
            with into.open("wb"):
                raise OSError(28, "No space left on device")

        monkeypatch.setattr(sources._fetcher, "fetch", full)
        error = refusal(lambda: opened(sources, URL + "?signature=secret"))
        assert error.message == f"{URL}?signature=… cannot be kept: No space left on device"
        assert str(scratch) in error.hint


class TestObjects:
    def test_an_object_is_there_within_the_block(self, scratch: Path, picture: bytes) -> None:
        asked: list[str] = []

        def open_object(source: str) -> BinaryIO:
            asked.append(source)
            return io.BytesIO(picture)

        with MediaSources(open_object=open_object).open(OBJECT) as path:
            assert path.read_bytes() == picture
            assert path.name == "x.png"
        assert asked == [OBJECT]
        assert list(scratch.iterdir()) == []

    @pytest.mark.parametrize(
        ("key", "name"), [("a/x#1?.mp4", "x_1_.mp4"), ("x%2fy.png", "x_2fy.png"), ("a/", "a")]
    )
    def test_its_name_is_its_keys(self, scratch: Path, key: str, name: str) -> None:
        with stored(b"x").open(f"s3://bucket/{key}") as path:
            assert path.name == name

    def test_an_object_is_kept_as_it_is_written(self) -> None:
        assert stored(b"x").absolute(OBJECT, Path("/srv")) == OBJECT

    def test_the_size_is_counted(self, scratch: Path) -> None:
        assert opened(stored(b"1234", max_bytes=4), OBJECT) == b"1234"
        error = refusal(lambda: opened(stored(b"12345", max_bytes=4), OBJECT))
        assert error.message == f"{OBJECT} is larger than 4e-06 MB"
        assert list(scratch.iterdir()) == []

    def test_the_time_is_counted(self, scratch: Path) -> None:
        error = refusal(lambda: opened(stored(b"1234", total_seconds=0), OBJECT))
        assert error.message == f"{OBJECT} took longer than 0 s"
        assert error.may_pass

    def test_an_empty_object_is_told(self, scratch: Path) -> None:
        assert refusal(lambda: opened(stored(b""), OBJECT)).message == f"{OBJECT} is empty"

    def test_an_object_is_closed_and_read_in_blocks(self, scratch: Path) -> None:
        class Stored(io.BytesIO):
            largest = 0

            def read(self, size: int | None = -1) -> bytes:
                block = super().read(size)
                Stored.largest = max(Stored.largest, len(block))
                return block

        body = Stored(bytes(5_000_000))
        with MediaSources(open_object=lambda source: body).open(OBJECT) as path:
            assert path.stat().st_size == 5_000_000
            assert body.closed
        assert Stored.largest < 2_000_000

    def test_a_store_that_breaks_off_is_told(self, scratch: Path) -> None:
        class Broken(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                raise OSError("endpoint")

        error = refusal(lambda: opened(MediaSources(open_object=lambda source: Broken(b"")), OBJECT))
        assert error.message == f"{OBJECT} cannot be read to its end (OSError)"
        assert error.may_pass
        assert list(scratch.iterdir()) == []

    def test_without_a_store_an_object_is_refused(self, sources: MediaSources) -> None:
        assert "there is no store for s3://" in refusal(lambda: opened(sources, OBJECT)).message


@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        ("http://cdn.example/x.png", "can be read and changed on its way", "Write https://"),
        ("file:///srv/x.png", "is a path written as a URL", "Write /srv/x.png alone"),
        ("FILE:/srv/x.png", "is a path written as a URL", "Write /srv/x.png alone"),
        ("local:///srv/x.png", "is a path written as a URL", "Write /srv/x.png alone"),
        ("data:image/png;base64,iVBORw0KGgo=", "a source cannot be data:", "Save the file"),
        ("ftp://cdn.example/x.png", "a source cannot be ftp:", "Save the file"),
        ("s3://AKIA:secret@bucket/x.png", "s3://…@bucket/x.png has keys in it", "s3://connection@bucket/key"),
        ("s3://bucket/x::https://127.0.0.1/", "has :: in it", "Rename the object"),
        ("https:/b.example/x.png?sig=secret", "https:/b.example/x.png?sig=… is neither", "with https://"),
        ("https:b.example/x.png?sig=secret", "https:b.example/x.png?sig=… is neither", "with https://"),
        (" HTTP:/me:secret@b.example/x.png", "HTTP:/…@b.example/x.png is neither", "with https://"),
        ("s3:/AKIA:secret@bucket/x.png", "s3:/…@bucket/x.png is neither", "s3://"),
        (
            "x https://b.example/x.png?sig=secret",
            "x https://b.example/x.png?sig=… is neither",
            "with https://",
        ),
    ],
)
def test_what_is_no_source_is_refused_before_anybody_is_asked(source: str, message: str, hint: str) -> None:
    def nobody(source: str) -> BinaryIO:
        raise AssertionError(source)

    sources = MediaSources(open_object=nobody)
    for use in (lambda: sources.absolute(source, Path("/srv")), lambda: opened(sources, source)):
        error = refusal(use)
        assert message in error.message
        assert hint in error.hint
        assert "secret" not in error.message + error.hint


KILLED = """
import sys, time
from x_provider.media import MediaSources
with MediaSources(open_object=lambda source: open(sys.argv[1], "rb")).open("s3://bucket/x.png") as path:
    print(path, flush=True)
    time.sleep(60)
"""


def test_what_a_killed_process_leaves_is_removed_after_a_day(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"x")
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(body)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(scratch)},
    ) as process:
        left = Path(process.stdout.readline().strip())
        process.send_signal(signal.SIGKILL)
    assert left.read_bytes() == b"x"
    assert left.parent.name.startswith(SCRATCH_PREFIX)

    opened(stored(b"y"), OBJECT)
    assert left.exists()  # it may still be in use
    day = time.time() - SCRATCH_SECONDS - 60
    os.utime(left.parent, (day, day))
    others = scratch / "others"
    others.mkdir()
    os.utime(others, (day, day))
    opened(stored(b"y"), OBJECT)
    assert list(scratch.iterdir()) == [others]
