"""A sender that dies, at whatever step: every post is on X once, in order, and the ledger knows which it is."""

from __future__ import annotations

import pytest
from boundaries import OUTWARD
from campaign import Tally, crash_everywhere
from crashing import Life
from scenarios import FAULTY, MAIN

# What every enumeration must have come through, or it enumerated something else.
ALWAYS = {
    "after the commit of posts.claim",
    "after the commit of sending.begin",
    "request sent: POST /2/tweets",
    "answer arrived, not read: POST /2/tweets",
    "after the commit of sending.posted",
}


@pytest.mark.parametrize("name", MAIN)
def test_a_crash_at_any_step_neither_repeats_nor_loses(worlds, database, name, nothing_wrong):
    # Statements vanish with their process: on the slower database only what outlives it is a step.
    life = Life(kinds=OUTWARD if database == "postgresql" else ())
    tally = Tally(name, database)
    crash_everywhere(worlds, MAIN[name], tally, life=life)
    nothing_wrong(tally, at_least=ALWAYS)


@pytest.mark.parametrize("name", FAULTY)
def test_a_crash_while_x_fails_neither_repeats_nor_loses(sqlite_worlds, name, nothing_wrong):
    tally = Tally(name, "sqlite")
    crash_everywhere(sqlite_worlds, FAULTY[name], tally, life=Life(kinds=("committed", "http")))
    nothing_wrong(tally, at_least={"after the commit of sending.begin"})
