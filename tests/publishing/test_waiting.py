"""A post that cannot go out yet waits, says why, and is taken up again by itself."""

from __future__ import annotations

import socket

import pytest
import requests
from other_processes import begin_attempt

from x_provider.calendar import PartSpec
from x_provider.client import OAuth1, XClient
from x_provider.ledger import AccountOnX, PartState
from x_provider.publishing import Publisher, take_due
from x_provider.publishing.outcomes import LOGIN_PATIENCE_SECONDS

CREATE = {"method": "POST", "path": "/2/tweets"}


@pytest.fixture
def nowhere(ledger, clock):
    """The account on an X where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    client = XClient(url, OAuth1("a", "b", "c", "d"))
    ledger.accounts.put(AccountOnX("x_default", url, "1", "nobody", client.credentials), now=clock())
    return Publisher(ledger, client, account="x_default", clock=clock)


def taken_up_again(ledger, post):
    """Whether the post is handed to somebody else once it is time."""
    wake_at = ledger.posts.get(post.id).wake_at
    if wake_at is None or take_due(ledger, now=wake_at.subtract(seconds=1), taker="too early"):
        return False
    return [due.id for due in take_due(ledger, now=wake_at, taker="somebody else")] == [post.id]


@pytest.mark.parametrize("account_is_known", [True, False])
def test_a_post_whose_account_cannot_post_is_taken_up_again_and_goes_out_once_it_can(
    ledger, publisher, stranger, plan, account_is_known
):
    if account_is_known:
        publisher.user()
    post = plan(PartSpec(text="Who am I?"), due_in=-LOGIN_PATIENCE_SECONDS)
    fired = stranger.fire(post.id)
    assert fired.post.state in (PartState.PLANNED, PartState.ARMED)
    assert fired.retry_at is None
    assert "does not accept the credentials" in fired.why
    assert taken_up_again(ledger, post)
    fired = publisher.fire(post.id)
    assert (fired.post.state, fired.why) == (PartState.POSTED, None)


def test_credentials_that_x_refuses_for_a_moment_only_cost_the_post_a_moment(sandbox, publisher, plan, clock):
    publisher.user()
    post = plan(PartSpec(text="An odd 401"))
    sandbox.faults("outage_401", times=1, **CREATE)
    fired = publisher.fire(post.id)
    assert 0 < (fired.retry_at - clock()).total_seconds() <= 60
    assert publisher.fire(post.id).post.state is PartState.POSTED


@pytest.mark.parametrize("problem", ["credits-depleted", "spend-cap-reached", "usage-capped"])
def test_a_post_that_the_plan_does_not_pay_for_waits_for_a_person(
    sandbox, ledger, publisher, plan, clock, problem
):
    post = plan(PartSpec(text="Money"))
    sandbox.faults("status", problem=problem, **CREATE)
    fired = publisher.fire(post.id)
    assert (fired.post.state, fired.retry_at) == (PartState.ARMED, None)
    assert fired.why
    assert taken_up_again(ledger, post)
    ledger.controls.reset("x_default", now=clock())
    assert publisher.fire(post.id).post.state is PartState.POSTED


def test_a_rate_limit_makes_it_wait_for_the_reset_that_x_names(sandbox, ledger, publisher, plan, clock):
    sandbox.settings(limits={"POST /2/tweets": {"user": 1, "window_seconds": 300}})
    publisher.fire(plan(PartSpec(text="All there is"), key="first").id)
    reset_at = clock().add(seconds=300)
    post = plan(PartSpec(text="Patience"))
    fired = publisher.fire(post.id)
    assert fired.post.state is PartState.ARMED
    assert abs((fired.retry_at - reset_at).total_seconds()) < 5
    assert fired.post.wake_at > fired.retry_at
    assert taken_up_again(ledger, post)


@pytest.mark.parametrize("status", [500, 503])
def test_trouble_with_an_upload_keeps_the_post_and_its_cause(
    sandbox, ledger, publisher, plan, picture, creates, clock, status
):
    publisher.user()
    post = plan(PartSpec(text="Look", media=[picture()]))
    sandbox.faults("status", status=status, method="POST", path="/2/media/upload", times=-1)
    fired = publisher.fire(post.id)
    assert fired.post.state is PartState.ARMED
    assert fired.retry_at > clock()
    assert "post december/hello" in fired.why
    assert str(status) in fired.why
    assert creates() == []
    assert taken_up_again(ledger, post)
    requests.delete(f"{sandbox.url}/_sandbox/faults", timeout=5).raise_for_status()
    assert publisher.fire(post.id).post.state is PartState.POSTED


def test_the_longer_x_is_away_the_longer_the_pauses(ledger, nowhere, plan, clock):
    post = plan(PartSpec(text="No route"))
    pauses = []
    for clock.ahead in (0, 60, 120, 600):
        fired = nowhere.fire(post.id)
        assert fired.post.state is PartState.ARMED
        pauses.append(round((fired.retry_at - clock()).total_seconds()))
    assert pauses == [5, 15, 30, 60]
    assert "nothing was sent" in fired.why
    assert taken_up_again(ledger, post)


def test_a_reply_waits_until_x_shows_its_fresh_parent(sandbox, publisher, plan, clock):
    post = plan(PartSpec(text="One"), PartSpec(text="Two"))
    sandbox.settings(reply_lag_seconds=3600)
    fired = publisher.fire(post.id)
    assert fired.post.state is PartState.ARMED
    assert clock() < fired.retry_at <= clock().add(seconds=2)
    sandbox.settings(reply_lag_seconds=0)
    assert publisher.fire(post.id).post.state is PartState.POSTED
    two, one = sandbox.posts()
    assert two["in_reply_to"] == one["id"]


def test_a_parent_that_x_does_not_show_for_a_minute_is_gone(sandbox, publisher, plan, clock):
    post = plan(PartSpec(text="One"), PartSpec(text="Two"))
    sandbox.settings(reply_lag_seconds=3600)
    publisher.fire(post.id)
    clock.ahead = 61
    fired = publisher.fire(post.id)
    assert [part.state for part in fired.post.parts] == [PartState.POSTED, PartState.REFUSED]
    assert "part 2" in fired.why


def test_of_a_corrected_thread_only_what_is_missing_is_sent(sandbox, ledger, publisher, plan, creates):
    post = plan(PartSpec(text="One"), PartSpec(text="x" * 300))
    fired = publisher.fire(post.id)
    assert [part.state for part in fired.post.parts] == [PartState.POSTED, PartState.REFUSED]
    assert fired.post.wake_at is None
    plan(PartSpec(text="One"), PartSpec(text="Two"), PartSpec(text="Three"), revision="r2")
    assert publisher.fire(post.id).post.state is PartState.POSTED
    assert [on_x["text"] for on_x in reversed(sandbox.posts())] == ["One", "Two", "Three"]
    assert len(creates()) == 4
    assert ledger.posts.get(post.id).wake_at is None


def test_a_thread_that_is_cut_to_what_is_on_x_is_finished(ledger, publisher, plan):
    post = plan(PartSpec(text="One"), PartSpec(text="x" * 300))
    publisher.fire(post.id)
    cut = plan(PartSpec(text="One"), revision="r2")
    assert (cut.state, cut.wake_at) == (PartState.POSTED, None)


def test_a_post_that_is_published_meanwhile_is_woken_for_no_more(ledger, publisher, stranger, plan):
    post = publisher.arm(plan(PartSpec(text="Once")).id)
    stale = ledger.posts.get(post.id)
    publisher.fire(post.id)
    ledger.sending.wait(stale, stale.parts[0], why="no route", wake_at=stale.due_at.add(hours=1))
    kept = ledger.posts.get(post.id)
    assert (kept.wake_at, kept.parts[0].why) == (None, None)


def test_a_post_is_not_given_up_for_what_stopped_an_earlier_plan_of_it(ledger, plan):
    stale = plan(PartSpec(text="Old"))
    plan(PartSpec(text="New"), due_in=3600, revision="r2")
    assert not ledger.sending.give_up(stale, PartState.MISSED, why="too late")
    assert ledger.posts.get(stale.id).state is PartState.PLANNED
    assert ledger.posts.get(stale.id).wake_at is not None


def test_a_post_is_not_given_up_while_a_part_of_it_is_on_its_way(ledger, plan, clock):
    stale = plan(PartSpec(text="One"), PartSpec(text="Two"))
    ledger.sending.arm(stale, stale.parts[0])
    begin_attempt(ledger, stale, at=clock())
    assert not ledger.sending.give_up(stale, PartState.MISSED, why="too late")
    kept = ledger.posts.get(stale.id)
    assert [part.state for part in kept.parts] == [PartState.SENDING, PartState.PLANNED]
    assert kept.wake_at is not None
