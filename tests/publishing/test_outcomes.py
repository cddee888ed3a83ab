"""The table from X's answers to what becomes of a part, row by row."""

from __future__ import annotations

import math

import pendulum
import pytest

from x_provider.client import (
    XAmbiguous,
    XDuplicate,
    XError,
    XForbidden,
    XInvalidRequest,
    XMediaFailed,
    XMediaUnknown,
    XNeedsLogin,
    XNotFound,
    XNotPaidFor,
    XOutOfCredits,
    XPermission,
    XPlanLacks,
    XRateLimited,
    XRefused,
    XSpendCapReached,
    XUnavailable,
    XUnreachable,
    XUsageCapped,
)
from x_provider.ledger import PartState
from x_provider.publishing.outcomes import Outcome, decide, decide_before_sending
from x_provider.publishing.reconciling import CREATED_NOTHING

NOW = pendulum.datetime(2026, 12, 1, 8)
PAUSE = 5.0
ARMED, REFUSED, UNCERTAIN = PartState.ARMED, PartState.REFUSED, PartState.UNCERTAIN
NEVER = None
FRESH, OLD = {"parent_age": 1.0}, {"parent_age": 61.0}
JUST_LATE = {"late": 1.0}
HIDDEN = "You attempted to reply to a Tweet that is deleted or not visible to you."
IN_AN_HOUR, JUST_NOW = NOW.add(hours=1), NOW.subtract(seconds=1)

TABLE = [
    (XRateLimited(reset_at=IN_AN_HOUR), {}, ARMED, "rate_limited", 3600),
    (XRateLimited(reset_at=JUST_NOW), {}, ARMED, "rate_limited", PAUSE),
    (XRateLimited(), {}, ARMED, "rate_limited", 900),
    (XUnreachable(), {}, ARMED, "not_sent", PAUSE),
    (XNotPaidFor(), {}, ARMED, "over_budget", PAUSE),
    (XNeedsLogin(), JUST_LATE, ARMED, "account_stopped", PAUSE),
    (XNeedsLogin(), {"late": 121.0}, ARMED, "account_stopped", NEVER),
    (XPermission(), JUST_LATE, ARMED, "account_stopped", NEVER),
    (XOutOfCredits(), JUST_LATE, ARMED, "account_stopped", NEVER),
    (XSpendCapReached(), JUST_LATE, ARMED, "account_stopped", NEVER),
    (XUsageCapped(), JUST_LATE, ARMED, "account_stopped", NEVER),
    (XForbidden(detail=HIDDEN), FRESH, ARMED, "parent_not_visible", 2),
    (XForbidden(detail=HIDDEN), OLD, REFUSED, "refused", NEVER),
    (XForbidden(detail=HIDDEN), {}, REFUSED, "refused", NEVER),
    (XForbidden(detail="Your account is suspended."), FRESH, REFUSED, "refused", NEVER),
    (XForbidden(), {}, REFUSED, "refused", NEVER),
    (XNotFound(), FRESH, ARMED, "parent_not_visible", 2),
    (XNotFound(), OLD, REFUSED, "refused", NEVER),
    (XNotFound(), {}, REFUSED, "refused", NEVER),
    (XMediaUnknown(), {"may_upload_again": True}, ARMED, "media_gone", 0),
    (XMediaUnknown(), {}, REFUSED, "refused", NEVER),
    (XInvalidRequest(), {}, REFUSED, "refused", NEVER),
    (XMediaFailed(), {}, REFUSED, "refused", NEVER),
    (XPlanLacks(), {}, REFUSED, "refused", NEVER),
    (XRefused(), {}, REFUSED, "refused", NEVER),
    (XDuplicate(), {}, UNCERTAIN, "duplicate", PAUSE),
    (XAmbiguous(), {}, UNCERTAIN, "uncertain", PAUSE),
    (XAmbiguous(status=503), {}, UNCERTAIN, "uncertain", PAUSE),
    (XUnavailable(), {}, UNCERTAIN, "uncertain", PAUSE),
    (XError(), {}, UNCERTAIN, "uncertain", PAUSE),
]


def kinds(of=XError):
    """The errors that the client knows, from the hierarchy itself."""
    ours = (kind for kind in of.__subclasses__() if kind.__module__.startswith("x_provider."))
    return {of}.union(*map(kinds, ours))


def named(row):
    error, given, *_ = row
    return " ".join([type(error).__name__, *(f"{name}={value}" for name, value in given.items())])


@pytest.mark.parametrize("row", TABLE, ids=named)
def test_an_answer_of_x_to_a_create_leaves_the_part_where_it_is_safe(row):
    error, given, state, name, seconds = row
    retry_at = None if seconds is None else NOW.add(seconds=seconds)
    assert decide(error, now=NOW, pause=PAUSE, **given) == Outcome(name, state, retry_at)


@pytest.mark.parametrize("row", [row for row in TABLE if row[1].keys() <= {"late"}], ids=named)
def test_before_the_create_nothing_can_be_uncertain(row):
    error, given, state, _, seconds = row
    before = decide_before_sending(error, now=NOW, pause=PAUSE, **given)
    if state is UNCERTAIN:
        assert before == Outcome("not_ready", ARMED, NOW.add(seconds=seconds))
    else:
        assert before == decide(error, now=NOW, pause=PAUSE, **given)


def test_the_table_has_every_kind_of_error():
    assert {type(error) for error, *_ in TABLE} == kinds()


def test_what_is_not_uncertain_is_known_to_have_left_nothing_on_x():
    assert {name for _, _, state, name, _ in TABLE if state is not UNCERTAIN} == CREATED_NOTHING


def test_who_says_nothing_of_lateness_has_no_patience():
    for given in ({}, {"late": math.inf}):
        assert decide(XNeedsLogin(), now=NOW, pause=PAUSE, **given).retry_at is None
