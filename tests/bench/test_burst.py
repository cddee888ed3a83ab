"""What the benchmarks of bursts and punctuality stand on; they themselves take Airflow and minutes."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

from burst import floor
from running_airflow import head, quantile, row


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
