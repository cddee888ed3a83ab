"""What of Airflow publishing needs: its components, the watcher, the DAGs and their slots.

They read Airflow's own database, which only its command line and API server may.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from airflow.api.common.airflow_health import get_airflow_health
from airflow.jobs.job import Job
from airflow.models.dag import DagModel
from airflow.models.pool import Pool
from airflow.models.trigger import Trigger
from airflow.utils.session import create_session
from sqlalchemy import select, text

from x_provider.health.check import Check, State

Held = Literal["held", "left", "unknown"]
WATCHER = "x_provider.triggers.due.XDuePostsTrigger"
NEEDED_DAGS = {
    "x_publish": "nothing is sent while it is paused, but for what tasks post themselves",
    "x_upkeep": "what is stuck is not found while it is paused, and tokens are not refreshed ahead",
}
_COMMANDS = {"scheduler": "scheduler", "triggerer": "triggerer", "dag_processor": "dag-processor"}


def database() -> Iterator[Check]:
    """Nothing where Airflow's own database answers.

    :raises sqlalchemy.exc.SQLAlchemyError: when it does not, and why.
    """
    with create_session() as session:
        session.execute(text("SELECT 1"))
    return iter(())


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


def holding(classpath: str) -> Held:
    """Whether a watcher runs: Airflow knows no trigger of it, no living triggerer has it, or one has."""
    with create_session() as session:
        rows = session.scalars(select(Trigger).where(Trigger.classpath == classpath)).all()
        holders = [session.get(Job, row.triggerer_id) for row in rows if row.triggerer_id is not None]
        is_held = any(job is not None and job.is_alive() for job in holders)
    if is_held:
        return "held"
    return "left" if rows else "unknown"


def watcher() -> Check:
    """Whether the trigger that wakes x_publish is with a living triggerer."""
    held = holding(WATCHER)
    if held == "held":
        return Check("watcher", "ok", "it is with a living triggerer")
    if held == "left":
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
    for dag_id, otherwise in NEEDED_DAGS.items():
        yield dag(dag_id, otherwise, state="failed")


def dag(dag_id: str, otherwise: str, *, state: State) -> Check:
    """Whether a DAG is there and not paused.

    :param otherwise: what comes of it "while it is paused".
    :param state: where it is not.
    """
    name = f"DAG {dag_id}"
    with create_session() as session:
        known = session.get(DagModel, dag_id)
        if known is None or known.is_stale:
            words = f"Airflow does not know it: {otherwise.replace('is paused', 'is missing')}"
            return Check(name, state, words, "Copy it from the project's dags/ into Airflow's DAG folder")
        if known.has_import_errors:
            return Check(name, state, "its file has errors", "`airflow dags list-import-errors`")
        if known.is_paused:
            return Check(name, state, f"paused: {otherwise}", f"`airflow dags unpause {dag_id}`")
    return Check(name, "ok", "active")


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
