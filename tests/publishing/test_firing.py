"""The pool that fires posts: at their instant, accounts taking turns, paperwork after the posts."""

from __future__ import annotations

import threading
import time
from collections import Counter
from functools import partial

import pytest
from drafting import plan_post

from x_provider.client import OAuth1, XClient
from x_provider.publishing import Publisher
from x_provider.publishing.firing import FiringPool


@pytest.fixture
def pool():
    return FiringPool(threads=8, per_account=2)


def fire_all(pool, shots):
    """Submit (account, due in seconds, work) and wait for all of them."""
    now = time.time()
    for future in [pool.submit(account, now + due_in, work) for account, due_in, work in shots]:
        future.result(20)


def test_nothing_fires_before_its_instant(pool):
    due_at = time.time() + 0.4
    assert pool.submit("a", due_at, time.time).result(5) >= due_at


def test_an_account_with_a_long_backlog_does_not_delay_anothers_single_post(pool):
    fired: list[str] = []
    all_wait = threading.Event()

    def work(name):
        def fire():
            assert all_wait.wait(20)  # or the backlog would shrink while the single post is on its way here
            fired.append(name)
            time.sleep(0.05)

        return fire

    now = time.time()
    futures = [pool.submit("busy", now - 60, work("busy")) for _ in range(40)]
    futures.append(pool.submit("single", now, work("single")))
    all_wait.set()
    for future in futures:
        future.result(20)
    assert fired.index("single") <= 4


def test_an_account_has_only_a_few_posts_in_flight_and_the_others_use_the_rest(pool):
    in_flight: Counter[str] = Counter()
    most: Counter[str] = Counter()
    lock = threading.Lock()

    def work(account):
        def fire():
            with lock:
                in_flight[account] += 1
                in_flight["all"] += 1
                for name in (account, "all"):
                    most[name] = max(most[name], in_flight[name])
            time.sleep(0.03)
            with lock:
                in_flight[account] -= 1
                in_flight["all"] -= 1

        return fire

    fire_all(pool, [(account, 0, work(account)) for _ in range(8) for account in "abc"])
    assert {most[account] for account in "abc"} == {2}
    assert most["all"] == 6


def test_accounts_take_turns():
    fired: list[str] = []
    single = FiringPool(threads=1)
    fire_all(single, [(account, 0.2, partial(fired.append, account)) for account in "aaaabbbb"])
    assert "".join(fired) in ("abababab", "babababa")


def test_an_account_sends_in_the_order_of_its_due_times(pool):
    fired: list[int] = []
    single, hold = FiringPool(threads=1, per_account=1), threading.Event()
    before = single.submit("a", 0, partial(hold.wait, 5))
    late = [single.submit("a", due, partial(fired.append, due)) for due in (3, 9, 1, 7, 5)]
    hold.set()
    for future in (before, *late):
        future.result(5)
    assert fired == [1, 3, 5, 7, 9]


def test_what_steps_aside_leaves_its_turn_to_another_post_of_the_account(pool):
    is_sent, both_aside = threading.Event(), threading.Barrier(2)

    def upload_first():
        with pool.aside():
            both_aside.wait(5)
            return is_sent.wait(5)

    uploads = [pool.submit("a", 0, upload_first) for _ in range(pool.per_account)]
    pool.submit("a", 1, is_sent.set)
    assert all(upload.result(8) for upload in uploads)


def test_who_stepped_aside_and_came_back_counts_again():
    pool, in_flight, most, lock = FiringPool(threads=4, per_account=1), 0, 0, threading.Lock()

    def send():
        nonlocal in_flight, most
        with lock:
            in_flight += 1
            most = max(most, in_flight)
        time.sleep(0.02)
        with lock:
            in_flight -= 1

    def upload_then_send():
        with pool.aside():
            pass
        send()

    fire_all(pool, [("a", 0, upload_then_send)])
    fire_all(pool, [("a", 0, send)] * 5)
    assert most == 1


def test_only_so_many_step_aside_and_the_others_keep_their_turn():
    pool = FiringPool(threads=2, per_account=1, aside=1)
    go_on, other_is_sent, sent = threading.Event(), threading.Event(), []

    def upload():
        with pool.aside():
            return go_on.wait(5)

    uploads = [pool.submit("a", due_at, upload) for due_at in (0, 1)]
    single = pool.submit("a", 2, partial(sent.append, "a"))
    pool.submit("b", 0, other_is_sent.set)
    assert other_is_sent.wait(5)
    assert not sent
    go_on.set()
    assert all(upload.result(8) for upload in uploads)
    single.result(8)
    assert sent == ["a"]


def test_aside_is_nothing_in_a_thread_of_somebody_else(pool):
    with pool.aside():
        fire_all(pool, [("a", 0, time.time)])


def test_a_post_that_is_withdrawn_while_it_waits_is_not_fired(pool):
    fired: list[str] = []
    future = pool.submit("a", time.time() + 0.3, lambda: fired.append("withdrawn"))
    assert future.cancel()
    fire_all(pool, [("a", 0.4, lambda: fired.append("other"))])
    assert fired == ["other"]


def test_a_result_is_told_once_no_other_post_is_about_to_be_due(pool):
    now = time.time()
    told: dict[str, float] = {}
    futures = []
    # The later one is there before the earlier one goes, however busy the machine is.
    for name, due_in in (("second", 0.6), ("first", 0.0)):
        future = pool.submit(name, now + due_in, lambda: None)
        future.add_done_callback(lambda _, name=name: told.setdefault(name, time.time() - now))
        futures.append(future)
    for future in futures:
        future.result(5)
    assert told["first"] >= 0.6


def test_what_must_be_tried_again_is_told_at_once(pool):
    pool.submit("later", time.time() + 0.8, lambda: None)
    started = time.time()
    pool.submit("now", started, lambda: "again", is_urgent=lambda result: result == "again").result(5)
    assert time.time() - started < 0.7


def test_who_leaves_does_not_wait_for_the_others_posts(pool):
    pool.submit("later", time.time() + 0.9, lambda: None)
    fired = threading.Event()
    started = time.time()
    future = pool.submit("now", started, fired.set)
    assert fired.wait(5)
    while not future.done() and time.time() - started < 0.8:
        pool.tell_all()
        time.sleep(0.01)
    assert time.time() - started < 0.8


def test_an_error_reaches_whoever_waits(pool):
    def fail():
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        pool.submit("a", 0, fail).result(5)


def test_a_burst_of_one_account_leaves_room_for_the_other_on_x(own_sandbox, ledger):
    sandbox = own_sandbox("--no-rate-limits")
    pool = FiringPool(threads=8)
    single_is_out = threading.Event()

    def fire(publisher, post):
        publisher.fire(post.id)
        if post.account == "x_single":
            single_is_out.set()
        return single_is_out.wait(20)  # a burst that keeps its turns, however fast the machine is

    names = ["busy"] * 40 + ["single"]
    shots = []
    for number, name in enumerate(names):
        post = plan_post(ledger, f"{name} {number}", key=f"p{number}", account=f"x_{name}")
        client = XClient(sandbox.url, OAuth1(*sandbox.keys(number=int(name == "single"))))
        publisher = Publisher(ledger, client, account=post.account)
        publisher.arm(post.id)
        shots.append((post.account, 0.5 * (name == "single"), partial(fire, publisher, post)))
    fire_all(pool, shots)
    texts = [post["text"] for post in reversed(sandbox.posts())]
    assert sorted(texts) == sorted(f"{name} {number}" for number, name in enumerate(names))
    assert texts.index("single 40") <= pool.per_account
