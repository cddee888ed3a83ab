"""Publish what comes due."""

from __future__ import annotations

from airflow.sdk import Asset, AssetOrTimeSchedule, AssetWatcher, CronTriggerTimetable, dag, task, task_group

from x_provider.notifications.stopped import XPostStoppedNotifier
from x_provider.operators.publishing import XCreatePostOperator
from x_provider.operators.uploading import XUploadMediaOperator
from x_provider.triggers.due import XDuePostsTrigger

due_posts = Asset("x_due_posts", watchers=[AssetWatcher(name="ledger", trigger=XDuePostsTrigger())])
sweep = CronTriggerTimetable("*/15 * * * *", timezone="UTC")


@dag(
    schedule=AssetOrTimeSchedule(assets=due_posts, timetable=sweep),
    catchup=False,
    max_active_runs=1000,  # a run lasts until its last post is out, and costs nothing while it waits
    tags=["x", "publishing"],
    default_args={"owner": "marketing", "retries": 3, "retry_delay": 10},
    doc_md="""
    Woken by the watcher when posts of the ledger come due within their lead time (text and images 10 minutes,
    video 45), and every 15 minutes as a sweep. Each post is one mapped task, or two: its media, if it has any,
    are uploaded ahead of time; then it is armed and sent by the triggerer at its instant.

    Clearing a task that has published never publishes again. Stopping a task does not stop its post, which stays
    planned and is taken up again. To stop a post, remove its entry from the calendar and apply it, or
    `airflow x void CALENDAR/ENTRY`; to stop all posts, or those of one account, `airflow x stop` or the page *X*.
    """,
)
def x_publish():
    @task
    def take_on(run_id: str | None = None) -> list[dict]:
        """Claim the posts that come due: each is given to one run only."""
        from x_provider.hooks.ledger import LedgerHook
        from x_provider.publishing import take_due, utc_now

        ledger = LedgerHook().ledger()
        taken = take_due(ledger, now=utc_now(), taker=f"x_publish:{run_id}")
        posts = [ledger.posts.get(due.id) for due in taken]
        return [{"post_id": post.id, "name": post.name, "has_media": post.has_media} for post in posts]

    @task
    def those_with_media(taken: list[dict]) -> list[dict]:
        return [{"post_id": post["post_id"], "name": post["name"]} for post in taken if post["has_media"]]

    @task
    def those_without(taken: list[dict]) -> list[dict]:
        return [{"post_id": post["post_id"], "name": post["name"]} for post in taken if not post["has_media"]]

    # A task costs Airflow a fifth of a CPU-second: posts without media have no upload.
    create_options = {
        "task_id": "create_post",
        "priority_weight": 2,
        "on_failure_callback": XPostStoppedNotifier(),
        "map_index_template": "{{ task.name }}",
        # Arming what is uploaded goes before uploading more: the first posts are due first.
        "weight_rule": "absolute",
    }

    @task_group
    def publish(post_id: int, name: str):
        upload = XUploadMediaOperator(
            task_id="upload_media",
            post_id=post_id,
            name=name,
            on_failure_callback=XPostStoppedNotifier(),  # while the cause can still be removed in time
            map_index_template="{{ task.name }}",
            weight_rule="absolute",
        )
        # It sends what could not be uploaded ahead of time, or says in the ledger why it cannot.
        create = XCreatePostOperator(post_id=post_id, name=name, trigger_rule="all_done", **create_options)
        upload >> create

    taken = take_on()
    publish.expand_kwargs(those_with_media(taken))
    XCreatePostOperator.partial(**create_options).expand_kwargs(those_without(taken))


x_publish()
