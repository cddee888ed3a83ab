"""A scenario with a crash at every step, and what came of it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import count
from random import Random
from time import monotonic

from crashing import Death, Life
from world import Scenario, Verdict, World

_MOST_STEPS = 5_000
_HEAD_STARTS = (0.0, 0.01, 0.02, 0.04)
"""Seconds by which one of two processes is ahead of the other."""


@dataclass
class Tally:
    """The sum of many cases.

    :param crashes: processes killed, paused or cut off from the ledger.
    :param faults: failures of X or the network that struck.
    :param early: posts that were on X before their time; only a sender's clock that is ahead excuses it.
    :param words: what was wrong, a line each, with the step at which it was provoked.
    :param steps: the names of the steps at which processes died.
    """

    scenario: str
    database: str
    cases: int = 0
    crashes: int = 0
    faults: int = 0
    duplicates: int = 0
    lost: int = 0
    wrong_receipts: int = 0
    wrong_content: int = 0
    early: int = 0
    words: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, crashed: Iterable[Death], survivors: Iterable[Death], verdict: Verdict) -> None:
        """Count one case."""
        steps = [death.step or "at some moment" for death in crashed if death.step or death.how == "killed"]
        with self._lock:
            self._add(steps, survivors, verdict)

    def _add(self, steps: list[str], survivors: Iterable[Death], verdict: Verdict) -> None:
        self.cases += 1
        self.steps += steps
        self.crashes += len(steps)
        self.faults += verdict.struck
        self.duplicates += verdict.duplicates
        self.lost += verdict.lost
        self.wrong_receipts += verdict.wrong_receipts
        self.wrong_content += verdict.wrong_content
        self.early += verdict.early
        words = list(verdict.words)
        words += [f"a survivor {death.how}: {death.error}" for death in survivors if death.how != "done"]
        if words:
            where = ", then ".join(steps) or "no crash"
            self.words.append(f"{self.scenario} on {self.database} ({where}): " + "; ".join(words))


def crash_everywhere(
    worlds: Sequence[World],
    scenario: Scenario,
    tally: Tally,
    *,
    then: Life = Life(),  # noqa: B008  # frozen
    before: Life | None = None,
    beside: Life | None = None,
    life: Life = Life(),  # noqa: B008
) -> None:
    """Run the scenario again and again, with a crash at the first step, at the second, to the last.

    :param worlds: alike; as many cases run at once.
    :param then: the process that recovers.
    :param before: a process that has done its part already, or crashed.
    :param beside: a process that works at the same time, and may be killed as well.
    :param life: the process that crashes, but for ``at``.
    """
    for world in worlds:
        world.get_ready(life, *([beside] if beside else []))
    numbers = count(1)
    # Beside another process the steps differ from run to run: then it is as many as it would take alone.
    last = _MOST_STEPS if beside is None else len(_alone(worlds[0], scenario, before, life).steps)
    ended = threading.Event()
    steps: set[str] = set()

    def case(world: World, crashing: Life, head_start: float = 0.0) -> Death:
        world.begin(scenario)
        crashed = world.run(before) if before is not None else []
        lives = [crashing] if beside is None else [crashing, replace(beside, delay=head_start)]
        first, *others = world.run(*lives)
        crashed += [first, *(death for death in others if death.how == "killed")]
        survivors = [*(death for death in others if death.how != "killed"), *world.run(then)]
        if first.how != "killed":  # it was paused or cut off, and went on
            survivors.append(first)
        verdict = world.verdict()
        if not first.step and beside is None:  # it got to its end before that step
            verdict.words += [f"{fault} hit nobody, so nothing of it was tested" for fault in verdict.spared]
        tally.add(crashed, survivors, verdict)
        return first

    def work(world: World) -> None:
        while not ended.is_set() and (at := next(numbers)) <= last:
            death = case(world, replace(life, at=at), _HEAD_STARTS[at % len(_HEAD_STARTS)])
            if not death.step and beside is None:
                ended.set()
                steps.update(death.steps)

    with ThreadPoolExecutor(len(worlds)) as pool:
        list(pool.map(work, worlds))
    # Threads take steps in another order each time, so that counting may pass one by.
    for step in steps - set(tally.steps):
        if not case(worlds[0], replace(life, named=step, at=1)).step:
            tally.words.append(f"{tally.scenario} on {tally.database}: nobody crashed at the step {step!r}")


def _alone(world: World, scenario: Scenario, before: Life | None, life: Life) -> Death:
    world.begin(scenario)
    if before is not None:
        world.run(before)
    return world.run(life)[0]


def crash_at_random(
    world: World, scenario: Scenario, tally: Tally, *, seconds: float, senders: int, seed: int
) -> None:
    """Keep several senders of the same posts at work, killed whenever chance wants; then let one finish.

    :param seconds: how long they are at work, in all.
    """
    chance = Random(seed)
    names = (f"sender {number}" for number in count())
    left = seconds
    while left > 0:
        world.begin(scenario)
        crashed: list[Death] = []
        done = False
        while not done and left > 0:
            started = monotonic()
            kill_after = [chance.uniform(0.02, 0.8) for _ in range(senders)]
            lives = [Life(do="fire_all", name=next(names), kill_after=after) for after in kill_after]
            deaths = world.run(*lives)
            crashed += [death for death in deaths if death.how != "done"]
            done = any(death.how == "done" for death in deaths)
            left -= monotonic() - started
        tally.add(crashed, world.run(Life(do="fire_all", name=next(names))), world.verdict())
        tally.words += [f"a sender failed: {death.error}" for death in crashed if death.how == "failed"]
