"""What X has told, as the ledger gives and takes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pendulum import DateTime

EngagementKind = Literal["reply", "quote", "repost", "mention"]
EventOutcome = Literal["handled", "ignored"]


@dataclass(frozen=True)
class ReceivedEvent:
    """One event as X told it.

    :param key: the same for every delivery of one event.
    :param app: the connection whose app X told.
    :param body: as it came, JSON.
    """

    key: str
    app: str
    body: str = field(repr=False)
    received_at: DateTime


@dataclass(frozen=True)
class StoredEvent:
    """An event that is to be handled.

    :param tries: how often somebody has taken it on already.
    :param was_left: whoever did so last never said what came of it.
    """

    id: int
    app: str
    body: str = field(repr=False)
    received_at: DateTime
    tries: int
    was_left: bool = False


@dataclass(frozen=True)
class GivenUpEvent:
    """An event that was tried too often.

    :param why: what kept it from being handled.
    """

    id: int
    app: str
    body: str = field(repr=False)
    received_at: DateTime
    why: str


@dataclass(frozen=True)
class Engagement:
    """What somebody did with an account or one of its posts.

    :param account: the connection it happened to.
    :param x_id: the account's post it happened to; None for a mention.
    :param by_x_id: the post that did it.
    """

    kind: EngagementKind
    account: str
    x_id: str | None
    by_x_id: str
    by_user_id: str
    by_username: str | None
    text: str | None = field(repr=False)
    at: DateTime


@dataclass(frozen=True)
class EngagementCounts:
    """How often a post was replied to, quoted and reposted. As text: ``2 replies, 1 quote``, or nothing."""

    reply: int = 0
    quote: int = 0
    repost: int = 0

    def __str__(self) -> str:
        named = (
            (self.reply, "reply", "replies"),
            (self.quote, "quote", "quotes"),
            (self.repost, "repost", "reposts"),
        )
        return ", ".join(f"{count} {one if count == 1 else many}" for count, one, many in named if count)
