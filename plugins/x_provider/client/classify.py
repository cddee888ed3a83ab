"""From X's answers to errors, by the table in ``refusals``.

https://docs.x.com/x-api/fundamentals/response-codes-and-errors
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from x_provider.client.calls import Call
from x_provider.client.errors import (
    XAmbiguous,
    XError,
    XRateLimited,
    XRefused,
    XSpendCapReached,
    XUnavailable,
)
from x_provider.client.limits import rate_windows, refused_until
from x_provider.client.models import problem_kind
from x_provider.client.refusals import RULES, Said

_LONGEST_DETAIL = 1000
_REQUEST_ID_HEADERS = ("x-transaction-id", "x-request-id", "x-connection-hash")
_SENTENCES = ("detail", "message", "error", "error_description")
_LOOK_FIRST = "Look for it on X before sending it again: it may be there."
_LATER = "Try again later; see https://docs.x.com/status for X's state."


def classify(status: int, headers: Mapping[str, str], body: bytes, call: Call) -> XError:
    """The error that an answer means; for every answer that is no success, unreadable 2xx included.

    :param headers: of the answer, names in any case.
    :param body: of the answer, as it came.
    """
    said = _read(status, body)
    for rule in () if _says_nothing(status, call) else RULES:
        if rule.matches(said, call):
            return _make(rule.error, rule.next_step, said, headers, call)
    if 400 <= status < 500 and status not in (408, 409, 425):
        return _make(XRefused, "Read X's words.", said, headers, call)
    if call.idempotent:
        return _make(XUnavailable, _LATER, said, headers, call)
    return _make(XAmbiguous, _LOOK_FIRST, said, headers, call)


def request_id(headers: Mapping[str, str]) -> str | None:
    """X's id of the exchange."""
    found = {name.lower(): value for name, value in headers.items()}
    return next((found[name] for name in _REQUEST_ID_HEADERS if name in found), None)


def _says_nothing(status: int, call: Call) -> bool:
    # A 5xx, or a success without its receipt, may follow after X has done the work, whatever its words are.
    return status >= 500 or (status < 300 and not call.idempotent)


def _make(kind: type[XError], next_step: str, said: Said, headers: Mapping[str, str], call: Call) -> XError:
    extra: dict[str, Any] = {}
    if issubclass(kind, XRateLimited):
        extra["reset_at"] = refused_until(headers)
        extra["windows"] = rate_windows(headers)
    if issubclass(kind, XSpendCapReached):
        reset_date = said.body.get("reset_date")
        extra["reset_date"] = str(reset_date) if reset_date else None
    return kind(
        family=call.family,
        status=said.status,
        title=said.title,
        detail=said.detail,
        problem=problem_kind(_text(said.body.get("type"))) or next(iter(sorted(said.kinds)), None),
        request_id=request_id(headers),
        next_step=next_step,
        **extra,
    )


def _read(status: int, body: bytes) -> Said:
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        shown = body[:200].decode("utf-8", "replace").strip()
        said = f"the answer is not X's JSON: {shown!r}" if shown else "the answer is empty"
        return Said(status, None, said, frozenset(), frozenset(), shown.lower(), from_x=False, body={})
    listed = parsed.get("errors")
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    if status < 300 and entries:
        # A success that holds only problems: the first of them is why there is nothing else.
        parsed = {**parsed, **entries[0]}
    every = [parsed, *entries]
    title = _text(parsed.get("title"))
    sentences = [_text(each.get(member)) for each in every for member in _SENTENCES]
    detail = " ".join(dict.fromkeys(sentence for sentence in sentences if sentence)) or None
    kinds = [problem_kind(_text(each.get("type"))) for each in every] + [
        _text(each.get("reason")) for each in every
    ]
    codes = [each.get("code") for each in every]
    return Said(
        status,
        title,
        detail[:_LONGEST_DETAIL] if detail else None,
        kinds=frozenset(kind for kind in kinds if kind),
        codes=frozenset(code for code in codes if isinstance(code, int)),
        words=f"{title or ''} {detail or ''}".lower(),
        from_x=True,
        body=parsed,
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
