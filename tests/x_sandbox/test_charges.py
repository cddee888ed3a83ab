from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import requests

from x_sandbox.prices import PRICE_LISTS, PriceList, price


def kinds(sandbox) -> dict[str, tuple[int, str]]:
    found = sandbox.charges()["kinds"]
    return {kind: (item["units"], item["usd"]) for kind, item in found.items()}


def total(sandbox) -> Decimal:
    return Decimal(sandbox.charges()["total_usd"])


@pytest.mark.parametrize(
    ("text", "kind", "usd"),
    [
        ("no link", "Content: Create", "0.015"),
        ("See https://example.com/a", "Content: Create (with URL)", "0.200"),
        ("example.com is a link, too", "Content: Create (with URL)", "0.200"),
        ("e.g. this is none, nor is file.zzz", "Content: Create", "0.015"),
    ],
)
def test_a_post_costs_more_with_a_link(sandbox, alice, text, kind, usd) -> None:
    alice.create(text)
    assert kinds(sandbox) == {kind: (1, usd)}
    charge = sandbox.charges()["charges"][0]
    assert (charge["account"], charge["operation"]) == ("alice", "POST /2/tweets")


def test_an_answer_to_who_asked_costs_less_than_an_own_thread(sandbox, alice, bob) -> None:
    root = alice.create("what do you say, @bob?")
    alice.create("more", reply={"in_reply_to_tweet_id": root})
    bob.create("this", reply={"in_reply_to_tweet_id": root})
    assert kinds(sandbox) == {
        "Content: Create": (2, "0.030"),
        "Content: Create (summoned reply)": (1, "0.010"),
    }


def test_what_fails_costs_nothing(sandbox, alice, png) -> None:
    alice.create("once")
    before = total(sandbox)
    alice.refusal("once")
    alice.refusal("x" * 281)
    alice.get("/2/tweets/123")
    alice.call("DELETE", "/2/tweets/123")
    alice.post("/2/media/metadata", {"id": "123"})
    sandbox.faults("status", method="POST", path="/2/tweets")
    assert alice.post("/2/tweets", {"text": "lost"}).status_code == 503
    assert total(sandbox) == before


def test_a_post_whose_answer_is_lost_is_billed(sandbox, alice) -> None:
    sandbox.faults("drop_after_commit", method="POST", path="/2/tweets")
    with pytest.raises(requests.ConnectionError):
        alice.post("/2/tweets", {"text": "there all the same"})
    assert kinds(sandbox) == {"Content: Create": (1, "0.015")}


def test_a_resource_is_billed_once_a_day_whoever_reads_it(sandbox, alice, bob) -> None:
    ids = [alice.create(f"post {number}") for number in range(3)]
    before = total(sandbox)
    for api in (alice, bob):
        api.get("/2/tweets", ids=",".join([*ids, "123"]))
        api.get(f"/2/users/{alice.account['id']}/tweets")
    assert total(sandbox) - before == Decimal("0.015")
    alice.get("/2/users/me")
    bob.get(f"/2/users/{alice.account['id']}")
    assert total(sandbox) - before == Decimal("0.025")
    sandbox.settings(clock_ahead_seconds=86_400)
    alice.get(f"/2/tweets/{ids[0]}")
    assert total(sandbox) - before == Decimal("0.030")


def test_the_own_timeline_costs_less_for_who_owns_the_app(sandbox, alice, bob) -> None:
    sandbox.settings(app_owner="alice")
    for api in (alice, bob):
        api.create("mine")
    alice.get(f"/2/users/{alice.account['id']}/tweets")
    bob.get(f"/2/users/{bob.account['id']}/tweets")
    assert kinds(sandbox)["Owned Reads"] == (1, "0.001")
    assert kinds(sandbox)["Posts: Read"] == (1, "0.005")


def test_everything_else_has_its_price(sandbox, alice, bob, png) -> None:
    root = alice.create("hello @bob")
    reply = bob.create("spam", reply={"in_reply_to_tweet_id": root})
    before = total(sandbox)
    media_id = alice.image(png)
    assert total(sandbox) == before  # the upload is free
    alice.post("/2/media/metadata", {"id": media_id, "metadata": {"alt_text": {"text": "Teal"}}})
    alice.call("PUT", f"/2/tweets/{reply}/hidden", json={"hidden": True})
    alice.post(f"/2/users/{alice.account['id']}/retweets", {"tweet_id": root})
    alice.call("DELETE", f"/2/users/{alice.account['id']}/retweets/{root}")
    alice.call("DELETE", f"/2/tweets/{root}")
    listing = sandbox.charges()["accounts"]["alice"]
    listing.pop("Content: Create")
    assert listing == {
        "Media Metadata": {"units": 1, "usd": "0.005"},
        "Content: Manage": {"units": 1, "usd": "0.005"},
        "User Interaction: Create": {"units": 1, "usd": "0.015"},
        "Interaction: Delete": {"units": 2, "usd": "0.020"},
    }


@pytest.mark.parametrize(
    ("form", "members"),
    [
        ("credits", {"title": "CreditsDepleted", "account_id": 1}),
        ("credits-depleted", {"title": "Payment Required", "detail": "credits depleted"}),
    ],
)
def test_used_up_credits_are_told_in_both_forms_that_x_has(sandbox, alice, png, form, members) -> None:
    sandbox.settings(credits_usd=0.03, credit_problem=form)
    alice.create("one")
    alice.create("two")
    refused = alice.post("/2/tweets", {"text": "three"})
    assert refused.status_code == 402
    assert refused.json()["type"].endswith(f"/problems/{form}")
    assert members.items() <= refused.json().items()
    assert alice.get("/2/users/me").status_code == 402
    assert alice.upload(png, "tweet_image").status_code == 200
    assert len(sandbox.posts()) == 2
    assert sandbox.charges()["credits_left_usd"] == "0.000"
    sandbox.settings(credits_usd=1)
    alice.create("three")


def test_what_the_credits_do_not_suffice_for_is_not_done(sandbox, alice) -> None:
    sandbox.settings(credits_usd=0.10)
    assert alice.post("/2/tweets", {"text": "https://example.com"}).status_code == 402
    alice.create("without a link")


def test_the_spend_cap_holds_until_the_month_ends(sandbox, alice) -> None:
    sandbox.settings(spend_cap_usd=0.02)
    alice.create("one")
    refused = alice.post("/2/tweets", {"text": "two"})
    assert (refused.status_code, refused.json()["title"]) == (403, "SpendCapReached")
    reset = date.fromisoformat(refused.json()["reset_date"])
    today = date.fromisoformat(sandbox.posts()[0]["created_at"][:10])
    assert (reset.day, 0 < (reset - today).days <= 31) == (1, True)
    sandbox.settings(clock_ahead_seconds=86_400 * (reset - today).days)
    alice.create("two")


@pytest.mark.parametrize("amount", ["1", True, -1, [1]])
@pytest.mark.parametrize("setting", ["credits_usd", "spend_cap_usd"])
def test_an_amount_is_a_number_or_nothing(sandbox, setting, amount) -> None:
    refused = requests.post(f"{sandbox.url}/_sandbox/settings", json={setting: amount}, timeout=5)
    assert (refused.status_code, setting in refused.json()["error"]) == (400, True)
    assert sandbox.settings(**{setting: None})[setting] is None


def usage(api, **query: str) -> dict[str, Any]:
    fields = "daily_project_usage,daily_client_app_usage"
    answer = api.get("/2/usage/tweets", usage_fields=fields, **query)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def test_usage_counts_the_posts_that_were_read_by_day(sandbox, alice, api_of) -> None:
    app = api_of(sandbox, 0, bearer=sandbox.credentials["bearer_token"])
    ids = [alice.create(f"post {number}") for number in range(3)]
    alice.get("/2/tweets", ids=",".join(ids))
    sandbox.settings(clock_ahead_seconds=86_400)
    for _ in range(2):
        alice.get(f"/2/tweets/{ids[0]}")
    data = usage(app, days="2")
    days = data["daily_project_usage"]["usage"]
    assert [day["usage"] for day in days] == ["3", "1"]
    assert days[1]["date"].endswith("T00:00:00.000Z")
    assert data["daily_client_app_usage"][0]["usage"] == days
    assert len(usage(app)["daily_project_usage"]["usage"]) == 7
    assert int(data["project_usage"]) in (1, 4)  # the month may have changed between the days
    assert alice.get("/2/usage/tweets").status_code == 403
    assert app.get("/2/usage/tweets", days="91").status_code == 400


def test_charges_outlive_a_restart_and_a_resource_stays_billed(own_sandbox, api_of) -> None:
    server = own_sandbox()
    alice = api_of(server, 0)
    post_id = alice.create("hello")
    alice.get(f"/2/tweets/{post_id}")
    before = server.charges()
    server.kill()
    again = own_sandbox()
    api_of(again, 0).get(f"/2/tweets/{post_id}")
    after = again.charges()
    assert (after["kinds"], len(after["charges"])) == (before["kinds"], 2)
    again.reset()
    assert again.charges()["charges"] == []


def test_a_price_counts_from_its_day(monkeypatch) -> None:
    dearer = PriceList(date(2027, 1, 1), {**PRICE_LISTS[-1].usd, "Content: Create": Decimal("0.020")})
    monkeypatch.setattr("x_sandbox.prices.PRICE_LISTS", [*PRICE_LISTS, dearer])
    days = (date(2025, 1, 1), date(2026, 12, 31), date(2027, 1, 1))
    assert [str(price("Content: Create", day)) for day in days] == ["0.015", "0.015", "0.020"]
