"""Look after tokens and what was dropped, and ask people about what nobody else can decide."""

from __future__ import annotations

from airflow.sdk import CronTriggerTimetable, dag

from x_provider.notifications.login import XLoginNeededNotifier
from x_provider.notifications.stopped import XPostStoppedNotifier
from x_provider.operators.upkeep import (
    XOpenQuestionsOperator,
    XRefreshTokensOperator,
    XStartQuestionOperator,
    XSweepOperator,
)


@dag(
    schedule=CronTriggerTimetable("*/10 * * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["x", "upkeep"],
    default_args={"owner": "marketing", "retries": 2, "retry_delay": 20},
    doc_md="""
    Every ten minutes **sweep** wakes the posts that are stuck (their sender died, nobody looks after them) for
    DAG `x_publish`, and ends those that nobody has taken on and that are past their grace: those whose late policy
    is `skip` or `ask`, and those of `publish` that a stop or blackout held back. It sends nothing and may run at
    any time.

    **open_questions** then finds what only a person can settle, and **ask** starts DAG `x_ask` for each, once. Both
    are skipped when there is nothing to ask; `x_ask` must not be paused.

    **refresh_tokens** refreshes the OAuth 2.0 tokens that have less than half an hour left. When an account needs a
    login, whoever found out, that is told once, with the address of the page where it is done.
    """,
)
def x_upkeep():
    # What it ends has no task of its own that could fail.
    missed = XPostStoppedNotifier(posts="{{ ti.xcom_pull(task_ids='sweep')['missed'] | tojson }}")
    sweep = XSweepOperator(task_id="sweep", on_success_callback=missed)
    questions = XOpenQuestionsOperator(task_id="open_questions")
    ask = XStartQuestionOperator.partial(task_id="ask", map_index_template="{{ task.post }}")
    needed = XLoginNeededNotifier()
    XRefreshTokensOperator(
        task_id="refresh_tokens",
        on_success_callback=needed,
        on_failure_callback=needed,
        on_retry_callback=needed,
    )
    sweep >> questions
    ask.expand_kwargs(questions.output)


x_upkeep()
