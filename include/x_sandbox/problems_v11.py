"""X's refusals in the shapes of API v1.1 (developer.x.com, response codes)."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from x_sandbox.exchange import Answer
from x_sandbox.problems import Problem

NO_ACCESS = (
    "You currently have access to a subset of X API V2 endpoints and limited v1.1 endpoints "
    "(e.g. media post, oauth) only. If you need access to this endpoint, you may need a different access "
    "level. You can learn more here: https://developer.x.com/en/portal/product"
)
_BY_STATUS = {
    401: (32, "Could not authenticate you."),
    429: (88, "Rate limit exceeded"),
    500: (131, "Internal error"),
    503: (130, "Over capacity"),
}


class OldProblem(Problem):
    """A refusal with one of the numbered errors of v1.1."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(status, "", message, note=message)
        self.body = _errors(code, message)


def lacking(parameter: str) -> OldProblem:
    """Make the refusal for a parameter that is not there."""
    return OldProblem(400, 38, f"{parameter} parameter is missing.")


def invalid(parameter: str) -> OldProblem:
    """Make the refusal for a parameter that makes no sense."""
    return OldProblem(400, 44, f"{parameter} parameter is invalid.")


def refused_by_v11(problem: Problem, request: Request) -> Answer:
    """Say no as API v1.1 does."""
    return Answer(_body(problem, request), problem.status)


def _body(problem: Problem, request: Request) -> dict[str, Any]:
    if isinstance(problem, OldProblem):
        return problem.body
    if problem.status == 401 and "Authorization header" in problem.note:
        return _errors(215, "Bad Authentication data.")
    if problem.status in _BY_STATUS:
        return _errors(*_BY_STATUS[problem.status])
    if problem.body["type"].endswith("/unsupported-authentication"):
        return _errors(220, "Your credentials do not allow access to this resource.")
    messages = [error["message"] for error in problem.body.get("errors", ())]
    return {"request": request.url.path, "error": messages[0] if messages else problem.body["detail"]}


def _errors(code: int, message: str) -> dict[str, Any]:
    return {"errors": [{"code": code, "message": message}]}
