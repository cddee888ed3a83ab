"""Taking on the posts that come due."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from pendulum import DateTime

from x_provider.ledger import DuePost, Ledger, Post

AFTER_DUE_SECONDS = 300
"""How long after its due time an unfinished post is offered to somebody else, well within the usual grace."""
AFTER_TAKEN_SECONDS = 900
"""The same from when it was taken on: what is late already waits for its taker, who may have a thousand others."""
_HANDED_ON_SECONDS = 60
"""How long before it is to be fired again a post is offered to others by a sender that does not wait for it."""


def take_due(ledger: Ledger, *, now: DateTime, taker: str, limit: int = 500) -> list[DuePost]:
    """Claim the posts whose work begins by ``now``: each is given to one taker only.

    A claim runs out, so that a post whose worker died is taken up again. What is late is taken in turns, one post
    of each account after the other, so that an account's backlog does not delay another's single post; what is to
    come, by its due time.

    :param taker: who takes them, such as the id of a DAG run; asking again gives it the same posts.
    :param limit: how many it can have at a time.
    """
    room = limit - len(ledger.posts.taken(taker))
    if room > 0:
        claim(ledger, ledger.posts.due_in_turns(now, limit=room), now=now, taker=taker)
    return _in_turns(ledger.posts.taken(taker), now)


def claim(ledger: Ledger, due: Iterable[DuePost], *, now: DateTime, taker: str | None = None) -> int:
    """Take posts on; how many were still to be had."""
    until = {
        post: max(post.due_at.add(seconds=AFTER_DUE_SECONDS), now.add(seconds=AFTER_TAKEN_SECONDS))
        for post in due
    }
    return ledger.posts.claim(until, taker=taker)


def hand_on(ledger: Ledger, post: Post, *, retry_at: DateTime) -> None:
    """Let somebody else take on a post whose sender waits for it no longer, ahead of when it is to be fired again."""
    if post.wake_at is not None:
        taken = DuePost(post.id, post.name, post.account, post.due_at, post.wake_at)
        ledger.posts.claim({taken: retry_at.subtract(seconds=_HANDED_ON_SECONDS)})


def _in_turns(posts: list[DuePost], now: DateTime) -> list[DuePost]:
    """By due time; of what is late the first of each account, then the second of each, and so on."""
    late: Counter[str] = Counter()
    order = {}
    for post in posts:
        order[post] = (max(post.due_at, now), late[post.account], post.due_at)
        if post.due_at < now:
            late[post.account] += 1
    return sorted(posts, key=order.__getitem__)
