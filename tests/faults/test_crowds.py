"""A triggerer that dies in a crowd of posts, whose attempts and receipts share transactions."""

from __future__ import annotations

import pytest
from campaign import Tally
from crowds import crash_in_crowds

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("rounds", [12, pytest.param(300, marks=pytest.mark.long)])
def test_a_triggerer_that_dies_in_a_crowd_neither_repeats_nor_loses(sqlite_worlds, rounds, nothing_wrong):
    tally = Tally("a crowd", "sqlite")
    struck = crash_in_crowds(sqlite_worlds, tally, rounds=rounds, seed=1)
    nothing_wrong(tally, crashes=rounds)
    assert struck.in_shared >= rounds / 3
    assert struck.most_shared > 3
    assert struck.between >= rounds / 2
