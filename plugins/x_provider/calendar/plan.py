"""What applying a calendar would do: its difference from what the ledger knows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pendulum

from x_provider.calendar.blackouts import changed
from x_provider.calendar.model import BlackoutSpec, Calendar, PostSpec

PLANNED = "planned"
CHANGEABLE = frozenset({PLANNED, "refused", "missed"})
"""States of a post that a change of its entry plans anew: of what is left of it, nothing is on X."""
_DUE_TOLERANCE_SECONDS = 1
"""A database may keep less than microseconds."""


@dataclass(frozen=True)
class KnownPost:
    """What the ledger holds of a post.

    :param revision: the content hash it was planned with.
    :param state: the ledger's word for where it stands; what is not in ``CHANGEABLE`` is locked.
    :param due_at: when it is due, an instant.
    :param has_begun: whether some of it is on X: it may change, but is not withdrawn any more.
    """

    revision: str
    state: str
    due_at: pendulum.DateTime
    has_begun: bool = False


@dataclass(frozen=True)
class Plan:
    """The ids of a calendar's posts by what applying it would do; every id is in exactly one of them.

    :param locked: already on their way or on X: never changed.
    :param broken: their entries have errors: what was planned of them stays as it is.
    :param known_blackouts: the calendar's blackouts as the ledger has them.
    """

    create: tuple[str, ...]
    update: tuple[str, ...]
    withdraw: tuple[str, ...]
    unchanged: tuple[str, ...]
    locked: tuple[str, ...]
    broken: tuple[str, ...]
    calendar: Calendar
    known: Mapping[str, KnownPost]
    now: pendulum.DateTime
    known_blackouts: tuple[BlackoutSpec, ...] = ()

    def lines(self, notes: Mapping[str, str] = MappingProxyType({})) -> list[str]:
        """One line a blackout, then one a post: ``+`` new, ``~`` changed, ``-`` gone, ``=`` kept, ``!`` broken.

        :param notes: what else there is to say of a post, such as its price, by id.
        """
        return [*self._blackout_lines(), *self._post_lines(notes)]

    def _blackout_lines(self) -> list[str]:
        marks = changed(self.known_blackouts, self.calendar.blackouts, now=self.now)
        return [f"{mark} blackout {each.words(self.calendar.timezone)}" for mark, each in marks]

    def _post_lines(self, notes: Mapping[str, str]) -> list[str]:
        posts = {post.id: post for post in self.calendar.posts}
        marks = dict(self._marks())
        width = max(map(len, marks), default=0)
        return [
            f"{marks[id]} {id:<{width}}  {'  '.join([self._words(id, posts.get(id)), notes.get(id, '')])}".rstrip()
            for id in sorted(marks, key=lambda id: (self._due(id, posts.get(id)), id))
        ]

    def __str__(self) -> str:
        counts = (
            (len(self.create), "to create"),
            (len(self.update), "to update"),
            (len(self.withdraw), "to withdraw"),
            (len(self.unchanged), "unchanged"),
            (len(self.locked), "locked"),
            (len(self.broken), "broken"),
        )
        summary = ", ".join(f"{count} {words}" for count, words in counts if count) or "no posts"
        return "\n".join([f"{self.calendar.name}: {summary}", *self.lines()])

    def _marks(self) -> Iterator[tuple[str, str]]:
        for mark, ids in (
            ("+", self.create),
            ("~", self.update),
            ("-", self.withdraw),
            ("=", self.unchanged + self.locked),
            ("!", self.broken),
        ):
            for id in ids:
                yield id, mark

    def _due(self, id: str, post: PostSpec | None) -> pendulum.DateTime:
        if post is not None and id not in self.locked:
            return post.due_at
        return self.known[id].due_at if id in self.known else self.now

    def _words(self, id: str, post: PostSpec | None) -> str:
        if id in self.broken and id not in self.known:
            return "not planned: see the findings"
        due = self._due(id, post).in_timezone(post.timezone if post else self.calendar.timezone)
        words = [f"{due.format('YYYY-MM-DD HH:mm' + (':ss' if due.second else ''))} {due.timezone_name}"]
        if post is not None:
            words.append(_contents(post))
        if id in self.known and self.known[id].state != PLANNED:
            words.append(self.known[id].state)
        if id in self.locked:
            if post is not None and post.revision != self.known[id].revision:
                words.append("its entry has changed since: too late")
            if post is None and self.known[id].state == PLANNED:
                words.append(
                    f"its entry is gone, its rest goes out: airflow x void {self.calendar.name}/{id}"
                )
        elif id in self.broken:
            words.append("stays as planned: see the findings")
        return "  ".join(words)


def plan(
    calendar: Calendar,
    known: Mapping[str, KnownPost],
    *,
    now: pendulum.DateTime,
    known_blackouts: Collection[BlackoutSpec] = (),
) -> Plan:
    """Compare a calendar with what the ledger knows of it. Pure; applying it is the ledger's work.

    A post whose entry is broken is never withdrawn. While an entry's id cannot be read nothing is: it may be
    the one that seems to be gone.

    :param known: the ledger's posts of this calendar, by id.
    :param now: the moment of planning, for the display of what has no due time.
    :param known_blackouts: the ledger's blackouts of this calendar.
    """
    sound = {post.id: post for post in calendar.posts}
    found: dict[str, list[str]] = {
        kind: [] for kind in ("create", "update", "withdraw", "unchanged", "locked", "broken")
    }
    for id in [*sound, *sorted((known.keys() | calendar.broken) - sound.keys())]:
        found[_kind(id, sound.get(id), known.get(id), calendar)].append(id)
    return Plan(
        **{kind: tuple(ids) for kind, ids in found.items()},
        calendar=calendar,
        known=known,
        now=now,
        known_blackouts=tuple(known_blackouts),
    )


def _kind(id: str, post: PostSpec | None, known: KnownPost | None, calendar: Calendar) -> str:
    if known is not None and known.state not in CHANGEABLE:
        return "locked"
    if id in calendar.broken:
        return "broken"
    if post is None:
        if known is not None and known.has_begun:
            return "locked"
        return "broken" if calendar.unidentified else "withdraw"
    if known is None:
        return "create"
    return "unchanged" if _is_as_planned(post, known) else "update"


def _is_as_planned(post: PostSpec, known: KnownPost) -> bool:
    if post.revision != known.revision:
        return False
    # The rules of a zone change now and then: the same local time may become another instant.
    moved = abs((post.due_at - known.due_at).total_seconds())
    return post.is_relative or moved < _DUE_TOLERANCE_SECONDS


def _contents(post: PostSpec) -> str:
    parts = post.parts
    words = [f"thread of {len(parts)}"] if len(parts) > 1 else (["text"] if parts[0].text else [])
    categories = [media.category for part in parts for media in part.media]
    for category, noun in (("tweet_image", "image"), ("tweet_gif", "GIF"), ("tweet_video", "video")):
        count = categories.count(category)  # type: ignore[arg-type]
        if count:
            words.append(f"{count} {noun}{'s' if count > 1 else ''}")
    if any(part.poll for part in parts):
        words.append("poll")
    if post.follow_ups:
        words.append(f"{len(post.follow_ups)} follow-up{'s' if len(post.follow_ups) > 1 else ''}")
    if deletions := [each.after_seconds or 0 for each in post.follow_ups if each.delete]:
        words.append(f"taken down after {pendulum.duration(seconds=min(deletions)).in_words()}")
    return ", ".join(words)
