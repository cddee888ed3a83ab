"""``airflow x webhooks``, against a local X that calls the real route."""

from __future__ import annotations

import json

import pytest
from webhook_server import served

from x_provider.publishing import utc_now
from x_provider.web import webhook


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
    assert "is valid" in webhooks("validate")
    (row,) = listed(webhooks)
    assert (row["url"], row["valid"], row["event"]) == (url, "True", "")
    assert "X delivers nothing" in webhooks("delete")
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


def test_the_deprecated_api_is_there_for_those_who_need_it(webhooks, url, account) -> None:
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
