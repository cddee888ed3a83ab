"""The comparison of uploads carries the same file in every way and counts what it says it counts."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pytest
import requests

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

from upload import LOOPS, MEBIBYTE, OURS, measure, report, write_video


def test_the_video_has_the_size_that_was_asked_for(tmp_path):
    write_video(tmp_path / "video.mp4", 3_000_000)
    assert (tmp_path / "video.mp4").stat().st_size == 3_000_000


@pytest.mark.parametrize("way", [OURS, *LOOPS])
def test_every_way_brings_the_whole_file_in_its_own_segments(way, sandbox, tmp_path):
    video, credentials = tmp_path / "video.mp4", tmp_path / "credentials.json"
    write_video(video, 9 * MEBIBYTE)
    credentials.write_text(json.dumps(sandbox.credentials))

    result = measure(way, sandbox.url, credentials, video)

    assert result["seconds"] > 0
    appends = [seen for seen in sandbox.requests() if seen["path"].endswith("/append")]
    assert len(appends) == (9 if LOOPS.get(way) == MEBIBYTE else 3)
    assert {seen["status"] for seen in appends} == {200}
    media_id = appends[0]["path"].split("/")[-2]
    arrived = requests.get(f"{sandbox.url}/_sandbox/media/{media_id}", timeout=10).content
    assert hashlib.sha256(arrived).digest() == hashlib.sha256(video.read_bytes()).digest()


def test_a_report_names_the_median_of_the_rounds_and_the_most_memory():
    ours = [{"seconds": seconds, "grown_mb": grown} for seconds, grown in ((1, 20), (2, 30), (4, 10))]
    theirs = [{"seconds": 10, "grown_mb": 5}] * 3
    lines = report({OURS: ours, **dict.fromkeys(LOOPS, theirs)}, 100)
    assert lines[0] == "XClient: median 50.0 MB/s, at most +30.0 MB of memory"
    assert lines[-1] == "XClient / 4 MiB loop, 100 MB, median of 3 rounds: 5.00"
