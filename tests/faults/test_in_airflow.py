"""The trigger in its triggerer and the task on its worker die at any step: nothing is repeated, lost or early."""

from __future__ import annotations

import pytest
from boundaries import OUTSIDE
from campaign import Tally, crash_everywhere
from crashing import Life
from scenarios import SOON

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]  # each case waits for its due time

HANDED_OVER = Life(do="hand_over")

SENT = {
    "after the commit of sending.begin",
    "request sent: POST /2/tweets",
    "answer arrived, not read: POST /2/tweets",
    "after the commit of sending.posted",
}


@pytest.mark.parametrize("name", SOON)
def test_a_triggerer_that_dies_after_a_step_that_others_see(worlds, database, name, nothing_wrong):
    tally = Tally(f"trigger, {name}", database)
    crash_everywhere(worlds, SOON[name], tally, before=HANDED_OVER, life=Life(do="trigger", kinds=OUTSIDE))
    nothing_wrong(tally, at_least={"before connecting for later", *SENT})


def test_a_triggerer_that_dies_at_any_step(sqlite_worlds, nothing_wrong):
    tally = Tally("trigger, any step", "sqlite")
    crash_everywhere(sqlite_worlds, SOON["a text"], tally, before=HANDED_OVER, life=Life(do="trigger"))
    nothing_wrong(tally, at_least={"before SELECT x_posts in posts.get", *SENT})


@pytest.mark.parametrize("database", ["postgresql"])
def test_two_triggerers_that_die_one_after_the_other(worlds, database, nothing_wrong):
    tally = Tally("two triggers", database)
    # Who waits for the other's lease would do so for longer than a test may take.
    other = Life(do="trigger", kill_after=2.0)
    life = Life(do="trigger", kinds=OUTSIDE)
    crash_everywhere(worlds, SOON["a text"], tally, before=HANDED_OVER, life=life, beside=other)
    nothing_wrong(tally, crashes=6)


def test_a_worker_that_dies_after_a_step_that_others_see(worlds, database, nothing_wrong):
    tally = Tally("task", database)
    life = Life(do="work", kinds=OUTSIDE)
    crash_everywhere(worlds, SOON["a text"], tally, before=HANDED_OVER, life=life)
    nothing_wrong(tally, at_least={"before connecting for POST /2/tweets", *SENT})
