# ruff: noqa: N818  # the names say what happened; "Error" would say nothing more
"""What can become of a call to X, as one hierarchy. The table that chooses among them is ``classify``.

XError
├── XRefused             X said no for good; sending it unchanged is pointless
│   ├── XInvalidRequest (XMediaUnknown), XForbidden, XNotFound, XPlanLacks, XMediaFailed
├── XDuplicate           the account has posted this already
├── XRateLimited, XUsageCapped, XOutOfCredits, XSpendCapReached
├── XNotPaidFor          we did not ask X: it costs money that may not be spent
├── XNeedsLogin, XPermission
├── XUnreachable         provably never sent
├── XUnavailable         no answer, or a 5xx, to a call that may be repeated
└── XAmbiguous           nobody knows whether X did it
"""

from __future__ import annotations

from typing import Any, ClassVar

from pendulum import DateTime

from x_provider.client.limits import RateWindow


class XError(Exception):
    """A call to X did not succeed.

    :param family: which call it was, such as ``create_post``.
    :param status: HTTP status; None when no answer came.
    :param title: X's title for it.
    :param detail: X's words, or the transport's where X said nothing.
    :param problem: last segment of X's problem type, such as ``usage-capped``; None for ``about:blank``.
    :param request_id: X's id of the exchange, for X's support.
    :param next_step: what to do about it.
    """

    summary: ClassVar[str] = "the call failed"
    retry_safe: ClassVar[bool] = False
    """True where X did nothing and the same call may do better later: after a pause, or ``next_step``."""

    def __init__(
        self,
        *,
        family: str = "",
        status: int | None = None,
        title: str | None = None,
        detail: str | None = None,
        problem: str | None = None,
        request_id: str | None = None,
        next_step: str = "",
    ) -> None:
        self.family = family
        self.status = status
        self.title = title
        self.detail = detail
        self.problem = problem
        self.request_id = request_id
        self.next_step = next_step
        super().__init__()

    def __str__(self) -> str:
        facts = [
            f"HTTP {self.status}" if self.status is not None else "",
            f"problem {self.problem}" if self.problem else "",
            f"request id {self.request_id}" if self.request_id else "",
        ]
        where = ", ".join(fact for fact in facts if fact)
        sentence = f"{self.family or 'X'}: {self.summary}{f' ({where})' if where else ''}"
        words = self.detail or self.title
        if words:
            sentence += f": {words.rstrip('.')}"
        return f"{sentence}. {self.next_step}".rstrip()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    @property
    def words(self) -> str:
        """What X said, or else what that kind of error means."""
        return self.detail or self.title or self.summary

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions are rebuilt from args by default, and there are only keyword arguments here.
        return (_rebuild, (type(self), self.__dict__.copy()))


def _rebuild(kind: type[XError], state: dict[str, Any]) -> XError:
    error = kind.__new__(kind)
    error.__dict__.update(state)
    return error


class XRefused(XError):
    """X said no for good: the same request will be refused again."""

    summary = "X refused it"


class XInvalidRequest(XRefused):
    """The request breaks one of X's rules for its shape or content."""

    summary = "X finds the request invalid"


class XMediaUnknown(XInvalidRequest):
    """The post names a media id that X does not take: forgotten, not processed, or a file beyond its limits."""

    summary = "X does not take the post's media"


class XForbidden(XRefused):
    """X does not allow this account to do this."""

    summary = "X does not allow it"


class XNotFound(XRefused):
    """What was asked for, or referred to, is not on X or not visible to this account."""

    summary = "X cannot find it"


class XPlanLacks(XRefused):
    """The developer plan does not include this endpoint."""

    summary = "the X developer plan does not include it"


class XMediaFailed(XRefused):
    """X could not process an uploaded file."""

    summary = "X could not process the file"


class XDuplicate(XError):
    """X holds a post with this content already: evidence that it exists, so look before sending again."""

    summary = "the account has posted this content already"


class XRateLimited(XError):
    """Too many calls; nothing was done.

    :param reset_at: when to try again (UTC): the latest reset among the exhausted windows.
    :param windows: the windows that X reported with its refusal.
    """

    summary = "X's rate limit is used up"
    retry_safe = True

    def __init__(
        self, *, reset_at: DateTime | None = None, windows: tuple[RateWindow, ...] = (), **facts: Any
    ) -> None:
        super().__init__(**facts)
        self.reset_at = reset_at
        self.windows = windows


class XUsageCapped(XError):
    """The plan's monthly cap is used up; nothing was done."""

    summary = "the plan's usage cap is used up"
    retry_safe = True


class XOutOfCredits(XError):
    """The developer account has no credits left; nothing was done."""

    summary = "the developer account is out of credits"
    retry_safe = True


class XSpendCapReached(XError):
    """The developer account's own spending limit is reached; nothing was done.

    :param reset_date: when the next billing cycle begins, as X writes it; None where X did not say.
    """

    summary = "the developer account's spending limit is reached"
    retry_safe = True

    def __init__(self, *, reset_date: str | None = None, **facts: Any) -> None:
        super().__init__(**facts)
        self.reset_date = reset_date


class XNotPaidFor(XError):
    """The call costs money that may not be spent now, so X was not asked; nothing was done.

    :param until: when it may be sent (UTC), if nobody allows it before; None when somebody must.
    """

    summary = "it costs money that may not be spent now, so X was not asked"
    retry_safe = True

    def __init__(self, *, until: DateTime | None = None, **facts: Any) -> None:
        super().__init__(**facts)
        self.until = until


class XNeedsLogin(XError):
    """X does not accept the credentials; nothing was done."""

    summary = "X does not accept the credentials"
    retry_safe = True


class XPermission(XError):
    """The credentials are good but may not do this; nothing was done."""

    summary = "the credentials lack a permission"
    retry_safe = True


class XUnreachable(XError):
    """The request provably never left: no connection could be opened."""

    summary = "X could not be reached; nothing was sent"
    retry_safe = True


class XUnavailable(XError):
    """No usable answer to a call that may be repeated."""

    summary = "X did not give a usable answer"
    retry_safe = True


class XAmbiguous(XError):
    """The request may have reached X and no usable answer came back: nobody knows whether X did it."""

    summary = "nobody knows whether X did it"
