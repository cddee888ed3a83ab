"""The health route, for probes and monitoring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from x_provider.health import Check, examine, verdict

router = APIRouter()


@router.get("/health", dependencies=[Depends(requires_access_dag("GET", param_dag_id="x_publish"))])
def health() -> JSONResponse:
    """What `airflow x doctor` says, as JSON: 200, or 503 when something keeps posts from going out.

    X is not asked. A probe sends the token of an Airflow user who may read DAG ``x_publish``.
    """
    return _answer(list(examine(online=False)))


def database_is_away(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001
    """Before a route of the app is asked, Airflow may look into its database: who asks need not be known yet."""
    words = "a database does not answer: Airflow's own, or the ledger's"
    step = "`airflow x doctor` says which, and what it says"
    return _answer([Check("airflow", "failed", words, step)], detail=f"{words}. {step}.")


def _answer(checks: Sequence[Check], **more: str) -> JSONResponse:
    worst = verdict(checks)
    body: dict[str, Any] = {"state": worst, "checks": [asdict(check) for check in checks], **more}
    return JSONResponse(body, 503 if worst == "failed" else 200, headers={"Cache-Control": "no-store"})
