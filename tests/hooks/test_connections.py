"""Writing connections whole, and telling those that Airflow cannot write."""

from __future__ import annotations

import json

import pytest

from x_provider.accounts import LoginRefused
from x_provider.hooks.connections import (
    create_connection,
    forget_tokens,
    login_settings,
    write_login,
)
from x_provider.hooks.finding import accounts_in_airflow, found
from x_provider.hooks.problems import XConnectionError
from x_provider.provider_info import get_provider_info


@pytest.fixture(autouse=True)
def as_server(airflow_home, monkeypatch):
    """As the API server and the terminal read connections."""
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")


@pytest.fixture
def stored():
    """Keep a connection in Airflow's database: `stored(conn_type=…, extra=…)`; gives how to read its extra."""
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import delete, select

    def read() -> dict[str, str]:
        with create_session() as session:
            return json.loads(session.scalar(select(Connection).where(Connection.conn_id == "x_kept")).extra)

    def store(**fields):
        with create_session() as session:
            session.add(Connection(conn_id="x_kept", **{"conn_type": "x", **fields}))
        return read

    yield store
    with create_session() as session:
        session.execute(delete(Connection).where(Connection.conn_id.in_(["x_kept", "x_new"])))


def test_a_login_writes_every_field_of_the_form_and_leaves_the_others(stored) -> None:
    extra = {"client_id": "id", "oauth2_refresh_token": "old", "own_field": 7, "media_api": "1.1"}
    read = stored(host="https://api.x.com", login="key", extra=json.dumps(extra))
    assert write_login("x_kept", "oauth2", user_id="12", username="bob") is None
    written = read()
    declared = get_provider_info()["connection-types"][0]["conn-fields"]
    assert written.keys() == {*declared, "own_field"}
    assert {name: written[name] for name in ("client_id", "own_field", "user_id", "username", "auth")} == {
        "client_id": "id",
        "own_field": 7,
        "user_id": "12",
        "username": "bob",
        "auth": "oauth2",
    }
    assert (written["oauth2_refresh_token"], written["media_api"]) == ("", "2")
    settings = login_settings("x_kept")
    assert (settings.client_id, settings.api_key, settings.held.refresh_token) == ("id", "key", None)
    assert (settings.user_id, settings.username, settings.kept_in) == ("12", "bob", None)


def test_settings_show_no_secret(stored) -> None:
    secrets = {
        name: f"planted-{name}"
        for name in ("client_secret", "access_token", "access_token_secret", "oauth2_refresh_token")
    }
    stored(login="key", password="planted-password", extra=json.dumps(secrets))
    settings = login_settings("x_kept")
    assert (settings.held.keys is not None, settings.held.refresh_token) == (
        True,
        "planted-oauth2_refresh_token",
    )
    assert "planted" not in repr(settings)
    assert forget_tokens("x_kept") is None
    after = login_settings("x_kept")
    assert (after.held.keys is not None, after.held.refresh_token, after.client_secret) == (
        False, None, "planted-client_secret",
    )  # fmt: skip


def test_a_new_connection_has_every_field(stored) -> None:
    create_connection("x_new", client_id="id", client_secret=None, base_url=None)
    assert "x_new" in accounts_in_airflow()
    assert login_settings("x_new").base_url == "https://api.x.com"
    with pytest.raises(XConnectionError, match=r"it exists already. Leave out --client-id.*delete x_new`"):
        create_connection("x_new", client_id="id", client_secret=None, base_url=None)
    with pytest.raises(XConnectionError, match="its name cannot be one"):
        create_connection("x new", client_id="id", client_secret=None, base_url=None)


@pytest.mark.parametrize(
    ("base_url", "host", "port"),
    [
        (None, "https://api.x.com", 443),
        ("http://127.0.0.1:8090", "http://127.0.0.1", 8090),
        ("https://proxy.example/x/", "https://proxy.example/x", 443),
        ("http://[::1]:8090", "http://[::1]", 8090),
        ("http://127.0.0.1", "http://127.0.0.1", 80),
    ],
)
def test_a_new_connection_has_the_port_without_which_the_form_tests_nothing(
    stored, base_url, host, port
) -> None:
    create_connection("x_new", client_id="id", client_secret=None, base_url=base_url)
    made = found("x_new").connection
    assert (made.host, made.port) == (host, port)
    assert login_settings("x_new").base_url == (base_url or "https://api.x.com").rstrip("/")


def test_what_cannot_be_a_connection_is_not_made(stored) -> None:
    with pytest.raises(XConnectionError, match=r"--base-url 'ftp://x' cannot be used: it is not an http"):
        create_connection("x_new", client_id="id", client_secret=None, base_url="ftp://x")
    with pytest.raises(LoginRefused, match=r"Connection x_new: client_id of OAuth 2\.0 has blanks"):
        create_connection("x_new", client_id="with blanks", client_secret=None, base_url=None)
    assert "x_new" not in accounts_in_airflow()


def test_one_that_exists_elsewhere_is_not_made_and_the_place_is_named(stored, monkeypatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_X_NEW", json.dumps({"conn_type": "x", "extra": {"client_id": "env"}}))
    with pytest.raises(
        XConnectionError, match="exists already, in the environment variable AIRFLOW_CONN_X_NEW"
    ):
        create_connection("x_new", client_id="id", client_secret=None, base_url=None)


@pytest.mark.parametrize("in_database_too", [True, False])
def test_one_in_the_environment_is_not_written(stored, monkeypatch, in_database_too) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_X_KEPT", json.dumps({"conn_type": "x", "extra": {"client_id": "env"}}))
    read = stored(extra="{}") if in_database_too else None
    why = write_login("x_kept", "oauth2", user_id="12", username="bob")
    assert why == (
        "The connection x_kept is kept in the environment variable AIRFLOW_CONN_X_KEPT, where Airflow cannot"
        " write it."
    )
    assert login_settings("x_kept").client_id == "env"
    assert read is None or read() == {}


def test_one_in_a_secrets_backend_is_not_written(tmp_path, monkeypatch) -> None:
    secrets = tmp_path / "connections.json"
    secrets.write_text(json.dumps({"x_vault": {"conn_type": "x", "extra": {"client_id": "vault"}}}))
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", "airflow.secrets.local_filesystem.LocalFilesystemBackend")
    monkeypatch.setenv(
        "AIRFLOW__SECRETS__BACKEND_KWARGS", json.dumps({"connections_file_path": str(secrets)})
    )
    why = write_login("x_vault", "oauth2", user_id="12", username="bob")
    assert why is not None
    assert "kept in the secrets backend LocalFilesystemBackend" in why


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"conn_type": "http"}, "its type is 'http', not x"),
        ({"extra": '{"user_id": "bob"}'}, "the field user_id is 'bob'"),
    ],
)
def test_one_that_cannot_be_logged_in_says_why(stored, fields, message) -> None:
    stored(**fields)
    with pytest.raises(XConnectionError, match=message):
        login_settings("x_kept")


def test_one_that_is_gone_is_not_written(stored) -> None:
    assert write_login("x_kept", "oauth2", user_id="1", username="bob") == (
        "The connection x_kept is gone from Airflow's database."
    )
