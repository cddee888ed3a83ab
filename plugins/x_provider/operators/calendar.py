"""Operators that bring a content calendar into the ledger: lint, plan, apply."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from x_provider.calendar import Calendar, Plan, Reading, plan, read_calendar
from x_provider.hooks.ledger import LedgerHook
from x_provider.hooks.media import media_sources
from x_provider.ledger import Ledger
from x_provider.operators.retrying import XOperator
from x_provider.publishing import apply, known_blackouts, known_posts, utc_now
from x_provider.publishing.forecast import forecast

_FEW_WITHDRAWALS = 3


class _XCalendarOperator(XOperator):
    template_fields: Sequence[str] = ("calendar", "digest", "allow_withdrawals")

    def __init__(
        self,
        *,
        calendar: str,
        digest: str | None = None,
        allow_withdrawals: bool | str = False,
        ledger_conn_id: str = "x_ledger",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.calendar = calendar
        self.digest = digest
        self.allow_withdrawals = allow_withdrawals
        self.ledger_conn_id = ledger_conn_id

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger behind ``ledger_conn_id``."""
        return LedgerHook(self.ledger_conn_id).ledger()

    def _read(self) -> Reading:
        return read_calendar(
            self.calendar,
            now=utc_now(),
            known=lambda name: known_posts(self.ledger, name),
            sources=media_sources(),
        )

    def _checked(self) -> Calendar:
        reading = self._read()
        if self.digest is not None and reading.digest != self.digest:
            raise AirflowFailException(
                f"{self.calendar} was changed while this run was planning it; clear the run's first task to"
                " plan what it says now. Nothing was applied."
            )
        if reading.calendar is None:
            raise AirflowFailException("\n".join(str(finding) for finding in reading.findings))
        return reading.calendar

    def _plan(self, calendar: Calendar) -> Plan:
        now = utc_now()
        planned = plan(
            calendar,
            known_posts(self.ledger, calendar.name),
            now=now,
            known_blackouts=known_blackouts(self.ledger, calendar.name, now=now),
        )
        few = max(_FEW_WITHDRAWALS, len(planned.known) // 5)
        if len(planned.withdraw) > few and str(self.allow_withdrawals).lower() != "true":
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
    :param ledger_conn_id: the ledger: what it knows as sent is not blamed for being past.
    :return: ``{"digest", "posts", "errors", "warnings"}``: the digest of what was read, the number of sound
        entries, and each finding as one line (XCom).
    :raises AirflowFailException: when the file cannot be read as a calendar at all.
    """

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002
        reading = self._read()
        for finding in reading.findings:
            log = self.log.error if finding.severity == "error" else self.log.warning
            log("%s", finding)
        if reading.calendar is None:
            raise AirflowFailException("\n".join(str(finding) for finding in reading.findings))
        self.log.info("%s: %s sound entries", self.calendar, len(reading.calendar.posts))
        return {
            "digest": reading.digest,
            "posts": len(reading.calendar.posts),
            "errors": [str(f) for f in reading.findings if f.severity == "error"],
            "warnings": [str(f) for f in reading.findings if f.severity == "warning"],
        }


class XPlanCalendarOperator(_XCalendarOperator):
    """Compare a calendar with the ledger and say what applying it would do.

    :param calendar: path of the calendar file (templated).
    :param digest: digest of the reading that was linted; another file content stops here (templated).
    :param allow_withdrawals: withdraw even more than three posts and a fifth of the calendar (templated).
    :param ledger_conn_id: the Airflow connection of the ledger's database.
    :return: the plan, one line a blackout and one a post with its price, then what all of them cost an account and
        month (XCom).
    """

    def execute(self, context: Context) -> list[str]:  # noqa: ARG002
        planned = self._plan(self._checked())
        expected = forecast(planned, self.ledger, now=utc_now())
        lines = [*planned.lines(expected.notes()), *expected.lines()]
        for line in lines:
            self.log.info("%s", line)
        return lines


class XApplyCalendarOperator(_XCalendarOperator):
    """Bring the ledger to what the calendar says. Repeating it changes nothing.

    :param calendar: path of the calendar file (templated).
    :param digest: digest of the reading that was planned (templated).
    :param allow_withdrawals: withdraw even more than three posts and a fifth of the calendar (templated).
    :param ledger_conn_id: the Airflow connection of the ledger's database.
    :return: ``{"created", "updated", "withdrawn", "overtaken"}``, each a list of post ids (XCom).
    """

    def execute(self, context: Context) -> dict[str, list[str]]:  # noqa: ARG002
        calendar = self._checked()
        applied = apply(self.ledger, calendar, self._plan(calendar), now=utc_now())
        self.log.info("%s", applied)
        return {
            "created": applied.created,
            "updated": applied.updated,
            "withdrawn": applied.withdrawn,
            "overtaken": applied.overtaken,
        }
