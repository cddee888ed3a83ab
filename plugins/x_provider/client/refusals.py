"""What X's refusals mean and what to do about them: one table, read from the top, first match wins.

https://docs.x.com/x-api/fundamentals/response-codes-and-errors
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from x_provider.client.calls import Call
from x_provider.client.errors import (
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
    XSpendCapReached,
    XUnavailable,
    XUnreachable,
    XUsageCapped,
)


@dataclass(frozen=True)
class Said:
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

    def matches(self, said: Said, call: Call) -> bool:
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


_SCOPE_WORDS = ("missing scope", "required scope", "insufficient scope", "oauth 2.0 scope", "oauth2 scope")

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
        XDuplicate,
        "Nothing need be done: the account has reposted it.",
        codes=frozenset({327}),
        words=("already retweeted", "already reposted"),
        families="repost",
    ),
    Rule(
        XPermission,
        "Copy the app's client id and client secret again from the X developer portal into the connection.",
        statuses=(400, 401, 403),
        words=("invalid_client", "unauthorized_client"),
        families="oauth2",
    ),
    Rule(
        XNeedsLogin,
        "Log the account in again.",
        statuses=(400, 401),
        words=("invalid_grant", "value passed for the"),
        families="oauth2",
    ),
    # X answers 401 to all the world now and then: of itself it says nothing about a token.
    Rule(XUnavailable, "Try again later.", statuses=(401, 403, 404), families="oauth2"),
    Rule(
        XPermission,
        "Register this callback address with the app in the X developer portal, letter by letter, and begin the"
        " login again.",
        codes=frozenset({415}),
        words=("callback url not approved",),
        families="request_token",
    ),
    Rule(
        XPermission,
        "Copy the app's API key and secret again from the X developer portal into the connection, and check this"
        " machine's clock.",
        statuses=(400, 401, 403),
        families="request_token",
    ),
    Rule(XNeedsLogin, "Begin the login again.", statuses=(400, 401, 403), families="access_token"),
    Rule(
        XNeedsLogin,
        "Copy the app's API key and secret again from the X developer portal.",
        statuses=(400, 401, 403),
        codes=frozenset({99}),
        words=("unable to verify your credentials",),
        families="app_token",
    ),
    Rule(
        XPlanLacks,
        "X no longer takes files by v1.1 from this app: set the connection's media_api to 2.",
        codes=frozenset({34, 453}),
        families="media",
    ),
    Rule(
        XPlanLacks,
        "X no longer takes files this way: set the connection's media_api to 2.",
        statuses=(410,),
        families="media",
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
        "Log the account in again and grant the scope tweet.moderate.write too, which hiding replies takes.",
        statuses=(403,),
        kinds=frozenset({"insufficient-scope", "missing-scope"}),
        words=_SCOPE_WORDS,
        families="hide_reply",
    ),
    Rule(
        XPermission,
        "Log the account in again and grant the scopes tweet.read, tweet.write, users.read, media.write and"
        " offline.access.",
        statuses=(403,),
        kinds=frozenset({"insufficient-scope", "missing-scope"}),
        words=_SCOPE_WORDS,
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
        "X takes new versions only from X Premium accounts, for 30 to 60 minutes after the first one and five"
        " times, and none of polls, replies to others and posts in communities.",
        words=("permitted to edit",),
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
        statuses=(403, 404),
        from_x=False,
    ),
    Rule(
        XForbidden,
        "Only replies in conversations that the account itself began can be hidden: check whose it is. An"
        " OAuth 2.0 login also needs the scope tweet.moderate.write.",
        statuses=(403,),
        families="hide_reply",
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
        "Check the keys and tokens of the connection, or log the account in again: page X > Accounts, or `airflow x"
        " login`.",
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
