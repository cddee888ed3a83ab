"""Whether a connection that Airflow did not give is really not there.

Airflow reports a connection that it failed to look up (its API server is restarting, say) as one that is not
defined. What follows from the two is not the same.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk.exceptions import ErrorType


def doubt(conn_id: str) -> str | None:
    """Why it is doubtful that the connection does not exist; None where Airflow says so, or nobody can be asked."""
    comms = _supervisor()
    return _doubt(comms.send(_question(conn_id))) if comms else None


async def adoubt(conn_id: str) -> str | None:
    """As :func:`doubt`, on an event loop."""
    comms = _supervisor()
    return _doubt(await comms.asend(_question(conn_id))) if comms else None


def _doubt(answer: Any) -> str | None:
    reason = getattr(answer, "error", None)
    if reason is ErrorType.CONNECTION_NOT_FOUND:
        return None
    return str(reason.value) if reason else "it appeared meanwhile"


def _supervisor() -> Any:
    """The line to the supervisor; None where nobody supervises: in the API server, the CLI and tests."""
    from airflow.sdk.execution_time import task_runner  # noqa: PLC0415  (not there while a DAG is parsed)

    return getattr(task_runner, "SUPERVISOR_COMMS", None)


def _question(conn_id: str) -> Any:
    from airflow.sdk.execution_time.comms import GetConnection  # noqa: PLC0415  (as above)

    return GetConnection(conn_id=conn_id)
