"""What an editor is told about files that X refuses, or may: real files, small, just beyond each limit."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import av
import pytest
from PIL import Image

from x_provider.calendar import Reading
from x_provider.calendar.media_limits import MEBIBYTE, MEGABYTE, Measured, breaches

H264 = "libx264"
MPEG4 = "mpeg4"


def gif(path: Path, *, size: tuple[int, int], frames: int) -> Path:
    """An animation of the given canvas; each frame draws one pixel of it, so that it is quickly made."""
    canvas = struct.pack("<HHBBB", *size, 0b1000_0000, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    path.write_bytes(b"GIF89a" + canvas + frame * frames + b"\x3b")
    return path


def video(
    path: Path,
    *,
    codec: str = H264,
    size: tuple[int, int] = (64, 64),
    rate: Fraction | int = 10,
    frames: int = 10,
) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for shade in range(frames):
            image = Image.new("RGB", size, (shade % 256, 90, 120))
            container.mux(stream.encode(av.VideoFrame.from_image(image)))
        container.mux(stream.encode())
    return path


def jpeg_of(path: Path, size: int) -> Path:
    """A picture with a tail that decoders ignore, as cameras and editors leave it."""
    Image.new("RGB", (32, 24)).save(path, format="JPEG")
    with path.open("r+b") as file:
        file.truncate(size)
    return path


def png_claiming(path: Path, width: int, height: int) -> Path:
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0")),
    ]
    written = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(written))
    return path


MADE: dict[str, Callable[[Path], Path]] = {
    "wide.gif": lambda path: gif(path, size=(1_281, 8), frames=2),
    "high.gif": lambda path: gif(path, size=(8, 1_081), frames=2),
    "frames.gif": lambda path: gif(path, size=(8, 8), frames=351),
    "pixels.gif": lambda path: gif(path, size=(1_280, 1_080), frames=220),
    "most.gif": lambda path: gif(path, size=(900, 900), frames=350),
    "small.mp4": lambda path: video(path, size=(30, 64)),
    "wide.mp4": lambda path: video(path, size=(200, 64)),
    "short.mp4": lambda path: video(path, frames=3),
    "fast.mp4": lambda path: video(path, rate=120, frames=120),
    "old.mp4": lambda path: video(path, codec=MPEG4),
    "web.webm": lambda path: video(path, codec="libvpx"),
    "long.mp4": lambda path: video(path, rate=Fraction(1, 10), frames=15),
    "endless.mp4": lambda path: video(path, rate=Fraction(1, 500), frames=16),
    "good.mp4": lambda path: video(path, size=(96, 32), rate=60, frames=60),
    "good.mov": video,
    "large.jpg": lambda path: jpeg_of(path, 5 * MEGABYTE + 1),
    "huge.jpg": lambda path: jpeg_of(path, 5 * MEBIBYTE + 1),
    "bomb.png": lambda path: png_claiming(path, 20_000, 20_000),
}


@pytest.fixture(scope="session")
def album(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The file of that name, made when it is first asked for."""
    folder = tmp_path_factory.mktemp("album")

    def made(name: str) -> Path:
        path = folder / name
        return path if path.exists() else MADE[name](path)

    return made


@pytest.fixture
def read_media(read, album) -> Callable[..., Reading]:
    """Reads one entry with the given files of the album."""

    def read_files(*names: str) -> Reading:
        media = ", ".join(f"{{file: {album(name)}, alt: A}}" for name in names)
        return read(f"  - {{id: a, at: now, media: [{media}]}}\n")

    return read_files


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("wide.gif", "1281x8 pixels; X may refuse a GIF above 1280x1080"),
        ("high.gif", "8x1081 pixels; X may refuse a GIF above 1280x1080"),
        ("frames.gif", "351 frames; X may refuse a GIF of more than 350"),
        ("pixels.gif", "304 million pixels in all frames; X may refuse a GIF above 300"),
        ("small.mp4", "30x64 pixels; X may refuse a video below 32x32"),
        ("wide.mp4", "200x64 pixels; X may refuse a video narrower than 1:3 or wider than 3:1"),
        ("short.mp4", "0.3 s long; X may refuse a video shorter than 0.5 s"),
        ("fast.mp4", "120 frames a second; X may refuse more than 60"),
        ("old.mp4", "encoded as mpeg4; X documents H.264 video with AAC sound only"),
        ("web.webm", "encoded as vp8; X documents H.264 video with AAC sound only"),
        ("long.mp4", "150 s; X may refuse a duration above 140 s"),
        ("large.jpg", "5.0 MB; X may refuse a size above 5.0 MB"),
    ],
)
def test_what_x_may_refuse_is_a_warning_and_stays(read_media, name, words):
    reading = read_media(name)
    assert [(finding.severity, finding.field) for finding in reading.findings] == [
        ("warning", "media[0].file")
    ]
    assert reading.findings[0].message == f"{name}: {words}"
    assert len(reading.calendar.posts) == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("endless.mp4", "endless.mp4: 8,000 s; X takes a duration of 7,500 s at most"),
        ("huge.jpg", "huge.jpg: 5.2 MB; X takes a size of 5.2 MB at most"),
        ("bomb.png", "bomb.png has too many pixels for a picture"),
    ],
)
def test_what_x_refuses_is_an_error(read_media, name, words):
    reading = read_media(name)
    assert [(finding.severity, finding.message) for finding in reading.findings] == [("error", words)]
    assert reading.calendar.broken == {"a"}


@pytest.mark.parametrize(
    ("name", "media_type", "category", "duration"),
    [
        ("most.gif", "image/gif", "tweet_gif", None),
        ("good.mp4", "video/mp4", "tweet_video", 1.0),
        ("good.mov", "video/quicktime", "tweet_video", 1.0),
    ],
)
def test_what_x_takes_is_measured_and_not_complained_about(read_media, name, media_type, category, duration):
    reading = read_media(name)
    assert reading.findings == []
    (spec,) = reading.calendar.posts[0].parts[0].media
    assert (spec.media_type, spec.category) == (media_type, category)
    assert spec.duration_seconds == (None if duration is None else pytest.approx(duration, abs=0.1))


def measured(category: str, **measures: float) -> Iterable[str]:
    found = {"size": 1, "width": 64, "height": 64, **measures}
    return [severity for severity, _ in breaches(Measured(category, "any/type", **found))]


@pytest.mark.parametrize(
    ("category", "measure", "sure", "hard"),
    [
        ("tweet_image", "size", 5 * MEGABYTE, 5 * MEBIBYTE),
        ("tweet_gif", "size", 15 * MEGABYTE, 15 * MEBIBYTE),
        ("tweet_video", "size", 512 * MEGABYTE, 16 * 1024 * MEBIBYTE),
        ("tweet_video", "duration_seconds", 140, 7_500),
    ],
)
def test_a_limit_itself_is_still_taken(category, measure, sure, hard):
    severities = [measured(category, **{measure: amount}) for amount in (sure, sure + 1, hard, hard + 1)]
    assert severities == [[], ["warning"], ["warning"], ["error"]]


def test_five_pictures_two_videos_or_a_mixture_are_errors(read_media, picture):
    for name in ("a.png", "b.png"):
        picture(name)
    assert "media: has 5 files; X takes 4 pictures" in str(read_media(*["large.jpg"] * 5).findings[0])
    for names in (("good.mp4", "good.mov"), ("good.mp4", "wide.gif"), ("wide.gif", "large.jpg")):
        reading = read_media(*names)
        assert reading.calendar.broken == {"a"}
        assert any(finding.message.startswith("mixes ") for finding in reading.findings)


def test_an_alt_text_has_up_to_a_thousand_characters(read, picture):
    picture("a.png")
    entry = "  - {{id: a, at: now, media: [{{file: a.png, alt: {}}}]}}\n"
    assert read(entry.format("ä" * 1_000)).findings == []
    reading = read(entry.format("ä" * 1_001))
    assert [str(finding).partition("error: ")[2] for finding in reading.findings] == [
        "a: media[0].alt: has 1,001 characters; X takes 1,000. Shorten it"
    ]
    assert reading.calendar.broken == {"a"}
