"""Every refusal that X's documentation or its clients know, row by row."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from x_provider.client import (
    CreatePost,
    XAmbiguous,
    XDuplicate,
    XError,
    XForbidden,
    XInvalidRequest,
    XMediaUnknown,
    XNeedsLogin,
    XNotFound,
    XOutOfCredits,
    XPermission,
    XPlanLacks,
    XRateLimited,
    XRefused,
    XSpendCapReached,
    XUnavailable,
    XUnreachable,
    XUsageCapped,
    calls,
    classify,
)
from x_provider.client.upload_dialects import DIALECTS

CREATE = calls.create_post(CreatePost(text="hello"))
READ = calls.get_posts(["1"])
APPEND = DIALECTS["2"].append("1", 0, calls.FilePart("segment", b"x"))
HOSTS = ("https://api.x.com/2/problems/", "https://api.twitter.com/2/problems/")


def problem(status: int, detail: str, kind: str | None = None, title: str = "Forbidden", **more: Any) -> Any:
    uri = HOSTS[0] + kind if kind else "about:blank"
    return {"title": title, "detail": detail, "type": uri, "status": status, **more}


REFUSALS = [
    pytest.param(
        400,
        problem(
            400,
            "One or more parameters to your request was invalid.",
            "invalid-request",
            "Invalid Request",
            errors=[{"message": "text is too long", "parameters": {"text": ["…"]}}],
        ),
        XInvalidRequest,
        id="invalid request",
    ),
    pytest.param(
        400,
        problem(
            400,
            "One or more parameters to your request was invalid.",
            "invalid-request",
            "Invalid Request",
            errors=[{"message": "Your media IDs are invalid.", "parameters": {}}],
        ),
        XMediaUnknown,
        id="invalid media ids",
    ),
    pytest.param(401, problem(401, "Unauthorized", title="Unauthorized"), XNeedsLogin, id="unauthorized"),
    pytest.param(
        402,
        problem(
            402,
            "Your enrolled account [7] does not have any credits to fulfill this request.",
            "credits",
            "CreditsDepleted",
            account_id=7,
        ),
        XOutOfCredits,
        id="credits",
    ),
    pytest.param(
        402,
        problem(402, "credits depleted", "credits-depleted", "Payment Required"),
        XOutOfCredits,
        id="credits depleted",
    ),
    pytest.param(
        403,
        problem(403, "You are not allowed to create a Tweet with duplicate content."),
        XDuplicate,
        id="duplicate",
    ),
    pytest.param(
        403,
        {"errors": [{"code": 187, "message": "Status is a duplicate."}]},
        XDuplicate,
        id="duplicate as v1.1 says it",
    ),
    pytest.param(
        403,
        problem(
            403,
            "You can only reply to or quote posts where you are mentioned or are the author.",
            "not-authorized-for-resource",
        ),
        XForbidden,
        id="reply without being summoned",
    ),
    pytest.param(
        403, problem(403, "Posts are limited to a maximum of one cashtag"), XForbidden, id="two cashtags"
    ),
    pytest.param(
        403, problem(403, "You are not permitted to edit this Tweet."), XForbidden, id="edited too late"
    ),
    pytest.param(
        403,
        problem(
            403,
            "When authenticating requests…",
            "client-forbidden",
            "Client Forbidden",
            reason="client-not-enrolled",
            registration_url="https://developer.x.com",
        ),
        XPlanLacks,
        id="client not enrolled",
    ),
    pytest.param(
        403,
        problem(403, "Authenticating with OAuth 2.0 Application-Only…", "unsupported-authentication"),
        XPermission,
        id="unsupported authentication",
    ),
    pytest.param(
        403,
        problem(403, "Your client app is not configured with…", "oauth1-permissions"),
        XPermission,
        id="oauth1 permissions",
    ),
    pytest.param(
        403,
        problem(403, "…", None, "SpendCapReached", reset_date="2026-12-01"),
        XSpendCapReached,
        id="spend cap by title",
    ),
    pytest.param(
        403,
        problem(403, "Your monthly spend cap has been reached.", "spend-cap-reached"),
        XSpendCapReached,
        id="spend cap by type",
    ),
    pytest.param(
        403, problem(403, "You are not permitted to perform this action."), XForbidden, id="not permitted"
    ),
    pytest.param(
        403,
        problem(403, "Your account is not permitted to access this feature"),
        XForbidden,
        id="feature not permitted",
    ),
    pytest.param(
        403, problem(403, "The Tweet contains an invalid URL."), XForbidden, id="invalid URL in the text"
    ),
    pytest.param(403, problem(403, "Suspended.", "user-suspended"), XForbidden, id="user suspended"),
    pytest.param(
        403,
        problem(403, "This user is not allowed to post a video longer than 2 minutes."),
        XForbidden,
        id="video too long",
    ),
    pytest.param(
        404,
        problem(404, "Could not find tweet with id: [1].", "resource-not-found", "Not Found Error"),
        XNotFound,
        id="not found",
    ),
    pytest.param(404, {}, XNotFound, id="unknown path"),
    pytest.param(
        429, problem(429, "Too Many Requests", title="Too Many Requests"), XRateLimited, id="rate limited"
    ),
    pytest.param(
        429,
        {"errors": [{"code": 88, "message": "Rate limit exceeded"}]},
        XRateLimited,
        id="rate limited as v1.1 says it",
    ),
    pytest.param(
        429,
        problem(
            429,
            "Usage cap exceeded: Monthly product cap",
            "usage-capped",
            "UsageCapExceeded",
            period="Monthly",
            scope="Product",
        ),
        XUsageCapped,
        id="usage capped",
    ),
    pytest.param(400, {"code": 214, "message": "Bad request"}, XInvalidRequest, id="code and message only"),
    pytest.param(301, None, XUnreachable, id="a redirect"),
    pytest.param(418, {}, XRefused, id="a 4xx that nobody knows"),
]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(("status", "body", "kind"), REFUSALS)
def test_a_refusal_of_a_create_is_what_x_means_by_it(status: int, body: Any, kind: Any, host: str) -> None:
    written = json.dumps(body).replace(HOSTS[0], host).encode()

    error = classify(status, {"x-transaction-id": "abc"}, written, CREATE)

    assert type(error) is kind
    assert error.status == status
    assert error.request_id == "abc"
    assert error.next_step
    assert error.next_step in str(error)


@pytest.mark.parametrize(("status", "body", "kind"), REFUSALS)
def test_a_refusal_of_a_read_means_the_same(status: int, body: Any, kind: Any) -> None:
    assert type(classify(status, {}, json.dumps(body).encode(), READ)) is kind


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
def test_a_server_error_leaves_a_create_open_and_a_read_unavailable(status: int) -> None:
    for body in (b"", b"<html>", json.dumps(problem(status, "rate limit exceeded")).encode()):
        assert type(classify(status, {}, body, CREATE)) is XAmbiguous
        assert not classify(status, {}, body, CREATE).retry_safe
    assert type(classify(status, {}, b"", READ)) is XUnavailable


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"data": {}}', b'{"errors": [{"title": "x"}]}'])
def test_a_success_without_a_receipt_leaves_a_create_open(body: bytes) -> None:
    assert type(classify(201, {}, body, CREATE)) is XAmbiguous
    assert type(classify(200, {}, b"<html>", READ)) is XUnavailable


@pytest.mark.parametrize("status", [408, 409, 425])
def test_a_status_that_does_not_say_whether_it_was_done_leaves_a_create_open(status: int) -> None:
    assert type(classify(status, {}, b"{}", CREATE)) is XAmbiguous


def test_a_success_that_holds_only_problems_is_what_the_first_of_them_says() -> None:
    body = {
        "errors": [problem(200, "Could not find user with id: [1].", "resource-not-found", "Not Found Error")]
    }

    error = classify(200, {}, json.dumps(body).encode(), READ)

    assert type(error) is XNotFound
    assert error.problem == "resource-not-found"
    assert error.detail == "Could not find user with id: [1]."


def test_x_words_are_kept_with_the_messages_beside_them() -> None:
    body = problem(400, "One was invalid.", "invalid-request", errors=[{"message": "text is too long"}])

    error = classify(400, {}, json.dumps(body).encode(), CREATE)

    assert error.detail == "One was invalid. text is too long"
    assert error.problem == "invalid-request"
    assert "text is too long" in str(error)


def test_a_spend_cap_says_when_it_ends() -> None:
    body = problem(
        403, "Your monthly spend cap has been reached.", "spend-cap-reached", reset_date="2026-12-01"
    )

    error = classify(403, {}, json.dumps(body).encode(), CREATE)

    assert isinstance(error, XSpendCapReached)
    assert error.reset_date == "2026-12-01"


def test_a_403_of_a_firewall_is_not_taken_for_x_refusing_the_post_for_good() -> None:
    error = classify(403, {}, b"<html>Access denied</html>", CREATE)

    assert type(error) is XPermission
    assert "firewall" in error.next_step


def test_a_403_for_an_upload_points_to_the_scope_it_needs() -> None:
    error = classify(403, {}, json.dumps(problem(403, "Forbidden")).encode(), APPEND)

    assert type(error) is XPermission
    assert "media.write" in error.next_step


def test_errors_that_nothing_came_of_say_so() -> None:
    safe = {XRateLimited, XUsageCapped, XOutOfCredits, XSpendCapReached, XNeedsLogin, XPermission}
    safe |= {XUnreachable, XUnavailable}
    assert all(kind.retry_safe for kind in safe)
    assert not any(kind.retry_safe for kind in (XRefused, XInvalidRequest, XDuplicate, XAmbiguous, XError))


@pytest.mark.parametrize(("status", "body", "kind"), REFUSALS)
def test_errors_survive_pickling_and_copying(status: int, body: Any, kind: Any) -> None:
    error = classify(status, {"date": "Mon, 23 Nov 2026 12:00:00 GMT"}, json.dumps(body).encode(), CREATE)

    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is kind
        assert vars(twin) == vars(error)
        assert str(twin) == str(error)


@settings(deadline=None)
@given(status=st.integers(100, 599), body=st.binary(max_size=200))
def test_whatever_comes_is_classified(status: int, body: bytes) -> None:
    for call in (CREATE, READ, APPEND):
        assert isinstance(classify(status, {}, body, call), XError)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["errors", "type", "title", "detail", "message", "code", "reason", "data"]), inner
        )
    ),
    max_leaves=10,
)


@settings(deadline=None)
@given(status=st.integers(500, 599) | st.integers(200, 299), body=_json)
def test_no_wording_makes_an_open_outcome_look_settled(status: int, body: Any) -> None:
    assert type(classify(status, {}, json.dumps(body).encode(), CREATE)) is XAmbiguous
