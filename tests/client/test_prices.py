"""What X charges, row by row, and what an answer costs."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pendulum
import pytest

from x_provider.client import CreatePost, calls
from x_provider.client.prices import Charge, charge_of, charge_of_post, expected_charge, has_url
from x_provider.client.upload_dialects import DIALECTS
from x_provider.prices import PRICES, PRICING_PAGE, SUMMONED_REPLY, price_of

NOW = pendulum.datetime(2026, 12, 1, 8)
THREE = ("post/1", "post/2", "post/3")
POSTS = {"data": [{"id": "1"}, {"id": "2"}, {"id": "3"}]}


def create(text):
    return calls.create_post(CreatePost(text=text))


def usd(amount):
    return Decimal(amount)


@pytest.mark.parametrize(
    ("call", "answer", "expected"),
    [
        (create("Hello"), {"data": {"id": "1"}}, Charge("post_create", 1, usd("0.015"))),
        (
            create("See https://example.com/a"),
            {"data": {"id": "1"}},
            Charge("post_create_with_url", 1, usd("0.200")),
        ),
        (create("See example.com"), {"data": {"id": "1"}}, Charge("post_create_with_url", 1, usd("0.200"))),
        (create("So. What? 3.14"), {"data": {"id": "1"}}, Charge("post_create", 1, usd("0.015"))),
        (calls.delete_post("1"), {"data": {"deleted": True}}, Charge("post_delete", 1, usd("0.010"))),
        (calls.get_posts(["1", "2", "3", "4"]), POSTS, Charge("post_read", 3, usd("0.015"), THREE)),
        (calls.user_timeline("7"), POSTS, Charge("post_read", 3, usd("0.015"), THREE)),
        (calls.user_timeline("7"), {"meta": {"result_count": 0}}, None),
        (calls.get_posts(["1"]), {"errors": [{"title": "Not Found Error"}]}, None),
        (calls.me(), {"data": {"id": "7"}}, Charge("user_read", 1, usd("0.010"), ("user/7",))),
        (calls.user("7"), {"data": {"id": "7"}}, Charge("user_read", 1, usd("0.010"), ("user/7",))),
        (
            DIALECTS["2"].metadata("1", alt_text="A dome", sensitive=["other"]),
            {},
            Charge("media_metadata", 1, usd("0.005")),
        ),
        (DIALECTS["2"].status("1"), {"data": {"id": "1"}}, None),
        (DIALECTS["2"].finalize("1"), {"data": {"id": "1"}}, None),
    ],
)
def test_an_answer_costs_what_the_page_says(call, answer, expected):
    assert charge_of(call, answer, NOW) == expected


def test_the_own_timeline_costs_less_where_the_account_owns_the_app():
    own, other = calls.user_timeline("7"), calls.user_timeline("8")
    assert charge_of(own, POSTS, NOW, app_owner_id="7") == Charge("owned_read", 3, usd("0.003"), THREE)
    assert charge_of(other, POSTS, NOW, app_owner_id="7") == Charge("post_read", 3, usd("0.015"), THREE)
    assert charge_of(calls.get_posts(["1"]), POSTS, NOW, app_owner_id="7").kind == "post_read"


def test_a_call_is_priced_before_it_leaves():
    assert expected_charge(calls.get_posts(["1", "2"]), NOW) == Charge("post_read", 2, usd("0.010"))
    assert expected_charge(calls.user_timeline("7"), NOW) == Charge("post_read", 1, usd("0.005"))
    assert expected_charge(create("Hello"), NOW) == Charge("post_create", 1, usd("0.015"))
    assert expected_charge(DIALECTS["2"].status("1"), NOW) is None


def test_a_price_holds_from_its_day_on_in_utc():
    overhaul = pendulum.datetime(2026, 4, 20)
    assert charge_of_post("https://example.com", overhaul.subtract(seconds=1)).usd == usd("0.010")
    assert charge_of_post("https://example.com", overhaul).usd == usd("0.200")
    still_the_19th = pendulum.datetime(2026, 4, 20, 1, tz="Europe/Berlin")
    assert price_of("post_create", still_the_19th).usd == usd("0.010")
    assert price_of("post_create", date(2020, 1, 1)).since == date(2026, 2, 6)


def test_what_is_assumed_is_said_and_what_is_unknown_is_an_error():
    assert "names no price" in price_of("post_delete", NOW).note
    assert price_of(SUMMONED_REPLY, NOW).usd == usd("0.010")
    assert all(price.source == PRICING_PAGE for price in PRICES)
    with pytest.raises(KeyError, match="no price is known of 'weather'"):
        price_of("weather", NOW)


def test_prices_are_exact_to_the_tenth_of_a_cent():
    assert sum(charge_of(calls.me(), {"data": {"id": "7"}}, NOW).usd for _ in range(1000)) == usd("10.000")


@pytest.mark.parametrize("text", ["", "No link", "e.g. this", "v1.2.3", "ends here."])
def test_a_full_stop_is_no_link(text):
    assert not has_url(text)
