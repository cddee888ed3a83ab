"""Which connections are of one developer app, by what they say of it."""

from __future__ import annotations

import json

import pytest

from x_provider.hooks.apps import App, Apps

X, SANDBOX = "https://api.x.com", "http://127.0.0.1:8090"
WHOLE = {"api_key": "k", "api_key_secret": "s", "client_id": "c", "client_secret": "cs"}


@pytest.mark.parametrize(
    ("theirs", "relation"),
    [
        (WHOLE, "same"),
        ({"api_key": "k", "api_key_secret": "s"}, "same"),
        ({"client_id": "c", "client_secret": "cs"}, "same"),
        ({"client_id": "c"}, "same"),  # a public client has no more
        ({"client_secret": "cs"}, "same"),
        ({**WHOLE, "api_key": "k2"}, "another"),
        ({**WHOLE, "client_id": "c2"}, "another"),
        ({"api_key": "k2", "api_key_secret": "s"}, "another"),
        ({**WHOLE, "api_key_secret": "old"}, "unknown"),
        ({"api_key_secret": "s2"}, "unknown"),
        # Whoever writes a connection knows the others' ids, and not their secrets.
        ({"client_id": "c", "client_secret": "cs2"}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_what_two_connections_say_of_their_app_decides(theirs, relation):
    assert App(X, **WHOLE).relation(App(X, **theirs)) == relation
    assert App(X, **theirs).relation(App(X, **WHOLE)) == relation


def test_the_same_keys_at_another_x_are_another_app():
    assert App(X, **WHOLE).relation(App(SANDBOX, **WHOLE)) == "another"


@pytest.fixture
def connect(monkeypatch):
    for name in ("X_API_KEY", "X_API_SECRET", "X_CLIENT_ID", "X_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)

    def connect(conn_id: str, **fields: object) -> None:
        described = {"conn_type": "x", "login": "k", "password": "s", **fields}
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(described))

    return connect


@pytest.mark.parametrize(
    ("fields", "relation"),
    [
        ({}, "same"),
        ({"login": "k2", "password": "s2"}, "another"),
        ({"host": SANDBOX}, "another"),
        ({"login": None, "password": None, "extra": {"oauth2_access_token": "pasted"}}, "unknown"),
        ({"conn_type": "http"}, "unknown"),
        ({"extra": "no JSON"}, "unknown"),
        ({"host": "ftp://nowhere"}, "unknown"),
    ],
)
def test_connections_are_looked_up(connect, fields, relation):
    connect("x_default")
    connect("x_brand", **fields)
    assert Apps().relation("x_default", "x_brand") == relation


def test_of_a_connection_that_is_gone_nobody_knows(airflow_home, connect):
    connect("x_default")
    assert Apps().relation("x_default", "x_gone") == Apps().relation("x_gone", "x_default") == "unknown"


def test_keys_of_the_environment_belong_to_whoever_lacks_them(connect, monkeypatch):
    monkeypatch.setenv("X_API_KEY", "k")
    monkeypatch.setenv("X_API_SECRET", "s")
    connect("x_default")
    connect("x_brand", login=None, password=None, extra={"oauth2_access_token": "pasted"})
    assert Apps().relation("x_default", "x_brand") == "same"


def test_no_secret_of_an_app_shows_where_it_is_printed():
    assert repr(App(X, **WHOLE)) == f"App(base_url='{X}')"
