"""What an editor is told about a post's media."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from media_samples import MADE

from x_provider.calendar import Reading


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


def test_what_x_may_refuse_is_a_warning_and_stays(read_media):
    reading = read_media("wide.gif")
    assert [(finding.severity, finding.field, finding.message) for finding in reading.findings] == [
        ("warning", "media[0].file", "wide.gif: 1281x8 pixels; X may refuse a GIF above 1280x1080")
    ]
    assert len(reading.calendar.posts) == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "endless.mp4",
            "endless.mp4: 8,000 s; X takes a duration of 1,200 s at most from an account without Premium",
        ),
        ("bomb.png", "bomb.png has too many pixels for a picture"),
    ],
)
def test_what_x_refuses_is_an_error(read_media, name, words):
    reading = read_media(name)
    assert [(finding.severity, finding.message) for finding in reading.findings] == [("error", words)]
    assert reading.calendar.broken == {"a"}


def test_what_x_takes_is_measured_and_not_complained_about(read_media):
    reading = read_media("good.mov")
    assert reading.findings == []
    (spec,) = reading.calendar.posts[0].parts[0].media
    assert (spec.media_type, spec.category) == ("video/quicktime", "tweet_video")
    assert spec.duration_seconds == pytest.approx(1.0, abs=0.1)


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
