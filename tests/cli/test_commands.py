from __future__ import annotations

import getpass
import json
import subprocess
import sys

import pendulum
import pytest
from drafting import plan_post
from other_processes import send_without_answer, wake_post

from x_provider.ledger import Blackout, Ledger, PartState


@pytest.fixture
def ledger(tmp_path, monkeypatch):
    """The ledger that the commands find under ``x_ledger``."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    monkeypatch.setenv("AIRFLOW_CONN_X_LEDGER", url)
    ledger = Ledger(url)
    yield ledger
    ledger.database.dispose()


@pytest.fixture
def account(sandbox, monkeypatch):
    """An account on the sandbox as the connection ``x_cli``."""
    monkeypatch.setenv("AIRFLOW_CONN_X_CLI", sandbox.connection())
    return sandbox


@pytest.fixture
def post(ledger):
    """A post that is due; another, ``december/later``, is due in an hour."""
    post = plan_post(ledger, "Good morning", account="x_cli")
    plan_post(ledger, "Good morning", key="later", account="x_cli", due_in=3600)
    return post


@pytest.fixture
def airflow_x(capsys):
    """Run ``airflow x …`` in this process; give what it printed."""
    from airflow.cli.cli_parser import get_parser

    def run(*words: str) -> str:
        arguments = get_parser().parse_args(["x", *words])
        arguments.func(arguments)
        return capsys.readouterr().out

    return run


def make_uncertain(ledger, post):
    now = pendulum.now("UTC")
    send_without_answer(ledger, post, at=now, wake_at=now)


def test_status_counts_and_names_what_needs_somebody(ledger, post, airflow_x):
    make_uncertain(ledger, post)
    printed = airflow_x("status")
    assert "uncertain" in printed
    assert "december/hello" in printed
    assert "no answer came" in printed


def test_status_is_plain_json_for_machines(ledger, post, airflow_x):
    make_uncertain(ledger, post)
    airflow_x("stop", "--account", "x_other", "--why", "moving", "--until", "2999-01-01T00:00Z")
    shown = json.loads(airflow_x("status", "--output", "json"))
    assert shown["parts"] == [{"state": "planned", "parts": 1}, {"state": "uncertain", "parts": 1}]
    (halt,), (stopped,) = shown["halts"], shown["posts"]
    assert (halt["account"], halt["in_force"], halt["why"]) == ("x_other", True, "moving")
    assert halt["until"] == "2999-01-01T00:00:00+00:00"
    assert (stopped["post"], stopped["state"], stopped["why"]) == (
        "december/hello",
        "uncertain",
        "no answer came",
    )


def test_check_tells_a_script_whether_anybody_is_needed(ledger, post, airflow_x):
    airflow_x("status", "--check")
    airflow_x("stop", "--from", "2999-01-01T00:00Z")
    airflow_x("status", "--check")  # to come is not stopped
    make_uncertain(ledger, post)
    with pytest.raises(SystemExit) as ended:
        airflow_x("status", "--check")
    assert ended.value.code == 2


def test_a_stop_may_be_planned_in_a_zone_and_taken_back(ledger, post, airflow_x):
    words = ("--from", "2999-12-24 00:00", "--until", "2999-12-27 00:00", "--timezone", "Europe/Berlin")
    printed = airflow_x("stop", "--why", "Christmas", *words)
    assert "From 2999-12-23T23:00:00+00:00 on nothing is sent until 2999-12-26T23:00:00+00:00" in printed
    assert "TO COME: everything" in airflow_x("status")
    assert ledger.controls.halt_of("x_cli", pendulum.now("UTC")) is None
    airflow_x("go")
    assert ledger.controls.halts(pendulum.now("UTC")) == []


def test_going_on_says_what_a_calendar_still_keeps_stopped(ledger, post, airflow_x):
    now = pendulum.now("UTC")
    blackout = Blackout("x_cli", now.subtract(hours=1), now.add(hours=1), "Christmas")
    ledger.controls.set_blackouts("december", [blackout], now=now)
    airflow_x("stop")
    assert "Still stopped: account x_cli is in a blackout of calendar december" in airflow_x("go")


def test_who_decided_is_shown_with_the_post(ledger, post, airflow_x):
    make_uncertain(ledger, post)
    airflow_x("void", "december/hello")
    assert f"{getpass.getuser()} decided on part 1: void" in airflow_x("show", "december/hello")


def test_show_lists_every_attempt(ledger, post, airflow_x):
    make_uncertain(ledger, post)
    printed = airflow_x("show", "december/hello", "--output", "json")
    (attempt,) = json.loads(printed)
    assert (attempt["part"], attempt["outcome"], attempt["sender"]) == ("1", "uncertain", "test")


def test_a_refused_post_is_resumed_and_due_at_once(ledger, post, airflow_x):
    ledger.sending.give_up(post, PartState.REFUSED, why="no")
    assert "planned again" in airflow_x("resume", "december/hello")
    assert [due.name for due in ledger.posts.due(pendulum.now("UTC"))] == ["december/hello"]


def test_a_late_post_that_waits_for_its_account_is_tried_at_once(ledger, post, airflow_x):
    wake_post(ledger, post.id, pendulum.now("UTC").add(minutes=15))
    airflow_x("resume", "december/hello")
    assert [due.name for due in ledger.posts.due(pendulum.now("UTC"))] == ["december/hello"]


def test_the_commands_open_the_ledger_that_a_stored_connection_names(airflow_home, tmp_path):
    """In a process of its own, as people run them; nothing but Airflow's database knows the connection."""
    path = tmp_path / "stored.db"
    ledger_conn_id = f"x_stored_{tmp_path.name}"
    airflow = [sys.executable, "-m", "airflow"]
    add = [*airflow, "connections", "add", ledger_conn_id, "--conn-uri", f"sqlite:///{path}"]
    subprocess.run(add, check=True, capture_output=True)
    upgrade = [*airflow, "x", "db", "upgrade", "--ledger-conn-id", ledger_conn_id]
    printed = subprocess.run(upgrade, check=True, capture_output=True, text=True).stdout
    assert str(path) in printed
    assert path.exists()


def test_an_uncertain_post_is_adopted_by_its_address(account, ledger, post, airflow_x):
    make_uncertain(ledger, post)
    airflow_x("adopt", str(post.id), "https://x.com/somebody/status/1900000000000000001")
    adopted = ledger.posts.get(post.id)
    assert adopted.state is PartState.POSTED
    assert adopted.parts[0].receipt.adopted
    assert adopted.parts[0].receipt.x_id == "1900000000000000001"
    assert adopted.wake_at is None


def test_reconcile_finds_the_post_on_x(account, ledger, post, airflow_x):
    account.faults("drop_after_commit", method="POST", path="/2/tweets", times=1)
    airflow_x("reconcile", "december/hello")
    assert ledger.posts.get(post.id).state is PartState.UNCERTAIN
    assert "december/hello is posted" in airflow_x("reconcile", "december/hello")
    assert len(account.posts()) == 1


def test_what_is_given_up_is_not_sent(ledger, post, airflow_x):
    airflow_x("void", "december/hello")
    assert ledger.posts.get(post.id).state is PartState.REFUSED
    assert [due.name for due in ledger.posts.due(pendulum.now("UTC").add(days=1))] == ["december/later"]


def test_nothing_is_sent_while_the_kill_switch_is_pulled(account, ledger, post, airflow_x):
    airflow_x("stop", "--why", "wrong price")
    airflow_x("reconcile", "december/hello")
    stopped = ledger.posts.get(post.id)
    assert stopped.state is PartState.ARMED
    assert "wrong price" in stopped.parts[0].why
    assert "STOPPED: everything" in airflow_x("status")
    airflow_x("go")
    airflow_x("reconcile", "december/hello")
    assert len(account.posts()) == 1


def test_one_account_is_stopped_and_the_others_go_on(account, ledger, post, airflow_x):
    airflow_x("stop", "--account", "x_other")
    airflow_x("reconcile", "december/hello")
    assert len(account.posts()) == 1
    with pytest.raises(SystemExit, match="everything was not stopped by hand"):
        airflow_x("go")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("show", "december/nobody"), "has no post 'december/nobody'"),
        (("show", "4711"), "no post 4711"),
        (("resume", "december/later"), "nothing of post december/later is refused, missed or late"),
        (("adopt", "december/hello", "https://example.org"), "neither a post's address"),
        (("stop", "--until", "2020-01-01T00:00Z"), "is not after the start"),
        (("stop", "--from", "tomorrow"), "--from: .*no time that can be read"),
        (("stop", "--from", "2027-03-28 02:30", "--timezone", "Europe/Berlin"), "2027-03-28T01:30.01:00"),
        (("stop", "--from", "2027-01-01 00:00", "--timezone", "Europe/Berln"), "Europe/Berlin"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(ledger, post, airflow_x, words, message):
    with pytest.raises(SystemExit, match=message):
        airflow_x(*words)


def test_the_schema_is_brought_up_to_date(ledger, airflow_x):
    assert "is up to date" in airflow_x("db", "upgrade")
