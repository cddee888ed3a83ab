"""Many posts of one instant, whose writes share transactions, in a process that dies meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from random import Random

from campaign import Tally
from crashing import Death, Life
from world import MOST_ACCOUNTS, Scenario, World

from x_provider.calendar import PartSpec

CROWD = Scenario(
    "30 posts of one instant",
    [[PartSpec(text=f"Post {number} of a crowd")] for number in range(30)],
    accounts=MOST_ACCOUNTS,
)
SHARED = tuple(
    f"{moment} of sending.{write} with"
    for write in ("begin", "posted")
    for moment in ("before the commit", "after the commit", "before the flush")
)
"""Steps of a transaction that several posts share; how many others follows in the step's name."""
ON_THE_WIRE = tuple(
    f"{moment}: POST /2/tweets"
    for moment in ("before the head leaves", "request sent", "answer arrived, not read", "answer read")
)
_MOST_CRASHES = 3
_BURST_AT = partial(Life, do="burst", name="")


@dataclass
class Struck:
    """What kills hit.

    :param in_shared: those at a step of a transaction that several posts shared.
    :param most_shared: of how many posts at most.
    :param between: those that left attempts whose end nobody has written.
    :param left: how many such attempts, in all.
    """

    in_shared: int = 0
    most_shared: int = 0
    between: int = 0
    left: int = 0

    def add(self, death: Death, left: int) -> None:
        """Count one kill."""
        self.between += left > 0
        self.left += left
        if " with " in death.step:
            self.in_shared += 1
            self.most_shared = max(self.most_shared, 1 + int(death.step.split()[-2]))


def crash_in_crowds(worlds: Sequence[World], tally: Tally, *, rounds: int, seed: int) -> Struck:
    """Have a burst killed, fired again and killed again, and then recovered; so many times.

    Every other round begins with a kill at one of the ``SHARED`` steps; all else is chance's.

    :param worlds: as many rounds run at once.
    """
    struck = Struck()

    def work(number: int) -> None:
        for each in range(number, rounds, len(worlds)):
            _crash(worlds[number], each, Random(f"{seed} {each}"), tally, struck)

    with ThreadPoolExecutor(len(worlds)) as pool:
        list(pool.map(work, range(len(worlds))))
    return struck


def _crash(world: World, number: int, chance: Random, tally: Tally, struck: Struck) -> None:
    lives = [_life(chance) for _ in range(chance.randint(1, _MOST_CRASHES))]
    if number % 2 == 0:
        lives[0] = _BURST_AT(named=SHARED[number // 2 % len(SHARED)], at=1)
    world.begin(CROWD)
    deaths = []
    for life in lives:
        deaths += world.run(life)
        if deaths[-1].how == "killed":
            struck.add(deaths[-1], world.under_way())
    survivors = [death for death in deaths if death.how != "killed"]
    tally.add(deaths, [*survivors, *world.run(Life())], world.verdict())


def _life(chance: Random) -> Life:
    where = chance.choice(("shared", "on the wire", "anywhere"))
    if where == "shared":
        return _BURST_AT(named=chance.choice(SHARED), at=chance.randint(1, 3))
    if where == "on the wire":
        return _BURST_AT(named=chance.choice(ON_THE_WIRE), at=chance.randint(1, 25))
    return Life(do="burst", name=str(chance.random()))
