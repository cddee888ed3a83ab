"""The evidence that a person decides by: our text, the attempts, what X shows, and why nobody else can decide."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pendulum import DateTime

from x_provider.ids import created_at
from x_provider.ledger import Attempt, AttemptRecord, Ledger, Part, Post
from x_provider.publishing.accounts import post_url
from x_provider.publishing.engine import Publisher
from x_provider.publishing.reconciling import not_before, text_of

_MOST_POSTS = 100
_MOST_SHOWN = 5
_DUPLICATE_HOURS = 48


@dataclass(frozen=True)
class Candidate:
    """A post on X that might be the one.

    :param is_ours: the ledger has it as another part's receipt, so it is not this one.
    """

    url: str
    x_id: str
    text: str
    posted_at: DateTime | None
    is_ours: bool


@dataclass(frozen=True)
class Timeline:
    """What the account's timeline showed.

    :param since: from when on it was read.
    :param candidates: newest first.
    :param is_cut: there are more, older ones, which were not read.
    :param unreadable: why it could not be read, in words.
    """

    since: DateTime | None = None
    candidates: tuple[Candidate, ...] = ()
    is_cut: bool = False
    unreadable: str | None = None


def read_timeline(ledger: Ledger, publisher: Publisher, attempt: Attempt, *, older: bool) -> Timeline:
    """What stands on the account's timeline since the part was sent first, or since two days before the attempt.

    :param older: whether older posts matter: X refuses a text that the account posted before.
    :raises XError: when it cannot be read.
    """
    user = publisher.user()
    if user.user_id != attempt.user_id:
        return Timeline(
            unreadable=f"the connection {user.account} is @{user.username}'s now; when the post was sent it was"
            f" another user's ({attempt.user_id}), whose timeline cannot be read with it"
        )
    since = not_before(ledger, attempt)
    if older:
        since = min(since, attempt.started_at.subtract(hours=_DUPLICATE_HOURS))
    # One more than is shown tells that there are more.
    timeline = publisher.client.user_timeline(
        user.user_id, start_time=since, max_posts=_MOST_POSTS + 1, exclude=("retweets",)
    )
    read = list(timeline)
    posts = read[:_MOST_POSTS]
    ours = ledger.receipts.known([post.id for post in posts]) if posts else set()
    candidates = tuple(
        Candidate(post_url(user, post.id), post.id, text_of(post), created_at(post.id), post.id in ours)
        for post in posts
    )
    return Timeline(since, candidates, is_cut=len(read) > len(posts))


def evidence_about(
    post: Post, part: Part, attempts: Sequence[AttemptRecord], timeline: Timeline | None, *, now: DateTime
) -> str:
    """Everything a person needs to decide about the part, as Markdown.

    :param timeline: what X showed; None where that is no matter.
    """
    of_part = [attempt for attempt in attempts if attempt.part == part.position + 1]
    return "\n\n".join(
        block
        for block in (
            _heading(post, part, now),
            f"**Why you are asked:** {part.why or 'nothing more is known'}",
            "**Our text:**",
            _quoted(str(part.content.get("text", ""))),
            _others(post, part),
            *_attempted(of_part, post.timezone),
            *_seen(timeline, str(part.content.get("text", "")), post.timezone),
        )
        if block
    )


def _heading(post: Post, part: Part, now: DateTime) -> str:
    which = f"part {part.position + 1} of {len(post.parts)} of " if len(post.parts) > 1 else ""
    media = len(part.content.get("media") or ())
    more = f", {media} file{'s' if media > 1 else ''}" if media else ""
    late = (now - post.due_at).total_seconds() / 60
    return (
        f"{which}`{post.name}`{more}, account `{post.account}`, is **{part.state}**. It was due at"
        f" {_time(post.due_at, post.timezone)}, {late:,.0f} minutes before this was written."
    )


def _others(post: Post, part: Part) -> str:
    if len(post.parts) == 1:
        return ""
    states = ", ".join(f"{p.position + 1} {_link(p)}" for p in post.parts if p.id != part.id)
    return f"**The other parts of the thread:** {states}"


def _link(part: Part) -> str:
    return f"[posted]({part.receipt.url})" if part.receipt else str(part.state)


def _attempted(attempts: Sequence[AttemptRecord], zone: str) -> Iterator[str]:
    if not attempts:
        yield "It was never sent to X."
        return
    rows = [
        f"| {_time(a.started_at, zone)} | {_time(a.finished_at, zone) if a.finished_at else 'never'} |"
        f" {a.outcome or ''} | {a.http_status or 'none'} | {_cell(a.words or '')} | {_cell(a.request_id or '')} |"
        for a in attempts
    ]
    head = "| sent | ended | outcome | HTTP | X's words | request id |\n|---|---|---|---|---|---|"
    yield "**Attempts to send it:**"
    yield "\n".join([head, *rows])


def _seen(timeline: Timeline | None, text: str, zone: str) -> Iterator[str]:
    if timeline is None:
        return
    if timeline.unreadable is not None or timeline.since is None:
        yield f"**What X shows:** the timeline could not be read: {timeline.unreadable}. Look at it yourself."
        return
    count = len(timeline.candidates)
    since = _time(timeline.since, zone)
    if not count:
        yield f"**What X shows:** nothing on the account's timeline since {since}."
        return
    if timeline.is_cut:
        oldest = timeline.candidates[-1].posted_at
        reach = f", which reach back to {_time(oldest, zone)}" if oldest else ""
        yield (
            f"**What X shows:** more posts on the account's timeline since {since} than were read. Of the newest"
            f" {count}{reach}, the most alike are these; look at the older ones yourself:"
        )
    else:
        yield f"**What X shows:** {count} posts on the account's timeline since {since}. The most alike:"
    by_likeness = sorted(
        timeline.candidates, key=lambda candidate: _likeness(candidate.text, text), reverse=True
    )
    for candidate in by_likeness[:_MOST_SHOWN]:
        when = f", {_time(candidate.posted_at, zone)}" if candidate.posted_at else ""
        ours = " (another post of this ledger)" if candidate.is_ours else ""
        yield f"[{candidate.x_id}]({candidate.url}){when}{ours}:"
        yield _quoted(candidate.text)


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one[:1000], other[:1000], autojunk=False).ratio()


def _quoted(text: str) -> str:
    # A fence longer than any in the text: whatever it says is shown and not obeyed.
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _time(at: DateTime, zone: str) -> str:
    return f"{at.in_timezone(zone).format('YYYY-MM-DD HH:mm:ss')} {zone}"
