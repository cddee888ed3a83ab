from __future__ import annotations

import getpass
import json
import subprocess
import sys

import pendulum
import pytest
from drafting import plan_post
from other_processes import begin_attempt, send_without_answer, wake_post

from x_provider.calendar import PartSpec
from x_provider.client import CreatePost, OAuth1, XClient
from x_provider.ledger import Blackout, Engagement, FollowUpDraft, PartState, Receipt


@pytest.fixture
def post(ledger):
    """A post that is due; another, ``december/later``, is due in an hour."""
    post = plan_post(ledger, "Good morning", account="x_cli")
    plan_post(ledger, "Good morning", key="later", account="x_cli", due_in=3600)
    return post


def make_uncertain(ledger, post):
    now = pendulum.now("UTC")
    send_without_answer(ledger, post, at=now, wake_at=now)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("webhooks", "register"), "(default: [api] base_url, with /x/webhook/CONNECTION)"),
        (("login",), "go sealed into the ledger"),
    ],
)
def test_help_says_what_is_meant(airflow_x, capsys, command, words):
    with pytest.raises(SystemExit):
        airflow_x(*command, "--help")
    assert words in " ".join(capsys.readouterr().out.split())


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


def stop_by(ledger, post, why, *, wake_at=None):
    """What a sender leaves behind whose account X has stopped."""
    ledger.sending.arm(post, post.parts[0])
    in_a_while = wake_at or pendulum.now("UTC").add(minutes=15)
    assert ledger.sending.wait(post, post.parts[0], why=why, wake_at=in_a_while)


def test_a_post_that_waits_past_its_time_is_named_with_its_next_try(ledger, post, airflow_x):
    stop_by(ledger, post, "X does not accept the credentials")
    (waiting,) = json.loads(airflow_x("status", "--output", "json"))["waiting"]
    wake_at = ledger.posts.get(post.id).wake_at.isoformat()
    assert (waiting["post"], waiting["state"], waiting["next_try_by"]) == ("december/hello", "armed", wake_at)
    printed = airflow_x("status")
    assert "waiting: december/hello" in printed
    assert f"X does not accept the credentials; tried again by {wake_at} at the latest" in printed


def test_a_post_whose_account_has_no_connection_is_said_so_before_a_triggerer_is_asked_for(ledger, airflow_x):
    plan_post(ledger, "Good morning", account="x_nobody", due_in=-180)
    (waiting,) = json.loads(airflow_x("status", "--output", "json"))["waiting"]
    assert waiting["why"] == (
        "account x_nobody: its connection is not defined, and posts of it are still to be sent. Correct the name in"
        " the calendar, or define connection x_nobody."
    )


def test_check_says_that_somebody_is_needed_when_an_account_s_token_is_revoked(
    account, ledger, airflow_x, monkeypatch
):
    account_keys = json.loads(account.connection())
    account_keys["extra"]["access_token"] = "revoked"
    monkeypatch.setenv("AIRFLOW_CONN_X_CLI", json.dumps(account_keys))
    plan_post(ledger, "Good morning", account="x_cli", due_in=-180)
    airflow_x("reconcile", "december/hello")
    assert ledger.posts.find("december", "hello").state is PartState.ARMED
    with pytest.raises(SystemExit) as ended:
        airflow_x("status", "--check")
    assert ended.value.code == 2
    assert "Check the keys and tokens of the connection" in airflow_x("status")


def test_check_says_that_somebody_is_needed_when_nobody_sends_what_is_due(account, ledger, airflow_x, capsys):
    plan_post(ledger, "Good morning", account="x_cli", due_in=-90)
    with pytest.raises(SystemExit) as ended:
        airflow_x("status", "--check")
    assert ended.value.code == 2
    assert "nobody has taken it on: is DAG x_publish unpaused" in capsys.readouterr().out


def test_check_is_green_again_once_a_person_has_settled_everything(ledger, post, airflow_x):
    ledger.sending.give_up(post, PartState.REFUSED, why="X refuses it")
    skipped = plan_post(ledger, "Old", key="old", account="x_cli", then="skip")
    ledger.sending.give_up(skipped, PartState.MISSED, why="too late")
    with pytest.raises(SystemExit):
        airflow_x("status", "--check")
    airflow_x("void", "december/hello")
    airflow_x("status", "--check")


def test_unknown_outcomes_come_before_a_hundred_refusals_and_the_rest_is_counted(ledger, post, airflow_x):
    make_uncertain(ledger, post)
    for number in range(101):
        refused = plan_post(ledger, "No", key=f"refused-{number}", account="x_cli")
        ledger.sending.give_up(refused, PartState.REFUSED, why="X refuses it")
    printed = airflow_x("status")
    assert "uncertain: december/hello" in printed
    assert "… and 2 more that have stopped" in printed


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


def test_going_on_with_one_account_says_what_still_stops_every_one(ledger, post, airflow_x):
    airflow_x("stop", "--why", "wrong price")
    airflow_x("stop", "--account", "x_cli")
    assert "Still stopped: everything was stopped by" in airflow_x("go", "--account", "x_cli")
    with pytest.raises(
        SystemExit, match="x_cli was not stopped by hand; what holds it: everything was stopped"
    ):
        airflow_x("go", "--account", "x_cli")


def test_a_mistyped_ledger_is_refused_and_nothing_is_said_to_be_stopped(ledger, post, airflow_x, capsys):
    with pytest.raises(SystemExit, match=r"airflow x stop: Connection 'x_legder': .* is not defined"):
        airflow_x("stop", "--ledger-conn-id", "x_legder")
    assert "Stopped" not in capsys.readouterr().out


def test_stop_and_go_say_which_ledger_they_acted_on_and_no_password(
    ledger, post, airflow_x, monkeypatch, capsys
):
    which = f"Ledger: {ledger.database.url.render_as_string(hide_password=True)}\n"
    for command in ("stop", "go"):
        printed = airflow_x(command)
        assert which in printed
        assert "WARNING" not in printed
    with pytest.raises(SystemExit, match="was not stopped by hand"):
        airflow_x("go")
    assert which in capsys.readouterr().out


def test_stop_and_go_warn_of_a_ledger_that_has_never_seen_a_post(ledger, airflow_x):
    for command in ("stop", "go"):
        assert "WARNING: NO POST WAS EVER PLANNED IN THIS LEDGER" in airflow_x(command)


def test_stopping_an_account_that_nobody_knows_is_recorded_with_a_warning(ledger, post, airflow_x):
    printed = airflow_x("stop", "--account", "x_cly")
    assert "Nothing more of account x_cly is sent until airflow x go --account x_cly" in printed
    assert "WARNING: the ledger knows no account 'x_cly'" in printed
    assert "the ledger knows x_cli" in printed
    assert ledger.controls.halt_of("x_cly", pendulum.now("UTC")) is not None
    assert "WARNING" not in airflow_x("stop", "--account", "x_cli")
    assert "WARNING" not in airflow_x("stop")


def test_who_decided_is_shown_with_the_post(ledger, post, airflow_x):
    make_uncertain(ledger, post)
    airflow_x("void", "december/hello")
    assert f"{getpass.getuser()} decided on part 1: void" in airflow_x("show", "december/hello")


def test_show_says_what_waits_for_likes_and_what_follows_later(ledger, airflow_x):
    repost = FollowUpDraft(likes=100, within_seconds=86_400, repost=True, content=None)
    follows = PartSpec(text="Comment", after_seconds=300)
    post = plan_post(ledger, "Post", follows, key="liked", follow_ups=[repost])
    at = pendulum.datetime(2026, 12, 1, 9, 5)
    ledger.sending.postpone(post, post.parts[1], due_at=at, wake_at=at)
    printed = airflow_x("show", "december/liked")
    assert "part 2: planned  follows at 2026-12-01T09:05:00+00:00" in printed
    assert "follow-up 1: repost at 100 likes within 1 day: waiting" in printed


def test_show_says_when_a_post_is_taken_down_and_that_it_was(ledger, airflow_x):
    deletion = FollowUpDraft(None, None, repost=False, content=None, after_seconds=86_400, delete=True)
    post = plan_post(ledger, "Post", key="offer", follow_ups=[deletion])
    at = pendulum.datetime(2026, 12, 1, 9)
    send_without_answer(ledger, post, at=at)
    ledger.deciding.adopt(post.id, Receipt("7", "https://x.com/a/status/7", at, at))
    printed = airflow_x("show", "december/offer")
    assert "take the post down 1 day after the post: waiting, due 2026-12-02T09:00:00+00:00" in printed
    ledger.receipts.deleted("7", now=at.add(days=1))
    printed = airflow_x("show", "december/offer")
    assert "https://x.com/a/status/7, deleted at 2026-12-02T09:00:00+00:00" in printed


def test_show_says_how_often_x_has_told_of_replies(ledger, airflow_x):
    post, at = plan_post(ledger, "Post", key="talked"), pendulum.datetime(2026, 12, 1, 9)
    send_without_answer(ledger, post, at=at)
    ledger.deciding.adopt(post.id, Receipt("7", "https://x.com/a/status/7", at, at))
    assert "told" not in airflow_x("show", "december/talked")
    for number in ("11", "12"):
        ledger.events.engage(Engagement("reply", "x_default", "7", number, "8", "mallory", "Oh", at))
    assert "https://x.com/a/status/7, X has told of 2 replies" in airflow_x("show", "december/talked")


def test_show_says_where_the_post_s_page_is(ledger, post, airflow_x):
    assert "http://localhost:8080/x/?post=december/hello" in airflow_x("show", "december/hello")


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


@pytest.fixture
def on_x(sandbox, account):
    """Post something by the hand of one of the sandbox's accounts, and give its id."""

    def on_x(number=0, text="Good morning, all"):
        client = XClient(sandbox.url, OAuth1(*sandbox.keys(number)))
        return client.create_post(CreatePost(text=text)).id

    return on_x


def test_an_uncertain_post_is_adopted_by_its_address(account, on_x, ledger, post, airflow_x):
    make_uncertain(ledger, post)
    x_id = on_x()
    airflow_x("adopt", str(post.id), f"https://x.com/{account.accounts[0]['username']}/status/{x_id}")
    adopted = ledger.posts.get(post.id)
    assert adopted.state is PartState.POSTED
    assert adopted.parts[0].receipt.adopted
    assert adopted.parts[0].receipt.x_id == x_id
    assert adopted.wake_at is None


def test_somebody_else_s_post_is_not_adopted_whatever_its_address_says(
    account, on_x, ledger, post, airflow_x
):
    make_uncertain(ledger, post)
    ours, theirs = (each["username"] for each in account.accounts[:2])
    x_id = on_x(number=1)
    with pytest.raises(SystemExit, match=f"is @{ours}'s and .* is @{theirs}'s: it cannot be that one"):
        airflow_x("adopt", post.name, f"https://x.com/{theirs}/status/{x_id}")
    for named in (x_id, f"https://x.com/{ours}/status/{x_id}", f"https://x.com/i/status/{x_id}"):
        with pytest.raises(SystemExit, match=f"{x_id} is of the user .* of X: it cannot be that one"):
            airflow_x("adopt", post.name, named)
    with pytest.raises(SystemExit, match="X shows no post 1900000000000000001"):
        airflow_x("adopt", post.name, "1900000000000000001")
    assert ledger.posts.get(post.id).state is PartState.UNCERTAIN


def test_a_post_is_adopted_by_its_address_while_x_shows_no_posts(account, on_x, ledger, post, airflow_x):
    make_uncertain(ledger, post)
    x_id = on_x()
    account.faults("status", method="GET", path="/2/tweets", status=503, times=-1)
    airflow_x("adopt", post.name, x_id)
    assert ledger.posts.get(post.id).parts[0].receipt.x_id == x_id


@pytest.mark.parametrize("part", ["0", "2", "-1"])
def test_a_part_that_the_post_does_not_have_is_refused_with_words(account, ledger, post, airflow_x, part):
    make_uncertain(ledger, post)
    with pytest.raises(SystemExit, match=f"has no part {part}: its parts count from 1 to 1"):
        airflow_x("adopt", post.name, "1900000000000000001", f"--part={part}")


def test_reconcile_finds_the_post_on_x(account, ledger, post, airflow_x):
    account.faults("drop_after_commit", method="POST", path="/2/tweets", times=1)
    airflow_x("reconcile", "december/hello")
    assert ledger.posts.get(post.id).state is PartState.UNCERTAIN
    assert "december/hello is posted" in airflow_x("reconcile", "december/hello")
    assert len(account.posts()) == 1


def test_reconcile_without_a_post_takes_every_unknown_outcome_and_goes_on_after_a_mistake(
    account, ledger, post, airflow_x, capsys
):
    assert "of no post the outcome is unknown" in airflow_x("reconcile")
    account.faults("drop_after_commit", method="POST", path="/2/tweets", times=1)
    lost = plan_post(ledger, "Nobody's", key="lost", account="x_nobody")
    make_uncertain(ledger, lost)
    airflow_x("reconcile", "december/hello")
    assert ledger.posts.get(post.id).state is PartState.UNCERTAIN
    with pytest.raises(SystemExit, match="1 of 2 posts were left as they were: december/lost"):
        airflow_x("reconcile")
    printed = capsys.readouterr().out
    assert "december/lost: Connection 'x_nobody'" in printed
    assert "december/hello is posted" in printed
    assert len(account.posts()) == 1


def test_a_thread_that_x_cut_in_half_is_finished_once_the_cause_is_removed(account, ledger, airflow_x):
    thread = plan_post(ledger, "One", "Two", "Three", key="thread", account="x_cli")
    account.faults("status", path="/2/tweets", method="POST", skip=1, times=1, problem="not-permitted")
    assert "december/thread is refused" in airflow_x("reconcile", thread.name)
    assert "refused: december/thread" in airflow_x("status")
    airflow_x("resume", thread.name)
    assert "december/thread is posted" in airflow_x("reconcile", thread.name)
    three, two, one = account.posts()
    assert [post["text"] for post in (one, two, three)] == ["One", "Two", "Three"]
    assert "refused" not in airflow_x("status")


def test_what_is_given_up_is_not_sent(ledger, post, airflow_x):
    airflow_x("void", "december/hello")
    assert ledger.posts.get(post.id).state is PartState.REFUSED
    assert [due.name for due in ledger.posts.due(pendulum.now("UTC").add(days=1))] == ["december/later"]


def test_what_is_being_sent_is_not_said_to_be_called_back(ledger, post, airflow_x):
    ledger.sending.arm(post, post.parts[0])
    begin_attempt(ledger, post, at=pendulum.now("UTC"))
    assert "is being sent at this moment" in airflow_x("void", "december/hello")
    assert "is wanted again" in airflow_x("resume", "december/hello")


def test_what_of_it_is_on_x_is_still_taken_down_until_that_is_given_up_too(ledger, airflow_x):
    deletion = FollowUpDraft(None, None, repost=False, content=None, after_seconds=86_400, delete=True)
    later = PartSpec(text="Comment", after_seconds=300)
    post, at = plan_post(ledger, "Post", later, key="offer", follow_ups=[deletion]), pendulum.now("UTC")
    send_without_answer(ledger, post, at=at)
    ledger.deciding.adopt(post.id, Receipt("7", "https://x.com/a/status/7", at, at))
    printed = airflow_x("void", "december/offer")
    assert "still to come: take the post down 1 day after the post: waiting, due" in printed
    assert "say `airflow x void december/offer` once more" in printed
    assert "still to come" not in airflow_x("void", "december/offer")
    assert [each.state for each in ledger.follow_ups.of(post.id)] == ["void"]


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
        (("show", "99999999999999999999"), "the ledger has no post 99999999999999999999"),
        (("resume", "9" * 19), "the ledger has no post 9{19}"),
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
    said = airflow_x("db", "upgrade")
    assert "is up to date" in said
    assert "Database(" not in said
