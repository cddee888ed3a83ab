"""What X sends a login back with stays out of Airflow's access log."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from x_provider.web.accounts import CALLBACK

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class UnloggedLogins:
    """Shows whoever is around the app a login's callback without the values of its query.

    Airflow logs each request with its query, as the request's scope has it in the end, and hides only what it takes
    for a secret by its name: ``code``, ``state`` and ``oauth_verifier`` are none to it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        inner = scope
        if scope["type"] == "http" and scope["path"].endswith(CALLBACK):
            inner = {**scope}
            names = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
            scope["query_string"] = urlencode([(name, "***") for name, _ in names], safe="*").encode()
        await self._app(inner, receive, send)
