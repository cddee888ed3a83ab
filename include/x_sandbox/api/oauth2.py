"""OAuth 2.0: the consent page, the token endpoints, revocation."""

from __future__ import annotations

import base64
import binascii
import hmac
from html import escape
from urllib.parse import unquote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from x_sandbox.authentication import OPEN
from x_sandbox.exchange import Answer, Exchange, Operation
from x_sandbox.oauth2 import SCOPES, Grants, TokenError
from x_sandbox.state import State

AUTHORIZE_PATHS = ("/i/oauth2/authorize", "/2/oauth2/authorize")
NO_STORE = {"cache-control": "no-store"}
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Authorize app · X sandbox</title>
<style>body{{font:1rem/1.5 system-ui;max-width:30rem;margin:4rem auto;padding:0 1rem}}
label{{display:block;padding:.3rem 0}}button{{font:inherit;padding:.5rem 1.2rem;margin-right:.5rem}}</style>
{content}</html>"""


class Consent:
    """The page on which a user lets the app act for an account."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def show(self, request: Request) -> Response:
        if fault := self._fault(request):
            return HTMLResponse(
                PAGE.format(content=f"<h1>Something went wrong</h1><p>{escape(fault)}</p>"), 400
            )
        scopes = "".join(f"<li>{escape(scope)}" for scope in request.query_params["scope"].split())
        accounts = "".join(
            f'<label><input type="radio" name="account" value="{account.id}"{" checked" if first else ""}> '
            f"{escape(account.name)} (@{escape(account.username)})</label>"
            for first, account in (
                (index == 0, account) for index, account in enumerate(self._state.app.accounts)
            )
        )
        return HTMLResponse(
            PAGE.format(
                content=f"<h1>An app wants to access an account</h1><p>It will have:<ul>{scopes}</ul>"
                f'<form method="post">{accounts}<p>'
                '<button name="decision" value="allow">Authorize app</button>'
                '<button name="decision" value="deny">Cancel</button></form>'
            )
        )

    async def decide(self, request: Request) -> Response:
        if fault := self._fault(request):
            return HTMLResponse(
                PAGE.format(content=f"<h1>Something went wrong</h1><p>{escape(fault)}</p>"), 400
            )
        query, form = request.query_params, await request.form()
        account = self._state.app.find(str(form.get("account", "")))
        answer = {"state": query["state"]}
        if form.get("decision") != "allow" or account is None:
            answer["error"] = "access_denied"
        else:
            answer["code"] = self._state.grants.authorize(
                account.id,
                tuple(query["scope"].split()),
                query["redirect_uri"],
                query["code_challenge"],
                query.get("code_challenge_method", "plain"),
            )
        separator = "&" if "?" in query["redirect_uri"] else "?"
        return RedirectResponse(f"{query['redirect_uri']}{separator}{urlencode(answer)}", 302)

    def _fault(self, request: Request) -> str | None:
        query = request.query_params
        absent = [
            name
            for name in ("client_id", "redirect_uri", "scope", "state", "code_challenge")
            if not query.get(name)
        ]
        if absent:
            return f"Missing parameters: {', '.join(absent)}."
        unknown_scopes = set(query["scope"].split()) - SCOPES
        registered = self._state.settings.redirect_uris or [query["redirect_uri"]]
        rules = {
            "response_type must be code.": query.get("response_type") == "code",
            "client_id is not that of the app.": query["client_id"] == self._state.app.client_id,
            "code_challenge_method must be S256 or plain.": query.get("code_challenge_method", "plain")
            in ("S256", "plain"),
            "state is longer than 500 characters.": len(query["state"]) <= 500,
            f"Unknown scopes: {', '.join(sorted(unknown_scopes))}.": not unknown_scopes,
            "redirect_uri is not one of the app's callbacks.": query["redirect_uri"] in registered,
        }
        return next((fault for fault, kept in rules.items() if not kept), None)


async def user_token(exchange: Exchange) -> Answer:
    try:
        tokens = _tokens(exchange.state.grants, await _client_form(exchange))
    except TokenError as error:
        return Answer(error.body, error.status, NO_STORE)
    return Answer(tokens, headers=NO_STORE)


def _tokens(grants: Grants, form: dict[str, str]) -> dict[str, str | int]:
    if form.get("grant_type") == "authorization_code":
        return grants.exchange(
            form.get("code", ""), form.get("redirect_uri", ""), form.get("code_verifier", "")
        )
    if form.get("grant_type") == "refresh_token":
        return grants.refresh(form.get("refresh_token", ""))
    raise TokenError("unsupported_grant_type", "grant_type must be authorization_code or refresh_token.")


async def revoke(exchange: Exchange) -> Answer:
    try:
        form = await _client_form(exchange)
    except TokenError as error:
        return Answer(error.body, error.status, NO_STORE)
    exchange.state.grants.revoke(form.get("token", ""))
    return Answer({"revoked": True}, headers=NO_STORE)


async def app_token(exchange: Exchange) -> Answer:
    app, form = exchange.state.app, await exchange.request.form()
    given = _basic(exchange.request)
    if given is None or not _same(given, (app.api_key, app.api_secret)):
        message = {
            "code": 99,
            "message": "Unable to verify your credentials",
            "label": "authenticity_token_error",
        }
        return Answer({"errors": [message]}, 403)
    if form.get("grant_type") != "client_credentials":
        return Answer({"errors": [{"code": 170, "message": "Missing required parameter: grant_type"}]}, 403)
    return Answer({"token_type": "bearer", "access_token": app.bearer_token}, headers=NO_STORE)


async def _client_form(exchange: Exchange) -> dict[str, str]:
    """Read a token request of the app as a confidential client (Basic) or a public one (client_id)."""
    app = exchange.state.app
    form = {name: str(value) for name, value in (await exchange.request.form()).items()}
    given = _basic(exchange.request)
    if given is not None:
        if not _same(given, (app.client_id, app.client_secret)):
            raise TokenError("unauthorized_client", "Missing valid authorization header", 401)
    elif form.get("client_id") != app.client_id:
        raise TokenError("invalid_request", "Missing required parameter [client_id].")
    return form


def _basic(request: Request) -> tuple[str, str] | None:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ("", "")
    return unquote(user), unquote(password)


def _same(given: tuple[str, str], expected: tuple[str, str]) -> bool:
    return hmac.compare_digest("\n".join(given).encode(), "\n".join(expected).encode())


def pages(state: State) -> list[BaseRoute]:
    """Make the routes of the consent page."""
    consent = Consent(state)
    return [
        route
        for path in AUTHORIZE_PATHS
        for route in (
            Route(path, consent.show, methods=["GET"]),
            Route(path, consent.decide, methods=["POST"]),
        )
    ]


OPERATIONS = [
    Operation("POST", "/2/oauth2/token", user_token, (), (OPEN,)),
    Operation("POST", "/2/oauth2/revoke", revoke, (), (OPEN,)),
    Operation("POST", "/oauth2/token", app_token, (), (OPEN,)),
]
