"""What of Airflow publishing needs: its components, the watcher, the DAGs and their slots.

They read Airflow's own database, which only its command line and API server may.
"""

from __future__ import annotations

from collections.abc import Iterator

from airflow.api.common.airflow_health import get_airflow_health
from airflow.jobs.job import Job
from airflow.models.dag import DagModel
from airflow.models.pool import Pool
from airflow.models.trigger import Trigger
from airflow.utils.session import create_session
from sqlalchemy import select

from x_provider.health.check import Check

WATCHER = "x_provider.triggers.due.XDuePostsTrigger"
NEEDED_DAGS = {
    "x_publish": "nothing is sent while it is paused, but for what tasks post themselves",
    "x_upkeep": "what is stuck is not found while it is paused, and tokens are not refreshed ahead",
}
_COMMANDS = {"scheduler": "scheduler", "triggerer": "triggerer", "dag_processor": "dag-processor"}


def components() -> Iterator[Check]:
    """Whether the scheduler, the triggerer and the DAG processor show signs of life."""
    health = get_airflow_health()
    if health["metadatabase"]["status"] != "healthy":
        yield Check("airflow", "failed", "its database does not answer", "Look into the API server's log")
        return
    for component, command in _COMMANDS.items():
        said = health[component]
        seen = said[f"latest_{component}_heartbeat"]
        name = component.replace("_", " ")
        if said["status"] == "healthy":
            yield Check(name, "ok", f"alive, seen {seen}")
        else:
            words = f"last seen {seen}" if seen else "never seen"
            yield Check(name, "failed", words, f"Start it: airflow {command}")


def watcher() -> Check:
    """Whether the trigger that wakes x_publish is with a living triggerer."""
    with create_session() as session:
        rows = session.scalars(select(Trigger).where(Trigger.classpath == WATCHER)).all()
        holders = [session.get(Job, row.triggerer_id) for row in rows if row.triggerer_id is not None]
        is_held = any(job is not None and job.is_alive() for job in holders)
    if is_held:
        return Check("watcher", "ok", "it is with a living triggerer")
    if rows:
        return Check(
            "watcher", "failed", "no living triggerer runs it", "Start a triggerer: airflow triggerer"
        )
    return Check(
        "watcher",
        "failed",
        "Airflow has no trigger of it, so that posts are found every 15 minutes only",
        "Unpause DAG x_publish, and see that its file is read without errors",
    )


def dags() -> Iterator[Check]:
    """Whether the DAGs that publishing needs are there and not paused."""
    with create_session() as session:
        for dag_id, otherwise in NEEDED_DAGS.items():
            dag = session.get(DagModel, dag_id)
            if dag is None or dag.is_stale:
                words = f"Airflow does not know it: {otherwise.replace('is paused', 'is missing')}"
                step = "Copy it from the project's dags/ into Airflow's DAG folder"
                yield Check(f"DAG {dag_id}", "failed", words, step)
            elif dag.has_import_errors:
                yield Check(
                    f"DAG {dag_id}", "failed", "its file has errors", "`airflow dags list-import-errors`"
                )
            elif dag.is_paused:
                yield Check(
                    f"DAG {dag_id}", "failed", f"paused: {otherwise}", f"`airflow dags unpause {dag_id}`"
                )
            else:
                yield Check(f"DAG {dag_id}", "ok", "active")


def pool() -> Check:
    """Whether tasks of publishing would find a slot."""
    stats = Pool.slots_stats().get(Pool.DEFAULT_POOL_NAME)
    if stats is None:
        return Check("pool", "failed", "there is no default_pool", "`airflow pools set default_pool 128 ''`")
    words = f"default_pool: {stats['open']} of {stats['total']} slots are free"
    if stats["open"] > 0:
        return Check("pool", "ok", words)
    return Check(
        "pool",
        "warning",
        words,
        "What is armed goes out; what comes due next waits for a slot. Find what sleeps in them, or give it more",
    )
