"""What a person can do about a post that stands still."""

from __future__ import annotations

import shlex

from pendulum import DateTime

from x_provider.ledger import PartState, Post

_LOOKED_FOR = (
    "It is looked for on X before anything is sent again. To look now:\n  airflow x reconcile {post}"
)
_TRIED_AGAIN = "DAG x_publish tries it again. To have it tried at once:\n  airflow x resume {post}"
_IN_TIME = (
    "Once the cause is removed it goes out, at its time if that is yet to come. After that, this sends what is"
    " missing:\n  airflow x resume {post}"
)
_NEXT_STEPS = {
    PartState.REFUSED: "Once the cause is removed, this sends what is missing:\n  airflow x resume {post}",
    PartState.MISSED: "To send it after all:\n  airflow x resume {post}",
    PartState.UNCERTAIN: _LOOKED_FOR,
    PartState.PLANNED: _TRIED_AGAIN,
    PartState.ARMED: _TRIED_AGAIN,
    PartState.SENDING: _LOOKED_FOR,
}


def next_step(post: Post, *, now: DateTime) -> str | None:
    """How to go on with the post, in words that end with a command; None when it is on X or withdrawn."""
    words = _NEXT_STEPS.get(post.state)
    if post.state in (PartState.PLANNED, PartState.ARMED) and now < post.next_due_at:
        words = _IN_TIME
    return words.format(post=shlex.quote(post.name)) if words else None
