"""Read the content calendar into the ledger."""

from __future__ import annotations

import os
from pathlib import Path

from airflow.sdk import Param, dag, task
from airflow.sdk.exceptions import AirflowFailException

from x_provider.operators.calendar import XApplyCalendarOperator, XLintCalendarOperator, XPlanCalendarOperator

CALENDAR = os.environ.get("X_CALENDAR") or str(
    Path(__file__).resolve().parents[1] / "include" / "calendar" / "calendar.yaml"
)


@dag(
    schedule="@hourly",
    catchup=False,
    max_active_runs=1,
    tags=["x", "calendar"],
    default_args={"owner": "marketing", "retries": 1, "retry_delay": 10},
    params={
        "calendar": Param(
            CALENDAR,
            type="string",
            title="Calendar file",
            description="Path of the YAML file, as the workers see it.",
        ),
        "allow_withdrawals": Param(
            False,
            type="boolean",
            title="Many entries may go",
            description="Withdraw what the file no longer has, even more than three posts and a fifth of it.",
        ),
    },
    doc_md="""
    Every hour, and whenever somebody presses the button: **lint** checks every entry, **plan** says what
    would change, **apply** writes it to the ledger, **report** fails the run if entries were left out, after
    the sound ones are planned.

    The button also fetches anew the files that lie elsewhere; the hourly runs fetch those of new and changed
    entries.

    The file is `include/calendar/calendar.yaml`, or what the environment variable `X_CALENDAR` names, or what
    the form says. Nothing is sent here: DAG `x_publish` does that.
    """,
)
def x_calendar():
    read = {
        "calendar": "{{ params.calendar }}",
        "allow_withdrawals": "{{ params.allow_withdrawals }}",
        "refetch": "{{ dag_run.run_type != 'scheduled' }}",
    }
    lint = XLintCalendarOperator(task_id="lint", multiple_outputs=True, **read)
    plan = XPlanCalendarOperator(task_id="plan", digest=lint.output["digest"], **read)
    apply = XApplyCalendarOperator(
        task_id="apply", digest=lint.output["digest"], reported=lint.output["broken"], **read
    )

    @task(retries=0)
    def report(errors: list[str]) -> None:
        """Fail visibly for the entries that were left out."""
        if errors:
            raise AirflowFailException(
                f"{len(errors)} errors; the other entries are planned:\n" + "\n".join(errors)
            )

    lint >> plan >> apply >> report(lint.output["errors"])


x_calendar()
