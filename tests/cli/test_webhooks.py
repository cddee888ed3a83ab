"""``airflow x webhooks``, against a local X that calls the real route."""

from __future__ import annotations

import json
import os

import pytest
from webhook_server import served

from x_provider.ledger import ReceivedEvent
from x_provider.ledger.events import MOST_TRIES
from x_provider.publishing import utc_now
from x_provider.web import webhook


@pytest.fixture
def account(sandbox, monkeypatch):
    """An account by an OAuth 2.0 token, with its app's keys, as the connection ``x_cli``."""
    described = json.loads(sandbox.connection())
    token = sandbox.accounts[0]["oauth2"]["access_token"]
    monkeypatch.setenv(
        "AIRFLOW_CONN_X_CLI", json.dumps({**described, "extra": {"oauth2_access_token": token}})
    )
    return sandbox


@pytest.fixture
def by_keys(account, monkeypatch):
    """The same account by OAuth 1.0a keys."""
    monkeypatch.setenv("AIRFLOW_CONN_X_CLI", account.connection())


@pytest.fixture
def by_login(account, ledger, monkeypatch):
    """The same account by an OAuth 2.0 login that is kept in the ledger."""
    described, app = json.loads(account.connection()), account.accounts[0]["oauth2"]
    names = {
        "client_id": "client_id",
        "client_secret": "client_secret",
        "refresh_token": "oauth2_refresh_token",
    }
    extra = {ours: app[name] for name, ours in names.items()}
    monkeypatch.setenv("AIRFLOW_CONN_X_CLI", json.dumps({**described, "extra": extra}))


@pytest.fixture
def url(airflow_home, ledger, account, monkeypatch):
    """Where this Airflow takes the deliveries for the connection ``x_cli``."""
    monkeypatch.setattr(webhook.route.app, "_loop", None)
    with served() as server:
        yield f"{server}/x/webhook/x_cli"


@pytest.fixture
def webhooks(airflow_x, url):
    def webhooks(command: str, *options: str) -> str:
        return airflow_x("webhooks", command, "x_cli", *options)

    return webhooks


def listed(webhooks, *options):
    return json.loads(webhooks("list", "--output", "json", *options))


def test_from_registering_to_deleting(webhooks, url, account, ledger) -> None:
    assert listed(webhooks) == []
    said = webhooks("register", "--url", url)
    assert url in said
    assert "airflow x webhooks subscribe x_cli" in said
    assert "lists it as valid" in webhooks("validate")
    (row,) = listed(webhooks)
    assert (row["url"], row["valid"], row["event"]) == (url, "True", "")
    assert "delivers nothing" in webhooks("delete")
    assert listed(webhooks) == []


def test_what_is_subscribed_is_listed_and_makes_the_account_known(webhooks, url, account, ledger) -> None:
    webhooks("register", "--url", url)
    said = webhooks("subscribe")
    assert "post.mention.create of @alice" in said
    assert "$0.005" in said
    assert ledger.accounts.of_user(account.accounts[0]["id"]) == ["x_cli"]
    assert sorted(row["event"] for row in listed(webhooks)) == [
        "post.delete",
        "post.mention.create",
        "post.quote.create",
        "post.reply.create",
        "post.repost.create",
    ]
    assert "was subscribed already" in webhooks("subscribe", "--events", "post.delete")
    assert webhooks("unsubscribe", "--events", "post.delete").startswith("1 subscriptions")
    assert webhooks("unsubscribe").startswith("4 subscriptions")
    assert [row["event"] for row in listed(webhooks)] == [""]


def test_an_event_that_x_refuses_keeps_no_other_from_being_subscribed(webhooks, url, by_keys, capsys) -> None:
    webhooks("register", "--url", url)
    with pytest.raises(SystemExit, match=r"4 of 5 were not subscribed.*no OAuth 1\.0a keys.*airflow x login"):
        webhooks("subscribe")
    said = capsys.readouterr().out
    assert said.count("NOT subscribed") == 4
    assert f"post.delete of @alice: {url} is told" in said
    assert [row["event"] for row in listed(webhooks)] == ["post.delete"]


def test_the_deprecated_api_needs_more_than_a_login_gives_and_says_so_before(
    webhooks, url, by_login, sandbox
) -> None:
    webhooks("register", "--url", url)
    with pytest.raises(SystemExit, match=r"OAuth 1\.0a keys.*lacks dm\.read, dm\.write"):
        webhooks("subscribe", "--account-activity")
    assert not [each for each in sandbox.requests() if "account_activity" in each["path"]]


def test_a_challenge_that_failed_is_told_whatever_x_answers(webhooks, url, sandbox) -> None:
    webhooks("register", "--url", url)
    answer = {"method": "PUT", "path": "/2/webhooks", "status": 200}
    sandbox.faults("status", body={"data": {"valid": False}}, **answer)
    with pytest.raises(SystemExit, match="X did not challenge webhook"):
        webhooks("validate")
    sandbox.settings(webhook_validation="trigger", webhook_local_http=False)
    with pytest.raises(SystemExit, match="lists it as not valid"):
        webhooks("validate")
    assert [row["valid"] for row in listed(webhooks)] == ["False"]


@pytest.mark.parametrize("is_deleted", [True, False])
def test_a_webhook_that_x_still_lists_is_not_said_to_be_gone(webhooks, url, sandbox, is_deleted) -> None:
    webhooks("register", "--url", url)
    (row,) = listed(webhooks)
    answer = {"method": "DELETE", "path": "/2/webhooks", "status": 200}
    sandbox.faults("status", body={"data": {"deleted": is_deleted}}, **answer)
    with pytest.raises(SystemExit, match=f"X still lists webhook {row['webhook']}"):
        webhooks("delete")


def test_the_deprecated_api_is_there_for_those_who_need_it(webhooks, url, account, by_keys) -> None:
    webhooks("register", "--url", url)
    assert "deprecated" in webhooks("subscribe", "--account-activity")
    (row,) = listed(webhooks, "--account-activity")
    assert (row["event"], row["user"]) == ("all (Account Activity)", account.accounts[0]["id"])
    assert webhooks("unsubscribe", "--account-activity").startswith("1 subscriptions")


def test_a_replay_is_asked_for_by_the_minute(webhooks, url) -> None:
    webhooks("register", "--url", url)
    start = utc_now().subtract(hours=1).format("YYYY-MM-DD[T]HH:mm[Z]")
    assert "X delivers again" in webhooks("replay", "--from", start)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["validate"], "airflow x webhooks validate: the app has no webhook"),
        (["register", "--url", "http://example.com/hook"], "UrlValidationFailed"),
        (["register"], r"\[api\] base_url is"),
        (["replay", "--from", "yesterdayish"], "--from"),
        (["replay", "--from", "2026-01-02T00:00Z", "--until", "2026-01-01T00:00Z"], "is before --from"),
    ],
)
def test_what_cannot_be_done_says_why_in_one_line(webhooks, command, words) -> None:
    with pytest.raises(SystemExit, match=words):
        webhooks(*command)


def test_the_address_for_a_local_x_is_named_and_works(webhooks, url, monkeypatch) -> None:
    base = url.removesuffix("/x/webhook/x_cli")
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base)
    with pytest.raises(SystemExit, match="not X's own: a local one") as refused:
        webhooks("register")
    option, address = str(refused.value).split()[-2:]
    assert (option, address) == ("--url", url)
    assert url in webhooks("register", option, address)


def test_x_s_own_is_not_told_of_an_address_on_this_machine(webhooks, monkeypatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_X_CLI", '{"conn_type": "x", "login": "k", "password": "s"}')
    with pytest.raises(SystemExit, match=r"give --url https://YOUR-AIRFLOW/x/webhook/x_cli$"):
        webhooks("register")


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ("post.mentions.create", r"did you mean post\.mention\.create\?"),
        ("follow.follow", r"There are post\.mention\.create, .*post\.delete\. Nothing was subscribed$"),
    ],
)
def test_a_mistyped_event_is_named_with_its_nearest_and_x_is_not_asked(
    webhooks, sandbox, event, words
) -> None:
    with pytest.raises(SystemExit, match=rf"--events {event}: .*{words}"):
        webhooks("subscribe", "--events", "post.delete", event)
    assert not [each for each in sandbox.requests() if "/2/" in each["path"]]


@pytest.mark.parametrize(("bearer", "can"), [(False, False), (True, True)])
def test_an_app_s_client_needs_its_bearer_token_beside_it_to_subscribe(
    webhooks, url, by_login, sandbox, monkeypatch, bearer, can
) -> None:
    webhooks("register", "--url", url)
    described = json.loads(os.environ["AIRFLOW_CONN_X_CLI"])
    described = {**described, "login": "", "password": ""}
    if bearer:
        described["extra"]["bearer_token"] = sandbox.credentials["bearer_token"]
    monkeypatch.setenv("AIRFLOW_CONN_X_CLI", json.dumps(described))
    if can:
        assert "post.mention.create of @alice" in webhooks("subscribe")
    else:
        with pytest.raises(SystemExit, match="Give the app's bearer token, or its API key and secret"):
            webhooks("subscribe")


@pytest.fixture
def given_up(ledger):
    """Events of two webhooks, tried as often as events are; their numbers."""
    mention = json.dumps({"data": {"event_type": "post.mention.create", "payload": {"text": "in private"}}})
    now = utc_now()
    events = [
        ReceivedEvent(f"{app}-{number}", app, mention, now) for app in ("x_cli", "x_b") for number in "12"
    ]
    ledger.events.store(events)
    for _ in range(MOST_TRIES):
        for event in ledger.events.claim(now, until=now, limit=9):
            ledger.events.failed(event.id, why=f"no account for {event.app}", now=now, wake_at=now)
    return {(event.app, event.id) for event in ledger.events.given_up(limit=9)}


def waiting(ledger) -> set[int]:
    return {event.id for event in ledger.events.due(utc_now(), limit=9)}


def test_what_was_given_up_is_listed_with_what_kept_it_and_never_with_what_was_said(given_up, airflow_x):
    printed = airflow_x("webhooks", "failed", "--output", "json")
    rows = json.loads(printed)
    assert {(row["connection"], int(row["event"])) for row in rows} == given_up
    assert {row["kind"] for row in rows} == {"post.mention.create"}
    assert rows[0]["why"] == f"no account for {rows[0]['connection']}"
    assert "in private" not in printed
    (only,) = json.loads(airflow_x("webhooks", "failed", "x_cli", "--limit", "1", "--output", "json"))
    assert only["connection"] == "x_cli"


def test_what_was_given_up_is_tried_again_by_number_by_webhook_or_all(given_up, airflow_x, ledger) -> None:
    of_cli, of_b = ({number for app, number in given_up if app == name} for name in ("x_cli", "x_b"))
    first, second = sorted(of_cli)
    assert airflow_x("webhooks", "retry", "--event", str(first)).startswith("1 event is tried again")
    assert waiting(ledger) == {first}
    assert airflow_x("webhooks", "retry", "x_b", "--all").startswith("2 events are tried again")
    assert waiting(ledger) == {first, *of_b}
    assert airflow_x("webhooks", "retry", "--all").startswith("1 event is tried again")
    assert waiting(ledger) == {first, second, *of_b}
    assert airflow_x("webhooks", "retry", "--all").startswith("0 events are tried again")


def test_what_was_not_given_up_is_named_and_the_others_are_tried_again(
    given_up, airflow_x, ledger, capsys
) -> None:
    number = min(number for _, number in given_up)
    with pytest.raises(
        SystemExit, match=r"webhooks retry: not among those that were given up: 998, 999; `air"
    ):
        airflow_x("webhooks", "retry", "--event", str(number), "999", "998")
    assert capsys.readouterr().out.startswith("1 event is tried again")
    assert waiting(ledger) == {number}


@pytest.mark.parametrize("command", [("failed", "x_typo"), ("retry", "x_typo", "--all")])
def test_a_connection_that_nobody_knows_is_named(given_up, airflow_x, ledger, command) -> None:
    with pytest.raises(SystemExit, match=f"webhooks {command[0]}: there is no connection x_typo"):
        airflow_x("webhooks", *command)
    assert waiting(ledger) == set()


def test_a_connection_of_which_nothing_was_given_up_is_no_error(airflow_x, account, ledger) -> None:
    assert airflow_x("webhooks", "retry", "x_cli", "--all").startswith("0 events are tried again")
    ledger.events.store([ReceivedEvent("1", "x_removed", "{}", utc_now())])
    assert airflow_x("webhooks", "retry", "x_removed", "--all").startswith("0 events are tried again")


@pytest.mark.parametrize(
    ("base_url", "said"),
    [
        ("https://h:8443", "https://h:8443"),
        ("https://user:pw@h/air", "https://h/air"),
        ("http://h", "http://h"),
        ("https://", "https:"),
    ],
)
def test_an_address_that_x_does_not_take_is_not_registered(webhooks, monkeypatch, base_url, said) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base_url)
    with pytest.raises(SystemExit, match=rf"base_url is '{said}'"):
        webhooks("register")


@pytest.mark.parametrize("options", [(), ("--all", "--event", "1")])
def test_which_events_are_tried_again_has_to_be_said(given_up, airflow_x, ledger, options) -> None:
    with pytest.raises(SystemExit, match="say which with --event ID"):
        airflow_x("webhooks", "retry", *options)
    assert waiting(ledger) == set()
