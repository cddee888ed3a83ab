"""The health route, for probes and monitoring."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse

from x_provider.health import examine, verdict

router = APIRouter()


@router.get("/health", dependencies=[Depends(requires_access_dag("GET", param_dag_id="x_publish"))])
def health() -> JSONResponse:
    """What `airflow x doctor` says, as JSON: 200, or 503 when something keeps posts from going out.

    X is not asked. A probe sends the token of an Airflow user who may read DAG ``x_publish``.
    """
    checks = list(examine(online=False))
    worst = verdict(checks)
    body: dict[str, Any] = {"state": worst, "checks": [asdict(check) for check in checks]}
    return JSONResponse(body, 503 if worst == "failed" else 200, headers={"Cache-Control": "no-store"})
