"""The ledger goes away at any step and comes back: nothing is repeated, nothing is lost."""

from __future__ import annotations

import pytest
from boundaries import OUTSIDE
from campaign import Tally, crash_everywhere
from crashing import Life
from scenarios import MAIN
from worlds import opened

pytestmark = pytest.mark.long

SECONDS = 0.2


@pytest.fixture
def worlds_with_outages(tmp_path, database, request):
    def make(*, late=False):
        postgres = request.getfixturevalue("postgres_server") if database == "postgresql" else None
        return opened(2, tmp_path, postgres=postgres, outage_seconds=SECONDS, late=late)

    return make


def test_the_ledger_is_away_from_any_step_on(worlds_with_outages, database, nothing_wrong):
    tally = Tally("the ledger is away", database)
    with worlds_with_outages() as worlds:
        crash_everywhere(worlds, MAIN["a text"], tally, life=Life(act="cut", kinds=("commit", *OUTSIDE)))
    nothing_wrong(tally, at_least={"answer read: POST /2/tweets", "before the commit of sending.begin"})


@pytest.mark.parametrize("database", ["postgresql"])
def test_the_ledger_does_what_it_was_told_and_its_answer_is_lost(worlds_with_outages, nothing_wrong):
    tally = Tally("a commit's answer is lost", "postgresql")
    with worlds_with_outages(late=True) as worlds:
        crash_everywhere(worlds, MAIN["a text"], tally, life=Life(act="cut", kinds=("commit",)))
    nothing_wrong(
        tally, at_least={"before the commit of sending.begin", "before the commit of sending.posted"}
    )
