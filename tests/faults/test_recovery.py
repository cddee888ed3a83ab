"""A sender died, and whoever finds out what it did dies as well, at any step."""

from __future__ import annotations

import pytest
from campaign import Tally, crash_everywhere
from crashing import Life
from scenarios import MAIN, THREAD_OF_3

ACTED = "answer arrived, not read: POST /2/tweets"
NOT_ASKED = "before the head leaves: POST /2/tweets"
TASK, SWEEP = Life(name="run"), Life(name="sweep")


@pytest.mark.parametrize("first", [ACTED, NOT_ASKED], ids=["after X acted", "before X was asked"])
@pytest.mark.parametrize("recovering", [TASK, SWEEP], ids=["by the same task", "by the next sweep"])
def test_a_crash_while_it_is_found_out(worlds, database, first, recovering, nothing_wrong):
    tally = Tally("recovery", database)
    before = Life(named=first, at=1)
    life = Life(name=recovering.name, kinds=("committed", "http"))
    crash_everywhere(worlds, MAIN["a text"], tally, before=before, life=life, then=recovering)
    nothing_wrong(
        tally, at_least={"after the commit of sending.expire", "after the commit of sending.posted"}
    )
    assert {first} < set(tally.steps)


def test_a_crash_while_it_is_found_out_in_the_middle_of_a_thread(sqlite_worlds, nothing_wrong):
    tally = Tally("recovery of a thread", "sqlite")
    life = Life(kinds=("committed", "http"))
    crash_everywhere(sqlite_worlds, THREAD_OF_3, tally, before=Life(named=ACTED, at=2), life=life)
    nothing_wrong(
        tally, at_least={"after the commit of sending.expire", "after the commit of sending.posted"}
    )
