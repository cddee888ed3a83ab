"""The benchmarks of bursts and punctuality measure what they say."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

from burst import burst, floor
from punctual import punctual
from running_airflow import head, open_stage, quantile, row


def test_the_floor_sends_every_post_once_and_none_early(tmp_path):
    late, worked = floor(tmp_path, posts=40, accounts=3)
    assert len(late) == 40
    assert min(late) >= 0
    assert worked > 0


def test_a_row_says_first_median_99th_and_last():
    late = [number / 100 for number in range(1, 201)]
    assert row("x", late).split() == ["x", "200", "0.010", "1.005", "1.980", "2.000"]
    assert len(row("x", late)) == len(head())
    assert quantile([3.0], 0.99) == 3.0


@pytest.mark.system
@pytest.mark.timeout(400)
def test_posts_through_airflow_go_out_once_and_none_early(tmp_path):
    with open_stage(tmp_path, accounts=4) as stage:
        late, _ = burst(stage, posts=8, lead=25)
        assert len(late) == 8
        assert min(late) >= 0
        late = punctual(stage, posts=6, minutes=0.1, first=15)
        assert len(late) == 6
        assert min(late) >= 0
