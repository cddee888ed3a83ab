"""Posts spread over some minutes, through a real Airflow with one triggerer: how late is each?

    python bench/punctual.py --posts 200 --minutes 10

Each post is planned in the ledger with a due time of its own; the watcher wakes DAG x_publish, whose tasks arm the
posts and defer to the trigger that sends them. Lateness is from the due instant to X's own time of creation.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path

import pendulum
from running_airflow import Stage, end_cleanly, head, open_stage, quantile, row, say

P50_SECONDS = 0.050
P99_SECONDS = 0.500


def punctual(stage: Stage, *, posts: int, minutes: float, first: float) -> list[float]:
    """Lateness in seconds of each post."""
    start = pendulum.now("UTC").add(seconds=first).start_of("second")
    # Milliseconds too: nothing may depend on whole seconds.
    offsets = sorted(random.Random(posts).sample(range(round(minutes * 60_000)), posts))
    planned = stage.plan("punctual", [start.add(microseconds=offset * 1000) for offset in offsets])
    say(f"{posts} posts of {len(stage.accounts)} accounts are due from {start.to_time_string()} UTC on")
    stage.wait(
        "all are on X",
        lambda: planned.keys() <= stage.x.created_at().keys(),
        seconds=first + minutes * 60 + 120,
    )
    return stage.lateness(planned)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--posts", type=int, default=200, help="how many (default: %(default)s)")
    parser.add_argument(
        "--accounts", type=int, default=10, help="of how many accounts (default: %(default)s)"
    )
    parser.add_argument(
        "--minutes", type=float, default=10, help="over how long they are spread (default: %(default)s)"
    )
    parser.add_argument(
        "--first",
        type=float,
        default=180,
        help="seconds from planning them to the first, in which Airflow arms them (default: %(default)s)",
    )
    options = parser.parse_args()
    end_cleanly()
    with (
        tempfile.TemporaryDirectory(prefix="x-punctual-", ignore_cleanup_errors=True) as folder,
        open_stage(Path(folder), accounts=options.accounts) as stage,
    ):
        late = punctual(stage, posts=options.posts, minutes=options.minutes, first=options.first)
    p50, p99 = quantile(late, 0.5), quantile(late, 0.99)
    print(f"\n{head()}\n{row('through Airflow', late)}")
    print(
        f"early: {sum(lateness < 0 for lateness in late)}, lost: {options.posts - len(late)};"
        f" p50 {p50 * 1000:.0f} ms (at most {P50_SECONDS * 1000:.0f}),"
        f" p99 {p99 * 1000:.0f} ms (at most {P99_SECONDS * 1000:.0f})"
    )


if __name__ == "__main__":
    main()
