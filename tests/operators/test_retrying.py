"""When a failed task is tried again."""

from __future__ import annotations

from datetime import timedelta

import pendulum
import pytest
from airflow.sdk import DAG, ExceptionRetryPolicy, RetryAction

from x_provider.client import (
    XDuplicate,
    XForbidden,
    XNeedsLogin,
    XNotPaidFor,
    XOutOfCredits,
    XPermission,
    XRateLimited,
    XRefused,
    XSpendCapReached,
    XUnavailable,
    XUnreachable,
    XUsageCapped,
)
from x_provider.ledger import LedgerError
from x_provider.operators.calendar import XLintCalendarOperator
from x_provider.operators.deleting import XDeletePostOperator
from x_provider.operators.insights import XFetchMetricsOperator
from x_provider.operators.planning import XPlanPostOperator
from x_provider.operators.publishing import XCreatePostOperator
from x_provider.operators.retrying import XRetryPolicy, XTriggerFailedError
from x_provider.operators.upkeep import XOpenQuestionsOperator, XSweepOperator
from x_provider.operators.uploading import XUploadMediaOperator
from x_provider.publishing import utc_now

OPERATORS = {
    XSweepOperator: {},
    XOpenQuestionsOperator: {},
    XLintCalendarOperator: {"calendar": "december.yaml"},
    XPlanPostOperator: {"text": "Hello"},
    XUploadMediaOperator: {"post_id": 1},
    XCreatePostOperator: {"post_id": 1},
    XDeletePostOperator: {"x_id": "1"},
    XFetchMetricsOperator: {},
}


def decide(error: BaseException, try_number: int = 1):
    return XRetryPolicy().evaluate(error, try_number, 3)


def caused_by(cause: BaseException) -> BaseException:
    error = RuntimeError("could not")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("hours", [0.2, 23])
def test_a_used_up_rate_limit_is_waited_for_to_its_reset_even_a_day(hours):
    decision = decide(XRateLimited(reset_at=utc_now().add(hours=hours)))
    assert decision.action is RetryAction.RETRY
    assert 0 <= decision.retry_delay.total_seconds() - hours * 3600 + 1 <= 7


def test_a_rate_limit_without_a_reset_is_waited_for_as_long_as_xs_short_window():
    assert decide(XRateLimited()).retry_delay == timedelta(minutes=15)


def test_a_reset_that_has_passed_is_no_negative_pause():
    assert 0 <= decide(XRateLimited(reset_at=utc_now().subtract(hours=1))).retry_delay.total_seconds() <= 5


@pytest.mark.parametrize(
    "error", [XUnreachable(), XUnavailable(), LedgerError("down"), XTriggerFailedError("ended")], ids=repr
)
def test_what_is_not_there_is_tried_again_after_growing_pauses_that_scatter(error):
    first, second, tenth = (
        [decide(error, number).retry_delay.total_seconds() for _ in range(30)] for number in (1, 2, 10)
    )
    assert 7.5 <= min(first) < max(first) <= 12.5
    assert 22.5 <= min(second) < max(second) <= 37.5
    assert 675 <= min(tenth) <= max(tenth) <= 1125


@pytest.mark.parametrize(
    "kind",
    [
        XRefused,
        XForbidden,
        XNeedsLogin,
        XNotPaidFor,
        XPermission,
        XOutOfCredits,
        XSpendCapReached,
        XUsageCapped,
    ],
)
def test_what_only_a_person_can_mend_is_not_tried_again_and_says_why(kind):
    decision = decide(kind(family="create_post", next_step="Buy credits."))
    assert decision.action is RetryAction.FAIL
    assert "Buy credits." in decision.reason


def test_the_cause_of_an_error_decides_where_the_error_says_nothing():
    assert decide(caused_by(XNeedsLogin())).action is RetryAction.FAIL
    assert decide(caused_by(caused_by(XUnreachable()))).action is RetryAction.RETRY


@pytest.mark.parametrize("error", [ValueError("?"), XDuplicate(), caused_by(OSError("disk"))], ids=repr)
def test_anything_else_is_left_to_the_tasks_own_settings(error):
    assert decide(error).action is RetryAction.DEFAULT


def test_errors_that_cause_each_other_end_the_search():
    error = caused_by(ValueError("?"))
    error.__cause__.__cause__ = error
    assert decide(error).action is RetryAction.DEFAULT


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_has_it_unless_given_another(operator):
    other = ExceptionRetryPolicy(rules=[])
    with DAG("its_own", schedule=None):
        assert isinstance(operator(task_id="one", **OPERATORS[operator]).retry_policy, XRetryPolicy)
        assert operator(task_id="two", retry_policy=other, **OPERATORS[operator]).retry_policy is other
    with DAG("by_default", schedule=None, default_args={"retry_policy": other}):
        assert operator(task_id="one", **OPERATORS[operator]).retry_policy is other


def test_it_survives_being_written_down():
    policy = XRetryPolicy(first_pause_seconds=1, longest_pause_seconds=60)
    assert XRetryPolicy.deserialize(policy.serialize()) == policy


def test_a_task_goes_on_when_its_window_opens_whatever_its_retry_delay(result_of, run_task, set_up, sandbox):
    posts = [
        result_of(XCreatePostOperator, **set_up.ids, text=text, logical_date=pendulum.datetime(2026, 12, day))
        for day, text in enumerate(("One", "Two"), start=1)
    ]
    sandbox.settings(limits={"DELETE /2/tweets/{id}": {"user": 1, "window_seconds": 8}})
    for day, post in enumerate(posts, start=3):
        night = {"logical_date": pendulum.datetime(2026, 12, day), "retries": 1, "retry_delay": 3600}
        ti = run_task(XDeletePostOperator, **set_up.ids, x_id=post["urls"][0], **night)
        assert ti.state == "success"
    assert ti.try_number == 2
    assert sandbox.posts() == []
    assert len([r for r in sandbox.requests() if r["method"] == "DELETE"]) == 2  # X said so with the first


def test_what_x_refuses_is_asked_once_whatever_the_tasks_retries(run_task, set_up, sandbox):
    sandbox.faults("status", path="/2/tweets/1", method="DELETE", times=-1, problem="not-permitted")
    ti = run_task(XDeletePostOperator, **set_up.ids, x_id="1", retries=3, retry_delay=0)
    assert (ti.state, ti.try_number) == ("failed", 1)
    assert len([r for r in sandbox.requests() if r["method"] == "DELETE"]) == 1
