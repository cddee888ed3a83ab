"""The story of one post as plain JSON: what it says, where it stands, what was tried, who decided what."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from pendulum import DateTime

from x_provider.ledger import (
    AttemptRecord,
    Decision,
    EngagementCounts,
    FollowUpRecord,
    Ledger,
    Part,
    PartState,
    Post,
)
from x_provider.media import shown
from x_provider.notifications.next_steps import next_step


def story_of(ledger: Ledger, post: Post, *, now: DateTime) -> dict[str, Any]:
    """Everything the ledger knows of the post that a person may want to see; instants are ISO 8601.

    ``due_at`` is in the post's own zone, ``at`` as its editor wrote it, and ``wake_at`` when somebody looks
    after it next, at the latest.
    """
    stands_still = post.state not in (PartState.PLANNED, PartState.ARMED) or any(p.why for p in post.parts)
    root = post.parts[0].receipt if post.parts else None
    is_gone = root is not None and root.deleted_at is not None  # nothing can answer it any more
    on_x = [part.receipt.x_id for part in post.parts if part.receipt]
    engaged = ledger.events.engagement_counts(on_x) if on_x else {}
    return {
        "post": post.name,
        "account": post.account,
        "state": str(post.state),
        "due_at": post.due_at.in_timezone(post.timezone).isoformat(),
        "timezone": post.timezone,
        "at": post.at,
        "late": {"grace_seconds": post.late_grace_seconds, "then": post.late_then},
        "wake_at": _written(post.wake_at),
        "revision": post.revision,
        "next_step": next_step(post, now=now)
        if not is_gone and (stands_still or now > post.next_due_at)
        else None,
        "parts": [_part(part, engaged) for part in post.parts],
        "follow_ups": [_follow_up(each) for each in ledger.follow_ups.of(post.id)],
        "attempts": [_attempt(attempt) for attempt in ledger.deciding.attempts(post.id)],
        "decisions": [_decision(decision) for decision in ledger.deciding.decisions(post.id)],
    }


def _part(part: Part, engaged: Mapping[str, EngagementCounts]) -> dict[str, Any]:
    receipt = part.receipt
    return {
        "part": part.position + 1,
        "state": str(part.state),
        "text": part.content.get("text", ""),
        "why": part.why,
        "due_at": _written(part.due_at),
        "media": [_file(media) for media in part.content.get("media") or ()],
        "poll": part.content.get("poll"),
        "receipt": receipt
        and {
            "x_id": receipt.x_id,
            "url": receipt.url,
            "posted_at": _written(receipt.posted_at),
            "adopted": receipt.adopted,
            "deleted_at": _written(receipt.deleted_at),
            "engagement": str(engaged[receipt.x_id]) or None,
        },
    }


def _follow_up(each: FollowUpRecord) -> dict[str, Any]:
    return {"words": str(each), "state": each.state, "why": each.why}


def _file(media: dict[str, Any]) -> dict[str, Any]:
    source = shown(media["source"])
    return {
        "file": PurePosixPath(source.partition("?")[0]).name,
        "source": source,
        "alt": media.get("alt"),
    }


def _attempt(attempt: AttemptRecord) -> dict[str, Any]:
    return vars(attempt) | {
        "started_at": _written(attempt.started_at),
        "finished_at": _written(attempt.finished_at),
    }


def _decision(decision: Decision) -> dict[str, Any]:
    return vars(decision) | {"decided_at": _written(decision.decided_at)}


def _written(instant: DateTime | None) -> str | None:
    return instant.isoformat() if instant else None
