"""What is wrong in a calendar file, and where."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict

from x_provider.media import shown

Severity = Literal["error", "warning"]

MAX_FINDINGS = 1_000
"""More of one severity are counted, not kept: nobody reads them, and a broken file can have millions."""


class Finding(BaseModel):
    """One thing an editor should know about a calendar file; ``str()`` of it is one line for a log.

    :param severity: an ``error`` keeps its entry from being planned, a ``warning`` does not.
    :param file: the calendar's file, or what else the post came from, such as ``task x_post.plan``.
    :param line: 1-based line of the file; None when it concerns the file as a whole.
    :param entry: id of the post, or ``entry 3`` when it has none; None for the calendar's own fields.
    :param field: the field's path inside its entry, such as ``thread[1].media[0].alt``.
    :param hint: what to do next.
    :param column: 1-based; only for a file that is no YAML.
    :param may_pass: whether it is the trouble of a network or server, so that reading again later may help.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    severity: Severity
    file: str
    line: int | None = None
    entry: str | None = None
    field: str | None = None
    message: str
    hint: str | None = None
    column: int | None = None
    may_pass: bool = False

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        words = ": ".join(
            part for part in (place, self.severity, self.entry, self.field, self.message) if part
        )
        return one_line(f"{words}. {self.hint}" if self.hint else words)


class Report:
    """Collects the findings of one file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._findings: list[Finding] = []
        self._counts: Counter[Severity] = Counter()

    def add(self, finding: Finding) -> None:
        # Counted apart, so that no number of warnings hides an error.
        self._counts[finding.severity] += 1
        if self._counts[finding.severity] <= MAX_FINDINGS:
            self._findings.append(finding)

    def findings(self) -> list[Finding]:
        """The findings from the file's top to its bottom."""
        found = sorted(self._findings, key=lambda finding: finding.line or 0)
        for severity, count in self._counts.items():
            if count > MAX_FINDINGS:
                message = f"{count - MAX_FINDINGS:,} more {severity}s are not listed"
                found.append(
                    Finding(severity=severity, file=self.file, message=message, hint="Correct these first")
                )
        return found


class EntryReport:
    """Collects the findings of one entry and remembers whether any is an error.

    :param entry: the post's id; None for the calendar's own fields.
    :param muted: notice errors, but tell nobody: the entry is history.
    """

    def __init__(self, report: Report, entry: str | None, *, muted: bool = False) -> None:
        self._report = report
        self._entry = entry
        self._muted = muted
        self.failed = False

    def error(
        self,
        line: int | None,
        field: str | None,
        message: str,
        hint: str | None = None,
        *,
        may_pass: bool = False,
    ) -> None:
        self.failed = True
        self._add("error", line, field, message, hint, may_pass=may_pass)

    def warning(self, line: int | None, field: str | None, message: str, hint: str | None = None) -> None:
        self._add("warning", line, field, message, hint)

    def _add(
        self,
        severity: Severity,
        line: int | None,
        field: str | None,
        message: str,
        hint: str | None,
        *,
        may_pass: bool = False,
    ) -> None:
        if not self._muted:
            self._report.add(
                Finding(
                    severity=severity,
                    file=self._report.file,
                    line=line,
                    entry=self._entry,
                    field=field,
                    message=message,
                    hint=hint,
                    may_pass=may_pass,
                )
            )


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant, if one is close."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(word[:100].lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[close[0]] if close else None


def quoted(value: str) -> str:
    """The value as a message shows it: in quotes, on one line, never longer than a glance, no signed URL's secret."""
    if _ADDRESS.search(value):
        value = shown(value)
    return f'"{one_line(value if len(value) <= 60 else value[:57] + "...")}"'


def one_line(text: str) -> str:
    """The text without line breaks or control characters, so that it cannot fake a line of a log."""
    return "".join(" " if unicodedata.category(character) in _BREAKING else character for character in text)


_ADDRESS = re.compile(r"://|https?:", re.IGNORECASE)
_BREAKING = frozenset({"Cc", "Cs", "Zl", "Zp"})
