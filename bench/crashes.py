"""Crashes and faults at every step of the engine: what came of them.

    python bench/crashes.py [--postgres postgresql+psycopg://…] [--only WORDS]

Real processes, killed at the first step of a scenario, at its second, to its last; a real ledger file or database; a
real sandbox over a socket. After each, another process recovers, and X's timeline and the ledger are compared with
what was planned. The steps and scenarios are those of tests/faults. A fault counts when it has struck. Exits with 1
when anything was wrong, and when a full run came to less than 1,000 crashes and faults.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

_TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(_TESTS / "faults"), str(_TESTS / "harness")]

from boundaries import OUTSIDE  # noqa: E402
from campaign import Tally, crash_at_random, crash_everywhere  # noqa: E402
from crashing import Life  # noqa: E402
from crowds import CROWD, crash_in_crowds  # noqa: E402
from scenarios import (  # noqa: E402
    ACTED,
    FAULTY,
    LAST_MOMENT,
    MAIN,
    MANY,
    NOT_ASKED,
    SKEWED,
    SOON,
    THREAD_OF_3,
)
from world import Scenario, World  # noqa: E402
from worlds import opened  # noqa: E402

_ONE, _OTHER = Life(do="fire_all", name="one"), Life(do="fire_all", name="other")
_HANDED_OVER, _TRIGGER = Life(do="hand_over"), Life(do="trigger")
_FEWEST = 1000
_TEXT = MAIN["a text"]
_OUTAGE_SECONDS = 0.2
_WORLDS = 2
_CROWDS = 100

Run = Callable[[Sequence[World], Tally], None]


def everywhere(scenario: Scenario, **how: Life) -> Run:
    """A run that crashes a scenario at each of its steps."""
    return lambda worlds, tally: crash_everywhere(worlds, scenario, tally, **how)


def campaigns(random_seconds: float) -> Iterator[tuple[str, Run]]:
    """Every campaign with its name."""
    for name, scenario in MAIN.items():
        yield name, everywhere(scenario)
    for name, scenario in {**FAULTY, **SKEWED}.items():
        yield name, everywhere(scenario, life=Life(kinds=OUTSIDE))
    for first in (ACTED, NOT_ASKED):
        for scenario, number in ((_TEXT, 1), (THREAD_OF_3, 2)):
            name = f"{scenario}, killed ({first.partition(':')[0]}), then its recovery killed"
            yield (
                name,
                everywhere(
                    scenario, before=Life(named=first, at=number), life=Life(name="sweep", kinds=OUTSIDE)
                ),
            )
    yield from in_airflow()
    one = replace(_ONE, kinds=OUTSIDE)
    for scenario in (_TEXT, THREAD_OF_3):
        yield f"{scenario}, two senders, one killed", everywhere(scenario, life=one, beside=_OTHER)
    # No process can see how long it sleeps between its last look at the clock and the write that follows.
    asleep, later = replace(one, act="pause", but=LAST_MOMENT), replace(_OTHER, after_pause=True)
    yield "a sender stopped for minutes, then going on", everywhere(_TEXT, life=asleep, beside=later)
    for skew in (600.0, -600.0):
        name = f"a sender's clock {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}"
        yield name, everywhere(_TEXT, life=Life(skew=skew, kinds=OUTSIDE))
        yield f"{name}, beside another", everywhere(_TEXT, life=replace(one, skew=skew), beside=_OTHER)

    def at_random(worlds: Sequence[World], tally: Tally) -> None:
        crash_at_random(worlds[0], MANY, tally, seconds=random_seconds, senders=4, seed=1)

    yield f"{len(MANY.posts)} posts, 4 senders, killed at random", at_random

    def in_crowds(worlds: Sequence[World], tally: Tally) -> None:
        crash_in_crowds(worlds, tally, rounds=_CROWDS, seed=1)

    yield f"{CROWD}, killed together", in_crowds


def in_airflow() -> Iterator[tuple[str, Run]]:
    """The campaigns whose sender is the trigger or the task itself."""
    text = SOON["a text"]
    yield "the trigger, a text, killed at any step", everywhere(text, before=_HANDED_OVER, life=_TRIGGER)
    outside = replace(_TRIGGER, kinds=OUTSIDE)
    for name, scenario in SOON.items():
        for what, life in (("trigger", outside), ("worker's task", replace(outside, do="work"))):
            yield f"the {what}, {name}", everywhere(scenario, before=_HANDED_OVER, life=life)
    # Who waits for the other's lease would do so for longer than a case may take.
    other = replace(_TRIGGER, kill_after=2.0)
    yield (
        "two triggers, killed one after the other",
        everywhere(text, before=_HANDED_OVER, life=outside, beside=other),
    )


def outages(postgres: bool) -> Iterator[tuple[str, bool, Run]]:
    """The campaigns in which the ledger goes away, and whether it first does what it was told."""
    yield "the ledger is away for a while", False, everywhere(_TEXT, life=Life(act="cut"))
    if postgres:
        late = Life(act="cut", kinds=("commit",))
        yield "the answer to a commit is lost", True, everywhere(_TEXT, life=late)


def measured(name: str, database: str, worlds: Sequence[World], run: Run) -> Tally:
    """Run one campaign and print its line."""
    tally = Tally(name, database)
    started = time.monotonic()
    run(worlds, tally)
    print(
        f"{name:<72}{database:<12}{tally.crashes:>8}{tally.faults:>8}{tally.duplicates:>12}{tally.lost:>6}"
        f"{tally.wrong_receipts:>16}{tally.wrong_content:>15}{time.monotonic() - started:>8.0f} s",
        flush=True,
    )
    if tally.early:
        print(f"    {tally.early} posts were early by X's clock")
    for words in tally.words[:3]:
        print(f"    {words[:600]}", flush=True)
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--postgres",
        default=os.environ.get("X_TEST_POSTGRES_URL"),
        metavar="URL",
        help="a server on which databases may be made (default: X_TEST_POSTGRES_URL; without it only SQLite)",
    )
    parser.add_argument("--database", choices=("sqlite", "postgresql"), help="only this one")
    parser.add_argument(
        "--only", default="", metavar="WORDS", help="only campaigns whose name has these words"
    )
    parser.add_argument("--random-seconds", type=float, default=20.0)
    options = parser.parse_args()
    print(
        f"{'scenario':<72}{'database':<12}{'crashes':>8}{'faults':>8}{'duplicates':>12}{'lost':>6}"
        f"{'wrong receipts':>16}{'wrong content':>15}"
    )
    tallies: list[Tally] = []
    with tempfile.TemporaryDirectory(prefix="x-crashes-") as directory:
        for database in ("sqlite", "postgresql") if options.postgres else ("sqlite",):
            if options.database not in (None, database):
                continue
            postgres = options.postgres if database == "postgresql" else None
            folder = Path(directory) / database
            with opened(_WORLDS, folder / "steady", postgres=postgres) as worlds:
                for name, run in campaigns(options.random_seconds):
                    if options.only in name:
                        tallies.append(measured(name, database, worlds, run))
            for name, late, run in outages(postgres is not None):
                if options.only not in name:
                    continue
                away = opened(
                    _WORLDS, folder / name, postgres=postgres, outage_seconds=_OUTAGE_SECONDS, late=late
                )
                with away as worlds:
                    tallies.append(measured(name, database, worlds, run))
    total = Tally("all of them", "both" if options.postgres else "sqlite")
    for tally in tallies:
        for column in ("crashes", "faults", "duplicates", "lost", "wrong_receipts", "wrong_content"):
            setattr(total, column, getattr(total, column) + getattr(tally, column))
        total.words += tally.words
    print(
        f"{total.scenario:<72}{total.database:<12}{total.crashes:>8}{total.faults:>8}{total.duplicates:>12}"
        f"{total.lost:>6}{total.wrong_receipts:>16}{total.wrong_content:>15}"
    )
    together = total.crashes + total.faults
    print(f"\n{together} crashes and faults that struck")
    is_whole = not options.only and options.database is None
    if is_whole and together < _FEWEST:
        print(f"that is less than the {_FEWEST} that the promise is measured by")
        return 1
    return 1 if total.words else 0


if __name__ == "__main__":
    sys.exit(main())
