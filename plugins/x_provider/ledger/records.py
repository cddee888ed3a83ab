"""What the ledger takes and gives: plain frozen records."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from pendulum import DateTime

from x_provider.ledger.states import PartState

LONGEST_NAME = 250
"""Characters that a calendar's name and a post's key may have."""

Content = Mapping[str, Any]
"""One part's content as JSON; the calendar layer gives it its shape."""


@dataclass(frozen=True)
class FollowUpDraft:
    """What happens once a post has found its likes, or some time after it.

    :param likes: how many; None where it happens at its time.
    :param within_seconds: how long after the post they count.
    :param repost: whether the account reposts its post.
    :param content: what it posts as a reply, if anything.
    :param after_seconds: when it happens, so long after the post; None where it waits for likes.
    :param undo_repost: whether it takes its repost back.
    :param delete: whether it takes the post down.
    """

    likes: int | None
    within_seconds: int | None
    repost: bool
    content: Content | None
    after_seconds: int | None = None
    undo_repost: bool = False
    delete: bool = False


@dataclass(frozen=True)
class PostDraft:
    """A post to be planned: what the calendar says, ready to be stored.

    :param calendar: name of the calendar; with ``key`` it identifies the post.
    :param lead_seconds: how long before ``due_at`` the work on it (uploads) begins.
    :param late_then: what to do after ``late_grace_seconds``: ``publish``, ``skip`` or ``ask``.
    :param contents: one content a part, the root of a thread first.
    :param on_absent: what to do when a part's outcome is unknown and it is not found on X: ``resend`` or
        ``ask``.
    :param follow_ups: what happens once its first part has found its likes, or some time after it.
    """

    calendar: str
    key: str
    account: str
    revision: str
    at: str
    timezone: str
    due_at: DateTime
    late_grace_seconds: int
    late_then: str
    lead_seconds: int
    contents: Sequence[Content]
    on_absent: str = "resend"
    follow_ups: Sequence[FollowUpDraft] = ()

    @property
    def wake_at(self) -> DateTime:
        """When the work on the post begins."""
        return self.due_at.subtract(seconds=self.lead_seconds)


@dataclass(frozen=True)
class Receipt:
    """Proof that a part is on X: its id, address and X's own time of creation."""

    x_id: str
    url: str
    posted_at: DateTime
    received_at: DateTime
    adopted: bool = False
    deleted_at: DateTime | None = None


@dataclass(frozen=True)
class Part:
    """One post on X, or to be.

    :param due_at: of a part that follows later: when, known once the part before it is on X.
    """

    id: int
    position: int
    content: Content
    state: PartState
    attempt_id: int | None
    why: str | None
    receipt: Receipt | None
    due_at: DateTime | None = None


@dataclass(frozen=True)
class Post:
    """One entry of a calendar with its parts in order (withdrawn parts left out)."""

    id: int
    calendar: str
    key: str
    account: str
    revision: str
    at: str
    timezone: str
    due_at: DateTime
    late_grace_seconds: int
    late_then: str
    wake_at: DateTime | None
    parts: tuple[Part, ...]
    on_absent: str = "resend"

    @property
    def name(self) -> str:
        """``calendar/key``, how people speak of it."""
        return f"{self.calendar}/{self.key}"

    @property
    def has_media(self) -> bool:
        """Whether any of its parts carries a file."""
        return any(part.content.get("media") for part in self.parts)

    @property
    def state(self) -> PartState:
        """The state of the part that everything waits for: the first that is not posted, else posted."""
        if not self.parts:
            return PartState.WITHDRAWN
        return next((p.state for p in self.parts if p.state is not PartState.POSTED), PartState.POSTED)

    @property
    def next_due_at(self) -> DateTime:
        """When the part that everything waits for is due, as far as that is known."""
        return next((part.due_at for part in self.parts if part.due_at and not part.receipt), self.due_at)

    def follows_later(self, now: DateTime) -> bool:
        """Whether all that is due of it is on X, and the rest is still to come."""
        return (
            self.state in (PartState.PLANNED, PartState.ARMED)
            and self.parts[0].receipt is not None
            and self.next_due_at > now
        )

    def with_receipt(self, part: Part, receipt: Receipt) -> Post:
        """The post once that part is on X."""
        posted = replace(part, state=PartState.POSTED, why=None, receipt=receipt)
        parts = tuple(posted if each.id == part.id else each for each in self.parts)
        done = all(each.state is PartState.POSTED for each in parts)
        return replace(self, parts=parts, wake_at=None if done else self.wake_at)


@dataclass(frozen=True)
class FollowUp:
    """Something that is to happen once a post on X has found its likes, or some time after it.

    :param position: its place among the post's follow-ups.
    :param likes: how many it takes; None where it happens at its time.
    :param after_seconds: when it happens, so long after the post; None where it waits for likes.
    :param looked_at: when the post's likes were last looked at for it.
    :param on_absent: as of the post.
    :param root: what the post's first part says.
    :param x_id: of the post, the root of a thread.
    :param posted_at: when it came to be, by X.
    """

    id: int
    post_id: int
    position: int
    likes: int | None
    within_seconds: int | None
    after_seconds: int | None
    repost: bool
    undo_repost: bool
    delete: bool
    content: Content | None
    looked_at: DateTime | None
    calendar: str
    key: str
    on_absent: str
    root: Content
    x_id: str
    posted_at: DateTime

    @property
    def name(self) -> str:
        """As people speak of it."""
        return f"follow-up {self.position + 1} of {self.calendar}/{self.key}"

    @property
    def ends_at(self) -> DateTime:
        """Until when likes count."""
        return self.posted_at.add(seconds=self.within_seconds or 0)

    @property
    def due_at(self) -> DateTime | None:
        """When it happens; None where it waits for likes."""
        return None if self.after_seconds is None else self.posted_at.add(seconds=self.after_seconds)


@dataclass(frozen=True)
class PostOutline:
    """A post without its content: enough to compare a calendar with."""

    key: str
    revision: str
    due_at: DateTime
    states: tuple[PartState, ...]


@dataclass(frozen=True)
class DuePost:
    """A post that somebody must look after now."""

    id: int
    name: str
    account: str
    due_at: DateTime
    wake_at: DateTime


@dataclass(frozen=True)
class Cost:
    """What X charges for one thing.

    :param kind: what is paid for, such as ``post_create``.
    :param usd: US dollars for all units.
    :param units: how many posts or users were read, else 1.
    """

    kind: str
    usd: Decimal
    units: int = 1


@dataclass(frozen=True)
class Attempt:
    """One try to send one part, recorded before its request leaves.

    :param lease_until: after it, its sender counts as dead.
    :param user_id: of the account on X that it was sent as.
    :param newest_own_id: the newest post of the account that the ledger knew then; what the attempt created
        is newer.
    :param warning: that the account's budget is nearly used up, said once a month; None as a rule.
    :param began: when, on the clock of the process that began it, which nobody sets.
    :param finished_at: when its sender knew what came of it, or that nobody does; or when it counted as dead.
    """

    id: int
    part_id: int
    post_id: int
    started_at: DateTime
    lease_until: DateTime
    user_id: str
    newest_own_id: str | None
    outcome: str | None = None
    warning: str | None = None
    finished_at: DateTime | None = None
    began: float = field(default=-math.inf, compare=False)

    @property
    def left_by(self) -> DateTime:
        """When its request had left at the latest, if it ever did: none leaves after the lease."""
        return min(self.finished_at or self.lease_until, self.lease_until)


@dataclass(frozen=True)
class Origin:
    """Which post an attempt was about, and when it began: in another ledger its numbers mean another attempt.

    :param name: the post's, ``calendar/key``; None where nobody noted it, and so with ``started_at``.
    """

    name: str | None
    started_at: DateTime | None


@dataclass(frozen=True)
class Held:
    """Why a part may not be sent now.

    :param name: ``halted``, ``over_budget`` or ``rate_limited``.
    :param until: when it may be tried again; None when somebody must lift it.
    """

    name: str
    why: str
    until: DateTime | None


@dataclass(frozen=True)
class Uploaded:
    """A file on X under ``x_media_id``.

    :param state: ``processing`` while X works on it, then ``ready`` or ``failed``; ``gone`` when X forgot it
        before its time.
    :param extras: a hash of what else belongs to it than its alt text; empty for nothing.
    :param described: whether all that belongs to it is on X.
    :param ask_at: while it is processing: when X wants to be asked how far it is.
    :param expires_at: the end of the id's life on X.
    :param why: why it failed, in X's words.
    """

    id: int
    account: str
    sha256: str
    category: str
    alt: str
    extras: str
    x_media_id: str
    media_key: str | None
    size: int
    state: str
    described: bool
    ask_at: DateTime | None
    uploaded_at: DateTime
    expires_at: DateTime
    why: str | None = None


@dataclass(frozen=True)
class AccountOnX:
    """The user behind an Airflow connection, as X named it.

    :param credentials: fingerprint of the credentials that X named the user for.
    :param name: as the user shows it; None while X has not said.
    """

    account: str
    base_url: str
    user_id: str
    username: str
    credentials: str
    name: str | None = None
    picture_url: str | None = None


@dataclass(frozen=True)
class Snapshot:
    """The metrics of one post on X at one moment. Unknown is None, never 0."""

    account: str
    x_id: str
    covers_until: DateTime
    source: str
    captured_at: DateTime
    impressions: int | None = None
    likes: int | None = None
    replies: int | None = None
    reposts: int | None = None
    quotes: int | None = None
    bookmarks: int | None = None
    url_link_clicks: int | None = None
    user_profile_clicks: int | None = None
    engagements: int | None = None
