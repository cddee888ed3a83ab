"""What holds a post back: a stop, a blackout, a rate limit; and what becomes of it afterwards."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pendulum
import pytest
from airflow_harness import wait_for

from x_provider.calendar import PartSpec
from x_provider.client import XClient
from x_provider.ledger import Blackout, Ledger, PartState
from x_provider.publishing import Publisher

CREATE = {"method": "POST", "path": "/2/tweets"}


def stop(ledger, clock, **said):
    ledger.controls.stop(**{"why": "a crisis", "by": "eve", "now": clock(), **said})


def test_what_was_stopped_says_so_and_goes_out_once_it_may(ledger, publisher, plan, clock, creates):
    post = plan(PartSpec(text="Wait for it"))
    stop(ledger, clock)
    fired = publisher.fire(post.id)
    assert fired.post.state is PartState.ARMED
    assert "stopped by eve" in fired.why
    assert fired.retry_at is not None
    assert creates() == []
    ledger.controls.go(now=clock())
    assert publisher.fire(post.id).post.state is PartState.POSTED


def test_a_stop_between_two_parts_of_a_thread_holds_the_rest(ledger, sandbox, publisher, plan, clock):
    post = plan(PartSpec(text="One"), PartSpec(text="Two"))
    sandbox.faults("delay_after", seconds=1, times=1, **CREATE)
    with ThreadPoolExecutor(1) as pool:
        firing = pool.submit(publisher.fire, post.id)
        deadline = time.monotonic() + 10
        while not sandbox.posts() and time.monotonic() < deadline:
            time.sleep(0.02)
        stop(ledger, clock)
        fired = firing.result()
    assert [part.state for part in fired.post.parts] == [PartState.POSTED, PartState.ARMED]
    ledger.controls.go(now=clock())
    publisher.fire(post.id)
    assert [on_x["text"] for on_x in sandbox.posts()] == ["Two", "One"]


def test_after_a_blackout_a_post_goes_out_when_it_is_still_in_time(ledger, publisher, plan, clock):
    ends_at = clock().add(minutes=10)
    ledger.controls.set_blackouts("december", [Blackout("x_default", clock(), ends_at)], now=clock())
    post = plan(PartSpec(text="In the blackout"))
    assert publisher.fire(post.id).retry_at <= ends_at
    clock.ahead = 601
    assert publisher.fire(post.id).post.state is PartState.POSTED


@pytest.mark.parametrize("then", ["publish", "ask", "skip"])
def test_what_a_stop_held_past_its_grace_waits_for_a_person(ledger, publisher, plan, clock, creates, then):
    post = plan(PartSpec(text="Yesterday's news"), then=then)
    stop(ledger, clock)
    publisher.fire(post.id)
    clock.ahead = 3600
    ledger.controls.go(now=clock())
    fired = publisher.fire(post.id)
    assert (fired.post.state, fired.retry_at) == (PartState.MISSED, None)
    assert creates() == []
    if then == "publish":
        assert "it was held back (everything was stopped by eve" in fired.why
    ledger.deciding.resume(post.id, now=clock())
    assert publisher.fire(post.id).post.state is PartState.POSTED


def test_late_for_another_reason_it_is_published_as_its_policy_says(ledger, publisher, plan, clock):
    stop(ledger, clock)
    ledger.controls.go(now=clock())
    clock.ahead = 3600
    post = plan(PartSpec(text="Late"))
    clock.ahead = 7200
    assert publisher.fire(post.id).post.state is PartState.POSTED


def test_no_more_is_asked_of_x_than_its_limit_allows_whoever_asks(
    sandbox, ledger, client, plan, clock, creates
):
    sandbox.settings(limits={"POST /2/tweets": {"user": 4, "window_seconds": 600}})
    posts = [plan(PartSpec(text=f"Post {number}"), key=f"post-{number}") for number in range(8)]
    others = [
        Publisher(Ledger(ledger.database.url), client, account="x_default", clock=clock) for _ in range(4)
    ]
    others[0].fire(posts[0].id)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: others[n % 4].fire(posts[n].id), range(1, 8)))
    assert len(creates()) == len(sandbox.posts()) == 4
    held = [ledger.posts.get(post.id) for post in posts if ledger.posts.get(post.id).parts[0].why]
    assert len(held) == 4
    assert all("rate limit" in post.parts[0].why for post in held)
    sandbox.settings(clock_ahead_seconds=601)
    clock.ahead = 601
    for post in held:
        assert others[0].fire(post.id).post.state is PartState.POSTED


def test_the_day_s_limit_is_waited_for_and_not_only_the_quarter_hour_s(
    sandbox, publisher, plan, clock, creates
):
    sandbox.settings(limits={"POST /2/tweets": {"user": 100, "user_24h": 1, "window_seconds": 600}})
    first, second = (plan(PartSpec(text=key), key=key) for key in ("one", "two"))
    publisher.fire(first.id)
    fired = publisher.fire(second.id)
    assert len(creates()) == 1
    assert (fired.retry_at - clock()).total_seconds() > 80_000


def test_a_refusal_for_the_rate_limit_is_known_to_every_worker(sandbox, ledger, client, plan, clock, creates):
    first, second = (plan(PartSpec(text=key), key=key) for key in ("one", "two"))
    sandbox.faults("status", status=429, times=1, **CREATE)
    one, other = (
        Publisher(Ledger(ledger.database.url), client, account="x_default", clock=clock) for _ in range(2)
    )
    refused = one.fire(first.id)
    held = other.fire(second.id)
    assert held.retry_at.int_timestamp == refused.retry_at.int_timestamp
    assert len(creates()) == 1


def test_a_clock_ahead_of_x_s_does_not_ask_again_and_again(sandbox, publisher, plan, clock, creates):
    clock.ahead = 7200
    sandbox.settings(limits={"POST /2/tweets": {"user": 1, "window_seconds": 600}})
    first, second = (plan(PartSpec(text=key), key=key) for key in ("one", "two"))
    publisher.fire(first.id)
    fired = publisher.fire(second.id)
    assert fired.post.state is PartState.ARMED
    assert (fired.retry_at - clock()).total_seconds() >= 4


def test_a_stop_that_comes_while_a_sender_waits_for_its_connection_keeps_the_post(
    ledger, client, plan, clock, creates
):
    post = plan(PartSpec(text="Wait for it"))

    class Waiting:
        """A clock on which a second passes once the attempt has begun, in which somebody stops everything."""

        def __call__(self):
            begun = ledger.posts.get(post.id).parts[0].attempt_id is not None
            if begun and not clock.ahead:
                clock.ahead = 1
                stop(ledger, clock)
            return clock()

    publisher = Publisher(ledger, client, account="x_default", clock=Waiting())
    assert publisher.fire(post.id).post.state is PartState.ARMED
    assert "stopped by eve" in publisher.fire(post.id).why
    assert creates() == []


@pytest.mark.parametrize(("set_back", "waits"), [(10, 0), (0.7, 0.7)], ids=["far", "by as much as it took"])
def test_a_clock_that_is_set_back_while_a_sender_waits_for_its_connection_lets_nothing_past_a_stop(
    ledger, publisher, plan, clock, creates, monkeypatch, set_back, waits
):
    post = plan("Wait for it")
    publisher.user()
    create = XClient.create_post

    def connecting(*args, **kwargs):
        stop(ledger, clock)
        clock.ahead -= set_back
        time.sleep(waits)
        return create(*args, **kwargs)

    monkeypatch.setattr(XClient, "create_post", connecting)
    assert publisher.fire(post.id).post.state is PartState.ARMED
    assert creates() == []


def test_a_stop_in_the_middle_of_a_burst_lets_nothing_out_a_second_later(
    sandbox, ledger, client, plan, clock
):
    sandbox.settings(rate_limits=False, latency_seconds=0.1)
    posts = [plan(PartSpec(text=f"Number {n}"), key=f"post {n}") for n in range(80)]
    publisher = Publisher(ledger, client, account="x_default", clock=clock)
    with ThreadPoolExecutor(8) as pool:
        firing = [pool.submit(publisher.fire, post.id) for post in posts]
        wait_for("some of them on X", lambda: len(sandbox.posts()) >= 10, within=30, every=0.02)
        stop(ledger, clock)
        stopped_at = pendulum.now("UTC")
    left = [post.id for post in posts if ledger.posts.get(post.id).state is PartState.ARMED]
    assert {fired.result().post.state for fired in firing} == {PartState.POSTED, PartState.ARMED}
    last = max(pendulum.parse(on_x["created_at"]) for on_x in sandbox.posts())
    assert (last - stopped_at).total_seconds() < 1
    assert len(sandbox.posts()) + len(left) == len(posts)
    ledger.controls.go(now=clock())
    for post_id in left:
        publisher.fire(post_id)
    assert sorted(on_x["text"] for on_x in sandbox.posts()) == sorted(f"Number {n}" for n in range(80))
