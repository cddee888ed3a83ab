"""The provider inside a whole running Airflow, seen through its REST API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow_harness import wait_for

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


@pytest.fixture
def account_connection(sandbox) -> dict[str, Any]:
    """A connection body for the sandbox's first account, as the form sends it."""
    account = sandbox.accounts[0]
    return {
        "connection_id": "x_sandbox_account",
        "conn_type": "x",
        "host": sandbox.url,
        "login": sandbox.credentials["api_key"],
        "password": sandbox.credentials["api_secret"],
        "extra": json.dumps(
            {
                "auth": "auto",
                "access_token": account["access_token"],
                "access_token_secret": account["access_token_secret"],
                "username": account["username"],
            }
        ),
    }


@pytest.fixture
def stored_connection(standalone, account_connection):
    answer = standalone.request("POST", "/api/v2/connections", json=account_connection)
    assert answer.status_code == 201, answer.text
    yield account_connection
    standalone.request("DELETE", f"/api/v2/connections/{account_connection['connection_id']}")


def test_no_plugin_fails_to_import(standalone) -> None:
    assert standalone.get("/api/v2/plugins/importErrors")["import_errors"] == []
    assert "x" in {plugin["name"] for plugin in standalone.get("/api/v2/plugins")["plugins"]}


def test_the_provider_is_listed(standalone) -> None:
    packages = {provider["package_name"] for provider in standalone.get("/api/v2/providers")["providers"]}
    assert "airflow-provider-x" in packages


def test_no_dag_fails_to_import(standalone, dag_ids) -> None:
    assert standalone.get("/api/v2/importErrors")["import_errors"] == []
    assert {dag["dag_id"] for dag in standalone.get("/api/v2/dags")["dags"]} >= dag_ids


def test_the_connection_form_shows_our_fields(standalone) -> None:
    (form,) = (hook for hook in standalone.get("/ui/connections/hook_meta") if hook["connection_type"] == "x")
    standard, extra = form["standard_fields"], form["extra_fields"]
    assert form["hook_name"] == "X (Twitter)"
    assert standard["host"]["title"] == "API base URL"
    assert standard["login"]["title"] == "API key"
    assert standard["password"]["title"] == "API key secret"
    assert standard["port"]["title"] == "API port"
    assert not standard["port"]["hidden"]
    assert standard["url_schema"]["hidden"]
    assert next(iter(extra)) == "auth"
    assert extra["auth"]["schema"]["enum"] == ["auto", "oauth1", "oauth2", "bearer"]
    assert extra["access_token_secret"]["schema"]["format"] == "password"


def test_secrets_are_masked_when_a_connection_is_read_back(standalone, stored_connection) -> None:
    shown = standalone.get(f"/api/v2/connections/{stored_connection['connection_id']}")
    sent, extra = json.loads(stored_connection["extra"]), json.loads(shown["extra"])
    assert (extra["access_token"], extra["access_token_secret"]) == ("***", "***")
    assert (extra["auth"], extra["username"]) == ("auto", sent["username"])
    assert stored_connection["password"] not in json.dumps(shown)


def test_testing_a_connection_says_who_you_are_and_what_it_cost(
    standalone, account_connection, sandbox
) -> None:
    answer = standalone.request("POST", "/api/v2/connections/test", json=account_connection).json()
    assert answer["status"], answer
    assert f"@{sandbox.accounts[0]['username']}" in answer["message"]
    assert "OAuth 1.0a" in answer["message"]
    assert "read-write" in answer["message"]
    assert f"{sandbox.url} (not X itself: a sandbox or a proxy)" in answer["message"]
    assert "$0.010" in answer["message"]
    assert [charge["kind"] for charge in sandbox.charges()["charges"]] == ["User: Read"]


def test_the_button_test_works_for_a_stored_connection_with_a_port(
    standalone, stored_connection, sandbox
) -> None:
    host, _, port = sandbox.url.rpartition(":")
    stored = stored_connection | {"host": host, "port": int(port)}
    path = f"/api/v2/connections/{stored['connection_id']}"
    assert standalone.request("PATCH", path, json=stored).ok
    shown = standalone.get(path)
    shown.pop("team_name", None)
    assert shown["password"] == "***"
    pressed = {**shown, "description": shown["description"] or "", "schema": shown["schema"] or ""}
    answer = standalone.request("POST", "/api/v2/connections/test", json=pressed).json()
    assert answer["status"], answer
    assert f"@{sandbox.accounts[0]['username']}" in answer["message"]


def test_a_worker_can_test_a_connection_too(standalone, account_connection, sandbox) -> None:
    def test_on_a_worker() -> dict[str, Any]:
        body = account_connection | {"connection_id": "x_never_stored"}
        queued = standalone.request("POST", "/api/v2/connections/enqueue-test", json=body)
        assert queued.status_code == 202, queued.text
        token = {"Airflow-Connection-Test-Token": queued.json()["token"]}

        def ended() -> dict[str, Any] | None:
            answer = standalone.request("GET", "/api/v2/connections/enqueue-test", headers=token).json()
            return answer if answer["state"] in ("success", "failed") else None

        return wait_for("the worker's test", ended, within=60)

    answer = test_on_a_worker()
    if "ServerResponseError" in answer["result_message"]:
        # A worker's first call to a just started, busy API server times out and is refused when repeated.
        answer = test_on_a_worker()
    assert answer["state"] == "success", answer
    assert f"You are @{sandbox.accounts[0]['username']}" in answer["result_message"]


def test_testing_a_connection_with_a_missing_key_names_it_and_asks_nobody(
    standalone, account_connection, sandbox
) -> None:
    extra = json.loads(account_connection["extra"])
    del extra["access_token_secret"]
    body = account_connection | {"extra": json.dumps(extra)}
    answer = standalone.request("POST", "/api/v2/connections/test", json=body).json()
    assert not answer["status"]
    assert "access_token_secret" in answer["message"]
    assert sandbox.requests() == []


def test_testing_a_connection_with_a_wrong_key_shows_xs_words_and_no_secret(
    standalone, account_connection
) -> None:
    extra = json.loads(account_connection["extra"]) | {"access_token_secret": "not-the-secret-of-anybody"}
    body = account_connection | {"extra": json.dumps(extra)}
    answer = standalone.request("POST", "/api/v2/connections/test", json=body).json()
    assert not answer["status"]
    assert "401" in answer["message"]
    assert "not-the-secret-of-anybody" not in answer["message"]


def test_a_viewer_may_not_test_a_connection(standalone, account_connection) -> None:
    answer = standalone.request("POST", "/api/v2/connections/test", user="viewer", json=account_connection)
    assert answer.status_code == 403


def test_no_secret_is_in_any_log(standalone, stored_connection) -> None:
    standalone.request("POST", "/api/v2/connections/test", json=stored_connection)
    extra = json.loads(stored_connection["extra"])
    logs = standalone.logs()
    assert not any(
        secret in logs
        for secret in (stored_connection["password"], extra["access_token"], extra["access_token_secret"])
    )
