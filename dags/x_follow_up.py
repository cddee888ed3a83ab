"""Do what follows posts: at its time, or once people like them."""

from __future__ import annotations

from airflow.sdk import CronTriggerTimetable, dag, task

from x_provider.operators.following import XFollowUpOperator


@dag(
    schedule=CronTriggerTimetable("1-59/10 * * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["x", "publishing"],
    default_args={"owner": "marketing", "retries": 2, "retry_delay": 60},
    doc_md="""
    Every 10 minutes, of each account with posts on X whose `follow_ups` wait:

    - what has a time (`after: 6 h`) and has reached it is done: the post is reposted, taken down, or answered by a
      post that DAG `x_publish` sends; a repost is taken back;
    - once an hour the likes are read of those that wait for likes (100 posts a request), and what has found them is
      reposted or answered. X bills each post read once a day.

    Accounts without anything to follow up now cost nothing.
    """,
)
def x_follow_up():
    @task
    def accounts() -> list[str]:
        """The accounts that have something to follow up now."""
        import pendulum

        from x_provider.hooks.ledger import LedgerHook
        from x_provider.publishing.following import accounts_to_follow_up

        return accounts_to_follow_up(LedgerHook().ledger(), now=pendulum.now("UTC"))

    # The next run comes in ten minutes, and one account that waits for X must not hold the others' up.
    XFollowUpOperator.partial(
        task_id="follow_up", map_index_template="{{ task.x_conn_id }}", retries=0
    ).expand(x_conn_id=accounts())


x_follow_up()
