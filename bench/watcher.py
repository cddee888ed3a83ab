"""What one look of the watcher costs, with many posts in the ledger that are not due.

python bench/watcher.py --posts 1000000 [--url postgresql+psycopg://…]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import pendulum
from sqlalchemy import text

from x_provider.ledger import Ledger
from x_provider.ledger import tables as t

_BATCH = 20_000
_LOOKS = 200


def fill(ledger: Ledger, count: int, *, due: int) -> None:
    """Insert ``count`` posts, ``due`` of them due now, the others over the coming year or done."""
    now = pendulum.now("UTC")
    common = {
        "calendar": "bench",
        "account": "x_default",
        "revision": "0" * 64,
        "at": "now",
        "timezone": "UTC",
        "late_grace_seconds": 900,
        "late_then": "publish",
        "on_absent": "resend",
        "lead_seconds": 120,
        "planned_at": now,
    }
    for start in range(0, count, _BATCH):
        rows = []
        for number in range(start, min(start + _BATCH, count)):
            due_at = now if number < due else now.add(seconds=3600 + number)
            wake_at = None if number >= due and number % 2 else due_at.subtract(seconds=120)
            rows.append({**common, "key": f"post-{number}", "due_at": due_at, "wake_at": wake_at})
        with ledger.database.write() as connection:
            connection.execute(t.posts.insert(), rows)
    with ledger.database.write() as connection:
        connection.execute(text("ANALYZE"))


def look(ledger: Ledger) -> list[float]:
    """Milliseconds of each of many looks."""
    times = []
    for _ in range(_LOOKS):
        started = time.perf_counter()
        ledger.posts.due(pendulum.now("UTC"), limit=500)
        times.append((time.perf_counter() - started) * 1000)
    return sorted(times)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--posts", type=int, default=1_000_000)
    parser.add_argument("--due", type=int, default=0, help="how many of them are due (default: %(default)s)")
    parser.add_argument("--url", help="an empty database (default: SQLite in a temporary directory)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        ledger = Ledger(options.url or f"sqlite:///{Path(directory) / 'ledger.db'}")
        for count in (1000, options.posts):
            with ledger.database.write() as connection:
                connection.execute(t.posts.delete())
            fill(ledger, count, due=options.due)
            times = look(ledger)
            print(
                f"{ledger.database.url.get_backend_name():<11}{count:>10,} posts  a look: median"
                f" {statistics.median(times):.2f} ms, 99 % {times[int(len(times) * 0.99)]:.2f} ms"
            )
        ledger.database.dispose()


if __name__ == "__main__":
    main()
