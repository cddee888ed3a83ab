"""Who may do what at the plugin's routes, over HTTP in a running Airflow; a route that this does not know fails."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from x_provider.client.webhooks import SIGNATURE
from x_provider.ledger import Ledger

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

USERS = ("admin", "op", "user", "viewer", "nobody")
LOOK = frozenset({"admin", "op", "user", "viewer"})
TRIGGER = frozenset({"admin", "op", "user"})
CONNECT = frozenset({"admin", "op"})
EVERYBODY = frozenset(USERS)

WHO_MAY = {
    ("GET", "/"): LOOK,
    ("GET", "/status"): LOOK,
    ("GET", "/posts"): LOOK,
    ("GET", "/health"): LOOK,
    ("POST", "/stop"): TRIGGER,
    ("POST", "/go"): TRIGGER,
    ("GET", "/accounts"): LOOK,
    ("GET", "/accounts/status"): LOOK,
    ("POST", "/accounts/{connection_id}/login"): CONNECT,
    ("POST", "/accounts/{connection_id}/logout"): CONNECT,
    ("GET", "/login/callback"): LOOK,  # beyond that it depends on who has begun the login
    ("GET", "/webhook/{connection_id}"): EVERYBODY,
    ("POST", "/webhook/{connection_id}"): EVERYBODY,
}
"""By method and path under /x. Those beyond may not; who is not logged in gets 401, the others 403."""
QUERIES = {"/posts": "?name=december/hello"}
# What is not signed at all is turned away whoever brings it.
HEADERS = {"/webhook/{connection_id}": {SIGNATURE: "sha256=of-nobody"}}
BODIES = {"/stop": {"account": "x_nobody"}, "/go": {"account": "x_nobody"}}


@pytest.fixture
def ledger(standalone, tmp_path: Path):
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    stored = {"connection_id": "x_ledger", "conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}
    assert standalone.request("POST", "/api/v2/connections", json=stored).status_code == 201
    yield ledger
    standalone.request("DELETE", "/api/v2/connections/x_ledger")
    ledger.database.dispose()


def routes() -> set[tuple[str, str]]:
    from x_provider.web.app import app

    return {
        (method, route.path)
        for route in app.routes
        for method in (getattr(route, "methods", None) or ())
        if method != "HEAD"  # as GET, without the body
    }


def test_every_route_is_known_here() -> None:
    assert routes() == set(WHO_MAY)


@pytest.mark.parametrize(("method", "path"), sorted(WHO_MAY))
@pytest.mark.parametrize("user", USERS)
def test_who_may(standalone, ledger, user: str, method: str, path: str) -> None:
    address = "/x" + path.replace("{connection_id}", "x_nobody")
    body = BODIES.get(path, {}) if method == "POST" else None
    query, headers = QUERIES.get(path, ""), HEADERS.get(path, {})
    if user == "nobody":
        answer = requests.request(
            method,
            standalone.url + address + query,
            json=body,
            headers=headers,
            timeout=60,
            allow_redirects=False,
        )
    else:
        answer = standalone.request(
            method, address + query, user=user, json=body, headers=headers, allow_redirects=False
        )
    may = user in WHO_MAY[method, path]
    assert (answer.status_code not in (401, 403)) == may, answer.text
    if not may:
        assert answer.status_code == (401 if user == "nobody" else 403)
