"""An Airflow listener: what tasks need of this package is loaded by the process that forks them.

Airflow forks its tasks and the parsing of DAG files from processes that live long. Without this each fork would load
the same hundred modules anew, which costs more than all that most tasks do.
"""

from __future__ import annotations

from importlib import import_module

from airflow.listeners import hookimpl
from airflow.sdk.execution_time.task_runner import TaskRunnerMarker

_NEEDED = (
    "x_provider.notifications.login",
    "x_provider.notifications.stopped",
    *(
        f"x_provider.operators.{name}"
        for name in (
            "asking",
            "calendar",
            "events",
            "following",
            "insights",
            "planning",
            "publishing",
            "upkeep",
        )
    ),
    "x_provider.triggers.due",
    "x_provider.triggers.events",
)
"""What the ready DAGs import."""


@hookimpl
def on_starting(component: object) -> None:
    """A component of Airflow starts: the scheduler, the DAG processor, the triggerer, or a task."""
    if isinstance(component, TaskRunnerMarker):
        return  # it is forked already, and perhaps none of ours
    for module in _NEEDED:
        import_module(module)
