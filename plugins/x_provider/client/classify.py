"""From X's answers to errors: one table, read from the top, first match wins.

https://docs.x.com/x-api/fundamentals/response-codes-and-errors
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from x_provider.client.calls import Call
from x_provider.client.errors import (
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
)
from x_provider.client.limits import rate_windows, refused_until
from x_provider.client.models import problem_kind

_LONGEST_DETAIL = 1000
_REQUEST_ID_HEADERS = ("x-transaction-id", "x-request-id", "x-connection-hash")


@dataclass(frozen=True)
class _Said:
    """What an answer that is no success says, whatever shape X put it in."""

    status: int
    title: str | None
    detail: str | None
    kinds: frozenset[str]
    codes: frozenset[int]
    words: str
    from_x: bool
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Rule:
    """One row: when it matches, which error it means, and what to do then.

    :param statuses: HTTP statuses it is for; empty for all.
    :param kinds: problem types (last segment) or reasons, any of which matches.
    :param codes: v1.1 error codes, any of which matches.
    :param words: lower-case pieces of X's words, any of which matches.
    :param families: prefix of the calls it is for.
    :param from_x: False for a body that X's API did not write.
    """

    error: type[XError]
    next_step: str
    statuses: tuple[int, ...] = ()
    kinds: frozenset[str] = frozenset()
    codes: frozenset[int] = frozenset()
    words: tuple[str, ...] = ()
    families: str = ""
    from_x: bool = True

    def matches(self, said: _Said, call: Call) -> bool:
        if self.statuses and said.status not in self.statuses:
            return False
        if not call.family.startswith(self.families) or (not self.from_x and said.from_x):
            return False
        if not (self.kinds or self.codes or self.words):
            return True
        return bool(
            self.kinds & said.kinds
            or self.codes & said.codes
            or any(word in said.words for word in self.words)
        )


RULES: tuple[Rule, ...] = (
    Rule(
        XOutOfCredits,
        "Buy credits in the X developer console; nothing was posted or billed.",
        kinds=frozenset({"credits", "credits-depleted"}),
    ),
    Rule(
        XOutOfCredits,
        "Buy credits in the X developer console; nothing was posted or billed.",
        statuses=(402,),
    ),
    Rule(
        XSpendCapReached,
        "Raise the spending limit in the X developer console, or wait for the next billing cycle.",
        kinds=frozenset({"spend-cap-reached"}),
        words=("spendcapreached", "spend cap"),
    ),
    Rule(
        XUsageCapped,
        "Wait for the next period of the plan, or move to a larger plan in the X developer console.",
        kinds=frozenset({"usage-capped"}),
        words=("usagecapexceeded", "usage cap exceeded"),
    ),
    Rule(
        XRateLimited,
        "Send it again after the reset; nothing was done.",
        codes=frozenset({88}),
        words=("rate limit exceeded",),
    ),
    Rule(XRateLimited, "Send it again after the reset; nothing was done.", statuses=(429,)),
    Rule(
        XDuplicate,
        "Look for it on the account's timeline before sending it again; to post it twice, change its text.",
        statuses=(400, 403, 409),
        codes=frozenset({187}),
        words=("duplicate content", "status is a duplicate"),
    ),
    Rule(
        XPermission,
        "Use another kind of credentials for this call: X's answer names those it takes.",
        kinds=frozenset({"unsupported-authentication"}),
    ),
    Rule(
        XPermission,
        "In the X developer portal set the app's permissions to Read and write, then generate the access"
        " token and its secret again: older tokens keep the old permissions.",
        kinds=frozenset({"oauth1-permissions"}),
        words=("oauth1 app permissions",),
    ),
    Rule(
        XPermission,
        "Log the account in again and grant the scopes tweet.read, tweet.write, users.read, media.write and"
        " offline.access.",
        statuses=(403,),
        kinds=frozenset({"insufficient-scope", "missing-scope"}),
        words=("missing scope", "required scope", "insufficient scope", "oauth 2.0 scope", "oauth2 scope"),
    ),
    Rule(
        XPlanLacks,
        "Attach the app to a project whose plan includes this endpoint, in the X developer portal.",
        kinds=frozenset({"client-forbidden", "client-not-enrolled"}),
    ),
    Rule(
        XForbidden,
        "The account is suspended or locked: log in at x.com and follow what it says there.",
        kinds=frozenset({"user-suspended"}),
        words=("account is suspended", "account is temporarily locked"),
    ),
    Rule(
        XForbidden,
        "Self-serve plans may reply only where the account is mentioned, or in its own threads: take the"
        " reply or the quote out.",
        words=("only reply to or quote",),
    ),
    Rule(
        XForbidden,
        "Leave at most one cashtag ($NAME) in the text.",
        words=("one cashtag",),
    ),
    Rule(
        XForbidden,
        "Correct or remove the link that X objects to.",
        words=("contains an invalid url",),
    ),
    Rule(
        XForbidden,
        "Shorten the video: how long it may be depends on the account's subscription.",
        words=("video longer than",),
    ),
    Rule(
        XForbidden,
        "The account may not see or use what the request refers to; check the ids in it.",
        kinds=frozenset({"not-authorized-for-resource", "disallowed-resource"}),
    ),
    Rule(
        XPermission,
        "The answer is not from X's API: a proxy, firewall or bot check between here and X refuses. Check the"
        " connection's base URL and the network.",
        statuses=(403,),
        from_x=False,
    ),
    Rule(
        XPermission,
        "Uploading needs the scope media.write (OAuth 2.0) or an app with Read and write (OAuth 1.0a): log"
        " the account in again with it.",
        statuses=(403,),
        families="media",
    ),
    Rule(
        XForbidden,
        "Read X's words: the account, its subscription or the content is not allowed to do this.",
        statuses=(403,),
    ),
    Rule(
        XNeedsLogin,
        "Check the keys and tokens of the connection, or log the account in again.",
        statuses=(401,),
    ),
    Rule(
        XMediaUnknown,
        "Upload the files again: a media id must be the numeric id of an upload of this same account,"
        " finished and less than 24 h old, and the file within X's limits.",
        statuses=(400,),
        words=("media ids are invalid",),
    ),
    Rule(
        XNotFound,
        "Check the id: it may be deleted, protected, or never have existed.",
        kinds=frozenset({"resource-not-found", "resource-unavailable"}),
    ),
    Rule(XNotFound, "Check the ids and the connection's base URL.", statuses=(404,)),
    Rule(
        XInvalidRequest,
        "Correct what X names; the same request will be refused again.",
        statuses=(400, 405, 406, 410, 411, 413, 414, 415, 422, 431),
    ),
    Rule(
        XUnreachable,
        "Something redirects instead of X answering: correct the connection's base URL.",
        statuses=(301, 302, 303, 307, 308),
    ),
    Rule(
        XInvalidRequest,
        "Correct what X names; the same request will be refused again.",
        kinds=frozenset({"invalid-request"}),
    ),
)

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


def _make(kind: type[XError], next_step: str, said: _Said, headers: Mapping[str, str], call: Call) -> XError:
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


def _read(status: int, body: bytes) -> _Said:
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        shown = body[:200].decode("utf-8", "replace").strip()
        said = f"the answer is not X's JSON: {shown!r}" if shown else "the answer is empty"
        return _Said(status, None, said, frozenset(), frozenset(), shown.lower(), from_x=False, body={})
    listed = parsed.get("errors")
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    if status < 300 and entries:
        # A success that holds only problems: the first of them is why there is nothing else.
        parsed = {**parsed, **entries[0]}
    every = [parsed, *entries]
    title = _text(parsed.get("title"))
    sentences = [_text(each.get(member)) for each in every for member in ("detail", "message")]
    detail = " ".join(dict.fromkeys(sentence for sentence in sentences if sentence)) or None
    kinds = [problem_kind(_text(each.get("type"))) for each in every] + [
        _text(each.get("reason")) for each in every
    ]
    codes = [each.get("code") for each in every]
    return _Said(
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
