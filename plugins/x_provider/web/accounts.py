"""The accounts page: who is logged in on X, logging in and logging out.

Who may look at page X may look at it; who may edit a connection may log its account in and out.
"""

from __future__ import annotations

from html import escape
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import ConnectionDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_connection
from airflow.configuration import conf
from airflow.models.connection import Connection
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, ConfigDict, Field

from x_provider.accounts import LoginRefused
from x_provider.accounts.login import NEEDED_SCOPES
from x_provider.client.oauth2 import MORE_SCOPES, SCOPES
from x_provider.hooks.connections import LoginSettings, accounts_in_airflow, login_settings
from x_provider.hooks.credentials import XConnectionError
from x_provider.hooks.login import begin_login, finish_login, log_out
from x_provider.ledger import Ledger, LedgerError, StoredTokens
from x_provider.publishing import utc_now
from x_provider.web import serving
from x_provider.web.serving import LedgerDep, may_look, only_json

CALLBACK = "/x/login/callback"
_LONGEST_NAME = 250
_PICTURES_OF_X = "https://pbs.twimg.com"
_MESSAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    "<title>X: not logged in</title><style>:root{{color-scheme:light dark}}body{{font:16px/1.5 system-ui,sans-serif;"
    "max-width:40rem;margin:4rem auto;padding:0 1rem;overflow-wrap:anywhere}}</style>"
    '<h1>Not logged in</h1><p role="alert">{message}.</p><p>{next_step}.</p>'
    '<p><a href="../accounts">To the accounts</a></p></html>'
)
_PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


def _privately(response: Response) -> None:
    response.headers.update(_PRIVATE)


router = APIRouter(dependencies=[Depends(_privately)])
_may_change = [Depends(only_json), Depends(requires_access_connection("PUT"))]


class Login(BaseModel):
    """How to log in.

    :param scopes: of OAuth 2.0.
    :param another_user: whoever logs in becomes the account's user.
    """

    model_config = ConfigDict(extra="forbid")

    scheme: Literal["oauth2", "oauth1"] = "oauth2"
    scopes: list[Annotated[str, Field(max_length=50)]] = Field(
        default_factory=lambda: list(SCOPES), max_length=20
    )
    another_user: bool = False


@router.get("/accounts", dependencies=[Depends(may_look)])
def accounts_page(ledger: LedgerDep) -> HTMLResponse:
    """The page."""
    origins = {_origin(tokens.base_url) for tokens in ledger.tokens.all()} - {"https://api.x.com"}
    response = serving.page("accounts.html", pictures_from=[_PICTURES_OF_X, *sorted(origins)])
    response.headers.update(_PRIVATE)
    return response


@router.get("/accounts/status", dependencies=[Depends(may_look)])
def accounts_status(user: GetUserDep, ledger: LedgerDep) -> dict[str, Any]:
    """Every account that is known: its user on X, the state of its login, and what can be done about it."""
    tokens = {each.account: each for each in ledger.tokens.all()}
    names = sorted({*accounts_in_airflow(), *ledger.accounts.names(), *tokens})
    return {
        "now": utc_now().isoformat(),
        "callback": callback_address(),
        "scopes": [
            {"name": name, "why": why, "needed": name in NEEDED_SCOPES, "usual": name in SCOPES}
            for name, why in {**SCOPES, **MORE_SCOPES}.items()
        ],
        "accounts": [_account(name, tokens.get(name), ledger, user) for name in names],
    }


@router.post("/accounts/{connection_id}/login", dependencies=_may_change)
def start(connection_id: str, how: Login, user: GetUserDep, ledger: LedgerDep) -> dict[str, str]:
    """Begin a login; ``url`` is where to send the user."""
    try:
        url = begin_login(
            ledger,
            connection_id,
            scheme=how.scheme,
            redirect_uri=callback_address(),
            scopes=how.scopes,
            another_user=how.another_user,
            started_by=_name_of(user),
        )
    except LoginRefused as refused:
        raise HTTPException(409, str(refused)) from None
    return {"url": url}


@router.get("/login/callback")
def come_back(request: Request, user: GetUserDep, ledger: LedgerDep) -> Response:
    """Where X sends the user back to; who comes must be the Airflow user who began, and may still log in."""

    def check(conn_id: str) -> None:
        if not _may_log_in(conn_id, user):
            raise LoginRefused(f"Your role may not log account {conn_id} in", "Ask who may edit connections")

    try:
        connected = finish_login(
            ledger,
            dict(request.query_params),
            redirect_uri=callback_address(),
            started_by=_name_of(user),
            check=check,
        )
    except LoginRefused as refused:
        return _refused(refused.message, refused.next_step, 400)
    except (LedgerError, XConnectionError) as error:
        return _refused(str(error), "Correct that, then begin the login again", 503)
    return RedirectResponse(
        f"../accounts?done={quote(connected.who.account, safe='')}", 303, headers=_PRIVATE
    )


@router.post("/accounts/{connection_id}/logout", dependencies=_may_change)
def end(connection_id: str, ledger: LedgerDep) -> dict[str, list[str]]:
    """Log an account out, on X and here; ``remarks`` say what is left to do."""
    try:
        return {"remarks": log_out(ledger, connection_id)}
    except LoginRefused as refused:
        raise HTTPException(409, str(refused)) from None


def callback_address() -> str:
    """Where X sends the user back to, as it has to be registered with the app.

    https://airflow.apache.org/docs/apache-airflow/stable/configurations-ref.html#base-url
    """
    base_url = str(conf.get("api", "base_url", fallback="") or "http://localhost:8080")
    return f"{base_url.rstrip('/')}{CALLBACK}"


def _account(name: str, tokens: StoredTokens | None, ledger: Ledger, user: Any) -> dict[str, Any]:
    settings, trouble = _settings(name)
    met = ledger.accounts.find(name, settings.base_url) if settings is not None else None
    user_on_x = tokens.user if tokens is not None else None
    state, why = _state(settings, tokens) if trouble is None else ("broken", trouble)
    is_by_tokens = state in ("good", "needs_login") and tokens is not None
    return {
        "account": name,
        "state": state,
        "why": why,
        "base_url": settings.base_url if settings is not None else None,
        "username": (user_on_x and user_on_x.username) or (met and met.username),
        "user_id": (user_on_x and user_on_x.user_id) or (met and met.user_id),
        "name": user_on_x and user_on_x.name,
        "picture": _picture(tokens),
        "scopes": list(tokens.scopes) if tokens is not None and is_by_tokens else [],
        "ends_at": tokens.expires_at.isoformat() if tokens is not None and is_by_tokens else None,
        "logged_in_at": tokens.logged_in_at.isoformat() if tokens is not None and is_by_tokens else None,
        "logged_in_by": tokens.logged_in_by if tokens is not None and is_by_tokens else None,
        "kept_in": settings.kept_in if settings is not None else None,
        "schemes": _schemes(settings),
        "may_change": _may_log_in(name, user),
        "may_log_out": tokens is not None or state in ("keys", "seeded"),
    }


def _settings(name: str) -> tuple[LoginSettings | None, str | None]:
    try:
        return login_settings(name), None
    except XConnectionError as error:
        return None, str(error)


def _state(settings: LoginSettings | None, tokens: StoredTokens | None) -> tuple[str, str | None]:
    if settings is not None and settings.uses_keys:
        return "keys", None
    if tokens is not None:
        return str(tokens.state.value), tokens.why
    if settings is not None and settings.refresh_token is not None:
        return "seeded", None
    return "needs_login", "Nobody has logged it in yet."


def _schemes(settings: LoginSettings | None) -> list[str]:
    if settings is None:
        return []
    has_keys = settings.api_key and settings.api_key_secret and settings.kept_in is None
    return [*(["oauth2"] if settings.client_id else []), *(["oauth1"] if has_keys else [])]


def _picture(tokens: StoredTokens | None) -> str | None:
    """The picture's address, where the page may show it."""
    url = tokens.user.picture_url if tokens is not None else None
    if tokens is None or not url or _origin(url) not in (_PICTURES_OF_X, _origin(tokens.base_url)):
        return None
    return url


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _may_log_in(conn_id: str, user: Any) -> bool:
    details = ConnectionDetails(conn_id=conn_id, team_name=Connection.get_team_name(conn_id))
    return get_auth_manager().is_authorized_connection(method="PUT", details=details, user=user)


def _name_of(user: Any) -> str:
    """The Airflow user: a name for people, and the id where that is not the same, since names may be shared."""
    name, identity = str(user.get_name()), str(user.get_id())
    return (name if name == identity else f"{name} ({identity})")[-_LONGEST_NAME:]


def _refused(message: str, next_step: str, status: int) -> HTMLResponse:
    html = _MESSAGE.format(message=escape(message.rstrip(".")), next_step=escape(next_step.rstrip(".")))
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'self'"
    )
    return HTMLResponse(
        html,
        status,
        headers={**_PRIVATE, "Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"},
    )
