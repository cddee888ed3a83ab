"""What the page Accounts says of each account, and that `airflow x doctor` and the notice say the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pendulum
import pytest
from airflow.api_fastapi.app import create_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.core_api.security import get_user
from airflow.secrets.local_filesystem import LocalFilesystemBackend
from drafting import plan_post
from fastapi.testclient import TestClient
from kept_tokens import as_new

from x_provider.accounts.user_keys import keep_keys
from x_provider.client.oauth1_login import OAuth1App, UserKeys
from x_provider.client.oauth2 import SCOPES
from x_provider.health import Check, account_checks, verdict
from x_provider.hooks.finding import known_accounts
from x_provider.hooks.keys import sealer
from x_provider.hooks.x import XHook
from x_provider.ledger import AccountOnX, Ledger, TokenState, UserOnX
from x_provider.ledger.refusals import CONFIRMED_SECONDS
from x_provider.notifications.login import XLoginNeededNotifier
from x_provider.web.app import app

ACCOUNT = "x_page"
BEARER = {"bearer_token": "B" * 30}
KEYS = {"access_token": "A" * 30, "access_token_secret": "S" * 30}


@pytest.fixture(autouse=True)
def as_server(airflow_home, monkeypatch):
    """As the API server and the terminal read connections."""
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")


@pytest.fixture
def ledger(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path}/ledger.db"
    monkeypatch.setenv("AIRFLOW_CONN_X_LEDGER", url)
    ledger = Ledger(url)
    yield ledger
    ledger.database.dispose()


@pytest.fixture
def client_of():
    """The plugin's routes for an Airflow user of that role."""
    create_auth_manager()

    def client_of(role: str = "ADMIN") -> TestClient:
        app.dependency_overrides[get_user] = lambda: SimpleAuthManagerUser(username=role.lower(), role=role)
        return TestClient(app)

    yield client_of
    app.dependency_overrides.clear()


@pytest.fixture
def page(client_of, ledger):
    """What the page is told of the account."""

    def page(name: str = ACCOUNT, **query: str) -> dict[str, Any]:
        answer = client_of().get("/accounts/status", params=query)
        assert answer.status_code == 200, answer.text
        (account,) = [each for each in answer.json()["accounts"] if each["account"] == name]
        return account

    return page


@pytest.fixture
def define(monkeypatch, sandbox):
    """Define the account's connection, with its app's client id unless that is given as None."""

    def define(*, host: str = sandbox.url, **extra: Any) -> None:
        app = {"client_id": sandbox.accounts[0]["oauth2"]["client_id"], **extra}
        fields = {
            "conn_type": "x",
            "host": host,
            "login": "K" * 20,
            "password": "P" * 20,
            "extra": {name: value for name, value in app.items() if value is not None},
        }
        monkeypatch.setenv(f"AIRFLOW_CONN_{ACCOUNT.upper()}", json.dumps(fields))

    return define


@pytest.fixture
def log_in(ledger, sandbox):
    def log_in(*, minutes: float = 60, scopes: str = " ".join(SCOPES)) -> None:
        now = pendulum.now("UTC")
        login = {
            "base_url": sandbox.url,
            "client_id": sandbox.accounts[0]["oauth2"]["client_id"],
            "user": UserOnX("7", "brand"),
            "scopes": tuple(scopes.split()),
            "sealed": sealer().seal({"access": "a" * 20, "refresh": "r" * 20}),
            "expires_at": now.add(seconds=minutes * 60),
            "logged_in_by": "eve",
        }
        ledger.tokens.put(ACCOUNT, login=login, now=now.subtract(hours=2))

    return log_in


def lose(ledger: Ledger) -> None:
    now, kept = pendulum.now("UTC"), ledger.tokens.find(ACCOUNT)
    assert kept is not None
    assert ledger.tokens.claim(kept, by="me", until=now, now=now)
    assert ledger.tokens.lose(kept, why="X has revoked it", by="me")


def doctor(ledger: Ledger) -> list[Check]:
    return list(account_checks.account(ACCOUNT, ledger, ask_x_at=None))


def notice(ledger: Ledger, capfd: Any) -> str:
    capfd.readouterr()
    XLoginNeededNotifier()._tell({}, ledger)  # type: ignore[typeddict-item]
    return "".join(capfd.readouterr())


def meet(ledger: Ledger, url: str) -> None:
    ledger.accounts.put(AccountOnX(ACCOUNT, url, "7", "brand", "fingerprint"), now=pendulum.now("UTC"))


@pytest.mark.parametrize(
    ("extra", "environment", "state"),
    [
        ({}, {}, "needs_login"),
        (KEYS, {}, "keys"),
        ({"client_id": None}, {"X_ACCESS_TOKEN": "A" * 30, "X_ACCESS_TOKEN_SECRET": "S" * 30}, "keys"),
        ({"oauth2_access_token": "T" * 30}, {}, "token"),
        ({"oauth2_refresh_token": "R" * 30}, {}, "seeded"),
        (BEARER, {}, "app_only"),
        ({"access_token": "A" * 30}, {}, "broken"),
    ],
)
def test_what_a_connection_can_do_is_said_by_page_and_doctor_alike(
    define, page, ledger, monkeypatch, extra, environment, state
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    define(**extra)
    shown, checks = page(), doctor(ledger)
    assert shown["state"] == state
    worst = {"needs_login": "failed", "broken": "failed", "app_only": "warning"}.get(state, "ok")
    assert verdict(checks) == worst
    if state == "needs_login":
        assert shown["why"] == "nobody has logged it in yet"
        assert f"`airflow x login {ACCOUNT}`" in checks[-1].next_step


def test_a_login_is_good_until_x_or_the_connection_says_otherwise(
    define, log_in, page, ledger, capfd, sandbox
):
    log_in()
    define()
    assert (page()["state"], page()["logged_in_by"]) == ("good", "eve")
    assert verdict(doctor(ledger)) == "ok"
    assert "needs login" not in notice(ledger, capfd)

    define(client_id="another-app")
    assert (page()["state"], "of another app" in page()["why"]) == ("needs_login", True)
    assert [check.state for check in doctor(ledger)] == ["ok", "failed"]
    assert "of another app than that of its connection's client_id" in notice(ledger, capfd)
    assert "needs login" not in notice(ledger, capfd)  # it was told

    define(host="http://127.0.0.1:9")
    assert (page()["state"], page()["why"]) == (
        "needs_login",
        f"its login is one at {sandbox.url}, and its connection says http://127.0.0.1:9 by now",
    )
    assert verdict(doctor(ledger)) == "failed"
    told = notice(ledger, capfd)
    assert "by now" in told
    assert "Its posts stop where they stand" in told

    define()
    assert page()["state"] == "good"
    lose(ledger)
    assert (page()["state"], page()["why"]) == ("needs_login", "X has revoked it")
    assert verdict(doctor(ledger)) == "failed"
    assert "Why: X has revoked it." in notice(ledger, capfd)


def test_an_access_token_that_has_ended_is_no_trouble_where_it_is_refreshed(define, log_in, page, ledger):
    define()
    log_in(minutes=-5)
    assert page()["state"] == "good"
    assert "the next use, or x_upkeep, refreshes it" in doctor(ledger)[-1].words
    log_in(minutes=-5, scopes="tweet.write media.write")
    assert (page()["state"], "offline.access" in page()["why"]) == ("needs_login", True)
    assert doctor(ledger)[-1].state == "failed"


def test_a_login_that_the_connection_does_not_use_troubles_nobody(define, log_in, page, ledger, capfd):
    log_in()
    lose(ledger)
    define(**KEYS)
    assert (page()["state"], page()["ends_at"], page()["may_log_out"]) == ("keys", None, True)
    assert verdict(doctor(ledger)) == "ok"
    assert "needs login" not in notice(ledger, capfd)


def test_an_account_without_a_connection_is_missed_only_while_posts_wait_for_it(
    page, ledger, client_of, capfd, sandbox
):
    meet(ledger, sandbox.url)
    (check,) = doctor(ledger)
    assert (check.state, "not defined any more" in check.words) == ("skipped", True)
    assert f"`airflow x logout {ACCOUNT}`" in check.next_step
    assert (page()["state"], page()["may_log_out"], page()["schemes"]) == ("undefined", True, [])
    assert "needs login" not in notice(ledger, capfd)

    plan_post(ledger, "Hello", account=ACCOUNT)
    (check,) = doctor(ledger)
    assert (check.state, "posts of it are still to be sent" in check.words) == ("failed", True)
    assert f"Define connection {ACCOUNT} again" in check.next_step

    gone = client_of().post(f"/accounts/{ACCOUNT}/logout", json={})
    assert gone.status_code == 200
    assert "posts of it are still to be sent" in gone.json()["remarks"][0]
    assert ledger.accounts.names() == []
    assert (page()["state"], page()["may_log_out"]) == ("undefined", False)
    ledger.posts.withdraw("december", "hello")
    with pytest.raises(ValueError, match="not enough values"):
        page()


def test_an_account_that_only_a_post_names_is_said_everywhere_with_the_one_that_was_meant(
    client_of, page, ledger, monkeypatch, sandbox
):
    monkeypatch.setenv("AIRFLOW_CONN_X_DEFAULT", sandbox.connection())
    plan_post(ledger, "Hello", account="x_defautl", due_in=-300)
    words = "its connection is not defined, and posts of it are still to be sent"
    step = "Did you mean x_default? Correct the name in the calendar, or define connection x_defautl"
    assert "x_defautl" in known_accounts(ledger)
    (check,) = account_checks.account("x_defautl", ledger, ask_x_at=None)
    assert (check.state, check.words, check.next_step) == ("failed", words, step)
    shown = page("x_defautl")
    assert (shown["state"], shown["why"], shown["next_step"]) == ("undefined", words, step)

    told = f"account x_defautl: {words}. {step}."
    status = client_of().get("/status").json()
    assert status["accounts"] == ["x_defautl"]
    assert [each["why"] for each in status["still"]] == [told]
    assert client_of().get("/posts", params={"name": "december/hello"}).json()["account_why"] == told


def test_the_page_of_a_post_says_nothing_of_an_account_that_can_post(client_of, ledger, define):
    define(**KEYS)
    post = plan_post(ledger, "Hello", account=ACCOUNT, due_in=300)
    story = client_of().get("/posts", params={"name": str(post.id)}).json()
    assert (story["post"], story["account_why"]) == ("december/hello", None)


def test_a_name_that_nobody_has_met_fails(ledger):
    (check,) = doctor(ledger)
    assert (check.state, check.words) == ("failed", "it is not defined")


class Counting(LocalFilesystemBackend):
    """A secrets backend that counts how often it is asked for a connection."""

    asked: list[str] = []  # noqa: RUF012  (Airflow makes an instance each time)

    def get_connection(self, conn_id: str, team_name: str | None = None) -> Any:
        self.asked.append(conn_id)
        return super().get_connection(conn_id)


@pytest.fixture
def vault(tmp_path: Path, monkeypatch, sandbox):
    """A secrets backend that keeps ``x_vault``; the names it was asked for."""
    client = sandbox.accounts[0]["oauth2"]
    extra = {"client_id": client["client_id"], "client_secret": client["client_secret"]}
    kept = {"x_vault": {"conn_type": "x", "host": sandbox.url, "extra": extra}}
    (tmp_path / "kept.json").write_text(json.dumps(kept))
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", f"{Counting.__module__}.{Counting.__qualname__}")
    options = {"connections_file_path": str(tmp_path / "kept.json")}
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND_KWARGS", json.dumps(options))
    Counting.asked.clear()
    return Counting.asked


def refuse(
    ledger: Ledger, credentials: str, *, why: str = "X does not take them", minutes_ago: int = 0
) -> None:
    last = pendulum.now("UTC").subtract(minutes=minutes_ago)
    for at in (last.subtract(seconds=CONFIRMED_SECONDS), last):
        ledger.refusals.note(ACCOUNT, credentials=credentials, why=why, now=at)


@pytest.mark.parametrize("extra", [KEYS, {"client_id": None, "oauth2_access_token": "T" * 30}])
def test_what_x_does_not_take_any_more_needs_a_login(define, page, ledger, capfd, extra):
    define(**extra)
    before = page()
    assert before["state"] in ("keys", "token")
    refuse(ledger, "those-it-had-before")
    assert page()["state"] == before["state"]
    refuse(ledger, XHook(ACCOUNT).get_conn().digest)
    shown = page()
    assert (shown["state"], shown["why"]) == ("needs_login", "X does not take them")
    assert shown["next_step"].endswith("or replace what its connection holds")
    assert verdict(doctor(ledger)) == "failed"
    told = notice(ledger, capfd)
    assert f"account {ACCOUNT} needs login" in told
    assert "Its posts stop where they stand, and go on after the login." in told
    assert "needs login" not in notice(ledger, capfd)  # it was told
    refuse(ledger, XHook(ACCOUNT).get_conn().digest, why="X says it in other words")
    assert "needs login" not in notice(ledger, capfd)  # it is the same need

    mended = {name: "M" * 30 for name in extra if name != "client_id"}
    define(**{**extra, **mended})
    assert (page()["state"], verdict(doctor(ledger))) == (before["state"], "ok")
    assert "needs login" not in notice(ledger, capfd)
    define(**extra)
    assert "needs login" in notice(ledger, capfd)  # it was over meanwhile


def break_connection(monkeypatch) -> None:
    """Let the account's connection be one that cannot be read."""
    monkeypatch.setenv(f"AIRFLOW_CONN_{ACCOUNT.upper()}", json.dumps({"conn_type": "x", "host": "no host"}))


def test_tokens_that_are_lost_are_told_once_whether_the_connection_can_be_read_or_not(
    define, log_in, ledger, capfd, monkeypatch
):
    define()
    log_in()
    assert "needs login" not in notice(ledger, capfd)
    lose(ledger)
    assert "Why: X has revoked it." in notice(ledger, capfd)
    break_connection(monkeypatch)
    assert "needs login" not in notice(ledger, capfd)
    define()
    assert "needs login" not in notice(ledger, capfd)
    as_new(ledger)
    log_in(minutes=90)
    assert "needs login" not in notice(ledger, capfd)
    lose(ledger)
    break_connection(monkeypatch)
    assert "Why: X has revoked it." in notice(ledger, capfd)
    define()
    assert "needs login" not in notice(ledger, capfd)


def test_a_refusal_is_told_once_also_where_the_connection_could_not_be_read_between(
    define, ledger, capfd, monkeypatch
):
    define(**KEYS)
    refuse(ledger, XHook(ACCOUNT).get_conn().digest)
    assert "needs login" in notice(ledger, capfd)
    break_connection(monkeypatch)
    assert "needs login" not in notice(ledger, capfd)
    define(**KEYS)
    assert "needs login" not in notice(ledger, capfd)


@pytest.mark.parametrize("was_told", [False, True])
def test_nobody_is_told_of_a_logout(define, log_in, page, client_of, ledger, capfd, was_told):
    define()
    log_in()
    if was_told:
        lose(ledger)
        assert "needs login" in notice(ledger, capfd)
    assert client_of().post(f"/accounts/{ACCOUNT}/logout", json={}).status_code == 200
    assert page()["state"] == "needs_login"
    assert "needs login" not in notice(ledger, capfd)
    assert ledger.notices.told() == {}


def test_nobody_is_told_of_keys_that_x_refuses_a_sender_after_they_were_taken_away(
    define, page, ledger, capfd
):
    define(**KEYS)
    digest = XHook(ACCOUNT).get_conn().digest
    define()
    refuse(ledger, digest)  # it was under way, and still held them
    assert page()["state"] == "needs_login"
    assert "needs login" not in notice(ledger, capfd)
    define(**KEYS)
    assert "needs login" in notice(ledger, capfd)
    define()
    assert "needs login" not in notice(ledger, capfd)
    assert ledger.notices.told() == {}


def test_keys_that_are_refused_in_place_of_tokens_that_were_lost_are_another_need(
    define, log_in, ledger, capfd, monkeypatch
):
    define()
    log_in()
    lose(ledger)
    assert "Why: X has revoked it." in notice(ledger, capfd)
    define(**KEYS)
    refuse(ledger, XHook(ACCOUNT).get_conn().digest)
    assert "Why: X does not take them." in notice(ledger, capfd)
    break_connection(monkeypatch)
    assert "needs login" not in notice(ledger, capfd)
    define(**KEYS)
    assert "needs login" not in notice(ledger, capfd)


def test_a_refused_account_that_nobody_has_met_is_listed(vault, page, ledger, client_of):
    client_of()
    now = pendulum.now("UTC")
    for at in (now.subtract(seconds=CONFIRMED_SECONDS), now):
        ledger.refusals.note("x_vault", credentials="c", why="no", now=at)
    assert page("x_vault")["account"] == "x_vault"


def test_x_is_asked_again_about_what_it_refused(ledger, monkeypatch, sandbox):
    monkeypatch.setenv(f"AIRFLOW_CONN_{ACCOUNT.upper()}", sandbox.connection())
    refuse(ledger, XHook(ACCOUNT).get_conn().digest)
    assert verdict(doctor(ledger)) == "failed"
    assert verdict(list(account_checks.account(ACCOUNT, ledger, ask_x_at=[sandbox.url]))) == "ok"
    assert verdict(doctor(ledger)) == "ok"


def test_a_login_by_keys_is_shown_with_who_logged_in_and_can_be_ended(define, page, ledger, sandbox, capfd):
    define(username="brand")
    shown = page()
    assert (shown["state"], shown["may_log_out"]) == ("needs_login", False)
    app = OAuth1App("K" * 20, "P" * 20, base_url=sandbox.url)
    pair, user = UserKeys("T" * 20, "S" * 20, "7", "brand"), UserOnX("7", "brand", "Brand")
    now = pendulum.now("UTC")
    keep_keys(ledger, sealer(), app, pair, account=ACCOUNT, user=user, logged_in_by="eve", now=now)
    shown = page()
    assert (shown["state"], shown["name"], shown["logged_in_by"]) == ("keys", "Brand", "eve")
    assert (shown["ends_at"], shown["scopes"], shown["may_log_out"]) == (None, [], True)
    assert "its keys do not end" in " ".join(check.words for check in doctor(ledger))
    assert "T" * 20 not in str(shown)
    refuse(ledger, app.acting_as(pair).digest(), why="Gone")
    assert (page()["state"], page()["why"]) == ("needs_login", "Gone")
    define(host="http://127.0.0.1:9", auth="oauth1")
    assert "its login is one at" in page()["why"]
    assert "its login is one at" in notice(ledger, capfd)


def test_an_account_in_the_environment_is_listed_and_can_be_logged_in(define, page):
    define()
    shown = page()
    assert (shown["kept_in"], shown["schemes"], shown["may_change"]) == (
        f"the environment variable AIRFLOW_CONN_{ACCOUNT.upper()}",
        ["oauth2", "oauth1"],
        True,
    )


def test_an_account_in_a_secrets_backend_is_shown_to_who_may_edit_it_and_names_it(vault, page, client_of):
    shown = client_of("VIEWER").get("/accounts/status").json()["accounts"]
    assert "x_vault" not in [each["account"] for each in shown]
    shown = page("x_vault", also="x_vault")
    assert (shown["state"], shown["kept_in"]) == ("needs_login", "the secrets backend Counting")
    assert (shown["schemes"], shown["may_change"]) == (["oauth2"], True)
    refused = client_of("VIEWER").get("/accounts/status", params={"also": "x_vault"})
    assert (refused.status_code, "ask who may edit connections" in refused.text) == (403, True)
    assert client_of().post("/accounts/x_vault/login", json={}).status_code == 200


def test_the_secrets_backend_is_asked_once_for_each_account(vault, page, ledger, client_of, sandbox):
    ledger.accounts.put(AccountOnX("x_vault", sandbox.url, "7", "brand", "f"), now=pendulum.now("UTC"))
    client_of()
    vault.clear()
    page("x_vault")
    assert vault.count("x_vault") == 1


def test_a_secrets_backend_that_fails_leaves_it_open_whether_the_account_exists(
    vault, page, tmp_path, ledger, sandbox
):
    ledger.accounts.put(AccountOnX("x_vault", sandbox.url, "7", "brand", "f"), now=pendulum.now("UTC"))
    (tmp_path / "kept.json").write_text("{")
    assert (page("x_vault")["state"], "could not look it up" in page("x_vault")["why"]) == ("broken", True)
    assert ledger.tokens.find("x_vault") is None


def test_the_health_route_fails_for_an_account_that_nobody_has_logged_in(define, ledger, client_of, log_in):
    def checks() -> tuple[int, dict[str, Any]]:
        answer = client_of().get("/health")
        return answer.status_code, {check["name"]: check for check in answer.json()["checks"]}

    define()
    status, found = checks()
    assert (status, found[f"login {ACCOUNT}"]["state"]) == (503, "failed")
    assert "X > Accounts" in found[f"login {ACCOUNT}"]["next_step"]
    log_in()
    assert checks()[1][f"login {ACCOUNT}"]["state"] == "ok"
    as_new(ledger)
    assert checks()[1][f"login {ACCOUNT}"]["state"] == "failed"


def test_the_page_is_told_no_token(define, log_in, page, ledger):
    define()
    log_in()
    assert ledger.tokens.find(ACCOUNT).state is TokenState.GOOD
    assert not any("aaaa" in str(value) or "rrrr" in str(value) for value in page().values())
