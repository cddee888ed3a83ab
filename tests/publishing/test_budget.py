"""What leaves while there is money for it, and not a cent beyond: against X, which bills for itself."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from x_provider.calendar import PartSpec
from x_provider.client import XNotPaidFor
from x_provider.insights import collect
from x_provider.ledger import Cost, Ledger, PartState
from x_provider.publishing import Publisher, governed
from x_provider.publishing.composing import compose
from x_provider.publishing.governor import costs_of
from x_provider.publishing.sending import LEASE_SECONDS

CREATE = {"method": "POST", "path": "/2/tweets"}
LINK = "Tickets: https://example.com/tickets"


@pytest.fixture
def budget(ledger, clock):
    def budget(usd):
        ledger.charges.set_budget("x_default", Decimal(usd), by="eve", now=clock())

    return budget


@pytest.fixture
def month(ledger, clock):
    """The account's month in money."""
    return lambda: ledger.charges.month("x_default", now=clock())


@pytest.fixture
def bill(sandbox):
    """What X says that everything cost."""
    return lambda: Decimal(sandbox.get("/_sandbox/charges")["total_usd"])


@pytest.fixture
def paid(ledger, month):
    """What the ledger says was paid for, by kind."""
    return lambda: {cost.kind: cost.units for cost in ledger.charges.by_kind("x_default", month().name)}


def test_a_mixed_month_costs_what_x_bills_for_it(
    sandbox, ledger, client, publisher, plan, picture, clock, month, bill, paid
):
    publisher.fire(plan("Plain", key="plain").id)
    publisher.fire(plan(LINK, key="link").id)
    publisher.fire(plan("One", "Two, with example.com", "Three", key="thread").id)
    publisher.fire(
        plan(PartSpec(text="Look", media=[picture(), picture("b.png", alt=None)]), key="pictures").id
    )
    sandbox.faults("drop_after_commit", times=1, **CREATE)
    lost = plan("Lost and found", key="lost")
    publisher.fire(lost.id)
    assert publisher.fire(lost.id).post.state is PartState.POSTED
    sandbox.faults("status", problem="duplicate", times=1, **CREATE)
    refused = plan("Refused", key="refused")
    publisher.fire(refused.id)
    for clock.ahead in (181, 200):
        publisher.fire(refused.id)
    watched = governed(client, ledger, account="x_default", clock=clock)
    collect(ledger, watched, account="x_default", covers_until=clock(), clock=clock)
    watched.me()
    watched.delete_post(sandbox.posts()[0]["id"])
    assert month().spent == bill()
    assert paid() == {
        "post_create": 5,
        "post_create_with_url": 2,
        "media_metadata": 1,
        "post_read": 7,
        "user_read": 1,
        "post_delete": 1,
    }


def test_a_post_that_does_not_fit_into_the_budget_is_not_sent_and_says_what_to_do(
    publisher, plan, budget, creates, clock, ledger
):
    publisher.user()
    budget("0.220")
    assert publisher.fire(plan("Fits", key="fits").id).post.state is PartState.POSTED
    fired = publisher.fire(plan(LINK).id)
    assert fired.post.state is PartState.ARMED
    assert len(creates()) == 1
    assert "this would cost $0.200" in fired.why
    assert "spent $0.025" in fired.why
    assert "airflow x budget x_default --set" in fired.why
    assert 0 < (fired.retry_at - clock()).total_seconds() <= 60
    budget("1")
    assert publisher.fire(fired.post.id).post.state is PartState.POSTED


def test_what_is_cheaper_still_goes_out(publisher, plan, budget):
    publisher.user()
    budget("0.100")
    assert publisher.fire(plan(LINK, key="dear").id).post.state is PartState.ARMED
    assert publisher.fire(plan("No link", key="cheap").id).post.state is PartState.POSTED


@pytest.mark.parametrize("then", ["publish", "ask"])
def test_what_got_no_money_within_its_grace_is_for_a_person_and_not_for_next_month(
    publisher, plan, budget, clock, ledger, creates, then
):
    publisher.user()
    budget("0.010")
    post = plan("Too dear", grace=60, then=then)
    assert publisher.fire(post.id).post.state is PartState.ARMED
    clock.ahead = 61
    fired = publisher.fire(post.id)
    assert (fired.post.state, fired.retry_at) == (PartState.MISSED, None)
    assert "airflow x resume" in fired.why
    budget("1")
    assert publisher.fire(post.id).post.state is PartState.MISSED
    assert ledger.sweeping.undecided(clock()) == [post.id]
    assert creates() == []
    ledger.deciding.resume(post.id, now=clock())
    assert publisher.fire(post.id).post.state is PartState.POSTED


def test_half_a_thread_is_not_begun(publisher, plan, budget, sandbox):
    publisher.user()
    budget("0.050")
    fired = publisher.fire(plan("One", "Two", "Three").id)
    assert "this would cost $0.045" in fired.why
    assert sandbox.posts() == []
    budget("0.055")
    assert publisher.fire(fired.post.id).post.state is PartState.POSTED


def test_reads_are_refused_and_what_is_free_goes_on(
    ledger, client, budget, clock, sandbox, tmp_path, picture
):
    watched = governed(client, ledger, account="x_default", clock=clock)
    budget("0.004")
    for read in (
        watched.me,
        lambda: watched.get_posts(["1"]),
        lambda: next(watched.user_timeline("1"), None),
    ):
        with pytest.raises(XNotPaidFor, match="airflow x budget x_default --set") as refused:
            read()
        assert refused.value.until.day == 1
    file = picture()
    uploaded = watched.upload_media(tmp_path / "dome.png", "tweet_image", wait=False)
    with pytest.raises(XNotPaidFor):
        watched.set_media_metadata(uploaded.id, alt_text=file.alt)
    assert ledger.charges.month("x_default", now=clock()).spent == 0


def test_many_workers_near_the_limit_do_not_exceed_it(
    sandbox, ledger, client, plan, budget, clock, month, bill, creates
):
    sandbox.settings(latency_seconds=0.05)
    workers = [
        Publisher(Ledger(ledger.database.url), client, account="x_default", clock=clock) for _ in range(8)
    ]
    workers[0].user()
    budget("0.100")
    posts = [plan(f"Number {number}", key=f"post {number}") for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        fired = list(pool.map(lambda n: workers[n % 8].fire(posts[n].id), range(24)))
    assert len(creates()) == 6
    assert sum(each.post.state is PartState.POSTED for each in fired) == 6
    assert month().used == bill() == Decimal("0.100")


def test_a_budget_that_is_nearly_used_up_is_warned_of_once(publisher, plan, budget, caplog):
    publisher.user()
    budget("0.060")
    with caplog.at_level(logging.WARNING, logger="x_provider"):
        for number in range(3):
            publisher.fire(plan(f"Number {number}", key=f"post {number}").id)
    warnings = [record.getMessage() for record in caplog.records if "its budget" in record.getMessage()]
    assert len(warnings) == 1
    assert "(92 %)" in warnings[0]


def test_a_post_that_a_sender_died_over_is_charged_once_it_is_found(
    sandbox, ledger, publisher, plan, clock, month, bill
):
    post = publisher.arm(plan(LINK).id)
    part, user = post.parts[0], publisher.user()
    cost, thread_usd = costs_of(post, part, at=clock())
    assert (cost, thread_usd) == (Cost("post_create_with_url", Decimal("0.200")), 0)
    attempt = ledger.sending.begin(
        post, part, user_id=user.user_id, sender="mortal", clock=clock, lease_seconds=LEASE_SECONDS, cost=cost
    )
    spec = PartSpec.model_validate(part.content)
    publisher.client.create_post(compose(spec, media_ids=[], in_reply_to=None))
    assert (month().spent, month().on_its_way) == (Decimal("0.010"), cost.usd)
    clock.ahead = LEASE_SECONDS + 1
    publisher.fire(post.id)
    assert publisher.fire(post.id).post.state is PartState.POSTED
    assert attempt is not None
    assert month().used == month().spent == bill()


def test_the_last_post_that_a_budget_allows_is_found_all_the_same(
    sandbox, publisher, plan, budget, clock, ledger
):
    publisher.user()
    budget("0.210")
    sandbox.faults("drop_after_commit", times=1, **CREATE)
    lost = plan(LINK)
    assert publisher.fire(lost.id).post.state is PartState.UNCERTAIN
    clock.ahead = 30
    found = publisher.fire(lost.id).post
    assert (found.state, found.parts[0].receipt.adopted) == (PartState.POSTED, True)


def test_what_is_absent_and_has_no_money_left_is_looked_for_again_before_it_is_sent_again(
    sandbox, publisher, plan, budget, clock, creates
):
    publisher.user()
    budget("1")
    sandbox.faults("drop_before_commit", times=1, **CREATE)
    post = plan(LINK, then="publish")
    assert publisher.fire(post.id).post.state is PartState.UNCERTAIN
    budget("0.100")
    clock.ahead = 181
    fired = publisher.fire(post.id)
    assert fired.post.state is PartState.UNCERTAIN
    assert "when it is looked for once more before it is sent again" in fired.post.parts[0].why
    assert len(creates()) == 1
    budget("1")
    clock.ahead = 250
    publisher.fire(post.id)
    assert publisher.fire(post.id).post.state is PartState.POSTED
    assert len(creates()) == 2
