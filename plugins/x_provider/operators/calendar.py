"""Operators that bring a content calendar into the ledger: lint, plan, apply."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property, partial
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from x_provider.calendar import Calendar, Finding, KnownPost, Plan, PostSpec, Reading, plan, read_calendar
from x_provider.hooks.ledger import LedgerHook
from x_provider.hooks.media import media_sources
from x_provider.hooks.standing import look, meant
from x_provider.ledger import Ledger, PartState
from x_provider.operators.retrying import XOperator
from x_provider.publishing import apply, known_blackouts, known_posts, planned_files, utc_now
from x_provider.publishing.forecast import forecast

_FEW_WITHDRAWALS = 3


class _XCalendarOperator(XOperator):
    template_fields: Sequence[str] = ("calendar", "digest", "allow_withdrawals", "refetch")

    def __init__(
        self,
        *,
        calendar: str,
        digest: str | None = None,
        allow_withdrawals: bool | str = False,
        refetch: bool | str = True,
        ledger_conn_id: str = "x_ledger",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.calendar = calendar
        self.digest = digest
        self.allow_withdrawals = allow_withdrawals
        self.refetch = refetch
        self.ledger_conn_id = ledger_conn_id

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger behind ``ledger_conn_id``."""
        return LedgerHook(self.ledger_conn_id).ledger()

    def _read(self) -> Reading:
        """Read the calendar and log what is wrong with it."""
        known = cache(partial(known_posts, self.ledger))
        reading = read_calendar(
            self.calendar,
            now=utc_now(),
            known=known,
            planned_files=None if _is_true(self.refetch) else partial(planned_files, self.ledger),
            sources=media_sources(),
        )
        if reading.calendar is not None:
            unknown = self._unknown(reading.calendar, known(reading.calendar.name))
            reading = replace(reading, findings=[*reading.findings, *unknown])
        for finding in reading.findings:
            log = self.log.error if finding.severity == "error" else self.log.warning
            log("%s", finding)
        return reading

    def _unknown(self, calendar: Calendar, known: Mapping[str, KnownPost]) -> Iterator[Finding]:
        """The accounts without a connection, each where its first post is that is still to go out."""
        firsts: dict[str, PostSpec] = {}
        for post in calendar.posts:
            if post.id not in known or known[post.id].state == PartState.PLANNED:
                firsts.setdefault(post.account, post)
        for account, post in firsts.items():
            if look(account, self.ledger).state == "undefined":
                yield Finding(
                    severity="warning",
                    file=self.calendar,
                    line=post.line,
                    entry=post.id,
                    field="account",
                    message=f"there is no connection {account}, and nothing goes out without it",
                    hint=f"{meant(account, self.ledger)}Correct the name, or create the connection",
                )

    def _checked(self) -> tuple[Calendar, list[Finding]]:
        """What the calendar says, and the errors of the entries that are left out."""
        reading = self._read()
        if self.digest is not None and reading.digest != self.digest:
            raise AirflowFailException(
                f"{self.calendar} was changed while this run was planning it; clear the run's first task to"
                " plan what it says now. Nothing was applied."
            )
        if reading.calendar is None:
            raise AirflowFailException("\n".join(str(finding) for finding in reading.findings))
        return reading.calendar, [finding for finding in reading.findings if finding.severity == "error"]

    def _plan(self, calendar: Calendar) -> Plan:
        now = utc_now()
        planned = plan(
            calendar,
            known_posts(self.ledger, calendar.name),
            now=now,
            known_blackouts=known_blackouts(self.ledger, calendar.name, now=now),
        )
        few = max(_FEW_WITHDRAWALS, len(planned.known) // 5)
        if len(planned.withdraw) > few and not _is_true(self.allow_withdrawals):
            raise AirflowFailException(
                f"{self.calendar} lacks {len(planned.withdraw)} of the {len(planned.known)} posts planned from"
                f" it ({', '.join(planned.withdraw[:5])}, …). Was it cut off while being saved? Nothing was"
                " applied. If they are meant to go, run this with allow_withdrawals."
            )
        return planned


class XLintCalendarOperator(_XCalendarOperator):
    """Read a calendar file and check every entry, before anything is sent.

    An entry with an error is left out and reported; the others go on.

    :param calendar: path of the calendar file (templated).
    :param refetch: fetch all files that are not on this machine; false: not those of planned posts whose entries
        say what is planned already (templated).
    :param ledger_conn_id: the ledger: what it knows as sent is not blamed for being past.
    :return: ``{"digest", "posts", "broken", "errors", "warnings"}``: the digest of what was read, the number of
        sound entries, the ids of the others, and each finding as one line (XCom).
    :raises AirflowFailException: when the file cannot be read as a calendar at all.
    """

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002
        reading = self._read()
        if reading.calendar is None:
            raise AirflowFailException("\n".join(str(finding) for finding in reading.findings))
        sound = len(reading.calendar.posts)
        self.log.info("%s: %s sound %s", self.calendar, sound, "entry" if sound == 1 else "entries")
        return {
            "digest": reading.digest,
            "posts": len(reading.calendar.posts),
            "broken": sorted(reading.calendar.broken),
            "errors": [str(f) for f in reading.findings if f.severity == "error"],
            "warnings": [str(f) for f in reading.findings if f.severity == "warning"],
        }


class XPlanCalendarOperator(_XCalendarOperator):
    """Compare a calendar with the ledger and say what applying it would do.

    :param calendar: path of the calendar file (templated).
    :param digest: digest of the reading that was linted; another file content stops here (templated).
    :param allow_withdrawals: withdraw even more than three posts and a fifth of the calendar (templated).
    :param refetch: as of :class:`XLintCalendarOperator` (templated).
    :param ledger_conn_id: the Airflow connection of the ledger's database.
    :return: the plan, one line a blackout and one a post with its price, then what all of them cost an account and
        month (XCom).
    """

    def execute(self, context: Context) -> list[str]:  # noqa: ARG002
        calendar, _ = self._checked()
        planned = self._plan(calendar)
        expected = forecast(planned, self.ledger, now=utc_now())
        lines = [*planned.lines(expected.notes()), *expected.lines()]
        for line in lines:
            self.log.info("%s", line)
        return lines


class XApplyCalendarOperator(_XCalendarOperator):
    """Bring the ledger to what the calendar says. Repeating it changes nothing.

    An entry with an error is left out. Where nobody was told of it yet, such as of a file that could be had when the
    calendar was linted and cannot any more, the task fails after the sound ones are applied; it is tried again if
    that may help.

    :param calendar: path of the calendar file (templated).
    :param digest: digest of the reading that was planned (templated).
    :param allow_withdrawals: withdraw even more than three posts and a fifth of the calendar (templated).
    :param refetch: as of :class:`XLintCalendarOperator` (templated).
    :param reported: ids of the entries whose errors people know of: what lint gave as ``broken`` (templated). Left
        out, they know of none.
    :param ledger_conn_id: the Airflow connection of the ledger's database.
    :return: ``{"created", "updated", "withdrawn", "overtaken"}``, each a list of post ids (XCom).
    :raises AirflowException: when an entry was left out that is not among the reported ones.
    """

    template_fields: Sequence[str] = (*_XCalendarOperator.template_fields, "reported")

    def __init__(self, *, reported: Collection[str] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.reported = reported

    def execute(self, context: Context) -> dict[str, list[str]]:  # noqa: ARG002
        calendar, errors = self._checked()
        applied = apply(self.ledger, calendar, self._plan(calendar), now=utc_now())
        self.log.info("%s", applied)
        self._require_reported(calendar, errors)
        return {
            "created": applied.created,
            "updated": applied.updated,
            "withdrawn": applied.withdrawn,
            "overtaken": applied.overtaken,
        }

    def _require_reported(self, calendar: Calendar, errors: Sequence[Finding]) -> None:
        """Raise for the entries that were left out without anybody having been told."""
        lost = [
            error for error in errors if error.entry in calendar.broken and error.entry not in self.reported
        ]
        if lost:
            ids = ", ".join(sorted({str(error.entry) for error in lost}))
            words = "\n".join(
                [
                    f"not applied: {ids}; the other entries are, and what was planned of these stays:",
                    *map(str, lost),
                ]
            )
            raise AirflowException(words) if all(e.may_pass for e in lost) else AirflowFailException(words)


def _is_true(value: bool | str) -> bool:
    return str(value).lower() == "true"
