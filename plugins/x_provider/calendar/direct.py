"""A post that comes from code or a form instead of a calendar file, held to the same rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path, PurePath
from typing import Any, TypeGuard

import pendulum

from x_provider.calendar import yaml_tree as tree
from x_provider.calendar.entries import entry_fields, read_post
from x_provider.calendar.fields import Fields
from x_provider.calendar.findings import EntryReport, Finding, Report
from x_provider.calendar.header import Header, read_rights
from x_provider.calendar.model import LatePolicy, PostSpec
from x_provider.calendar.shelf import Shelf
from x_provider.media import MediaSources

_RIGHTS_FIELDS = ("plan", "premium")
DIRECT_FIELDS = (
    *(name for name in entry_fields() if name not in ("id", "account")),
    *_RIGHTS_FIELDS,
)
"""What such a post may say: the fields of a calendar's entry but its name and its account, and what kind of
account it is for, which a calendar says once for all of its entries."""

_NOTHING = tree.Scalar("", None, is_null=True)


@dataclass(frozen=True)
class EntryReading:
    """What reading one post gave.

    :param post: the post; None when something is wrong with it.
    :param findings: what people should know about it, its errors among them.
    """

    post: PostSpec | None
    findings: list[Finding]


def read_entry(
    entry: Mapping[str, Any],
    *,
    id: str,
    account: str,
    timezone: str,
    folder: Path,
    now: pendulum.DateTime,
    source: str,
    calendar: str = "",
    called: str | None = None,
    late: LatePolicy | None = None,
    is_known: bool = False,
    sources: MediaSources | None = None,
) -> EntryReading:
    """Check one post as an entry of a calendar is checked. Never raises for what it finds there.

    Values are plain Python ones. A number, date, duration or path may stand for what a calendar writes as
    text, and a medium may be the mere path of its file. None, blank text and blank items of a list count as
    not given, since that is what a form sends for what was left alone; without ``at`` the post is due now.

    :param entry: the fields of docs/calendar.md, except ``id`` and ``account``.
    :param id: the post's name for the ledger.
    :param account: the Airflow connection that it is published with.
    :param timezone: in which a local ``at`` is meant, unless the entry has a zone of its own.
    :param folder: what media paths are relative to.
    :param source: where the post comes from, such as ``task x_post.plan``; findings name it as their file.
    :param calendar: the name of what it belongs to, for ``{calendar}`` in the parameters of links.
    :param called: its name for the world, for ``{id}`` there; the ledger's where left out.
    :param late: what holds where the entry does not say what happens when it is late.
    :param is_known: the ledger has the post already, so a due time in the past is no news.
    :param sources: where media come from; files of this machine and https URLs when left out.
    """
    report = Report(source)
    entry_report = EntryReport(report, None)
    try:
        node = _mapping(_with_files(entry), "")
    except TypeError as error:
        entry_report.error(None, None, str(error), "Give it as text")
        return EntryReading(None, report.findings())
    for name, default in (("at", "now"), ("timezone", timezone)):
        if node.fields.get(name, _NOTHING) == _NOTHING:
            node.fields[name] = tree.Scalar(default, None)
    fields = Fields(node, entry_report, known=DIRECT_FIELDS)
    post = read_post(
        fields,
        id,
        Header(calendar, timezone, account, late=late or LatePolicy(), rights=read_rights(fields)),
        Shelf(sources or MediaSources(), folder.absolute()),
        now=now,
        is_known=is_known,
        called=called,
    )
    return EntryReading(None if entry_report.failed else post, report.findings())


def _with_files(part: Mapping[str, Any]) -> dict[str, Any]:
    """The part, and those that come with it, with every mere path of a file written out as a medium."""
    written = dict(part)
    if _is_list(media := part.get("media")):
        written["media"] = [
            {"file": str(item).strip()} if isinstance(item, str | PurePath) and str(item).strip() else item
            for item in media
        ]
    for name in ("thread", "follow_ups"):
        if _is_list(parts := part.get(name)):
            written[name] = [_with_files(item) if isinstance(item, Mapping) else item for item in parts]
    if isinstance(comment := part.get("first_comment"), Mapping):
        written["first_comment"] = _with_files(comment)
    return written


def _mapping(values: Mapping[str, Any], path: str) -> tree.Mapping:
    return tree.Mapping(
        {str(name): _node(value, f"{path}.{name}".lstrip(".")) for name, value in values.items()}, None
    )


def _node(value: Any, path: str) -> tree.Node:
    if isinstance(value, Mapping):
        mapping = _mapping(value, path)
        return mapping if any(node != _NOTHING for node in mapping.fields.values()) else _NOTHING
    if _is_list(value):
        nodes = [_node(item, f"{path}[{index}]") for index, item in enumerate(value)]
        items = [node for node in nodes if node != _NOTHING]
        return tree.Sequence(items, None) if items else _NOTHING
    written = _written(value, path)
    return tree.Scalar(written, None) if written.strip() else _NOTHING


def _written(value: Any, path: str) -> str:
    """A value as a calendar would write it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"{round(value.total_seconds())} s"
    if isinstance(value, str | int | float | PurePath):
        return str(value)
    raise TypeError(f"{path} is a Python {type(value).__name__}, which no field of a post can be")


def _is_list(value: Any) -> TypeGuard[Iterable[Any]]:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping | PurePath)
