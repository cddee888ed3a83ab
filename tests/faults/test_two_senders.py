"""Several processes at the same posts: two triggerers, a task beside a trigger, one that was thought dead."""

from __future__ import annotations

from dataclasses import replace

import pytest
from boundaries import OUTSIDE
from campaign import Tally, crash_at_random, crash_everywhere
from crashing import Life
from scenarios import LAST_MOMENT, MAIN, MANY, SKEWED, THREAD_OF_3

ONE, OTHER = Life(do="fire_all", name="one"), Life(do="fire_all", name="other")


@pytest.mark.long
def test_two_at_the_same_post_and_one_dies(worlds, database, nothing_wrong):
    tally = Tally("two senders", database)
    life = Life(do="fire_all", name="one", kinds=OUTSIDE)
    crash_everywhere(worlds, MAIN["a text"], tally, life=life, beside=OTHER)
    nothing_wrong(tally, crashes=6)


@pytest.mark.long
def test_two_at_the_same_thread_and_one_dies(sqlite_worlds, nothing_wrong):
    tally = Tally("two senders, a thread", "sqlite")
    life = Life(do="fire_all", name="one", kinds=OUTSIDE)
    crash_everywhere(sqlite_worlds, THREAD_OF_3, tally, life=life, beside=OTHER)
    nothing_wrong(tally, crashes=6)


def test_a_sender_that_was_only_asleep_does_not_send_what_another_has_sent(worlds, database, nothing_wrong):
    tally = Tally("a sleeping sender", database)
    # No process can see how long it sleeps between its last look at the clock and the write that follows.
    life = Life(do="fire_all", name="one", act="pause", kinds=OUTSIDE, but=LAST_MOMENT)
    other = replace(OTHER, after_pause=True)
    crash_everywhere(worlds, MAIN["a text"], tally, life=life, beside=other)
    nothing_wrong(
        tally, at_least={"after the commit of sending.begin", "before the head leaves: POST /2/tweets"}
    )


@pytest.mark.long
def test_many_posts_and_senders_killed_at_any_moment(worlds, database, nothing_wrong):
    tally = Tally("random kills", database)
    crash_at_random(worlds[0], MANY, tally, seconds=6, senders=3, seed=1)
    nothing_wrong(tally, crashes=6)


@pytest.mark.long
@pytest.mark.parametrize("skew", [600.0, -600.0], ids=["10 min ahead", "10 min behind"])
def test_a_sender_with_a_wrong_clock_dies(sqlite_worlds, skew, nothing_wrong):
    tally = Tally(f"sender's clock {skew:+.0f} s", "sqlite")
    crash_everywhere(sqlite_worlds, MAIN["a text"], tally, life=Life(skew=skew, kinds=OUTSIDE))
    nothing_wrong(tally, at_least={"after the commit of sending.begin"})
    assert (tally.early > 0) == (
        skew > 0
    )  # where the promise ends: senders' clocks must agree within a minute


@pytest.mark.long
@pytest.mark.parametrize("skew", [600.0, -600.0], ids=["10 min ahead", "10 min behind"])
def test_a_sender_with_a_wrong_clock_beside_another(sqlite_worlds, skew, nothing_wrong):
    tally = Tally(f"sender's clock {skew:+.0f} s beside another", "sqlite")
    life = Life(do="fire_all", name="one", skew=skew, kinds=OUTSIDE)
    crash_everywhere(sqlite_worlds, MAIN["a text"], tally, life=life, beside=OTHER)
    nothing_wrong(tally, crashes=6)


@pytest.mark.long
@pytest.mark.parametrize("name", SKEWED)
def test_a_crash_while_x_has_another_time(sqlite_worlds, name, nothing_wrong):
    tally = Tally(name, "sqlite")
    crash_everywhere(sqlite_worlds, SKEWED[name], tally, life=Life(kinds=OUTSIDE))
    nothing_wrong(tally, at_least={"after the commit of sending.begin"})
