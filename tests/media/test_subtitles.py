"""Files of subtitles: which of the two kinds they are, and whether they make sense."""

from __future__ import annotations

import hashlib

import pytest

from x_provider.media import MediaError, read_subtitles

SRT = "1\n00:00:01,000 --> 00:00:02,500\nHello\n\n2\n00:00:02,500 --> 00:01:04,000\nWörld\n"
VTT = (
    "WEBVTT\n\nSTYLE\n::cue { color: red }\n\n00:01.000 --> 00:02.000 align:start\nHello\n\n"
    "last\n01:00:02.000 --> 01:00:03.000\nWorld\n"
)


@pytest.fixture
def read(tmp_path):
    def read_written(content: str | bytes, name: str = "a.srt") -> tuple[str, str]:
        content = content if isinstance(content, bytes) else content.encode()
        (tmp_path / name).write_bytes(content)
        media_type, sha256 = read_subtitles(tmp_path / name)
        assert sha256 == hashlib.sha256(content).hexdigest()
        return media_type

    return read_written


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (SRT, "text/srt"),
        (VTT, "text/vtt"),
        (SRT.replace("\n", "\r\n"), "text/srt"),
        (VTT.replace("\n", "\r"), "text/vtt"),
        (b"\xef\xbb\xbf" + SRT.encode(), "text/srt"),
        (b"\xef\xbb\xbf" + VTT.encode(), "text/vtt"),
        (VTT.replace("WEBVTT", "WEBVTT - with a title"), "text/vtt"),
        (SRT.replace("\n2\n", "\n"), "text/srt"),
        (SRT.replace("Hello", "from A --> B"), "text/srt"),
    ],
)
def test_subtitles_are_known_by_their_content(read, content, media_type):
    assert read(content, "a.txt") == media_type


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("just\nwords\n", "holds no subtitles"),
        ("WEBVTT\n", "holds no subtitles"),
        ("WEBVTTX\n\n00:01.000 --> 00:02.000\nHello\n", "have times in line 3 that cannot be read"),
        (SRT.replace("Hello", "").replace("Wörld", ""), "holds no subtitles"),
        (SRT.encode("latin-1"), "are no UTF-8 in line 7"),
        (SRT.encode("utf-16"), "are no UTF-8 in line 1"),
        (SRT.replace("02,500\n", "00,500\n", 1), "end before they start in line 2"),
        (SRT.replace("00:00:02,500 --> 00:01", "00:00:00,500 --> 00:01"), "go back in time in line 6"),
        (SRT.replace("00:00:01,000", "00:00:1,0"), "the SubRip subtitles a.srt have times in line 2"),
        (SRT.replace("00:00:01,000", "00:61:01,000"), "have times in line 2 that cannot be read"),
        (VTT.replace("00:01.000", "00:01,000"), "the WebVTT subtitles a.srt have times in line 6"),
        (SRT + "\n" * 1_000_000, "are larger than 1 MB"),
        (SRT + "\0", "is no text"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(read, content, words):
    with pytest.raises(MediaError) as refused:
        read(content)
    assert words in refused.value.message
    assert refused.value.hint


def test_missing_subtitles_are_refused(tmp_path):
    for path in (tmp_path / "none.srt", tmp_path):
        with pytest.raises(MediaError, match="there is no file"):
            read_subtitles(path)


def test_messages_use_the_name_that_people_know(tmp_path):
    (tmp_path / "tmp123").write_text("nothing")
    with pytest.raises(MediaError, match=r"^english\.srt holds no"):
        read_subtitles(tmp_path / "tmp123", name="english.srt")


def test_a_large_file_of_nothing_but_arrows_is_refused_quickly(read):
    with pytest.raises(MediaError, match="holds no subtitles"):
        read("-->" * 300_000)
    with pytest.raises(MediaError, match="line 1"):
        read("0" * 400_000 + " " * 400_000 + "-->")
