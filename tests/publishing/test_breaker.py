"""X takes no more money: nothing that costs leaves after that, until somebody says that it does again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pendulum
import pytest

from x_provider.calendar import PartSpec
from x_provider.client import XNotPaidFor, XOutOfCredits, XSpendCapReached
from x_provider.ledger import Ledger, PartState
from x_provider.publishing import Publisher, governed

CREATE = {"method": "POST", "path": "/2/tweets"}


@pytest.fixture
def paid_calls(sandbox):
    """The requests that X would bill, refused ones included."""
    return lambda: [
        request for request in sandbox.requests() if not request["path"].startswith("/2/media/upload")
    ]


def breaker(ledger, clock):
    return ledger.controls.breaker_of("x_default", clock())


@pytest.mark.parametrize("problem", ["credits", "credits-depleted", "spend-cap-reached"])
def test_after_one_refusal_for_money_not_one_further_paid_call_leaves(
    sandbox, ledger, client, publisher, plan, clock, paid_calls, problem
):
    publisher.user()
    posts = [plan(f"Number {number}", key=f"post {number}") for number in range(5)]
    sandbox.faults("status", problem=problem, times=-1, **CREATE)
    fired = publisher.fire(posts[0].id)
    assert (fired.post.state, fired.retry_at) == (PartState.ARMED, None)
    assert "airflow x budget x_default --reset" in fired.why
    sent = len(paid_calls())
    others = [
        Publisher(Ledger(ledger.database.url), client, account="x_default", clock=clock) for _ in range(4)
    ]
    with ThreadPoolExecutor(4) as pool:
        held = list(pool.map(lambda n: others[n - 1].fire(posts[n].id), range(1, 5)))
    for each in (*held, publisher.fire(posts[0].id)):
        assert each.post.state is PartState.ARMED
        assert each.retry_at is not None
        assert "nothing of account x_default that costs money leaves" in each.why
    watched = governed(client, ledger, account="x_default", clock=clock)
    for read in (watched.me, lambda: watched.get_posts(["1"])):
        with pytest.raises(XNotPaidFor, match="--reset"):
            read()
    assert len(paid_calls()) == sent


def test_what_is_in_flight_when_x_refuses_is_all_that_leaves(
    sandbox, ledger, client, publisher, plan, clock, creates
):
    publisher.user()
    posts = [plan(f"Number {number}", key=f"post {number}") for number in range(16)]
    sandbox.settings(latency_seconds=0.3)
    sandbox.faults("status", problem="credits", times=-1, **CREATE)
    workers = [
        Publisher(Ledger(ledger.database.url), client, account="x_default", clock=clock) for _ in range(4)
    ]
    with ThreadPoolExecutor(4) as pool:
        fired = list(pool.map(lambda n: workers[n % 4].fire(posts[n].id), range(16)))
    assert 1 <= len(creates()) <= 4
    assert sum(each.retry_at is None for each in fired) == len(creates())
    assert len(ledger.controls.halts(clock())) == 1


def test_what_waited_goes_out_after_the_reset(sandbox, ledger, publisher, plan, clock):
    publisher.user()
    first, second = plan("First", key="first"), plan("Second", key="second")
    sandbox.faults("status", problem="credits-depleted", times=1, **CREATE)
    publisher.fire(first.id)
    assert publisher.fire(second.id).retry_at is not None
    assert ledger.controls.reset("x_default", now=clock())
    for post in (first, second):
        assert publisher.fire(post.id).post.state is PartState.POSTED


def test_what_waited_past_its_grace_is_for_a_person(sandbox, ledger, publisher, plan, clock, creates):
    publisher.user()
    first, second = plan("First", key="first"), plan("Second", key="second", grace=60)
    sandbox.faults("status", problem="credits-depleted", times=1, **CREATE)
    publisher.fire(first.id)
    publisher.fire(second.id)
    clock.ahead = 90
    ledger.controls.reset("x_default", now=clock())
    assert publisher.fire(second.id).post.state is PartState.MISSED
    assert publisher.fire(first.id).post.state is PartState.POSTED
    assert ledger.sweeping.undecided(clock()) == [second.id]
    assert len(creates()) == 2


def test_credits_of_x_s_own_run_out_and_are_bought(sandbox, ledger, publisher, plan, clock, creates):
    publisher.user()
    sandbox.settings(credits_usd=0.030)
    posts = [plan(f"Number {number}", key=f"post {number}") for number in range(4)]
    for post in posts:
        publisher.fire(post.id)
    assert len(creates()) == 3
    assert "out of credits" in str(breaker(ledger, clock))
    sandbox.settings(credits_usd=1)
    ledger.controls.reset("x_default", now=clock())
    for post in posts:
        publisher.fire(post.id)
    assert len(sandbox.posts()) == 4


def test_a_spend_cap_ends_on_the_day_that_x_names(sandbox, ledger, publisher, plan, clock):
    publisher.user()
    sandbox.settings(spend_cap_usd=0.001)
    fired = publisher.fire(plan("Capped", then="publish").id)
    assert fired.retry_at is None
    found = breaker(ledger, clock)
    assert (found.ends_at.day, found.ends_at.hour) == (1, 0)
    assert found.ends_at > clock()
    assert breaker(ledger, lambda: found.ends_at) is None


def test_a_cap_whose_day_is_over_or_unreadable_waits_for_somebody(sandbox, ledger, publisher, plan, clock):
    publisher.user()
    for number, day in enumerate(("2020-01-01", "soon", "9999-12-31T23:59:59-12:00", None)):
        body = {
            "title": "SpendCapReached",
            "detail": "Your monthly spend cap has been reached.",
            "reset_date": day,
        }
        sandbox.faults("status", status=403, body=body, times=1, **CREATE)
        publisher.fire(plan(f"Number {number}", key=f"post {number}").id)
        assert breaker(ledger, clock).ends_at is None
        assert ledger.controls.reset("x_default", now=clock())


def test_a_read_that_x_refuses_for_money_holds_posts_back_too(
    sandbox, ledger, publisher, plan, clock, creates
):
    publisher.user()
    sandbox.faults("status", problem="credits", times=1, method="GET", path="/2/tweets")
    with pytest.raises(XOutOfCredits):
        publisher.client.get_posts(["1"])
    fired = publisher.fire(plan("Held").id)
    assert fired.post.state is PartState.ARMED
    assert creates() == []


def test_a_paid_call_before_the_create_opens_it_and_the_post_waits(
    sandbox, ledger, publisher, plan, picture, clock, creates
):
    publisher.user()
    post = plan(PartSpec(text="Look", media=[picture()]))
    sandbox.faults("status", problem="credits", times=1, method="POST", path="/2/media/metadata")
    with pytest.raises(XOutOfCredits):
        publisher.prepare(post.id)
    held = publisher.fire(post.id)
    assert "--reset" in held.why
    assert held.retry_at is not None
    assert creates() == []
    ledger.controls.reset("x_default", now=clock())
    assert publisher.fire(post.id).post.state is PartState.POSTED


def test_one_account_s_money_is_not_another_s(sandbox, ledger, client_of, publisher, plan, clock):
    publisher.user()
    sandbox.faults("status", problem="credits", times=1, account=sandbox.accounts[0]["username"], **CREATE)
    publisher.fire(plan("No money").id)
    other = Publisher(ledger, client_of(1), account="x_other", clock=clock)
    assert other.fire(plan("Money", key="other", account="x_other").id).post.state is PartState.POSTED


def test_the_cap_of_a_plan_s_reads_is_no_lack_of_money(sandbox, ledger, publisher, plan, clock):
    publisher.user()
    sandbox.faults("status", problem="usage-capped", times=1, **CREATE)
    assert publisher.fire(plan("Capped").id).retry_at is None
    assert breaker(ledger, clock) is None


def test_the_refusal_itself_says_how_to_go_on(sandbox, ledger, client, clock):
    watched = governed(client, ledger, account="x_default", clock=clock)
    sandbox.faults("status", problem="spend-cap-reached", times=1, method="GET", path="/2/users/me")
    with pytest.raises(XSpendCapReached):
        watched.me()
    with pytest.raises(XNotPaidFor) as refused:
        watched.me()
    assert refused.value.until == pendulum.datetime(2099, 1, 1)
    assert "2099-01-01" in str(refused.value)


def test_a_cap_that_outlasts_the_day_that_x_named_is_tried_again_within_hours(
    sandbox, ledger, publisher, plan, clock
):
    publisher.user()
    body = {
        "title": "SpendCapReached",
        "detail": "Your monthly spend cap has been reached.",
        "reset_date": clock().to_date_string(),
    }
    sandbox.faults("status", status=403, body=body, times=1, **CREATE)
    fired = publisher.fire(plan("Capped", then="publish", grace=10_000).id)
    ends_at = breaker(ledger, clock).ends_at
    assert 0 < (ends_at - clock()).total_hours() <= 1
    clock.ahead += 3_700
    assert breaker(ledger, clock) is None
    assert publisher.fire(fired.post.id).post.state is PartState.POSTED
