"""Handle what X tells the webhook."""

from __future__ import annotations

from airflow.sdk import Asset, AssetOrTimeSchedule, AssetWatcher, CronTriggerTimetable, dag

from x_provider.operators.events import XHandleEventsOperator, XSettleEventsOperator
from x_provider.triggers.events import XEventsTrigger

told = Asset("x_told", watchers=[AssetWatcher(name="webhook", trigger=XEventsTrigger())])
sweep = CronTriggerTimetable("*/15 * * * *", timezone="UTC")


@dag(
    schedule=AssetOrTimeSchedule(assets=told, timetable=sweep),
    catchup=False,
    max_active_runs=1,
    tags=["x", "listening"],
    default_args={"owner": "marketing", "retries": 2, "retry_delay": 20},
    doc_md="""
    Woken when X has delivered events to the webhook (`docs/webhooks.md`), and every 15 minutes as a sweep.

    **handle** writes into the ledger what they mean (a post deleted on X, replies, quotes, reposts, mentions),
    has a post of unknown outcome looked for when X tells of a new post, and emits asset events such as
    `x://mentions/x_default`, on which other DAGs can be scheduled: `x_mentions` is an example. **settle** then marks
    the events as done. After a crash in between they are handled, and emitted, again. A run takes on a hundred
    events; the next is woken at once for the rest.
    """,
)
def x_events():
    handled = XHandleEventsOperator(task_id="handle")
    XSettleEventsOperator(task_id="settle", events=handled.output)


x_events()
