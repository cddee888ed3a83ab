"""A sender died, and whoever finds out what it did dies as well, at any step."""

from __future__ import annotations

import pytest
from boundaries import OUTSIDE
from campaign import Tally, crash_everywhere
from crashing import Life
from scenarios import ACTED, MAIN, NOT_ASKED, THREAD_OF_3

FOUND = "after the commit of sending.posted"
EXPIRED = "after the commit of sending.expire"


@pytest.mark.long
@pytest.mark.parametrize("first", [ACTED, NOT_ASKED], ids=["after X acted", "before X was asked"])
def test_a_crash_while_the_next_sweep_finds_out(worlds, database, first, nothing_wrong):
    tally = Tally("recovery", database)
    life = Life(name="sweep", kinds=OUTSIDE)
    crash_everywhere(worlds, MAIN["a text"], tally, before=Life(named=first, at=1), life=life, then=life)
    nothing_wrong(tally, at_least={first, FOUND, EXPIRED})


@pytest.mark.long
@pytest.mark.parametrize("first", [ACTED, NOT_ASKED], ids=["after X acted", "before X was asked"])
def test_a_crash_while_the_same_task_finds_out(sqlite_worlds, first, nothing_wrong):
    tally = Tally("recovery", "sqlite")
    life = Life(kinds=OUTSIDE)
    crash_everywhere(sqlite_worlds, MAIN["a text"], tally, before=Life(named=first, at=1), life=life)
    # What is on X is found before the lease of its dead sender is over; what is not must wait for that.
    nothing_wrong(tally, at_least={first, FOUND} if first == ACTED else {first, FOUND, EXPIRED})


def test_a_crash_while_it_is_found_out_in_the_middle_of_a_thread(sqlite_worlds, nothing_wrong):
    tally = Tally("recovery of a thread", "sqlite")
    life = Life(kinds=OUTSIDE)
    crash_everywhere(sqlite_worlds, THREAD_OF_3, tally, before=Life(named=ACTED, at=2), life=life)
    nothing_wrong(tally, at_least={FOUND})
