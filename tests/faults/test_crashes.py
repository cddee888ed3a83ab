"""A sender that dies, at whatever step: every post is on X once, in order, and the ledger knows which it is."""

from __future__ import annotations

import pytest
from boundaries import OUTSIDE
from campaign import Tally, crash_everywhere
from crashing import Life
from scenarios import FAULTY, MAIN
from worlds import DATABASES

pytestmark = pytest.mark.timeout(400)  # one process a step, and there are some hundred steps

# bench/crashes.py runs all of them, on both databases; these differ most from each other.
OFTEN = (
    "connection lost before X acted",
    "503 after X acted",
    "X answers too late",
    "X acts too late",
    "429 once",
    "called a duplicate after X acted",
    "another's duplicate",
    "reads lag 2 minutes",
    "X loses the answer to part 2",
    "two posts of one text",
)
ON_BOTH = (
    "503 after X acted",
    "429 once",
    "called a duplicate after X acted",
    "X loses the answer to part 2",
    "two posts of one text",
)

# What every enumeration must have come through, or it enumerated something else.
ALWAYS = {
    "after the commit of posts.claim",
    "after the commit of sending.begin",
    "request sent: POST /2/tweets",
    "answer arrived, not read: POST /2/tweets",
    "after the commit of sending.posted",
}


@pytest.mark.long
@pytest.mark.parametrize("name", ["a text", "a thread with a picture in part 2"])
def test_a_crash_at_any_step_neither_repeats_nor_loses(sqlite_worlds, name, nothing_wrong):
    tally = Tally(name, "sqlite")
    crash_everywhere(sqlite_worlds, MAIN[name], tally)
    nothing_wrong(tally, at_least=ALWAYS | {"before the commit of sending.begin"})


@pytest.mark.parametrize(
    ("database", "name"),
    [
        ("sqlite", "a text"),
        *(
            pytest.param(database, name, marks=pytest.mark.long)
            for database in DATABASES
            for name in MAIN
            if (database, name) != ("sqlite", "a text")
        ),
    ],
)
def test_a_crash_after_any_step_that_others_see_neither_repeats_nor_loses(
    worlds, database, name, nothing_wrong
):
    tally = Tally(name, database)
    crash_everywhere(worlds, MAIN[name], tally, life=Life(kinds=OUTSIDE))
    nothing_wrong(tally, at_least=ALWAYS)


@pytest.mark.parametrize(
    ("database", "name"),
    [
        ("sqlite", "connection lost after X acted"),
        *(pytest.param("sqlite", name, marks=pytest.mark.long) for name in OFTEN),
        *(pytest.param("postgresql", name, marks=pytest.mark.long) for name in ON_BOTH),
    ],
)
def test_a_crash_while_x_fails_neither_repeats_nor_loses(worlds, database, name, nothing_wrong):
    tally = Tally(name, database)
    crash_everywhere(worlds, FAULTY[name], tally, life=Life(kinds=OUTSIDE))
    nothing_wrong(tally, at_least={"after the commit of sending.begin"})
