"""A calendar's file, from its bytes to a tree of fields with their lines."""

from __future__ import annotations

import stat
from pathlib import Path

from x_provider.calendar.findings import EntryReport, Finding, Report
from x_provider.calendar.yaml_tree import Mapping, Node, YamlError, parse

MAX_BYTES = 8 << 20


class UnusableError(Exception):
    """The file as a whole cannot be used; the report says why."""


def bytes_of(path: Path, report: EntryReport) -> bytes:
    """The file's bytes.

    :raises UnusableError: when they cannot be had, or are too many for a calendar.
    """
    hint = "Check the path"
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            report.error(None, None, "is no file", hint)
        elif status.st_size > MAX_BYTES:
            size = f"{status.st_size / 1e6:,.0f} MB"
            report.error(
                None, None, f"is too large for a calendar: {size}", "Split it into several calendars"
            )
        else:
            with path.open("rb") as file:
                return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        report.error(None, None, "there is no such file", hint)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        report.error(None, None, f"cannot be read: {reason}", "Check its path and permissions")
    raise UnusableError


def tree_of(content: bytes, report: Report) -> Mapping:
    """The fields of a calendar.

    :raises UnusableError: when it is no YAML, or none that begins a calendar.
    """
    try:
        return _mapping_of(parse(_text_of(content)))
    except YamlError as error:
        report.add(
            Finding(
                severity="error",
                file=report.file,
                line=error.line,
                column=error.column,
                message=error.message,
                hint="Nothing of this file is planned until it is corrected",
            )
        )
        raise UnusableError from None


def _mapping_of(root: Node | None) -> Mapping:
    if isinstance(root, Mapping):
        return root
    raise YamlError("holds no calendar; it begins with calendar: and a name", root.line if root else 1)


def _text_of(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line = before.count(b"\n") + 1
        column = error.start - before.rfind(b"\n")
        raise YamlError("is not encoded in UTF-8; save it as UTF-8", line, column) from None
