"""What the demo shows and what it asserts."""

from __future__ import annotations

import statistics
from collections import Counter
from typing import Any

from x_provider.ledger import Part, Post

_LATE_MEDIAN_MS = 100
_LATE_MAX_MS = 1000


def lateness_ms(post: Post) -> float | None:
    """From the due instant to X's own time of creation, in milliseconds; None while it is not on X."""
    receipt = post.parts[0].receipt
    return None if receipt is None else (receipt.posted_at - post.due_at).total_seconds() * 1000


def table(posts: list[Post]) -> str:
    """One line a post: name, due, sent, lateness, address."""
    rows = [("post", "due (UTC)", "sent (UTC)", "late ms", "where")]
    for post in posts:
        receipt = post.parts[0].receipt
        late = lateness_ms(post)
        rows.append(
            (
                post.key + (f" ({len(post.parts)} parts)" if len(post.parts) > 1 else ""),
                post.due_at.format("HH:mm:ss.SSS"),
                receipt.posted_at.format("HH:mm:ss.SSS") if receipt else str(post.state),
                f"{late:.0f}" if late is not None else "",
                receipt.url if receipt else next((part.why or "" for part in post.parts if part.why), ""),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) + "  " + row[4]
        for row in rows
    )


def text_lateness(posts: list[Post]) -> list[float]:
    """Lateness of the posts that are plain text, in milliseconds."""
    plain = [post for post in posts if not any(part.content.get("media") for part in post.parts)]
    return [late for post in plain if (late := lateness_ms(post)) is not None]


def summary(posts: list[Post], measured: int) -> str:
    """The figures in two lines."""
    late = text_lateness(posts)
    on_x = sum(part.receipt is not None for post in posts for part in post.parts)
    words = f"{on_x} of {sum(len(post.parts) for post in posts)} parts of {len(posts)} posts are on X"
    if late:
        words += f"; text posts late by {statistics.median(late):.0f} ms (median), {max(late):.0f} ms (most)"
    return f"{words}.\n{measured} rows of metrics are in the ledger."


def complaints(posts: list[Post], timeline: list[dict[str, Any]], measured: int) -> list[str]:
    """What is not as promised: every post once, in order, its media the bytes of the files, and on time."""
    on_x = {entry["id"]: entry for entry in timeline}
    parts = [(post, part) for post in posts for part in post.parts]
    found = [f"{post.name} is {post.state}, not posted" for post in posts if str(post.state) != "posted"]
    if len(timeline) != len(parts):
        texts = Counter(entry["text"] for entry in timeline)
        twice = [text for text, times in texts.items() if times > 1]
        found.append(
            f"the timeline has {len(timeline)} posts, the calendar {len(parts)}; more than once: {twice}"
        )
    for post, part in parts:
        if part.receipt is not None:
            found += _unlike(post, part, on_x.get(part.receipt.x_id))
    late = text_lateness(posts)
    if late and (statistics.median(late) > _LATE_MEDIAN_MS or max(late) > _LATE_MAX_MS):
        found.append(
            f"text posts late by {statistics.median(late):.0f} ms (median), {max(late):.0f} ms (most)"
        )
    if late and min(late) < 0:
        found.append(f"a post went out {-min(late):.0f} ms early")
    if measured < len(parts):
        found.append(f"{measured} rows of metrics for {len(parts)} parts")
    return found


def _unlike(post: Post, part: Part, entry: dict[str, Any] | None) -> list[str]:
    where = f"{post.name}, part {part.position + 1}"
    if entry is None:
        return [f"{where}: its receipt names a post that is not on the timeline"]
    found = []
    planned = [media["sha256"] for media in part.content.get("media", [])]
    if planned != [media["sha256"] for media in entry["media"]]:
        found.append(f"{where}: the media on X are not the bytes of the files")
    alts = [media.get("alt") for media in part.content.get("media", [])]
    if alts != [media["alt_text"] for media in entry["media"]]:
        found.append(f"{where}: the alt texts on X are not the calendar's")
    if part.position > 0:
        parent = post.parts[part.position - 1].receipt
        if parent is None or entry["in_reply_to"] != parent.x_id:
            found.append(f"{where}: it does not answer the part before it")
    return found
