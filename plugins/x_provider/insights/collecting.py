"""The nightly look at the numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pendulum import DateTime

from x_provider.client import NonPublicMetrics, Post, PublicMetrics, XClient
from x_provider.ledger import Ledger, Snapshot

IDS_A_REQUEST = 100
PRIVATE_METRICS_DAYS = 30
"""X gives private metrics of own posts for that long; older posts are not asked for."""


@dataclass(frozen=True)
class Collected:
    """What one run brought.

    :param asked: X ids that needed a snapshot of the interval.
    :param stored: rows added.
    :param silent: X ids that X said nothing about (deleted, or hidden from the account).
    """

    asked: int
    stored: int
    silent: tuple[str, ...]


def collect(
    ledger: Ledger, client: XClient, *, account: str, covers_until: DateTime, clock: Callable[[], DateTime]
) -> Collected:
    """Store one snapshot a post for the interval that ends at ``covers_until``.

    Posts of the 30 days before it are asked for, 100 ids a request. An interval keeps the rows it has:
    repeating or backfilling it asks X only for what is missing, and each row says when it was captured.

    :raises XError: when X refuses or cannot be reached; what was stored before stays.
    """
    since = covers_until.subtract(days=PRIVATE_METRICS_DAYS)
    done = ledger.snapshots.covered(account, covers_until)
    wanted = [
        x_id
        for x_id in ledger.snapshots.measurable(account, since=since, until=covers_until)
        if x_id not in done
    ]
    stored = 0
    silent: list[str] = []
    # Chunk by chunk: what was paid for is kept when a later request fails.
    for start in range(0, len(wanted), IDS_A_REQUEST):
        chunk = wanted[start : start + IDS_A_REQUEST]
        found = _metrics_of(chunk, client)
        captured_at = clock()
        stored += ledger.snapshots.add(
            [_snapshot(post, account, covers_until, captured_at) for post in found.values()]
        )
        silent += [x_id for x_id in chunk if x_id not in found]
    return Collected(len(wanted), stored, tuple(silent))


def _metrics_of(x_ids: list[str], client: XClient) -> dict[str, Post]:
    found = {post.id: post for post in client.get_posts(x_ids, private_metrics=True).posts}
    hidden = [x_id for x_id in x_ids if x_id not in found]
    if hidden:
        # X may leave a post out because its private metrics are denied: ask again for the public ones.
        found |= {post.id: post for post in client.get_posts(hidden).posts}
    return found


def _snapshot(post: Post, account: str, covers_until: DateTime, captured_at: DateTime) -> Snapshot:
    public = post.public_metrics or PublicMetrics()
    private = post.non_public_metrics or NonPublicMetrics()
    return Snapshot(
        account=account,
        x_id=post.id,
        covers_until=covers_until,
        source="public" if post.non_public_metrics is None else "private",
        captured_at=captured_at,
        impressions=private.impression_count if public.impression_count is None else public.impression_count,
        likes=public.like_count,
        replies=public.reply_count,
        reposts=public.repost_count,
        quotes=public.quote_count,
        bookmarks=public.bookmark_count,
        url_link_clicks=private.url_link_clicks,
        user_profile_clicks=private.user_profile_clicks,
        engagements=private.engagements,
    )
