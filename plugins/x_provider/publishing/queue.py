"""Taking on the posts that come due."""

from __future__ import annotations

from pendulum import DateTime

from x_provider.ledger import DuePost, Ledger

CLAIM_SECONDS = 900
"""How long after its due time an unfinished post is offered to somebody else."""


def take_due(ledger: Ledger, *, now: DateTime, taker: str, limit: int = 500) -> list[DuePost]:
    """Claim the posts whose work begins by ``now``: each is given to one taker only.

    A claim runs out ``CLAIM_SECONDS`` after the due time, so that a post whose worker died is taken up again.

    :param taker: who takes them, such as the id of a DAG run; asking again gives it the same posts.
    :param limit: how many it can have at a time.
    """
    room = limit - len(ledger.posts.taken(taker))
    if room > 0:
        due = ledger.posts.due(now, limit=room)
        ledger.posts.claim(due, now=now, seconds=CLAIM_SECONDS, taker=taker)
    return ledger.posts.taken(taker)
