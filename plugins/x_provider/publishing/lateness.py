"""When a part is due, and what becomes of a post that could not go out in time."""

from __future__ import annotations

from pendulum import DateTime

from x_provider.ledger import Held, Ledger, Part, Post


def due_at(post: Post, part: Part) -> DateTime:
    """When the part may go out: with its post, or so long after the part before it as its content says."""
    delay = part.content.get("after_seconds", 0)
    before = post.parts[part.position - 1].receipt if part.position > 0 and delay else None
    return before.posted_at.add(seconds=delay) if before else post.due_at


def too_late(ledger: Ledger, post: Post, *, now: DateTime, held: Held | None = None) -> str | None:
    """Why the post must not go out of itself any more, in words; None while it may.

    Within its grace it may, after it its late policy decides. What a halt or a budget kept back past the grace is
    for a person to decide: a stop that is lifted after a day must not let a day's posts loose.

    :param held: what holds it back at this moment, where that is known.
    """
    late = (now - post.due_at).total_seconds()
    if late <= post.late_grace_seconds or post.late_then == "resumed":
        return None
    because = f"its late policy is {post.late_then!r}"
    if post.late_then == "publish":
        halt = ledger.controls.held_since(post.account, post.due_at, now=now)
        if halt is None and held is None:
            return None
        because = f"it was held back ({held.why if held is not None else halt})"
    return (
        f"post {post.name} was due at {post.due_at.isoformat()} and could not go out within its grace of"
        f" {post.late_grace_seconds} s ({late:.0f} s late); {because}, so it was not sent. To send it after all:"
        f" `airflow x resume {post.name}`, or give its entry a new time and apply the calendar."
    )
