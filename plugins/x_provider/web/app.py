"""The routes under ``/x`` in Airflow's API server: the stop button, and what stands where.

Who may read DAG ``x_publish`` may look; who may trigger it may stop and let go.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from x_provider.hooks.credentials import XConnectionError
from x_provider.hooks.ledger import LedgerHook
from x_provider.ledger import EVERY_ACCOUNT, Halt, Ledger, LedgerError, PartState
from x_provider.publishing import utc_now

_PUBLISHING_DAG = "x_publish"
_may_look = requires_access_dag("GET", param_dag_id=_PUBLISHING_DAG)
_may_stop = requires_access_dag("POST", DagAccessEntity.RUN, _PUBLISHING_DAG)


def _only_json(request: Request) -> None:
    # A form on another site can send the user's cookie, but not this type.
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "Send it as application/json.")


def _ledger() -> Ledger:
    return LedgerHook().ledger()


LedgerDep = Annotated[Ledger, Depends(_ledger)]
_CHANGES = [Depends(_only_json), Depends(_may_stop)]

app = FastAPI(title="X", docs_url=None, redoc_url=None, openapi_url=None)


class Stop(BaseModel):
    """Which account is to stop, or go on; ``*`` for every one."""

    model_config = ConfigDict(extra="forbid")

    account: str = Field(EVERY_ACCOUNT, min_length=1, max_length=250)
    why: str = Field("", max_length=500)


@app.get("/", dependencies=[Depends(_may_look)])
def page() -> HTMLResponse:
    """The page behind *X* in Airflow's navigation."""
    html, policy = _page()
    return HTMLResponse(
        html,
        headers={
            "Content-Security-Policy": policy,
            "Cache-Control": "no-cache",
            "X-Content-Type-Options": "nosniff",
        },
    )


@app.get("/status", dependencies=[Depends(_may_look)])
def status(request: Request, user: GetUserDep, ledger: LedgerDep) -> dict[str, Any]:
    """What is stopped, by whom and why, and how many posts stand where."""
    counts = ledger.overview.counts()
    return {
        **_halts(ledger, may_stop=_is_allowed(request, user)),
        "accounts": ledger.accounts.names(),
        "counts": {str(state): counts[state] for state in PartState if state in counts},
    }


@app.post("/stop", dependencies=_CHANGES)
def stop(what: Stop, user: GetUserDep, ledger: LedgerDep) -> dict[str, Any]:
    """Stop an account, or all: no attempt begins after the answer, in any process.

    Counting the posts takes a while in a large ledger, which nobody who presses this should wait for.
    """
    ledger.controls.stop(account=what.account, why=what.why.strip(), by=user.get_name(), now=utc_now())
    return _halts(ledger, may_stop=True)


@app.post("/go", dependencies=_CHANGES)
def go(what: Stop, ledger: LedgerDep) -> dict[str, Any]:
    """Lift what was stopped by hand; 409 when nothing of that account was."""
    if not ledger.controls.go(account=what.account, now=utc_now()):
        who = "Everything" if what.account == EVERY_ACCOUNT else f"Account {what.account}"
        raise HTTPException(409, f"{who} was not stopped by hand; look at what is listed.")
    return _halts(ledger, may_stop=True)


@app.exception_handler(LedgerError)
@app.exception_handler(XConnectionError)
def ledger_is_away(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001
    """The ledger cannot be used: say why, and that nothing was changed."""
    return JSONResponse({"detail": f"Nothing was changed: {error}"}, 503)


def _halts(ledger: Ledger, *, may_stop: bool) -> dict[str, Any]:
    now = utc_now()
    halts = [_shown(halt, in_force=halt.starts_at <= now) for halt in ledger.controls.halts(now)]
    return {"now": now.isoformat(), "may_stop": may_stop, "halts": halts}


def _shown(halt: Halt, *, in_force: bool) -> dict[str, Any]:
    return {
        "account": halt.account,
        "by": halt.by,
        "why": halt.why,
        "starts_at": halt.starts_at.isoformat(),
        "ends_at": halt.ends_at.isoformat() if halt.ends_at else None,
        "calendar": halt.source or None,
        "in_force": in_force,
    }


def _is_allowed(request: Request, user: Any) -> bool:
    try:
        _may_stop(request, user)
    except HTTPException:
        return False
    return True


@cache
def _page() -> tuple[str, str]:
    html = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return html, (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
