"""What X tells: whether somebody handles it, and what could not be handled.

No post waits for it, so these only warn.
"""

from __future__ import annotations

from collections.abc import Iterator

from x_provider.health import airflow_checks
from x_provider.health.check import Check
from x_provider.ledger import Ledger
from x_provider.ledger.events import MOST_TRIES
from x_provider.publishing import utc_now

WATCHER = "x_provider.triggers.events.XEventsTrigger"
_DAG = "x_events"
_OTHERWISE = "what X tells waits and is not handled while it is paused"
_LATE_SECONDS = 60
_OLD_MINUTES = 15
_GIVEN_UP = (
    "Mend that, then `airflow x webhooks retry --all`; `airflow x webhooks failed` lists them, with what kept each."
    " They are kept for 30 days, and not tried again by themselves"
)


def events(ledger: Ledger, *, is_registered: bool, airflow_answers: bool) -> Iterator[Check]:
    """Whether DAG x_events is awake, where X tells anything; what waits in the ledger, and what was given up.

    :param is_registered: a webhook is; False where X was not asked.
    :param airflow_answers: Airflow's own database can be asked.
    """
    counts = ledger.events.counts()
    if not counts and not is_registered:
        yield Check("events", "skipped", "X has told nothing, and no webhook is known")
        return
    if airflow_answers:
        yield airflow_checks.dag(_DAG, _OTHERWISE, state="warning")
        yield _watcher()
    yield _stored(ledger, counts)


def _watcher() -> Check:
    name, held = "watcher of events", airflow_checks.holding(WATCHER)
    if held == "held":
        return Check(name, "ok", "it is with a living triggerer")
    words = {
        "left": "no living triggerer runs it",
        "unknown": "Airflow has no trigger of it",
    }[held]
    step = {
        "left": "Start a triggerer: airflow triggerer",
        "unknown": f"Unpause DAG {_DAG}, and see that its file is read without errors",
    }[held]
    return Check(name, "warning", f"{words}, so that 100 events are handled every 15 minutes at best", step)


def _stored(ledger: Ledger, counts: dict[str, int]) -> Check:
    waiting, given_up = counts.get("waiting", 0), counts.get("failed", 0)
    said, steps = [f"{waiting:,} wait to be handled"], []
    now = utc_now()
    oldest = ledger.events.oldest()
    minutes = int((now - oldest).total_minutes()) if oldest else 0
    if minutes:
        said[0] += f", the oldest for {minutes:,} min"
    # Who has taken an event on, and died, keeps it for ten minutes: it is old then, and not due.
    if minutes >= _OLD_MINUTES or ledger.events.at_hand(now.subtract(seconds=_LATE_SECONDS)) is not None:
        steps.append(f"See that DAG {_DAG} runs: its task `handle` says what is wrong")
    if given_up:
        why = (ledger.events.why_given_up() or "unknown").rstrip(".")
        said.append(f"{given_up:,} were given up after {MOST_TRIES} tries, the newest because: {why}")
        steps.append(_GIVEN_UP)
    return Check("events", "warning" if steps else "ok", "; ".join(said), ". ".join(steps))
