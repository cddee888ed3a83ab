"""What people are told about files that X refuses, or may."""

from __future__ import annotations

from dataclasses import replace

import pytest
from media_samples import video

from x_provider.client.segments import LARGEST_SEGMENT_BYTES, MOST_SEGMENTS, segment_size
from x_provider.media import Measured, breaches, inspect
from x_provider.media.limits import DEFAULT, MEBIBYTE, MEGABYTE, PREMIUM, UPLOAD_BYTES


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
def test_what_x_may_refuse_is_a_warning(album, name, words):
    found, _ = inspect(album(name))
    assert list(breaches(found)) == [("warning", words)]


def test_what_x_refuses_is_an_error(album):
    found, _ = inspect(album("huge.jpg"))
    assert list(breaches(found)) == [("error", "5.2 MB; X takes a size of 5.2 MB at most")]


def test_a_video_may_be_longer_with_premium(album):
    found, _ = inspect(album("endless.mp4"))
    words = "8,000 s; X takes a duration of {} s at most{}"
    without = words.format("1,200", " from an account without Premium")
    assert list(breaches(found)) == [("error", without)]
    assert list(breaches(found, premium=True)) == [("error", words.format("7,500", ""))]
    found = replace(found, duration_seconds=3_600)
    assert [severity for severity, _ in breaches(found)] == ["error"]
    assert [severity for severity, _ in breaches(found, premium=True)] == ["warning"]


def test_the_largest_video_is_the_largest_that_can_be_sent():
    assert UPLOAD_BYTES == MOST_SEGMENTS * LARGEST_SEGMENT_BYTES
    assert segment_size(UPLOAD_BYTES) == LARGEST_SEGMENT_BYTES
    found = Measured("tweet_video", "video/mp4", UPLOAD_BYTES + MEGABYTE, 64, 64, duration_seconds=60)
    for premium in (False, True):
        assert list(breaches(found, premium=premium)) == [
            ("error", "8,001.0 MB; X takes a size of 8,000.0 MB at most")
        ]


def test_a_1080p_video_is_for_premium():
    for size in ((1_920, 1_080), (1_080, 1_920)):
        assert encoded(*size) == [
            f"{size[0]}x{size[1]} pixels; X may refuse a video above 1280x1024 without Premium"
        ]
        assert encoded(*size, premium=True) == []
    assert encoded(1_024, 1_280) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"pixels": "yuv444p"}, "has pixels in the format yuv444p; X documents yuv420p only"),
        ({"options": {"x264-params": "interlaced=1"}}, "is interlaced; X documents progressive video only"),
        (
            {"options": {"x264-params": "open-gop=1:keyint=12:bframes=3:b-adapt=0:scenecut=0"}, "frames": 40},
            "has open groups of pictures (open GOP); X documents closed ones only",
        ),
        ({"sound": "5.1"}, "has sound of 6 channels; X documents mono and stereo only"),
        ({"aspect": 2}, "its pixels are no squares; X may refuse them"),
    ],
)
def test_an_encoding_that_x_does_not_document_is_a_warning(tmp_path, options, words):
    found, _ = inspect(video(tmp_path / "a.mp4", **options))
    assert ("warning", words) in list(breaches(found))


def test_sound_must_be_low_complexity_aac():
    sound = Measured("tweet_video", "video/mp4", 1, 64, 64, duration_seconds=1, codecs=("h264", "aac"))
    assert list(breaches(replace(sound, profiles=("High", "LC")))) == []
    assert list(breaches(replace(sound, profiles=("High", "HE-AAC")))) == [
        ("warning", "has the profile aac HE-AAC; X documents H.264 High with AAC LC")
    ]


def test_every_limit_says_which_page_it_is_from():
    for plan in (DEFAULT, PREMIUM):
        for limit in (*plan.size.values(), plan.duration):
            assert limit.page.url.startswith("https://docs.x.com/")
            assert (limit.elsewhere is None) == (limit.noun == "size" and limit.sure < 16 * MEGABYTE)


@pytest.mark.parametrize(
    ("name", "media_type", "category", "duration"),
    [
        ("most.gif", "image/gif", "tweet_gif", None),
        ("good.mp4", "video/mp4", "tweet_video", 1.0),
        ("good.mov", "video/quicktime", "tweet_video", 1.0),
    ],
)
def test_what_x_takes_is_measured_and_not_complained_about(album, name, media_type, category, duration):
    found, _ = inspect(album(name))
    assert list(breaches(found)) == []
    assert (found.media_type, found.category) == (media_type, category)
    assert found.duration_seconds == (None if duration is None else pytest.approx(duration, abs=0.1))


def encoded(width: int, height: int, *, premium: bool = False) -> list[str]:
    found = Measured("tweet_video", "video/mp4", 1, width, height, duration_seconds=1)
    return [words for _, words in breaches(found, premium=premium)]


def measured(category: str, premium: bool, **measures: float) -> list[str]:
    found = {"size": 1, "width": 64, "height": 64, "duration_seconds": 1, **measures}
    found = Measured(category, "any/type", **found)
    return [severity for severity, _ in breaches(found, premium=premium)]


@pytest.mark.parametrize(
    ("category", "measure", "premium", "sure", "hard"),
    [
        ("tweet_image", "size", False, 5 * MEGABYTE, 5 * MEBIBYTE),
        ("tweet_gif", "size", False, 15 * MEGABYTE, 15 * MEBIBYTE),
        ("tweet_video", "size", False, 512 * MEGABYTE, UPLOAD_BYTES),
        ("tweet_video", "size", True, 512 * MEGABYTE, UPLOAD_BYTES),
        ("tweet_video", "duration_seconds", False, 140, 1_200),
        ("tweet_video", "duration_seconds", True, 140, 7_500),
    ],
)
def test_a_limit_itself_is_still_taken(category, measure, premium, sure, hard):
    amounts = (sure, sure + 1, hard, hard + 1)
    assert [measured(category, premium, **{measure: amount}) for amount in amounts] == [
        [],
        ["warning"],
        ["warning"],
        ["error"],
    ]
