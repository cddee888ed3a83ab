"""An Airflow listener: what tasks need of this package is loaded by the process that forks them.

Airflow forks its tasks and the parsing of DAG files from processes that live long. Without this each fork would load
the same hundred modules anew, which costs more than all that most tasks do.
"""

from __future__ import annotations

from importlib import import_module

from airflow.listeners import hookimpl
from airflow.sdk.execution_time.task_runner import TaskRunnerMarker

from airflow import sdk

_NEEDED = (
    "x_provider.notifications.login",
    "x_provider.notifications.stopped",
    "x_provider.operators.asking",
    "x_provider.operators.calendar",
    "x_provider.operators.events",
    "x_provider.operators.following",
    "x_provider.operators.insights",
    "x_provider.operators.planning",
    "x_provider.operators.publishing",
    "x_provider.operators.upkeep",
    "x_provider.operators.uploading",
    "x_provider.triggers.due",
    "x_provider.triggers.events",
)
_NEEDED_OF_AIRFLOW = ("CronTriggerTimetable", "task")
"""What they import besides, and Airflow loads at the first use."""


@hookimpl
def on_starting(component: object) -> None:
    """A component of Airflow starts: the scheduler, the DAG processor, the triggerer, or a task."""
    if isinstance(component, TaskRunnerMarker):
        return  # it is forked already, and perhaps none of ours
    for module in _NEEDED:
        import_module(module)
    for name in _NEEDED_OF_AIRFLOW:
        getattr(sdk, name)
