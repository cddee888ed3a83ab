"""Bring the numbers back every night."""

from __future__ import annotations

import pendulum
from airflow.sdk import CronDataIntervalTimetable, dag, task

from x_provider.operators.insights import XFetchMetricsOperator


@dag(
    schedule=CronDataIntervalTimetable("0 3 * * *", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=4,
    tags=["x", "insights"],
    default_args={"owner": "analytics", "retries": 5},
    doc_md="""
    Every night at 03:00 UTC, for every account that has published: the metrics of the last 30 days' posts,
    one row a post and night in `x_snapshots`. Running a night again, or backfilling it, adds what is missing
    and changes nothing; a row says when it was captured, since X gives no counters of the past.
    """,
)
def x_insights():
    @task
    def accounts() -> list[str]:
        """The accounts the ledger has published for."""
        from x_provider.hooks.ledger import LedgerHook

        return LedgerHook().ledger().accounts.names()

    XFetchMetricsOperator.partial(task_id="fetch_metrics", map_index_template="{{ task.x_conn_id }}").expand(
        x_conn_id=accounts()
    )


x_insights()
