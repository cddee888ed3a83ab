"""`airflow x login` by OAuth 2.0: the sandbox's consent page, and a person who clicks there."""

from __future__ import annotations

import json
import os
import socket
import sys
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from logging_in import CONSENT, extra_of, remove_connection
from sqlalchemy.exc import DatabaseError

from x_provider.client import CreatePost, XNeedsLogin
from x_provider.hooks.finding import accounts_in_airflow
from x_provider.hooks.keys import sealer
from x_provider.hooks.x import XHook


def test_the_browser_comes_back_to_the_terminal(airflow_x, ledger, account, person, port) -> None:
    shown = person(lambda url: requests.post(url, data=CONSENT, timeout=10))
    said = airflow_x("login", "x_cli", "--port", str(port))
    assert "tweet.write           to post" in said
    assert f"X comes back to http://127.0.0.1:{port}/callback: register that address" in said
    assert f"x_cli is @bob (user id {account.accounts[1]['id']}) on {account.url}" in said
    assert "kept in the environment variable AIRFLOW_CONN_X_CLI, where Airflow cannot write it" in said
    stored = ledger.tokens.find("x_cli")
    tokens = sealer().open(stored.sealed, what="the tokens")
    assert stored.user.username == "bob"
    assert all(token not in said for token in tokens.values())
    assert (shown().status_code, "As @bob" in shown().text) == (200, True)
    assert shown().headers["referrer-policy"] == "no-referrer"

    assert XHook("x_cli").get_conn(to_post=True).create_post(CreatePost(text="Hello")).id
    assert len([each for each in account.requests() if each["path"] == "/2/users/me"]) == 1

    assert "x_cli is logged out" in airflow_x("logout", "x_cli")
    assert ledger.tokens.find("x_cli") is None
    with pytest.raises(XNeedsLogin, match="`airflow x login x_cli`"):
        XHook("x_cli").get_conn(to_post=True).create_post(CreatePost(text="Hello again"))


def test_the_address_can_be_pasted_where_the_browser_is_elsewhere(
    airflow_x, ledger, account, person, port, monkeypatch
) -> None:
    reading, writing = os.pipe()
    stdin = os.fdopen(reading)
    monkeypatch.setattr(sys, "stdin", stdin)

    def paste(url: str) -> requests.Response:
        answer = requests.post(url, data=CONSENT, allow_redirects=False, timeout=10)
        os.write(writing, f"{answer.headers['location']}\n".encode())
        return answer

    person(paste)
    assert "x_cli is @bob" in airflow_x("login", "x_cli", "--port", str(port))
    os.close(writing)
    stdin.close()


def test_other_pages_that_call_the_terminal_do_not_end_the_login(
    airflow_x, ledger, account, person, port
) -> None:
    strangers = []

    def act(url: str) -> requests.Response:
        for path in ("/callback?state=forged&code=1", "/callback", "/favicon.ico"):
            strangers.append(requests.get(f"http://127.0.0.1:{port}{path}", timeout=10).status_code)
        return requests.post(url, data=CONSENT, timeout=10)

    person(act)
    assert "x_cli is @bob" in airflow_x("login", "x_cli", "--port", str(port))
    assert strangers == [400, 400, 404]


def test_a_denied_consent_ends_it_with_the_reason_in_both_places(
    airflow_x, ledger, account, person, port
) -> None:
    shown = person(lambda url: requests.post(url, data={"decision": "deny"}, timeout=10))
    with pytest.raises(SystemExit) as ended:
        airflow_x("login", "x_cli", "--port", str(port))
    assert str(ended.value).startswith("airflow x login: The consent for account x_cli was denied on X.")
    assert (shown().status_code, "denied on X" in shown().text) == (400, True)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("X_PROVIDER_FERNET_KEY", "b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItMTI=", "none of the keys in"),
        ("AIRFLOW_CONN_X_CLI", None, "is not defined"),
        ("AIRFLOW_CONN_X_CLI", '{"conn_type": "x", "host": "ftp://x"}', "is not an http"),
    ],
)
def test_what_breaks_while_x_s_answer_is_taken_ends_it_in_both_places(
    airflow_x, ledger, account, person, port, monkeypatch, name, value, words
) -> None:
    def act(url: str) -> requests.Response:
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
        return requests.post(url, data=CONSENT, timeout=10)

    shown = person(act)
    with pytest.raises(SystemExit, match=f"^airflow x login: .*{words}"):
        airflow_x("login", "x_cli", "--port", str(port))
    assert (shown().status_code, words in shown().text) == (503, True)
    assert "then begin the login again" in shown().text


def test_what_nobody_foresaw_ends_it_too(airflow_x, ledger, account, person, port, tmp_path) -> None:
    def act(url: str) -> requests.Response:
        ledger.database.dispose()
        for file in tmp_path.glob("ledger.db*"):
            file.unlink()
        (tmp_path / "ledger.db").write_bytes(b"this is no database " * 500)
        return requests.post(url, data=CONSENT, timeout=10)

    shown = person(act)
    with pytest.raises((DatabaseError, SystemExit), match="not a database"):
        airflow_x("login", "x_cli", "--port", str(port))
    assert shown().status_code in (500, 503)
    assert "Not logged in" in shown().text


def test_a_port_that_is_taken_is_named(airflow_x, ledger, account, port) -> None:
    with socket.create_server(("127.0.0.1", port)), pytest.raises(SystemExit, match=f"Port {port} .*--port"):
        airflow_x("login", "x_cli", "--port", str(port))


def test_a_connection_without_a_client_id_says_what_to_copy(
    airflow_x, ledger, sandbox, monkeypatch, port
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_X_CLI", json.dumps({"conn_type": "x", "host": sandbox.url}))
    with pytest.raises(SystemExit, match=r"names no app.*client id.*into its fields client_id"):
        airflow_x("login", "x_cli", "--port", str(port))
    with pytest.raises(SystemExit, match=r"x_absent.*is not defined.*--client-id"):
        airflow_x("login", "x_absent", "--port", str(port))


def test_the_connection_is_written_whole_and_holds_no_token(
    airflow_x, ledger, stored_account, sandbox, person, port
) -> None:
    from x_provider.provider_info import get_provider_info

    person(lambda url: requests.post(url, data=CONSENT, timeout=10))
    airflow_x("login", stored_account, "--port", str(port))
    extra = extra_of(stored_account)
    assert extra.keys() == get_provider_info()["connection-types"][0]["conn-fields"].keys()
    assert (extra["auth"], extra["username"], extra["oauth2_refresh_token"]) == ("oauth2", "bob", "")
    tokens = sealer().open(ledger.tokens.find(stored_account).sealed, what="the tokens")
    assert all(token not in json.dumps(extra) for token in tokens.values())
    # Whoever it was before must log in again, or it must be said.
    person(lambda url: requests.post(url, data={**CONSENT, "account": "alice"}, timeout=10))
    with pytest.raises(SystemExit, match="@alice logged in, but account x_stored is @bob"):
        airflow_x("login", stored_account, "--port", str(port))
    said = airflow_x("login", stored_account, "--port", str(port), "--another-user")
    assert "x_stored is @alice" in said


def test_a_login_can_begin_with_the_client_id_alone(
    airflow_x, ledger, sandbox, airflow_home, person, port, monkeypatch
) -> None:
    app = sandbox.accounts[0]["oauth2"]
    monkeypatch.setenv("X_CLIENT_SECRET", app["client_secret"])
    urls = []

    def act(url: str) -> requests.Response:
        urls.append(url)
        return requests.post(url, data=CONSENT, timeout=10)

    person(act)
    scopes = ("tweet.read", "tweet.write", "users.read")
    create = ("--client-id", app["client_id"], "--base-url", sandbox.url)
    said = airflow_x(
        "login", "x_fresh", "--port", str(port), *create, "--scopes", "tweet.read,tweet.write,users.read"
    )
    try:
        assert "Connection x_fresh is created." in said
        assert "x_fresh is @bob" in said
        assert parse_qs(urlsplit(urls[0]).query)["scope"] == [" ".join(scopes)]
        assert extra_of("x_fresh")["client_secret"] == app["client_secret"]
        with pytest.raises(SystemExit, match="it exists already"):
            airflow_x("login", "x_fresh", "--port", str(port), *create)
    finally:
        remove_connection("x_fresh")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--client-id", "id", "--port", "70000"), "Port 70000 of this machine cannot be listened on"),
        (("--client-id", "id", "--base-url", "ftp://x"), "--base-url 'ftp://x' cannot be used"),
        (("--client-id", "id", "--scheme", "oauth1"), "takes the app's API key and secret"),
        (("--base-url", "http://127.0.0.1:1"), "--base-url is for a connection that --client-id creates"),
    ],
)
def test_a_slip_creates_no_connection(airflow_x, ledger, airflow_home, port, capsys, options, words) -> None:
    with pytest.raises(SystemExit, match=words):
        airflow_x("login", "x_fresh", "--port", str(port), *options)
    assert "is created" not in capsys.readouterr().out
    assert "x_fresh" not in accounts_in_airflow()


@pytest.mark.parametrize("at_a_terminal", [True, False])
def test_a_connection_without_a_client_secret_is_not_made_in_silence(
    airflow_x, ledger, sandbox, airflow_home, person, port, monkeypatch, capsys, at_a_terminal
) -> None:
    def ended(_prompt: str) -> str:
        raise EOFError

    if at_a_terminal:
        monkeypatch.setattr("getpass.getpass", ended)
        monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    person(lambda url: requests.post(url, data={"decision": "deny"}, timeout=10))
    create = ("--client-id", sandbox.accounts[0]["oauth2"]["client_id"], "--base-url", sandbox.url)
    try:
        with pytest.raises(SystemExit, match="denied on X"):
            airflow_x("login", "x_fresh", "--port", str(port), *create)
        assert "created WITHOUT A CLIENT SECRET" in capsys.readouterr().out
    finally:
        remove_connection("x_fresh")


def test_a_client_id_that_cannot_be_one_is_said(airflow_x, ledger, sandbox, monkeypatch, port) -> None:
    extra = {"client_id": "with blanks"}
    stored = {"conn_type": "x", "host": sandbox.url, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_X_CLI", json.dumps(stored))
    with pytest.raises(SystemExit, match=r"Connection x_cli: client_id of OAuth 2\.0 has blanks"):
        airflow_x("login", "x_cli", "--port", str(port))
