"""`airflow x doctor`: what it sees, what it says to do, and how it ends."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path

import pendulum
import pytest
import yaml
from airflow.dag_processing.dagbag import DagBag
from airflow.jobs.job import Job
from airflow.models.dag import DagModel
from airflow.models.trigger import Trigger
from airflow.utils.session import create_session
from drafting import plan_post

from x_provider.client.clock import seconds_behind_x
from x_provider.client.errors import XUnreachable
from x_provider.client.oauth2 import SCOPES
from x_provider.health import Check, examine, ledger_checks, verdict
from x_provider.health.check import State
from x_provider.health.guarding import Patience, guarded
from x_provider.hooks.keys import sealer
from x_provider.ledger import AccountOnX, Ledger, PartState, ReceivedEvent, UserOnX
from x_provider.ledger.events import MOST_TRIES
from x_provider.triggers.events import XEventsTrigger
from x_provider.web import health

NOW = pendulum.datetime(2026, 12, 1, 8)


def log_in(
    ledger,
    account="x_cli",
    *,
    minutes=60,
    scopes=tuple(SCOPES),
    key=None,
    base_url="https://api.x.com",
    client_id="an-app",
):
    login = {
        "base_url": base_url,
        "client_id": client_id,
        "user": UserOnX("1", "alice"),
        "scopes": scopes,
        "sealed": (key or sealer()).seal({"access": "a" * 20, "refresh": "r" * 20}),
        "expires_at": pendulum.now("UTC").add(minutes=minutes),
        "logged_in_by": "a test",
    }
    ledger.tokens.put(account, login=login, now=NOW)
    return ledger.tokens.find(account)


@pytest.mark.parametrize(
    ("states", "worst"),
    [
        ((), "ok"),
        (("ok", "skipped"), "ok"),
        (("ok", "warning", "skipped"), "warning"),
        (("failed", "warning"), "failed"),
    ],
)
def test_the_verdict_is_the_worst(states: tuple[State, ...], worst):
    assert verdict(Check("a", state, "seen") for state in states) == worst


def test_an_airflow_that_never_ran_is_told_with_what_to_start(ledger, account, doctor):
    code, checks = doctor()
    assert code == 2
    assert checks["ledger"]["state"] == "ok"
    assert checks["ledger"]["words"].startswith("sqlite:////")
    for component, command in (("scheduler", "scheduler"), ("triggerer", "triggerer")):
        assert (checks[component]["state"], checks[component]["words"]) == ("failed", "never seen")
        assert checks[component]["next_step"] == f"Start it: airflow {command}"
    assert checks["watcher"]["state"] == "failed"
    assert checks["account x_cli"]["state"] == "ok"
    assert "a sandbox or a proxy" in checks["account x_cli"]["words"]
    assert checks[f"clock, {account.url}"]["state"] == "ok"
    assert checks["posts"] == {
        "name": "posts",
        "state": "ok",
        "words": "0 parts to be sent",
        "next_step": "",
    }


def test_without_a_ledger_that_is_said_first_and_nothing_of_it_after(monkeypatch, doctor):
    monkeypatch.setenv("AIRFLOW_CONN_X_LEDGER", "sqlite:////nowhere/at/all.db")
    code, checks = doctor()
    assert code == 2
    assert next(iter(checks)) == "ledger"
    assert "cannot be used" in checks["ledger"]["words"]
    assert not {"keys", "disk", "posts"} & checks.keys()


def test_a_ledger_that_only_reads_as_after_a_failover_fails(account, doctor, monkeypatch, postgres_url):
    made = Ledger(postgres_url)
    made.database.upgrade()
    made.database.dispose()
    only_reads = postgres_url.update_query_dict({"options": "-c default_transaction_read_only=on"})
    url = only_reads.set(drivername="postgres").render_as_string(hide_password=False)
    monkeypatch.setenv("AIRFLOW_CONN_X_LEDGER", url)
    code, checks = doctor()
    assert (code, checks["ledger"]["state"]) == (2, "failed")
    assert "cannot execute INSERT in a read-only transaction" in checks["ledger"]["words"]


def test_a_login_that_no_key_opens_is_told(ledger, doctor, monkeypatch):
    monkeypatch.setenv("X_PROVIDER_FERNET_KEY", "b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItMTI=")
    log_in(ledger)
    monkeypatch.setenv("X_PROVIDER_FERNET_KEY", "c29tZS1rZXktc29tZS1rZXktc29tZS1rZXktc29tZTE=")
    _, checks = doctor()
    assert checks["keys"]["state"] == "failed"
    assert "none of the keys in" in checks["keys"]["words"]
    assert "account x_cli" in checks["keys"]["words"]


@pytest.mark.parametrize("keys", ["", "no-key-at-all", "c29tZS1rZXktc29tZS1rZXktc29tZS1rZXktc29tZTE="])
@pytest.mark.parametrize("options", [(), ("--ask-x",)])
def test_an_account_whose_login_no_key_opens_breaks_nothing_off(
    ledger, sandbox, doctor, monkeypatch, keys, options
):
    app = sandbox.accounts[0]["oauth2"]
    extra = {"client_id": app["client_id"], "client_secret": app["client_secret"]}
    for name in ("X_CLI", "X_OTHER"):
        described = {"conn_type": "x", "host": sandbox.url, "extra": extra}
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(described))
    log_in(ledger, base_url=sandbox.url, client_id=app["client_id"])
    monkeypatch.setenv("X_PROVIDER_FERNET_KEY", keys)
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "")
    code, checks = doctor(*options)
    assert code == 2
    assert checks["keys"]["state"] == "failed"
    assert checks["account x_cli"]["state"] == ("failed" if options else "ok")
    assert checks["posts"]["state"] == "ok"
    assert list(checks)[-1] == "events"
    assert not keys or keys not in json.dumps(checks)


@pytest.fixture(scope="module")
def x_events(store_dag):
    """Airflow knows that DAG."""
    file = Path(__file__).parents[2] / "dags" / "x_events.py"
    store_dag(DagBag(str(file)).dags["x_events"])


@pytest.fixture
def set_paused(x_events):
    def set_paused(dag_id: str, is_paused: bool) -> None:
        with create_session() as session:
            session.get(DagModel, dag_id).is_paused = is_paused

    yield set_paused
    set_paused("x_events", True)


@pytest.fixture
def airflow_is_away(airflow_home):
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


@pytest.mark.parametrize("output", ["table", "json", "yaml"])
def test_an_airflow_whose_database_is_away_is_told_once_in_every_form(
    ledger, account, airflow_is_away, airflow_x, capsys, output
):
    with pytest.raises(SystemExit) as ended:
        airflow_x("doctor", "--output", output)
    printed = capsys.readouterr().out
    assert ended.value.code == 2
    if output == "table":
        assert "FAIL  airflow: the database says: unable to open database file" in printed
        assert "      -> Mend Airflow's database: `airflow db check`" in printed
        return
    checks = {each["name"]: each for each in yaml.safe_load(printed)["checks"]}
    assert "unable to open database file" in checks["airflow"]["words"]
    assert checks.keys().isdisjoint({"watcher", "pool", "scheduler", "DAGs"})
    assert checks["account x_cli"]["state"] == checks["posts"]["state"] == "ok"


def test_the_health_route_answers_while_airflow_s_database_is_away(ledger, account, airflow_is_away):
    answer = health.health()
    checks = {check["name"]: check for check in json.loads(answer.body)["checks"]}
    assert (answer.status_code, checks["airflow"]["state"]) == (503, "failed")


@pytest.mark.parametrize("until", ["ledger", "airflow"])
def test_a_ledger_that_goes_while_it_is_looked_at_is_told(ledger, account, airflow_home, tmp_path, until):
    seen = {}
    for check in examine(["x_cli"], ask_x=True):
        seen[check.name] = check
        if check.name == until or (until == "airflow" and check.name == "scheduler"):
            ledger.database.dispose()
            for file in tmp_path.glob("ledger.db*"):
                file.unlink()
            (tmp_path / "ledger.db").write_bytes(b"this is no database " * 500)
    assert seen["posts"].state == "failed"
    assert "ledger.db is broken: file is not a database" in seen["posts"].words
    assert seen["stops"].state == "failed"
    assert "mend this first" in seen["posts"].next_step


@pytest.fixture
def give_up(ledger):
    """Store an event that is tried as often as events are."""

    def give_up(key: str, why: str) -> None:
        now = pendulum.now("UTC")
        ledger.events.store([ReceivedEvent(key, "x_cli", "{}", now)])
        for _ in range(MOST_TRIES):
            (event,) = ledger.events.claim(now, until=now, limit=1)
            ledger.events.failed(event.id, why=why, now=now, wake_at=now)

    return give_up


def test_an_event_that_ends_every_task_is_told_though_somebody_has_it(ledger, account, doctor):
    now = pendulum.now("UTC")
    ledger.events.store([ReceivedEvent("1", "x_cli", "{}", now.subtract(minutes=70))])
    ledger.events.claim(now, until=now.add(minutes=10), limit=9)
    check = doctor()[1]["events"]
    assert (check["state"], check["words"]) == ("warning", "1 wait to be handled, the oldest for 70 min")
    assert "task `handle`" in check["next_step"]


def test_where_x_tells_nothing_dag_x_events_is_no_concern(ledger, account, doctor):
    _, checks = doctor()
    assert checks["events"]["state"] == "skipped"
    assert not {"DAG x_events", "watcher of events"} & checks.keys()


def test_events_that_nobody_handles_are_told(ledger, account, doctor, set_paused):
    set_paused("x_events", True)
    ledger.events.store([ReceivedEvent("1", "x_cli", "{}", pendulum.now("UTC").subtract(minutes=2))])
    _, checks = doctor()
    dag, watcher, events = (checks[name] for name in ("DAG x_events", "watcher of events", "events"))
    assert (dag["state"], dag["next_step"]) == ("warning", "`airflow dags unpause x_events`")
    assert dag["words"] == "paused: what X tells waits and is not handled while it is paused"
    assert (watcher["state"], "every 15 minutes at best" in watcher["words"]) == ("warning", True)
    assert events["state"] == "warning"
    assert events["words"] == "1 wait to be handled, the oldest for 2 min"
    set_paused("x_events", False)
    ledger.events.handled([1], now=pendulum.now("UTC"))
    _, checks = doctor()
    assert checks["DAG x_events"]["state"] == checks["events"]["state"] == "ok"


@pytest.mark.parametrize(("triggerer_lives", "state"), [(True, "ok"), (False, "warning")])
def test_the_watcher_of_events_is_with_a_living_triggerer_or_not(
    ledger, account, doctor, airflow_home, triggerer_lives, state
):
    ledger.events.store([ReceivedEvent("1", "x_cli", "{}", pendulum.now("UTC"))])
    with create_session() as session:
        job = Job(job_type="TriggererJob", state="running")
        job.latest_heartbeat = pendulum.now("UTC").subtract(hours=0 if triggerer_lives else 1)
        session.add(job)
        session.flush()
        row = Trigger.from_object(XEventsTrigger())
        row.triggerer_id = job.id
        session.add(row)
        session.flush()
        ids = job.id, row.id
    try:
        check = doctor()[1]["watcher of events"]
    finally:
        with create_session() as session:
            session.delete(session.get(Trigger, ids[1]))
            session.delete(session.get(Job, ids[0]))
    assert check["state"] == state
    assert state == "ok" or check["next_step"] == "Start a triggerer: airflow triggerer"


def test_events_that_were_given_up_are_told_with_the_newest_reason(
    ledger, account, doctor, airflow_x, give_up
):
    give_up("1", "an old reason")
    give_up("2", "no connection is known to be that account.")
    check = doctor()[1]["events"]
    assert check["state"] == "warning"
    assert check["words"] == (
        "0 wait to be handled; 2 were given up after 6 tries, the newest because: "
        "no connection is known to be that account"
    )
    assert "`airflow x webhooks retry --all`" in check["next_step"]
    ledger.events.store([ReceivedEvent("3", "x_cli", "{}", NOW)])
    assert json.loads(airflow_x("status", "--output", "json"))["events"] == {
        "waiting": 1,
        "given_up": 2,
        "why": "no connection is known to be that account.",
    }
    printed = airflow_x("status")
    assert "events: 1 that X has told wait for DAG x_events" in printed
    assert "events: 2 could not be handled, the newest because: no connection is known" in printed
    assert "airflow x webhooks retry --all" in printed


def test_what_breaks_a_check_is_named_and_not_quoted():
    def look():
        yield Check("first", "ok", "seen")
        raise KeyError("hunter2")  # as it may quote what is secret

    first, broken = guarded("second", look, "Look into it", Patience(1))
    assert (first.name, broken.name, broken.state) == ("first", "second", "failed")
    assert re.fullmatch(r"it could not be looked at: KeyError, at \w+\.py:\d+", broken.words)
    assert "hunter2" not in f"{broken}"
    assert broken.next_step.startswith("Look into it. If that is in order, it is a mistake in the package")


@pytest.fixture
def login(ledger, sandbox, monkeypatch):
    """Log the connection ``x_cli`` in, which then uses that login; parameters as of ``log_in``."""
    app = sandbox.accounts[0]["oauth2"]
    extra = {"client_id": app["client_id"], "client_secret": app["client_secret"]}
    described = {"conn_type": "x", "host": sandbox.url, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_X_CLI", json.dumps(described))
    return partial(log_in, ledger, base_url=sandbox.url, client_id=app["client_id"])


def test_a_login_says_when_it_ends_and_what_it_needs(ledger, login, doctor):
    login(minutes=61)
    check = doctor()[1]["login x_cli"]
    assert check["state"] == "ok"
    assert check["words"].startswith("its token ends in 61 minutes, and is refreshed before")
    tokens = login()
    ledger.tokens.claim(tokens, by="me", until=NOW, now=NOW)
    ledger.tokens.lose(ledger.tokens.find("x_cli"), why="X has revoked it", by="me")
    check = doctor()[1]["login x_cli"]
    assert (check["state"], check["next_step"]) == (
        "failed",
        "Log it in: page X > Accounts, or `airflow x login x_cli`",
    )
    assert "X has revoked it" in check["words"]


@pytest.mark.parametrize(
    ("lacking", "state", "words"),
    [
        ("tweet.write", "failed", "needs login: without the scope tweet.write X refuses its posts; its tok"),
        ("media.write", "warning", "X did not grant media.write (to upload pictures and videos); its token"),
        ("offline.access", "warning", "its token ends in 60 minutes and is not refreshed"),
    ],
)
def test_a_login_without_a_scope_is_not_in_order(login, doctor, lacking, state, words):
    login(scopes=tuple(scope for scope in SCOPES if scope != lacking))
    check = doctor()[1]["login x_cli"]
    assert (check["state"], check["words"][: len(words)]) == (state, words)
    assert "`airflow x login x_cli`" in check["next_step"]


def test_an_account_that_may_only_read_is_not_in_order_when_x_is_asked(ledger, account, doctor):
    account.post(f"/_sandbox/accounts/{account.accounts[0]['username']}", {"access_level": "read"})
    check = doctor("x_cli", "--ask-x")[1]["account x_cli"]
    assert (check["state"], "read only, so posting will be refused" in check["words"]) == ("failed", True)


def test_a_stop_and_a_clock_that_is_off_are_told(ledger, account, doctor):
    ledger.controls.stop(account="*", why="A drill", by="anna", now=NOW)
    account.settings(clock_ahead_seconds=300.0)
    _, checks = doctor()
    assert (checks["stops"]["state"], "anna" in checks["stops"]["words"]) == ("failed", True)


@pytest.mark.parametrize("options", [(), ("--ask-x",)])
def test_an_account_that_nobody_has_logged_in_fails_with_the_way_to_the_login(
    ledger, login, doctor, sandbox, options
):
    code, checks = doctor("x_cli", *options)
    check = checks["login x_cli"]
    assert (code, check["state"], check["words"]) == (
        2,
        "failed",
        "needs login: nobody has logged it in yet",
    )
    assert check["next_step"] == "Log it in: page X > Accounts, or `airflow x login x_cli`"
    assert sandbox.charges()["charges"] == []


def test_keys_that_x_does_not_take_any_more_fail_when_x_is_asked(ledger, account, doctor, monkeypatch):
    described = json.loads(account.connection())
    described["extra"]["access_token_secret"] = "revoked"
    monkeypatch.setenv("AIRFLOW_CONN_X_CLI", json.dumps(described))
    check = doctor("x_cli", "--ask-x")[1]["account x_cli"]
    assert (check["state"], "`airflow x login x_cli`" in check["next_step"]) == ("failed", True)


def test_a_connection_that_does_not_add_up_is_told(ledger, monkeypatch, doctor):
    monkeypatch.setenv(
        "AIRFLOW_CONN_X_HALF", json.dumps({"conn_type": "x", "login": "key", "password": "secret"})
    )
    check = doctor()[1]["login x_half"]
    assert check["state"] == "failed"
    assert "nobody has logged it in yet, and it has no access_token" in check["words"]


def test_who_the_page_accounts_shows_is_named_here_too(ledger, account, doctor):
    assert doctor("x_cli")[1]["account x_cli"]["words"].startswith("whoever the keys belong to by OAuth 1.0a")
    ledger.accounts.put(AccountOnX("x_cli", account.url, "7", "nordlicht", "fingerprint"), now=NOW)
    assert doctor("x_cli")[1]["account x_cli"]["words"].startswith("@nordlicht by OAuth 1.0a")


def test_asking_x_names_the_user(ledger, account, doctor):
    check = doctor("x_cli", "--ask-x")[1]["account x_cli"]
    assert f"You are @{account.accounts[0]['username']}" in check["words"]


def test_people_read_it_line_by_line(ledger, account, airflow_home, airflow_x, capsys):
    with pytest.raises(SystemExit) as ended:
        airflow_x("doctor")
    printed = capsys.readouterr().out
    assert ended.value.code == 2
    assert "FAIL  triggerer: never seen\n      -> Start it: airflow triggerer" in printed
    assert printed.rstrip().endswith("posts do not go out as they should")


def test_x_s_clock_is_read_from_an_answer_that_costs_nothing(sandbox):
    assert abs(seconds_behind_x(sandbox.url)) < 2
    assert sandbox.charges()["charges"] == []


def test_an_x_that_is_not_there_is_no_clock():
    with pytest.raises(XUnreachable, match="Check the network"):
        seconds_behind_x("http://127.0.0.1:9")


def test_x_is_asked_for_webhooks_by_the_login_in_the_ledger_that_was_named(
    ledger, account, doctor, monkeypatch, tmp_path
):
    app, described = account.accounts[0]["oauth2"], json.loads(account.connection())
    extra = {name: app[name] for name in ("client_id", "client_secret")}
    monkeypatch.setenv("AIRFLOW_CONN_X_CLI", json.dumps({**described, "extra": extra}))
    log_in(ledger, base_url=account.url, client_id=app["client_id"])
    monkeypatch.setenv("AIRFLOW_CONN_X_NAMED", f"sqlite:///{tmp_path}/ledger.db")
    monkeypatch.setenv("AIRFLOW_CONN_X_LEDGER", "sqlite:////nowhere/at/all.db")
    assert doctor()[1]["ledger"]["state"] == "failed"
    _, checks = doctor("--ledger-conn-id", "x_named")
    assert checks["ledger"]["state"] == "ok"
    assert checks["webhooks"]["words"] == "none is registered"


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (1, "1 part to be sent; 1 post stands still: december/refused-0"),
        (2, "2 parts to be sent; 2 posts stand still, such as december/refused-1"),
    ],
)
def test_one_post_is_not_spoken_of_as_several(ledger, count, words):
    for number in range(count):
        refused = plan_post(ledger, "No", key=f"refused-{number}", account="x_cli")
        ledger.sending.give_up(refused, PartState.REFUSED, why="X refuses it")
        plan_post(ledger, "Yes", key=f"planned-{number}", account="x_cli", due_in=3600)
    assert ledger_checks.posts(ledger).words == words
