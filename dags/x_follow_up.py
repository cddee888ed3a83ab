"""Act on the likes that posts have found."""

from __future__ import annotations

from airflow.sdk import CronTriggerTimetable, dag, task

from x_provider.operators.following import XFollowUpOperator


@dag(
    schedule=CronTriggerTimetable("20 * * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["x", "publishing"],
    default_args={"owner": "marketing", "retries": 2, "retry_delay": 60},
    doc_md="""
    Every hour: of each account that has a post with `follow_ups` on X and not enough likes yet, the likes are read
    (100 posts a request). A post that has found them is reposted, or answered by a post that DAG `x_publish` sends.
    X bills each post read once a day. Accounts without anything to follow up cost nothing.
    """,
)
def x_follow_up():
    @task
    def accounts() -> list[str]:
        """The accounts with a post that something waits for."""
        from x_provider.hooks.ledger import LedgerHook

        return LedgerHook().ledger().follow_ups.accounts()

    XFollowUpOperator.partial(task_id="follow_up", map_index_template="{{ task.x_conn_id }}").expand(
        x_conn_id=accounts()
    )


x_follow_up()
