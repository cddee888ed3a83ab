"""Reading a calendar file: every sound entry, and a finding for everything else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from collections.abc import Mapping as KnownPosts
from dataclasses import dataclass
from pathlib import Path

import pendulum

from x_provider.calendar.blackouts import held_words, read_blackouts
from x_provider.calendar.entries import check_past, entry_fields, read_post
from x_provider.calendar.fields import Fields
from x_provider.calendar.file import UnusableError, bytes_of, tree_of
from x_provider.calendar.findings import EntryReport, Finding, Report, nearest
from x_provider.calendar.header import HEADER_FIELDS, Header, doubt_accounts, read_header, read_id
from x_provider.calendar.model import BlackoutSpec, Calendar, PostSpec
from x_provider.calendar.plan import CHANGEABLE, PLANNED, KnownPost
from x_provider.calendar.repeats import Repeat, repeats
from x_provider.calendar.shelf import FilesBySource, Shelf
from x_provider.calendar.times import roughly
from x_provider.calendar.yaml_tree import Mapping, Node, Scalar, Sequence
from x_provider.media import MediaSources
from x_provider.text import without_links

MAX_POSTS = 10_000

PlannedFiles = Callable[[str, str], FilesBySource]
KnownByCalendar = Callable[[str], KnownPosts[str, KnownPost]]


@dataclass(frozen=True)
class Reading:
    """What reading a calendar file gave.

    :param calendar: its sound entries; None when the file as a whole cannot be used.
    :param findings: everything an editor should know, from the file's top to its bottom.
    :param digest: SHA-256 of the file's bytes, hexadecimal; empty when they could not be read.
    """

    calendar: Calendar | None
    findings: list[Finding]
    digest: str


def read_calendar(
    path: str | Path,
    *,
    now: pendulum.DateTime | None = None,
    known: KnownByCalendar | None = None,
    planned_files: PlannedFiles | None = None,
    sources: MediaSources | None = None,
) -> Reading:
    """Read a calendar's YAML file and check every entry. Never raises for what it finds there.

    An entry with an error is left out and named in ``calendar.broken``; the others stay.

    :param path: the file; media paths in it are relative to its folder.
    :param now: the moment that ``now + 30 s`` counts from; the current time when left out.
    :param known: gives the ledger's posts of the calendar of that name. A known post is not blamed for a due
        time in the past, and one that is on its way or on X for nothing at all.
    :param planned_files: gives the files of the ledger's post of that calendar and id. A planned post whose entry
        still says what it is planned with is not fetched again. Left out, everything is.
    :param sources: where media come from; files of this machine and https URLs when left out. What is named
        twice is fetched once.
    """
    path = Path(path)
    now = now or pendulum.now("UTC")
    report = Report(str(path))
    header_report = EntryReport(report, None)
    digest = ""
    calendar = None
    try:
        content = bytes_of(path, header_report)
        digest = hashlib.sha256(content).hexdigest()
        shelf = Shelf(sources or MediaSources(), path.absolute().parent)
        calendar = _calendar(
            tree_of(content, report),
            shelf,
            header_report,
            report,
            now=now,
            known=known,
            planned_files=planned_files,
        )
    except UnusableError:
        pass
    return Reading(calendar, report.findings(), digest)


def _calendar(
    root: Mapping,
    shelf: Shelf,
    header_report: EntryReport,
    report: Report,
    *,
    now: pendulum.DateTime,
    known: KnownByCalendar | None,
    planned_files: PlannedFiles | None,
) -> Calendar:
    fields = Fields(root, header_report, known=HEADER_FIELDS)
    # A field that nobody knows is an error, but the posts can still be trusted; any other goes for them all.
    header_report.failed = bool(root.repeated or root.odd_keys) or _may_mean_blackouts(root)
    header = read_header(fields)
    nodes = _post_nodes(fields)
    blackouts = []
    if header is not None:
        # Broken entries count: what was planned of them before stays planned.
        used = {_raw_account(node) or header.account for node in nodes}
        blackouts = read_blackouts(fields, zone=header.timezone, account=header.account, accounts=used)
        doubt_accounts(fields, header, used)
    # With a blackout that cannot be read nothing is applied: the posts inside it would go out.
    if header_report.failed or header is None:
        raise UnusableError
    entries = _Entries(
        header, shelf, report, now, known(header.name) if known else {}, planned_files=planned_files
    )
    posts = entries.read(nodes)
    entries.warn_of_blackouts(posts, blackouts)
    return Calendar(
        name=header.name,
        timezone=header.timezone,
        account=header.account,
        posts=posts,
        blackouts=blackouts,
        broken=frozenset(entries.broken),
        unidentified=entries.unidentified,
    )


def _may_mean_blackouts(root: Mapping) -> bool:
    return any(
        name not in HEADER_FIELDS and nearest(name, HEADER_FIELDS) == "blackouts" for name in root.fields
    )


def _post_nodes(fields: Fields) -> list[Node]:
    if fields.is_blank("posts"):
        return []
    if fields.node("posts") is None:
        # Not the same as an empty list, which withdraws every post.
        fields.error("posts", "is missing", "Add posts: and the entries, or posts: [] for none")
    nodes = fields.sequence("posts") or []
    if len(nodes) > MAX_POSTS:
        fields.error(
            "posts", f"{len(nodes):,} posts; a calendar takes {MAX_POSTS:,}", "Split it into several"
        )
    return nodes


class _Entries:
    """The entries of one calendar, read one after the other."""

    def __init__(
        self,
        header: Header,
        shelf: Shelf,
        report: Report,
        now: pendulum.DateTime,
        known: KnownPosts[str, KnownPost],
        *,
        planned_files: PlannedFiles | None,
    ) -> None:
        self._header = header
        self._shelf = shelf
        self._report = report
        self._now = now
        self._known = known
        self._planned_files = planned_files
        self._lines: dict[str, int | None] = {}
        self._threads: dict[str, int] = {}
        self._commented: set[str] = set()
        self.broken: set[str] = set()
        self.unidentified = 0

    def read(self, nodes: list[Node]) -> list[PostSpec]:
        posts = [self._entry(index, node) for index, node in enumerate(nodes)]
        # Of two entries with one id nobody can say which is meant: neither is planned.
        sound = [post for post in posts if post is not None and post.id not in self.broken]
        self._warn_of_repeats(sound)
        return sound

    def _entry(self, index: int, node: Node) -> PostSpec | None:
        id = _raw_id(node)
        report = EntryReport(self._report, id or f"entry {index + 1}", muted=self._is_history(id))
        if not isinstance(node, Mapping):
            report.error(node.line, None, "must have the fields id, at and text", "See docs/calendar.md")
            self.unidentified += 1
            return None
        fields = Fields(node, report, known=entry_fields())
        if read_id(fields, "id", f"post-{index + 1}") is None or id is None:
            self.unidentified += 1
            return None
        if id in self._lines:
            message = f"the id is there twice; the other is in line {self._lines[id]}"
            EntryReport(self._report, id).error(fields.line_of("id"), "id", message, "Rename one of them")
            self.broken.add(id)
            return None
        self._lines[id] = fields.line_of("id")
        if isinstance(thread := fields.node("thread"), Sequence):
            self._threads[id] = len(thread.items)
        if fields.has("first_comment"):
            self._commented.add(id)
        self._shelf.planned = self._unchanged_files(node, id)
        post = self._read(fields, id)
        if post is not None and self._would_come_back(post):
            check_past(fields, post.due_at, post.late, self._now)
        if report.failed or post is None:
            self.broken.add(id)
            return None
        return post

    def _read(self, fields: Fields, id: str) -> PostSpec | None:
        return read_post(
            fields,
            id,
            self._header,
            self._shelf,
            now=self._now,
            is_known=id in self._known,
            is_history=self._is_history(id),
        )

    def _unchanged_files(self, node: Mapping, id: str) -> FilesBySource:
        """The files that need not be fetched, since with them the entry says what is planned already."""
        known = self._known.get(id)
        if self._planned_files is None or known is None or known.state != PLANNED or not _names_url(node):
            return {}
        self._shelf.planned = files = self._planned_files(self._header.name, id)
        unheard = EntryReport(Report(self._report.file), id)
        post = self._read(Fields(node, unheard, known=entry_fields()), id)
        return files if post is not None and post.revision == known.revision else {}

    def _would_come_back(self, post: PostSpec) -> bool:
        """Whether this reading plans anew what was refused or missed: then its due time counts again."""
        known = self._known.get(post.id)
        return known is not None and known.state != PLANNED and known.revision != post.revision

    def _warn_of_repeats(self, posts: list[PostSpec]) -> None:
        for repeat in repeats(posts):
            post, earlier = repeat.post, repeat.earlier
            if post is earlier:
                message = "is in this thread twice"
            else:
                apart = (post.due_at - earlier.due_at).total_seconds()
                when = f"due {roughly(apart)} before" if apart else "due at the same time"
                message = f"is the same as that of {earlier.id} (line {earlier.line}), {when}"
            report = EntryReport(self._report, post.id, muted=self._is_history(post.id))
            field, hint = self._place_of(repeat)
            report.warning(post.line, field, f"{message}; X may refuse it as a duplicate", hint)

    def _place_of(self, repeat: Repeat) -> tuple[str, str]:
        """The field that a part's text comes from, and what to do about it."""
        post, part = repeat.post, repeat.part
        hint = "Change some words, or put a day between them"
        if part < self._threads.get(post.id, 0):
            return f"thread[{part}].text", hint
        if part and part == len(post.parts) - 1:
            if post.id in self._commented:
                return "first_comment.text", hint
            if not without_links(post.parts[part].text)[0]:
                return "links", 'Give it a first_comment with words of its own, or utm: {content: "{id}"}'
        return "text", hint

    def warn_of_blackouts(self, posts: list[PostSpec], blackouts: list[BlackoutSpec]) -> None:
        """Say of every post inside a blackout when it can go out, and what its late policy makes of that."""
        for post in posts if blackouts else ():
            words = held_words(post, blackouts)
            if words is not None:
                report = EntryReport(self._report, post.id, muted=self._is_history(post.id))
                report.warning(post.line, "at", words, "Move the post, or the blackout")

    def _is_history(self, id: str | None) -> bool:
        return id is not None and id in self._known and self._known[id].state not in CHANGEABLE


def _names_url(node: Node, seen: set[int] | None = None) -> bool:
    """Whether a file in the entry lies elsewhere. Aliases share nodes: each is looked into once."""
    seen = set() if seen is None else seen
    if isinstance(node, Scalar) or id(node) in seen:
        return False
    seen.add(id(node))
    if isinstance(node, Mapping) and any("://" in (_raw(node, name) or "") for name in ("file", "preview")):
        return True
    children = node.items if isinstance(node, Sequence) else node.fields.values()
    return any(_names_url(child, seen) for child in children)


def _raw_id(node: Node) -> str | None:
    return _raw(node, "id")


def _raw_account(node: Node) -> str | None:
    return (_raw(node, "account") or "").strip() or None


def _raw(node: Node, name: str) -> str | None:
    value = node.fields.get(name) if isinstance(node, Mapping) else None
    return value.value if isinstance(value, Scalar) and not value.is_null else None
