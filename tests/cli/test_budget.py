"""`airflow x budget`: what accounts cost, what they may cost, and how to go on when X takes no more money."""

from __future__ import annotations

import json
from decimal import Decimal

import pendulum
import pytest

from x_provider.client import CreatePost
from x_provider.hooks.x import XHook
from x_provider.ledger import Cost
from x_provider.publishing import governed

POST = Cost("post_create_with_url", Decimal("0.200"))


def spend(ledger, *costs, at=None):
    for cost in costs:
        ledger.charges.add("x_cli", cost, what="test", at=at or pendulum.now("UTC"))


def refused(airflow_x, *words):
    with pytest.raises(SystemExit) as ended:
        airflow_x(*words)
    return str(ended.value.code)


def test_it_shows_what_was_spent_by_kind(ledger, airflow_x):
    spend(ledger, POST, POST, Cost("post_read", Decimal("0.035"), 7))
    printed = airflow_x("budget")
    assert "account x_cli has spent $0.435" in printed
    assert "it has no budget (airflow x budget x_cli --set USD)" in printed
    (shown,) = json.loads(airflow_x("budget", "x_cli", "--output", "json"))
    assert shown["kinds"] == [
        {"kind": "post_create_with_url", "units": 2, "usd": "0.4"},
        {"kind": "post_read", "units": 7, "usd": "0.035"},
    ]
    assert (shown["spent_usd"], shown["budget_usd"], shown["percent"]) == ("0.435", None, None)


def test_nothing_spent_is_said_too(ledger, airflow_x):
    assert "no account has cost anything yet" in airflow_x("budget")


def test_a_budget_is_set_shown_and_removed(ledger, airflow_x):
    spend(ledger, POST)
    printed = airflow_x("budget", "x_cli", "--set", "$0.50")
    assert "of its budget of $0.500 (40 %); $0.300 left until" in printed
    assert ledger.charges.month("x_cli", now=pendulum.now("UTC")).budget == Decimal("0.50")
    assert "it has no budget" in airflow_x("budget", "x_cli", "--remove")
    assert "has no budget, so there is none to remove" in refused(airflow_x, "budget", "x_cli", "--remove")


def test_another_month_is_shown_by_its_name(ledger, airflow_x):
    spend(ledger, POST, at=pendulum.datetime(2026, 5, 31, 23, 59))
    assert "has spent $0.200 in 2026-05" in airflow_x("budget", "x_cli", "--month", "2026-05")
    assert "has spent $0.00 in 2026-06" in airflow_x("budget", "x_cli", "--month", "2026-06")
    assert "is no month" in refused(airflow_x, "budget", "x_cli", "--month", "May")


@pytest.mark.parametrize("amount", ["much", "-1", "NaN", "0.0000001", "1,5"])
def test_what_is_no_amount_sets_nothing(ledger, airflow_x, amount):
    assert "no amount of US dollars" in refused(airflow_x, "budget", "x_cli", f"--set={amount}")
    assert ledger.charges.accounts() == []


def test_what_changes_something_needs_to_know_whose(airflow_x, ledger):
    assert "--reset needs an account" in refused(airflow_x, "budget", "--reset")
    assert "--set needs an account" in refused(airflow_x, "budget", "--set", "1")
    assert "exclude each other" in refused(airflow_x, "budget", "x_cli", "--set", "1", "--remove")


def test_a_mistyped_account_is_doubted(ledger, airflow_x):
    assert "the ledger knows no account 'x_cl'" in airflow_x("budget", "x_cl", "--set", "1")


def test_where_x_takes_no_money_it_says_so_and_a_reset_goes_on(ledger, airflow_x):
    spend(ledger, POST)
    ledger.controls.break_off("x_cli", why="X: credits depleted", now=pendulum.now("UTC"))
    assert "STOPPED: nothing of account x_cli that costs money leaves" in airflow_x("budget", "x_cli")
    shown = json.loads(airflow_x("status", "--output", "json"))
    assert (shown["halts"][0]["calendar"], shown["halts"][0]["in_force"]) == (None, True)
    assert refused(airflow_x, "status", "--check") == "2"
    assert "airflow x budget x_cli --reset" in refused(airflow_x, "go", "--account", "x_cli")
    assert "Going on" in airflow_x("budget", "x_cli", "--reset")
    airflow_x("status", "--check")
    assert "nothing to reset" in refused(airflow_x, "budget", "x_cli", "--reset")


def test_status_names_a_budget_that_is_nearly_or_wholly_used_up(ledger, airflow_x):
    spend(ledger, POST)
    airflow_x("budget", "x_cli", "--set", "0.250")
    assert "NEARLY USED UP: account x_cli has spent $0.200" in airflow_x("status")
    airflow_x("status", "--check")
    airflow_x("budget", "x_cli", "--set", "0.200")
    assert "\nUSED UP: account x_cli" in airflow_x("status")
    assert refused(airflow_x, "status", "--check") == "2"


def test_it_compares_with_what_x_has_counted(account, ledger, airflow_x):
    client = XHook("x_cli").get_conn()
    watched = governed(client, ledger, account="x_cli", clock=lambda: pendulum.now("UTC"))
    ids = [client.create_post(CreatePost(text=f"Number {number}")).id for number in range(3)]
    watched.get_posts(ids)
    assert "X counts as many posts as the ledger" in airflow_x("budget", "x_cli", "--usage")
    client.get_posts([client.create_post(CreatePost(text="Elsewhere")).id])
    printed = airflow_x("budget", "x_cli", "--usage")
    assert "X counts 1 post more than the ledger" in printed
    assert (
        "for when it begins anew, and does not say whether that is a day of the month or days left" in printed
    )
    rows = json.loads(airflow_x("budget", "x_cli", "--usage", "--output", "json"))
    day = next(row for row in rows if row["by the ledger's"] != "0")
    assert (day["posts read by X's count"], day["by the ledger's"], day["X's more"]) == ("4", "3", "1")
