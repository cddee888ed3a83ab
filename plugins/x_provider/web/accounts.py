"""The accounts page: who is logged in on X, logging in and logging out.

Who may look at page X may look at it; who may edit a connection may log its account in and out.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import ConnectionDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_connection
from airflow.configuration import conf
from airflow.models.connection import Connection
from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, ConfigDict, Field

from x_provider.accounts import LoginRefused
from x_provider.accounts.login import NEEDED_SCOPES
from x_provider.client.oauth2 import MORE_SCOPES, SCOPES
from x_provider.hooks.connections import LoginSettings, settings_of
from x_provider.hooks.finding import UndefinedError, found, known_accounts
from x_provider.hooks.login import begin_login, finish_login
from x_provider.hooks.logout import log_out
from x_provider.hooks.problems import XConnectionError
from x_provider.hooks.standing import Standing, standing_of, undefined, unusable
from x_provider.ledger import Ledger, LedgerError, StoredKeys, StoredTokens
from x_provider.publishing import utc_now
from x_provider.web import serving
from x_provider.web.serving import LedgerDep, may_look, only_json

CALLBACK = "/x/login/callback"
_LONGEST_NAME = 250
_PICTURES_OF_X = "https://pbs.twimg.com"
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
    places = {*(login.base_url for login in _logins(ledger)), *ledger.accounts.base_urls()}
    origins = {_origin(place) for place in places} - {"https://api.x.com"}
    response = serving.page("accounts.html", pictures_from=[_PICTURES_OF_X, *sorted(origins)])
    response.headers.update(_PRIVATE)
    return response


@router.get("/accounts/status", dependencies=[Depends(may_look)])
def accounts_status(
    user: GetUserDep, ledger: LedgerDep, also: Annotated[str | None, Query(max_length=250)] = None
) -> dict[str, Any]:
    """Every account that is known: its user on X, the state of its login, and what can be done about it.

    :param also: an account whose connection a secrets backend keeps, which cannot be listed; for who may edit it.
    """
    names, kept = known_accounts(ledger), {login.account for login in _logins(ledger)}
    if also and also not in names:
        if not _may_log_in(also, user):
            raise HTTPException(
                403, f"Your role may not log account {also} in: ask who may edit connections."
            )
        names = sorted([*names, also])
    return {
        "now": utc_now().isoformat(),
        "callback": callback_address(),
        "scopes": [
            {"name": name, "why": why, "needed": name in NEEDED_SCOPES, "usual": name in SCOPES}
            for name, why in {**SCOPES, **MORE_SCOPES}.items()
        ],
        "accounts": [_account(name, ledger, user, is_kept=name in kept) for name in names],
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
        return {"remarks": list(log_out(ledger, connection_id).remarks)}
    except LoginRefused as refused:
        raise HTTPException(409, str(refused)) from None


def callback_address() -> str:
    """Where X sends the user back to, as it has to be registered with the app.

    https://airflow.apache.org/docs/apache-airflow/stable/configurations-ref.html#base-url
    """
    base_url = str(conf.get("api", "base_url", fallback="") or "http://localhost:8080")
    return f"{base_url.rstrip('/')}{CALLBACK}"


def _account(name: str, ledger: Ledger, user: Any, *, is_kept: bool) -> dict[str, Any]:
    standing, settings = _standing(name, ledger)
    met = ledger.accounts.find(name, settings.base_url) if settings is not None else None
    login = standing.login
    tokens = login if isinstance(login, StoredTokens) else None
    user_on_x = login.user if login is not None else None
    is_held = settings is not None and bool(settings.held)
    is_left = standing.state == "undefined" and name in ledger.accounts.names()
    return {
        "account": name,
        "state": standing.state,
        "why": standing.why or None,
        "next_step": standing.next_step or None,
        "base_url": settings.base_url if settings is not None else None,
        "username": (user_on_x and user_on_x.username) or (met and met.username),
        "user_id": (user_on_x and user_on_x.user_id) or (met and met.user_id),
        "name": (user_on_x and user_on_x.name) or (met and met.name),
        "picture": (login and _picture(login.user.picture_url, login.base_url))
        or (met and _picture(met.picture_url, met.base_url)),
        "scopes": list(tokens.scopes) if tokens is not None else [],
        "ends_at": tokens.expires_at.isoformat() if tokens is not None else None,
        "logged_in_at": login.logged_in_at.isoformat() if login is not None else None,
        "logged_in_by": login.logged_in_by if login is not None else None,
        "kept_in": settings.kept_in if settings is not None else None,
        "schemes": _schemes(settings),
        "may_change": _may_log_in(name, user),
        "may_log_out": is_kept or is_held or is_left,
    }


def _logins(ledger: Ledger) -> list[StoredTokens | StoredKeys]:
    return [*ledger.tokens.all(), *ledger.user_keys.all()]


def _standing(name: str, ledger: Ledger) -> tuple[Standing, LoginSettings | None]:
    """How it stands, and what a login needs of its connection where it can be logged in; looked up once."""
    try:
        it = found(name)
    except UndefinedError:
        return undefined(name, ledger), None
    except XConnectionError as error:
        return unusable(error), None
    standing = standing_of(it.connection, ledger)
    try:
        return standing, settings_of(it)
    except XConnectionError:
        return standing, None


def _schemes(settings: LoginSettings | None) -> list[str]:
    if settings is None:
        return []
    has_app = {
        "oauth2": settings.client_id,
        "oauth1": settings.api_key and settings.api_key_secret,
    }
    return [scheme for scheme, app in has_app.items() if app and scheme in settings.schemes]


def _picture(url: str | None, base_url: str) -> str | None:
    """The picture's address, where the page may show it."""
    return url if url and _origin(url) in (_PICTURES_OF_X, _origin(base_url)) else None


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
    words = {"message": message.rstrip("."), "next_step": next_step.rstrip(".")}
    response = serving.still_page("refused.html", status, **words)
    response.headers.update(_PRIVATE)
    return response
