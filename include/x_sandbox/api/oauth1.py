"""OAuth 1.0a, three-legged: request token, consent page, and the account's keys."""

from __future__ import annotations

import hmac
from html import escape
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from x_sandbox.api.oauth2 import NO_STORE, PAGE
from x_sandbox.authentication import OAUTH1, OPEN, form_of
from x_sandbox.exchange import FORM, Answer, Exchange, Operation
from x_sandbox.oauth1 import PIN, RequestToken
from x_sandbox.problems import unauthorized
from x_sandbox.problems_v11 import OldProblem, refused_by_v11
from x_sandbox.signing import parse_authorization
from x_sandbox.state import State

CONSENT_PATHS = ("/oauth/authorize", "/oauth/authenticate")
NOT_APPROVED = (
    "Callback URL not approved for this client application. Approved callback URLs can be adjusted in your "
    "application settings"
)


async def request_token(exchange: Exchange) -> Answer:
    oauth = await _signed(exchange, None)
    callback = oauth.get("oauth_callback", "")
    registered = exchange.state.settings.redirect_uris
    is_address = callback.startswith(("http://", "https://"))
    if callback != PIN and (not is_address or (registered and callback not in registered)):
        raise OldProblem(403, 415, NOT_APPROVED)
    made = exchange.state.request_tokens.make(callback)
    form = {
        "oauth_token": made.token,
        "oauth_token_secret": made.secret,
        "oauth_callback_confirmed": "true",
    }
    return Answer(dict(form), headers=NO_STORE, media_type=FORM)


async def access_token(exchange: Exchange) -> Answer:
    state = exchange.state
    given = _parameters(exchange).get("oauth_token", "")
    login = state.request_tokens.find(given)
    if login is None:
        raise _refused("Request token missing", "the request token is unknown, used or expired")
    oauth = await _signed(exchange, login)
    account = state.app.account(login.account_id or "")
    form = dict(await form_of(exchange.request))
    verifier = oauth.get("oauth_verifier") or form.get("oauth_verifier", "")
    if (
        account is None
        or login.verifier is None
        or not hmac.compare_digest(verifier.encode(), login.verifier.encode())
    ):
        raise _refused(
            "Error processing your OAuth request: Invalid oauth_verifier parameter", "the verifier differs"
        )
    state.request_tokens.end(login, account.access_token)
    keys = {
        "oauth_token": account.access_token,
        "oauth_token_secret": account.access_token_secret,
        "user_id": account.id,
        "screen_name": account.username,
    }
    return Answer(dict(keys), headers=NO_STORE, media_type=FORM)


async def invalidate_token(exchange: Exchange) -> Answer:
    token = exchange.account.access_token
    exchange.state.request_tokens.forget(token)
    return Answer({"access_token": token}, headers=NO_STORE)


class Consent:
    """The page on which a user lets the app act for an account."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def show(self, request: Request) -> Response:
        if self._login(request) is None:
            return _gone()
        accounts = "".join(
            f'<label><input type="radio" name="account" value="{account.id}"{" checked" if not index else ""}> '
            f"{escape(account.name)} (@{escape(account.username)})</label>"
            for index, account in enumerate(self._state.app.accounts)
        )
        return _page(
            f'<h1>An app wants to access an account</h1><form method="post">{accounts}<p>'
            '<button name="decision" value="allow">Authorize app</button>'
            '<button name="decision" value="deny">Cancel</button></form>'
        )

    async def decide(self, request: Request) -> Response:
        login, form = self._login(request), await request.form()
        if login is None:
            return _gone()
        account = self._state.app.find(str(form.get("account", "")))
        if form.get("decision") != "allow" or account is None:
            self._state.request_tokens.end(login)
            if login.callback == PIN:
                return _page("<h1>The app was not let in</h1>")
            return _back(login.callback, {"denied": login.token})
        consented = self._state.request_tokens.consent(login, account.id)
        if login.callback == PIN:
            return _page(
                f"<h1>Go back to the app and enter this PIN</h1><p><code>{consented.verifier}</code>"
            )
        return _back(
            login.callback, {"oauth_token": consented.token, "oauth_verifier": consented.verifier or ""}
        )

    def _login(self, request: Request) -> RequestToken | None:
        """The login that the page is for: a living one that nobody has consented to."""
        login = self._state.request_tokens.find(request.query_params.get("oauth_token", ""))
        return login if login and login.verifier is None else None


async def _signed(exchange: Exchange, login: RequestToken | None) -> dict[str, str]:
    """Check the signature, with the request token's secret or none.

    :raises Problem: 401.
    """
    state, request, oauth = exchange.state, exchange.request, _parameters(exchange)
    if oauth.get("oauth_consumer_key") != state.app.api_key:
        raise unauthorized("oauth_consumer_key is not the app's API key")
    query = request.scope["query_string"].decode("latin-1")
    state.signatures.check(
        oauth,
        method=request.method,
        own_url=f"{request.url.scheme}://{request.headers.get('host', '').lower()}",
        path=request.url.path,
        parameters=[*parse_qsl(query, keep_blank_values=True), *(await form_of(request))],
        api_secret=state.app.api_secret,
        token_secret=login.secret if login else "",
    )
    return oauth


def _parameters(exchange: Exchange) -> dict[str, str]:
    header = exchange.request.headers.get("authorization", "")
    if not header.lower().startswith("oauth "):
        raise unauthorized("there is no OAuth Authorization header")
    return parse_authorization(header)


def _refused(message: str, note: str) -> OldProblem:
    problem = OldProblem(401, 32, message)
    problem.note = note
    return problem


def _back(callback: str, answer: dict[str, str]) -> Response:
    return RedirectResponse(f"{callback}{'&' if '?' in callback else '?'}{urlencode(answer)}", 302)


def _page(content: str, status: int = 200) -> Response:
    return HTMLResponse(PAGE.format(content=content), status, NO_STORE)


def _gone() -> Response:
    return _page(
        "<h1>Whoa there!</h1><p>The request token for this page is invalid. It may have already been used, or "
        "expired because it is too old.</p>",
        400,
    )


def pages(state: State) -> list[BaseRoute]:
    """Make the routes of the consent page."""
    consent = Consent(state)
    return [
        route
        for path in CONSENT_PATHS
        for route in (
            Route(path, consent.show, methods=["GET"]),
            Route(path, consent.decide, methods=["POST"]),
        )
    ]


OPERATIONS = [
    Operation("POST", "/oauth/request_token", request_token, (), (OPEN,), query=None, refusal=refused_by_v11),
    Operation("POST", "/oauth/access_token", access_token, (), (OPEN,), query=None, refusal=refused_by_v11),
    *(
        Operation("POST", path, invalidate_token, (), (OAUTH1,), query=None, refusal=refused_by_v11)
        for path in ("/1.1/oauth/invalidate_token", "/1.1/oauth/invalidate_token.json")
    ),
]
