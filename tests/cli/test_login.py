"""`airflow x login` and `logout`, with the sandbox's consent page and a person who clicks there."""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pendulum
import pytest
import requests
from sqlalchemy.exc import DatabaseError

from x_provider.client import CreatePost, OAuth1, XClient, XNeedsLogin
from x_provider.hooks import connections
from x_provider.hooks.keys import sealer
from x_provider.hooks.x import XHook
from x_provider.ledger import AccountOnX

CONSENT = {"account": "bob", "decision": "allow"}


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def account(sandbox, monkeypatch):
    """A connection in an environment variable, which Airflow cannot write."""
    app = sandbox.accounts[0]["oauth2"]
    extra = {"client_id": app["client_id"], "client_secret": app["client_secret"]}
    keys = {"login": sandbox.credentials["api_key"], "password": sandbox.credentials["api_secret"]}
    stored = {"conn_type": "x", "host": sandbox.url, **keys, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_X_CLI", json.dumps(stored))
    return sandbox


@pytest.fixture
def stored_account(sandbox, airflow_home):
    """A connection in Airflow's own database."""
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    with create_session() as session:
        session.add(
            Connection(
                conn_id="x_stored",
                conn_type="x",
                host=sandbox.url,
                login=sandbox.credentials["api_key"],
                password=sandbox.credentials["api_secret"],
                extra=json.dumps(
                    {"client_id": sandbox.accounts[0]["oauth2"]["client_id"], "bearer_token": "b"}
                ),
            )
        )
    yield "x_stored"
    remove("x_stored")


@pytest.fixture
def change(stored_account):
    """Change fields of the stored connection's extra."""

    def change(**fields: str) -> None:
        from airflow.models.connection import Connection
        from airflow.utils.session import create_session

        with create_session() as session:
            stored = session.query(Connection).filter(Connection.conn_id == stored_account).one()
            stored.set_extra(json.dumps({**json.loads(stored.extra), **fields}))

    return change


def remove(conn_id: str) -> None:
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    with create_session() as session:
        session.execute(delete(Connection).where(Connection.conn_id == conn_id))


def extra_of(conn_id: str) -> dict[str, str]:
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        return json.loads(session.scalar(select(Connection).where(Connection.conn_id == conn_id)).extra)


@pytest.fixture
def person(monkeypatch):
    """Whoever sits before the browser that the command opens; gives how to wait for what it shows in the end."""
    shown: list[requests.Response] = []
    threads: list[threading.Thread] = []

    def last() -> requests.Response:
        for thread in threads:
            thread.join()
        return shown[-1]

    def person(act: Callable[[str], requests.Response]) -> Callable[[], requests.Response]:
        def open_browser(url: str) -> bool:
            threads.append(threading.Thread(target=lambda: shown.append(act(url))))
            threads[-1].start()
            return True

        monkeypatch.setattr("webbrowser.open", open_browser)
        return last

    yield person
    for thread in threads:
        thread.join()


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


@pytest.fixture
def person_with_a_pin(monkeypatch):
    """Let whoever sits at the terminal consent as bob and type the PIN that X shows."""
    shown: list[str] = []

    def read_pin(_question: str) -> str:
        page = requests.post(shown[-1], data=CONSENT, timeout=10).text
        return re.findall(r"<code>(\d+)</code>", page)[0]

    def person_with_a_pin() -> None:
        monkeypatch.setattr("webbrowser.open", shown.append)
        monkeypatch.setattr("builtins.input", read_pin)

    return person_with_a_pin


def keys_in(ledger, conn_id: str) -> dict[str, str]:
    return sealer().open(ledger.user_keys.find(conn_id).sealed, what="the keys")


def test_a_connection_that_airflow_cannot_write_logs_in_by_keys(
    airflow_x, ledger, account, person_with_a_pin
) -> None:
    person_with_a_pin()
    said = airflow_x("login", "x_cli", "--scheme", "oauth1")
    assert "x_cli is @bob" in said
    assert "The keys are in the ledger, and are used where its field auth is auto or oauth1" in said
    assert all(key not in said for key in keys_in(ledger, "x_cli").values())
    hook = XHook("x_cli")
    assert hook.get_conn(to_post=True).create_post(CreatePost(text="Hello")).id
    assert (hook.auth, [post["username"] for post in account.posts()]) == ("oauth1", ["bob"])

    assert "x_cli is logged out" in airflow_x("logout", "x_cli")
    assert ledger.user_keys.find("x_cli") is None


def test_a_pin_brings_keys_that_are_sealed_in_the_ledger(
    airflow_x, ledger, stored_account, sandbox, person_with_a_pin
) -> None:
    person_with_a_pin()
    said = airflow_x("login", stored_account, "--scheme", "oauth1")
    assert "x_stored is @bob" in said
    assert "WARNING" not in said
    extra, bob = extra_of(stored_account), sandbox.accounts[1]
    assert {name: extra[name] for name in ("auth", "access_token", "access_token_secret", "user_id")} == {
        "auth": "oauth1",
        "access_token": "",
        "access_token_secret": "",
        "user_id": bob["id"],
    }
    assert extra["bearer_token"] == "b"
    keys = {name: bob[name] for name in ("access_token", "access_token_secret")}
    assert keys_in(ledger, stored_account) == keys
    assert all(key not in said for key in keys.values())

    assert "WARNING" not in airflow_x("logout", stored_account)
    app = sandbox.credentials["api_key"], sandbox.credentials["api_secret"]
    client = XClient(sandbox.url, OAuth1(*app, *keys.values()))
    with pytest.raises(XNeedsLogin):
        client.me()
    client.close()
    assert ledger.user_keys.find(stored_account) is None
    assert extra_of(stored_account)["bearer_token"] == "b"


def test_a_login_by_oauth_2_0_takes_the_place_of_keys(
    airflow_x, ledger, account, person_with_a_pin, person, port
) -> None:
    person_with_a_pin()
    airflow_x("login", "x_cli", "--scheme", "oauth1")
    person(lambda url: requests.post(url, data=CONSENT, timeout=10))
    airflow_x("login", "x_cli", "--port", str(port))
    assert ledger.user_keys.find("x_cli") is None
    assert XHook("x_cli").auth == "oauth2"


@pytest.mark.parametrize(("auth", "scheme"), [("oauth2", "oauth1"), ("oauth1", "oauth2")])
def test_a_login_that_its_connection_would_not_use_is_not_begun(
    airflow_x, ledger, account, monkeypatch, auth, scheme, port
) -> None:
    stored = json.loads(os.environ["AIRFLOW_CONN_X_CLI"])
    stored["extra"]["auth"] = auth
    monkeypatch.setenv("AIRFLOW_CONN_X_CLI", json.dumps(stored))
    with pytest.raises(SystemExit, match=rf"it would not use a login by OAuth .*Set auth to {scheme} there"):
        airflow_x("login", "x_cli", "--scheme", scheme, "--port", str(port))
    assert account.requests() == []


def test_a_logged_out_account_is_not_the_user_of_the_environment(
    airflow_x, ledger, stored_account, sandbox, person_with_a_pin, monkeypatch
) -> None:
    person_with_a_pin()
    monkeypatch.setenv("X_ACCESS_TOKEN", sandbox.accounts[0]["access_token"])
    monkeypatch.setenv("X_ACCESS_TOKEN_SECRET", sandbox.accounts[0]["access_token_secret"])
    airflow_x("login", stored_account, "--scheme", "oauth1")
    assert XHook(stored_account).get_conn().me().username == "bob"
    airflow_x("logout", stored_account)
    client = XHook(stored_account).get_conn(to_post=True)
    with pytest.raises(XNeedsLogin, match=f"airflow x login {stored_account}"):
        client.create_post(CreatePost(text="Hello"))
    assert sandbox.posts() == []


def test_a_logout_leaves_the_keys_that_another_account_acts_by(
    airflow_x, ledger, account, person_with_a_pin, monkeypatch
) -> None:
    person_with_a_pin()
    monkeypatch.setenv("AIRFLOW_CONN_X_TWO", os.environ["AIRFLOW_CONN_X_CLI"])
    for name in ("x_cli", "x_two"):
        airflow_x("login", name, "--scheme", "oauth1")
    assert "X was not told, for x_two acts by the same keys." in airflow_x("logout", "x_cli")
    assert XHook("x_two").get_conn().me().username == "bob"


def test_what_no_key_opens_can_be_logged_out(
    airflow_x, ledger, account, person_with_a_pin, monkeypatch
) -> None:
    person_with_a_pin()
    airflow_x("login", "x_cli", "--scheme", "oauth1")
    monkeypatch.setenv("X_PROVIDER_FERNET_KEY", "c29tZS1rZXktc29tZS1rZXktc29tZS1rZXktc29tZTE=")
    assert "WARNING: They are removed here, but X was not told (none of the keys" in airflow_x(
        "logout", "x_cli"
    )
    assert ledger.user_keys.find("x_cli") is None


def test_keys_of_a_login_do_not_serve_another_app(
    airflow_x, ledger, account, person_with_a_pin, monkeypatch
) -> None:
    person_with_a_pin()
    airflow_x("login", "x_cli", "--scheme", "oauth1")
    stored = json.loads(os.environ["AIRFLOW_CONN_X_CLI"])
    monkeypatch.setenv("AIRFLOW_CONN_X_CLI", json.dumps({**stored, "login": "the-key-of-another-app"}))
    client = XHook("x_cli").get_conn(to_post=True)
    with pytest.raises(
        XNeedsLogin, match=r"of another app than that of its connection's API key.*x login x_cli"
    ):
        client.create_post(CreatePost(text="Hello"))
    assert account.posts() == []
    assert "WARNING: They are removed here, but X was not told" in airflow_x("logout", "x_cli")
    assert ledger.user_keys.find("x_cli") is None


def test_keys_end_the_login_of_oauth_2_0_that_they_replace(
    airflow_x, ledger, stored_account, sandbox, person, person_with_a_pin, port, monkeypatch
) -> None:
    app = sandbox.accounts[0]["oauth2"]
    monkeypatch.setenv("X_CLIENT_ID", app["client_id"])
    monkeypatch.setenv("X_CLIENT_SECRET", app["client_secret"])
    person(lambda url: requests.post(url, data=CONSENT, timeout=10))
    airflow_x("login", stored_account, "--port", str(port))
    opened = sealer().open(ledger.tokens.find(stored_account).sealed, what="the tokens")
    person_with_a_pin()
    said = airflow_x("login", stored_account, "--scheme", "oauth1")
    assert "WARNING" not in said
    assert ledger.tokens.find(stored_account) is None
    after = requests.get(
        f"{sandbox.url}/2/users/me", headers={"Authorization": f"Bearer {opened['access']}"}, timeout=10
    )
    assert after.status_code == 401
    assert XHook(stored_account).auth == "oauth1"


def test_keys_are_kept_where_the_login_that_they_replace_cannot_be_revoked(
    airflow_x, ledger, stored_account, sandbox, person, person_with_a_pin, port, monkeypatch
) -> None:
    person(lambda url: requests.post(url, data=CONSENT, timeout=10))
    monkeypatch.setenv("X_CLIENT_SECRET", sandbox.accounts[0]["oauth2"]["client_secret"])
    airflow_x("login", stored_account, "--port", str(port))
    monkeypatch.setenv("X_PROVIDER_FERNET_KEY", "c29tZS1rZXktc29tZS1rZXktc29tZS1rZXktc29tZTE=")
    person_with_a_pin()
    said = airflow_x("login", stored_account, "--scheme", "oauth1")
    assert "x_stored is @bob" in said
    assert "WARNING: The account's OAuth 2.0 tokens: They are removed here, but X was not told" in said
    assert ledger.tokens.find(stored_account) is None
    assert keys_in(ledger, stored_account)["access_token"] == sandbox.accounts[1]["access_token"]


@pytest.fixture
def meanwhile(monkeypatch):
    """Let something happen between what a login keeps in the ledger and what it writes into the connection."""

    def meanwhile(happens: Callable[[], None]) -> None:
        write = connections.write_login

        def write_late(*args: Any, **kwargs: Any) -> str | None:
            monkeypatch.setattr(connections, "write_login", write)
            happens()
            return write(*args, **kwargs)

        monkeypatch.setattr(connections, "write_login", write_late)

    return meanwhile


def test_of_two_logins_at_once_the_connection_says_the_one_that_stands(
    airflow_x, ledger, stored_account, sandbox, person, person_with_a_pin, meanwhile, port
) -> None:
    def another_logs_in() -> None:
        person_with_a_pin()
        airflow_x("login", stored_account, "--scheme", "oauth1")

    person(lambda url: requests.post(url, data=CONSENT, timeout=10))
    meanwhile(another_logs_in)
    with pytest.raises(SystemExit, match=r"twice at once, and the other login stands: @bob by OAuth 1\.0a"):
        airflow_x("login", stored_account, "--port", str(port))
    extra = extra_of(stored_account)
    assert (extra["auth"], extra["username"]) == ("oauth1", "bob")
    assert XHook(stored_account).get_conn().me().username == "bob"


def test_a_logout_during_a_login_stands(
    airflow_x, ledger, stored_account, sandbox, person_with_a_pin, meanwhile
) -> None:
    person_with_a_pin()
    meanwhile(lambda: airflow_x("logout", stored_account))
    with pytest.raises(SystemExit, match=f"logged account {stored_account} out while you logged it in"):
        airflow_x("login", stored_account, "--scheme", "oauth1")
    assert ledger.user_keys.find(stored_account) is None


def test_tokens_whose_app_nobody_names_can_be_logged_out(airflow_x, ledger, stored_account, change) -> None:
    change(client_id="", oauth2_refresh_token="of-an-app-that-is-not-named")
    said = airflow_x("logout", stored_account)
    assert "X was not told (the connection names no app that they could be of)" in said
    assert f"{stored_account} is logged out" in said
    assert extra_of(stored_account)["oauth2_refresh_token"] == ""


@pytest.mark.parametrize("where", ["a connection of Airflow", "an environment variable", "the environment"])
def test_a_logout_leaves_keys_that_lie_elsewhere_too(
    airflow_x, ledger, account, stored_account, sandbox, change, person_with_a_pin, monkeypatch, where
) -> None:
    pair = {name: sandbox.accounts[1][name] for name in ("access_token", "access_token_secret")}
    if where == "the environment":
        who = r"the environment \(X_ACCESS_TOKEN\)"
        for name, value in pair.items():
            monkeypatch.setenv(f"X_{name.upper()}", value)
    elif where == "an environment variable":
        who = "x_other"
        other = {"conn_type": "x", "host": sandbox.url, "extra": pair}
        monkeypatch.setenv("AIRFLOW_CONN_X_OTHER", json.dumps(other))
    else:
        who = stored_account
        change(**pair)
    person_with_a_pin()
    airflow_x("login", "x_cli", "--scheme", "oauth1")
    assert re.search(f"X was not told, for {who} acts by the same keys", airflow_x("logout", "x_cli"))
    assert "/1.1/oauth/invalidate_token" not in [seen["path"] for seen in sandbox.requests()]


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
    with pytest.raises(SystemExit, match="@alice logged in, but account x_stored is the user"):
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
        remove("x_fresh")


def test_a_client_id_that_cannot_be_one_is_said(airflow_x, ledger, sandbox, monkeypatch, port) -> None:
    extra = {"client_id": "with blanks"}
    stored = {"conn_type": "x", "host": sandbox.url, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_X_CLI", json.dumps(stored))
    with pytest.raises(SystemExit, match=r"Connection x_cli: client_id of OAuth 2\.0 has blanks"):
        airflow_x("login", "x_cli", "--port", str(port))


def test_an_account_whose_connection_is_gone_can_be_logged_out(
    airflow_x, ledger, account, person, port, monkeypatch
) -> None:
    person(lambda url: requests.post(url, data=CONSENT, timeout=10))
    airflow_x("login", "x_cli", "--port", str(port))
    monkeypatch.delenv("AIRFLOW_CONN_X_CLI")
    assert "x_cli is forgotten" in airflow_x("logout", "x_cli")
    assert ledger.tokens.find("x_cli") is None
    with pytest.raises(SystemExit, match=r"x_cli.*is not defined"):
        airflow_x("logout", "x_cli")


def test_an_account_that_once_posted_and_whose_connection_is_gone_is_forgotten(airflow_x, ledger) -> None:
    user = AccountOnX("x_old", "https://api.x.com", "7", "brand", "fingerprint")
    ledger.accounts.put(user, now=pendulum.now("UTC"))
    assert "WARNING" not in airflow_x("logout", "x_old")
    assert ledger.accounts.names() == []


def test_tokens_in_a_connection_that_airflow_cannot_write_are_named_at_logout(
    airflow_x, ledger, sandbox, monkeypatch
) -> None:
    client = sandbox.accounts[1]["oauth2"]
    extra = {
        "client_id": client["client_id"],
        "client_secret": client["client_secret"],
        "oauth2_refresh_token": client["refresh_token"],
    }
    stored = {"conn_type": "x", "host": sandbox.url, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_X_CLI", json.dumps(stored))
    said = airflow_x("logout", "x_cli")
    assert "AIRFLOW_CONN_X_CLI, where Airflow cannot write it. It still holds tokens or keys" in said
    assert [each["status"] for each in sandbox.requests() if each["path"] == "/2/oauth2/revoke"] == [200]
