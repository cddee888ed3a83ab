"""The routes under ``/x`` in Airflow's API server: the stop button, what stands where, and one post's story.

Who may read DAG ``x_publish`` may look; who may trigger it may stop and let go.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, partial
from http import HTTPStatus
from textwrap import shorten
from typing import Annotated, Any
from urllib.parse import quote

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from x_provider.hooks.problems import XConnectionError
from x_provider.hooks.standing import trouble
from x_provider.ledger import BREAKER, EVERY_ACCOUNT, Halt, Ledger, LedgerError, Month, PartState, Post
from x_provider.publishing import utc_now
from x_provider.web import accounts, health, serving
from x_provider.web.serving import PUBLISHING_DAG, LedgerDep, may_look, only_json
from x_provider.web.story import story_of
from x_provider.web.unlogged import UnloggedLogins
from x_provider.web.webhook import route as webhook_route

_MOST_STANDING = 20
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_WAITS = (PartState.PLANNED, PartState.ARMED)
_LOGGED_OUT = (
    '<!doctype html><html lang="en"><title>X</title><p>You are logged out. <a href="{login}">Log in</a> to see'
    " this page.</p></html>"
)
_may_stop = requires_access_dag("POST", DagAccessEntity.RUN, PUBLISHING_DAG)
_CHANGES = [Depends(only_json), Depends(_may_stop)]


def _without_control_characters(request: Request) -> None:
    """Keep out what no name has: a database may refuse it, in words that are about something else."""
    asked = (*request.path_params.values(), *request.query_params.keys(), *request.query_params.values())
    if any(_CONTROL.search(str(each)) for each in asked):
        raise HTTPException(422, "There is a control character in the address: write names as they are.")


app = FastAPI(
    title="X",
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
    dependencies=[Depends(_without_control_characters)],
)
app.include_router(accounts.router)
app.include_router(health.router)
app.router.routes.insert(0, webhook_route)  # the busiest; no layer of FastAPI's is around it
app.add_middleware(UnloggedLogins)
for away in (OperationalError, InterfaceError, InternalError, PoolTimeoutError):
    app.add_exception_handler(away, health.database_is_away)


class Stop(BaseModel):
    """Which account is to stop, or go on; ``*`` for every one."""

    model_config = ConfigDict(extra="forbid")

    account: str = Field(EVERY_ACCOUNT, min_length=1, max_length=250, pattern=r"^\P{Cc}*$")
    why: str = Field("", max_length=500, pattern=r"^[^\x00]*$")


@app.get("/", dependencies=[Depends(may_look)])
def page(post: str | None = None) -> HTMLResponse:
    """The page behind *X* in Airflow's navigation; the page of one post where it is named."""
    return serving.page("page.html" if post is None else "post.html")


@app.get("/status", dependencies=[Depends(may_look)])
def status(request: Request, user: GetUserDep, ledger: LedgerDep) -> dict[str, Any]:
    """What is stopped, by whom and why, whose budget is nearly used up, and which posts stand still."""
    now, counts = utc_now(), ledger.overview.counts()
    still = (
        ledger.overview.stopped(now, limit=_MOST_STANDING),
        ledger.overview.waiting(now, limit=_MOST_STANDING),
    )
    posts = [post for standstill in still for post in standstill.posts]
    trouble_of = cache(partial(trouble, ledger=ledger))
    return {
        **_halts(ledger, may_stop=_is_allowed(request, user)),
        "budgets": [_budget(month) for month in ledger.charges.near_their_budgets(now=now)],
        "accounts": sorted({*ledger.accounts.names(), *ledger.accounts.awaited()}),
        "counts": {str(state): counts[state] for state in PartState if state in counts},
        "newest": [
            {
                "post": post.name,
                "text": _beginning(post),
                "posted_at": post.parts[0].receipt.posted_at.isoformat(),
            }
            for post in ledger.overview.newest()
            if post.parts and post.parts[0].receipt
        ],
        "still": [_standing(post, trouble_of) for post in posts],
        "more": sum(standstill.count for standstill in still) - len(posts),
    }


@app.get("/posts", dependencies=[Depends(may_look)])
def one_post(name: Annotated[str, Query(max_length=501)], ledger: LedgerDep) -> dict[str, Any]:
    """The story of one post, by its name ``calendar/key`` or its number; 404 when the ledger has none such.

    ``account_why`` says why its account cannot post, while it is still to be sent.
    """
    try:
        post = ledger.posts.named(name)
    except LedgerError as error:
        if error.__cause__ is not None:  # the ledger itself is away
            raise
        words = str(error)
        raise HTTPException(404, f"{words[0].upper()}{words[1:]}.") from None
    why = trouble(post.account, ledger) if post.state in _WAITS else None
    return story_of(ledger, post, now=utc_now()) | {"account_why": why}


@app.post("/stop", dependencies=_CHANGES)
def stop(what: Stop, user: GetUserDep, ledger: LedgerDep) -> dict[str, Any]:
    """Stop an account, or all: no attempt begins after the answer, in any process.

    An account that the ledger does not know is stopped too, since it may exist and not have posted yet; then
    ``warning`` says so. Counting the posts takes a while in a large ledger, which nobody who presses this should
    wait for.
    """
    ledger.controls.stop(account=what.account, why=what.why.strip(), by=user.get_name(), now=utc_now())
    return {**_halts(ledger, may_stop=True), "warning": ledger.overview.doubt_about(what.account)}


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


@app.exception_handler(HTTPException)
async def refused(request: Request, error: HTTPException) -> Response:
    """As FastAPI does it; who opens a page without being logged in gets the way to log in."""
    path = request.scope["path"]
    is_page = request.method == "GET" and path.endswith(("/x/", "/x/accounts", accounts.CALLBACK))
    if error.status_code != HTTPStatus.UNAUTHORIZED or not is_page:
        return await http_exception_handler(request, error)
    page = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
    up = "../"
    if path.endswith(accounts.CALLBACK):
        # What X sent along is too old by then, and belongs into no other address.
        page, up = f"{request.url.path.removesuffix(accounts.CALLBACK)}/x/accounts", "../../"
    login = f"{up}api/v2/auth/login?next={quote(page, safe='')}"
    return HTMLResponse(_LOGGED_OUT.format(login=login), error.status_code, headers=error.headers)


def _halts(ledger: Ledger, *, may_stop: bool) -> dict[str, Any]:
    now = utc_now()
    halts = [_shown(halt, in_force=halt.starts_at <= now) for halt in ledger.controls.halts(now)]
    return {"now": now.isoformat(), "may_stop": may_stop, "halts": halts}


def _shown(halt: Halt, *, in_force: bool) -> dict[str, Any]:
    return {
        "account": halt.account,
        "by": halt.by,
        "why": str(halt) if halt.source == BREAKER else halt.why,
        "starts_at": halt.starts_at.isoformat(),
        "ends_at": halt.ends_at.isoformat() if halt.ends_at else None,
        "calendar": halt.source or None,
        "in_force": in_force,
    }


def _budget(month: Month) -> dict[str, Any]:
    is_used_up = month.share is not None and month.share >= 1
    return {"account": month.account, "used_up": is_used_up, "words": month.warning()}


def _standing(post: Post, trouble_of: Callable[[str], str | None]) -> dict[str, Any]:
    why = next((part.why for part in post.parts if part.why), None)
    return {
        "post": post.name,
        "state": str(post.state),
        "due_at": post.due_at.isoformat(),
        "why": why or (trouble_of(post.account) if post.state in _WAITS else None),
    }


def _beginning(post: Post) -> str:
    return shorten(str(post.parts[0].content.get("text", "")), 80, placeholder=" …")


def _is_allowed(request: Request, user: Any) -> bool:
    try:
        _may_stop(request, user)
    except HTTPException:
        return False
    return True
