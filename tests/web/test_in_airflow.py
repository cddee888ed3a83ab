"""The plugin's routes as Airflow's API server runs them: behind its access log and its authentication."""

from __future__ import annotations

import json

import pendulum
import pytest
from new_ledger import new_ledger
from sqlalchemy import text
from structlog.testing import capture_logs

from x_provider.ledger import AccountOnX, Ledger

pytestmark = pytest.mark.xdist_group("api_server")  # its app is made once

PICTURE = "https://pbs.twimg.com/profile_images/1/me.png"


@pytest.fixture
def ledger(tmp_path, monkeypatch):
    url = new_ledger(tmp_path)
    monkeypatch.setenv("AIRFLOW_CONN_X_LEDGER", url)
    ledger = Ledger(url)
    yield ledger
    ledger.database.dispose()


@pytest.fixture(scope="module")
def client(airflow_home):
    """Asks the API server's app as an admin."""
    from airflow.api_fastapi.app import create_app, get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from fastapi.testclient import TestClient

    app = create_app(apps="core")
    admin = SimpleAuthManagerUser(username="admin", role="ADMIN")
    with TestClient(app, raise_server_exceptions=False) as client:
        client.headers["Authorization"] = f"Bearer {get_auth_manager().generate_jwt(admin)}"
        yield client


@pytest.fixture
def airflow_is_away(client, airflow_home):
    """Airflow's database file is a directory for the time of a test."""
    from airflow import settings

    file, aside = airflow_home / "airflow.db", airflow_home / "aside.db"
    settings.engine.dispose()
    file.rename(aside)
    file.mkdir()
    yield
    file.rmdir()
    aside.rename(file)
    settings.engine.dispose()


@pytest.mark.parametrize("is_logged_in", [True, False])
def test_what_x_sends_a_login_back_with_is_in_no_access_log(client, ledger, is_logged_in) -> None:
    query = "?state=the-state&code=the-code&oauth_token=the-token&oauth_verifier=the-verifier&error="
    headers = {} if is_logged_in else {"Authorization": ""}
    with capture_logs() as logs:
        answer = client.get(f"/x/login/callback{query}", headers=headers)
        client.get("/x/posts?name=december/hello")
    assert answer.status_code == (400 if is_logged_in else 401)
    seen, other = [each for each in logs if each.get("event") == "request finished"]
    assert (seen["path"], seen["status_code"]) == ("/x/login/callback", answer.status_code)
    assert "the-" not in json.dumps(logs, default=str)
    assert "state=" in seen["query"]
    assert "december" in other["query"]


def test_a_probe_gets_its_json_while_airflow_s_database_is_away(client, ledger, airflow_is_away) -> None:
    answer = client.get("/x/health")
    assert (answer.status_code, answer.headers["cache-control"]) == (503, "no-store")
    (check,) = answer.json()["checks"]
    assert (answer.json()["state"], check["name"], check["state"]) == ("failed", "airflow", "failed")
    assert "`airflow x doctor` says which" in check["next_step"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/x/stop", {"account": "a\0b"}),
        ("POST", "/x/stop", {"account": "a\nb"}),
        ("POST", "/x/stop", {"why": "a\0b"}),
        ("POST", "/x/go", {"account": "a\x7fb"}),
        ("GET", "/x/posts?name=a%00/b", None),
        ("GET", "/x/posts?name=a/b%C2%85", None),
        ("GET", "/x/accounts/status?also=%00", None),
        ("POST", "/x/accounts/a%00b/login", {}),
        ("POST", "/x/accounts/a%1Fb/logout", {}),
    ],
)
def test_what_no_name_has_is_refused_at_the_door(client, ledger, method, path, body) -> None:
    answer = client.request(method, path, json=body)
    assert (answer.status_code, "control character" in answer.text or "pattern" in answer.text) == (422, True)
    assert ledger.controls.halts(pendulum.now("UTC")) == []


def test_why_something_is_stopped_may_have_lines(client, ledger) -> None:
    assert client.post("/x/stop", json={"account": "x_müller", "why": "a\nb"}).status_code == 200


def test_a_mistake_of_ours_is_not_taken_for_a_database_that_is_away(
    client, monkeypatch, postgres_url
) -> None:
    ledger = Ledger(postgres_url)
    ledger.database.upgrade()
    url = postgres_url.set(drivername="postgres").render_as_string(hide_password=False)
    monkeypatch.setenv("AIRFLOW_CONN_X_LEDGER", url)
    assert client.get("/x/posts?name=a/b").status_code == 404
    with ledger.database.write() as c:
        c.execute(text("ALTER TABLE x_posts RENAME TO x_moved"))
    answer = client.get("/x/posts?name=a/b")
    assert (answer.status_code, "does not answer" in answer.text) == (500, False)
    with ledger.database.write() as c:
        c.execute(text("DROP SCHEMA public CASCADE"))
        c.execute(text("CREATE SCHEMA public"))
    ledger.database.dispose()


def test_the_page_shows_name_and_picture_of_an_account_with_keys(client, ledger, monkeypatch) -> None:
    keys = {"access_token": "1-a-token-of-it", "access_token_secret": "the-secret-of-it"}
    described = {"conn_type": "x", "login": "the-api-key", "password": "the-api-secret", "extra": keys}
    monkeypatch.setenv("AIRFLOW_CONN_X_KEYS", json.dumps(described))
    who = AccountOnX("x_keys", "https://api.x.com", "1", "bob", "f", "Bob Example", PICTURE)
    ledger.accounts.put(who, now=pendulum.now("UTC"))
    accounts = {each["account"]: each for each in client.get("/x/accounts/status").json()["accounts"]}
    account = accounts["x_keys"]
    assert (account["username"], account["name"], account["picture"]) == ("bob", "Bob Example", PICTURE)
