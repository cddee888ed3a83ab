"""X's refusals, in the shapes that its documentation and its clients know."""

from __future__ import annotations

from typing import Any

PROBLEMS = "https://api.x.com/2/problems/"
LEGACY_PROBLEMS = "https://api.twitter.com/2/problems/"


class Problem(Exception):  # noqa: N818 - the word of X and of RFC 9457
    """A refusal on its way to the client.

    :param status: HTTP status.
    :param title: X's `title`.
    :param detail: X's `detail`, one sentence.
    :param kind: last segment of the problem's `type`, or None for `about:blank`.
    :param note: why, for the sandbox's request log only; never a secret.
    :param more: further members of the body.
    """

    def __init__(
        self, status: int, title: str, detail: str, kind: str | None = None, *, note: str = "", **more: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.note = note
        self.headers: dict[str, str] = {}
        self.body: dict[str, Any] = {
            **more,
            "title": title,
            "detail": detail,
            "type": PROBLEMS + kind if kind else "about:blank",
            "status": status,
        }


def invalid_request(*messages: str, parameters: dict[str, list[str]] | None = None) -> Problem:
    """Make the 400 for parameters or bodies that break the API's rules."""
    return Problem(
        400,
        "Invalid Request",
        "One or more parameters to your request was invalid.",
        "invalid-request",
        errors=[{"message": message, "parameters": parameters or {}} for message in messages],
        note="; ".join(messages),
    )


def unauthorized(reason: str) -> Problem:
    """Make the 401, which tells the client nothing; the reason goes to the request log."""
    return Problem(401, "Unauthorized", "Unauthorized", note=reason)


def forbidden(detail: str, kind: str | None = None, **more: Any) -> Problem:
    return Problem(403, "Forbidden", detail, kind, **more)


def unsupported_authentication(used: str, accepted: list[str]) -> Problem:
    return Problem(
        403,
        "Unsupported Authentication",
        f"Authenticating with {used} is forbidden for this endpoint.  "
        f"Supported authentication types are [{', '.join(accepted)}].",
        "unsupported-authentication",
    )


def not_found(resource_type: str, parameter: str, value: str) -> dict[str, Any]:
    """Make the item of a 200's `errors` for something that does not exist (or is not visible)."""
    return {
        "value": value,
        "detail": f"Could not find {resource_type} with {parameter}: [{value}].",
        "title": "Not Found Error",
        "resource_type": resource_type,
        "parameter": parameter,
        "resource_id": value,
        "type": PROBLEMS + "resource-not-found",
    }


def missing(resource_type: str, parameter: str, value: str) -> Problem:
    """Make the 404 for the one thing a request is about."""
    item = not_found(resource_type, parameter, value)
    return Problem(404, item.pop("title"), item.pop("detail"), item.pop("type").rpartition("/")[2], **item)


def field_not_authorized(post_id: str, field: str) -> dict[str, Any]:
    """Make the item of a 200's `errors` for a private metric that the caller may not see."""
    return {
        "resource_id": post_id,
        "resource_type": "tweet",
        "field": field,
        "title": "Field Authorization Error",
        "section": "data",
        "detail": f"Sorry, you are not authorized to access '{field}' on the post with id : [{post_id}].",
        "type": PROBLEMS + "not-authorized-for-field",
    }


def too_many_requests() -> Problem:
    return Problem(429, "Too Many Requests", "Too Many Requests")


def preset(name: str) -> Problem:
    """Make a refusal by its name, for faults on demand.

    :raises KeyError: no such preset; the message lists them.
    """
    try:
        status, title, detail, kind, more = PRESETS[name]
    except KeyError:
        raise KeyError(f"unknown problem {name!r}; one of {', '.join(sorted(PRESETS))}") from None
    return Problem(status, title, detail, kind, **more)


PRESETS: dict[str, tuple[int, str, str, str | None, dict[str, Any]]] = {
    "credits": (
        402,
        "CreditsDepleted",
        "Your enrolled account [1] does not have any credits to fulfill this request.",
        "credits",
        {"account_id": 1},
    ),
    "credits-depleted": (402, "Payment Required", "credits depleted", "credits-depleted", {}),
    "spend-cap-reached": (
        403,
        "SpendCapReached",
        "Your monthly spend cap has been reached.",
        "spend-cap-reached",
        {"account_id": 1, "reset_date": "2099-01-01"},
    ),
    "usage-capped": (
        429,
        "UsageCapExceeded",
        "Usage cap exceeded: Monthly product cap",
        "usage-capped",
        {"account_id": 1, "product_name": "pay-per-use", "period": "Monthly", "scope": "Product"},
    ),
    "client-forbidden": (
        403,
        "Client Forbidden",
        "When authenticating requests to the X API v2 endpoints, you must use keys and tokens "
        "from a developer App that is attached to a Project.",
        "client-forbidden",
        {
            "reason": "client-not-enrolled",
            "required_enrollment": "Appropriate Level of API Access",
            "registration_url": "https://developer.x.com/en/docs/projects/overview",
        },
    ),
    "duplicate": (
        403,
        "Forbidden",
        "You are not allowed to create a Tweet with duplicate content.",
        None,
        {},
    ),
    "not-permitted": (403, "Forbidden", "You are not permitted to perform this action.", None, {}),
    "user-suspended": (
        403,
        "Forbidden",
        "Your account is suspended and is not permitted to access this feature.",
        "user-suspended",
        {},
    ),
    "rate-limited": (429, "Too Many Requests", "Too Many Requests", None, {}),
    "internal-error": (
        500,
        "Internal Error",
        "Something is broken. This is usually temporary.",
        "internal-error",
        {},
    ),
}
