from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pendulum
import pytest
from other_processes import begin_attempt

from x_provider.ledger import CREATE_FAMILY, Attempt, Held, PartState, Receipt, Window

NOW = pendulum.datetime(2026, 12, 1, 8, 0, 0)
SOON, LATE = NOW.add(minutes=10), NOW.add(hours=20)


@pytest.fixture
def armed(ledger, draft):
    def armed(count=1):
        posts = []
        for number in range(count):
            ledger.posts.put(draft(f"post-{number}"), now=NOW)
            post = ledger.posts.find("december", f"post-{number}")
            ledger.sending.arm(post, post.parts[0])
            posts.append(post)
        return posts

    return armed


def begin(ledger, post, now=NOW):
    return begin_attempt(ledger, post, at=now)


def know(ledger, *windows, account="x_default"):
    ledger.limits.note(account, CREATE_FAMILY, windows)


def left(ledger):
    return {
        window.name: window.remaining
        for window in ledger.limits.windows("x_default", now=NOW).get(CREATE_FAMILY, [])
    }


def test_senders_at_once_never_take_more_calls_than_x_allows(ledger, armed):
    know(ledger, Window("15-minute", 200, 5, SOON))
    with ThreadPoolExecutor(8) as pool:
        begun = list(pool.map(lambda post: begin(ledger, post), armed(12)))
    assert sum(isinstance(each, Attempt) for each in begun) == 5
    held = [each for each in begun if isinstance(each, Held)]
    assert {each.until for each in held} == {SOON}
    assert len(held) == 7


def test_of_two_exhausted_windows_the_latest_reset_counts(ledger, armed):
    know(ledger, Window("15-minute", 200, 0, SOON), Window("user-24-hour", 300, 0, LATE))
    (post,) = armed()
    assert begin(ledger, post).until == LATE
    assert begin(ledger, post, SOON).until == LATE
    assert isinstance(begin(ledger, post, LATE), Attempt)


def test_another_account_s_window_holds_nobody_else(ledger, armed):
    know(ledger, Window("15-minute", 200, 0, SOON), account="x_other")
    assert isinstance(begin(ledger, armed()[0]), Attempt)


def test_an_answer_that_arrives_late_does_not_make_a_window_roomier(ledger):
    know(ledger, Window("15-minute", 200, 5, SOON))
    know(ledger, Window("15-minute", 200, 9, SOON))
    know(ledger, Window("15-minute", 200, 150, NOW.add(minutes=1)))
    assert left(ledger) == {"15-minute": 5}
    know(ledger, Window("15-minute", 200, 199, SOON.add(minutes=15)))
    assert left(ledger) == {"15-minute": 199}


def test_the_answer_to_a_post_tells_what_is_left(ledger, armed):
    post = armed()[0]
    attempt = begin(ledger, post)
    receipt = Receipt("1900000000000000001", "https://x.com/me/status/1", NOW, NOW)
    ledger.sending.posted(attempt, receipt, account="x_default", windows=[Window("15-minute", 200, 7, SOON)])
    assert left(ledger) == {"15-minute": 7}


@pytest.mark.parametrize(("never_sent", "remaining"), [(True, 5), (False, 4)])
def test_a_call_is_given_back_when_its_request_never_left(ledger, armed, never_sent, remaining):
    know(ledger, Window("15-minute", 200, 5, SOON))
    attempt = begin(ledger, armed()[0])
    assert left(ledger) == {"15-minute": 4}
    ledger.sending.finish(
        attempt,
        PartState.ARMED,
        outcome="not_sent",
        now=NOW,
        why="no connection",
        wake_at=None,
        never_sent=never_sent,
    )
    assert left(ledger) == {"15-minute": remaining}


def test_a_call_is_not_taken_for_a_part_that_may_not_go_out(ledger, armed):
    know(ledger, Window("15-minute", 200, 5, SOON))
    post = armed()[0]
    begin(ledger, post)
    assert begin(ledger, post) is None
    assert left(ledger) == {"15-minute": 4}


def test_other_calls_are_blocked_until_the_latest_of_their_resets(ledger):
    ledger.limits.note("x_default", "upload_init", [Window("15-minute", 10, 0, SOON)])
    ledger.limits.note("x_default", "upload_append", [Window("app-24-hour", 10, 0, LATE)])
    both = ["upload_init", "upload_append"]
    assert ledger.limits.blocked_until("x_default", both, now=NOW) == LATE
    assert ledger.limits.blocked_until("x_default", ["upload_init"], now=NOW) == SOON
    assert ledger.limits.blocked_until("x_default", ["upload_init"], now=SOON) is None
    assert ledger.limits.blocked_until("x_other", both, now=NOW) is None
