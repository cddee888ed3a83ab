"""What people are told about files that X refuses, or may."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from x_provider.media import Measured, breaches, inspect
from x_provider.media.limits import MEBIBYTE, MEGABYTE


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


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("endless.mp4", "8,000 s; X takes a duration of 7,500 s at most"),
        ("huge.jpg", "5.2 MB; X takes a size of 5.2 MB at most"),
    ],
)
def test_what_x_refuses_is_an_error(album, name, words):
    found, _ = inspect(album(name))
    assert list(breaches(found)) == [("error", words)]


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
