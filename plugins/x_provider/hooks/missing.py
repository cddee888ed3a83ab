"""Whether a connection that Airflow did not give is really not there.

Airflow reports a connection that it failed to look up (its API server is restarting, say) as one that is not
defined. What follows from the two is not the same.
"""

from __future__ import annotations

import asyncio
from typing import Any

from airflow.sdk.exceptions import ErrorType
from airflow.sdk.execution_time.secrets import ExecutionAPISecretsBackend

from x_provider.hooks.problems import failure_of


def doubt(conn_id: str) -> str | None:
    """Why it is doubtful that the connection does not exist; None where all that know connections say so."""
    if (failed := _failing_backend(conn_id)) is not None:
        return failed
    comms = _supervisor()
    return _doubt(comms.send(_question(conn_id))) if comms else None


async def adoubt(conn_id: str) -> str | None:
    """As :func:`doubt`, on an event loop."""
    if (failed := await asyncio.to_thread(_failing_backend, conn_id)) is not None:
        return failed
    comms = _supervisor()
    return _doubt(await comms.asend(_question(conn_id))) if comms else None


def _failing_backend(conn_id: str) -> str | None:
    """Which of this process's secrets backends, the metadata database among them, fails when it is asked.

    Airflow passes over a backend that fails, and goes on to the next.
    """
    from airflow.sdk.execution_time.supervisor import ensure_secrets_backend_loaded  # noqa: PLC0415  (as below)

    for backend in ensure_secrets_backend_loaded():
        if isinstance(backend, ExecutionAPISecretsBackend):
            continue  # that is the supervisor, which is asked for its reasons
        try:
            found = backend.get_connection(conn_id=conn_id)
        except Exception as error:
            return failure_of(backend, error)
        if found:
            return "it appeared meanwhile"
    return None


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
