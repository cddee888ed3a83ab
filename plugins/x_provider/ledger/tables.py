"""The ledger's tables. Instants are UTC; unknown is NULL."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
)

from x_provider.ledger.schema import Key, metadata
from x_provider.ledger.tables_of_accounts import (
    accounts,
    engagement,
    events,
    logins,
    logouts,
    notices,
    refusals,
    tokens,
    user_keys,
)
from x_provider.ledger.types import Instant, Usd

__all__ = [
    "accounts",
    "engagement",
    "events",
    "logins",
    "logouts",
    "metadata",
    "notices",
    "refusals",
    "tokens",
    "user_keys",
]

halts = Table(
    "x_halts",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=True),
    Column("account", String(250), nullable=False, comment="an account, or * for every one"),
    Column("source", String(250), nullable=False, comment="empty by hand, else the calendar it stands in"),
    Column("why", Text, nullable=False),
    Column("stopped_by", String(250), nullable=False),
    Column("since", Instant, nullable=False, comment="when it was said"),
    Column("starts_at", Instant, comment="NULL: at once, whatever the clocks of other machines say"),
    Column("ends_at", Instant, comment="NULL: until somebody lifts it"),
    Column("lifted_at", Instant, comment="NULL: it stands"),
    Index("ix_x_halts_account", "account"),
)

rate_windows = Table(
    "x_rate_windows",
    metadata,
    Column("account", String(250), primary_key=True),
    Column("family", String(50), primary_key=True, comment="which call, such as create_post"),
    Column("name", String(20), primary_key=True, comment="15-minute, app-24-hour or user-24-hour"),
    Column("limit", Integer, nullable=False, comment="calls that the window allows in all"),
    Column("remaining", Integer, nullable=False, comment="less what is being sent at this moment"),
    Column("reset_at", Instant, nullable=False),
)

budgets = Table(
    "x_budgets",
    metadata,
    Column("account", String(250), primary_key=True),
    Column("monthly", Usd, nullable=False, comment="micro-dollars that a month of it may cost"),
    Column("set_by", String(250), nullable=False),
    Column("set_at", Instant, nullable=False),
)

spending = Table(
    "x_spending",
    metadata,
    Column("account", String(250), primary_key=True),
    Column("month", String(7), primary_key=True, comment="such as 2026-12, UTC"),
    Column("usd", Usd, nullable=False, comment="micro-dollars: the sum of its charges"),
    Column(
        "warned", Boolean, nullable=False, comment="whether it was said that its budget is nearly used up"
    ),
)

reads = Table(
    "x_reads",
    metadata,
    Column("account", String(250), primary_key=True),
    Column("day", String(10), primary_key=True, comment="such as 2026-12-01, UTC"),
    Column("what", String(50), primary_key=True, comment="such as post/1900000000000000001"),
)
"""What X was paid for showing today: it charges for the same once a day."""

posts = Table(
    "x_posts",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=True),
    Column(
        "calendar", String(250), nullable=False, comment="calendar's name, or dag:<dag_id> for a direct post"
    ),
    Column("key", String(250), nullable=False, comment="the entry's id inside its calendar"),
    Column("account", String(250), nullable=False),
    Column("revision", String(64), nullable=False, comment="hash of all that a reader of X would see"),
    Column("at", String(100), nullable=False, comment="the due time as the editor wrote it"),
    Column("timezone", String(100), nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("late_grace_seconds", Integer, nullable=False),
    Column(
        "late_then", String(10), nullable=False, comment="publish, skip or ask; resumed once a person decided"
    ),
    Column(
        "on_absent", String(10), nullable=False, comment="resend or ask when an unknown outcome is not on X"
    ),
    Column("lead_seconds", Integer, nullable=False, comment="how long before due_at the work on it begins"),
    Column("wake_at", Instant, comment="when somebody must look after it; NULL when nobody needs to"),
    Column("taken_by", String(250), comment="who looks after it until wake_at, such as a DAG run"),
    Column("told", String(64), comment="what the last failure notice said, so that it is said once"),
    Column("planned_at", Instant, nullable=False),
    UniqueConstraint("calendar", "key"),
    Index("ix_x_posts_wake_at", "wake_at", "due_at"),
    Index("ix_x_posts_taken_by", "taken_by"),
)

parts = Table(
    "x_parts",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=True),
    Column("post_id", Key, ForeignKey("x_posts.id"), nullable=False),
    Column("position", Integer, nullable=False, comment="0 is the root of a thread"),
    Column("content", JSON, nullable=False),
    Column("state", String(10), nullable=False),
    Column("attempt_id", Key, comment="the newest attempt to send it"),
    Column("why", Text, comment="what stopped it, in words a person can act on"),
    Column("due_at", Instant, comment="of a part that follows later: when, once the one before it is on X"),
    UniqueConstraint("post_id", "position"),
)

# Written out in the index and in whatever wants to use it: SQLite takes a partial index for no other words.
UNSETTLED = parts.c.state.in_(
    [literal_column(f"'{state}'") for state in ("sending", "uncertain", "refused", "missed")]
)
"""What a sweep or a person may have to look at: few parts, however many are planned and posted."""

Index("ix_x_parts_unsettled", parts.c.state, sqlite_where=UNSETTLED, postgresql_where=UNSETTLED)

attempts = Table(
    "x_attempts",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=True),
    Column("part_id", Key, ForeignKey("x_parts.id"), nullable=False, index=True),
    Column("revision", String(64), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("lease_until", Instant, nullable=False, comment="after it, the sender counts as dead"),
    Column("user_id", String(19), nullable=False, comment="whose timeline it would appear on"),
    Column("newest_own_id", String(19), comment="newest post of the account the ledger knew when sending"),
    Column("sender", String(250), nullable=False),
    Column("finished_at", Instant),
    Column("outcome", String(20)),
    Column("http_status", Integer),
    Column("request_id", String(100)),
    Column("words", Text, comment="X's own words"),
    Column("charge_kind", String(30), comment="what X bills for it once the post is on X"),
    Column("charge_usd", Usd, comment="micro-dollars that it costs then"),
)

charges = Table(
    "x_charges",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=True),
    Column("account", String(250), nullable=False),
    Column("month", String(7), nullable=False, comment="such as 2026-12, UTC"),
    Column("at", Instant, nullable=False),
    Column("kind", String(30), nullable=False, comment="such as post_create"),
    Column("units", Integer, nullable=False, comment="posts or users that were read, else 1"),
    Column("usd", Usd, nullable=False, comment="micro-dollars for all of them"),
    Column("what", String(50), nullable=False, comment="the post's id on X, or the kind of call"),
    Column("part_id", Key, ForeignKey("x_parts.id"), unique=True, comment="which part was posted"),
    Index("ix_x_charges_account_month", "account", "month"),
)

decisions = Table(
    "x_decisions",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=True),
    Column("part_id", Key, ForeignKey("x_parts.id"), nullable=False, index=True),
    Column("attempt_id", Key, comment="the part's newest attempt when it was decided"),
    Column("decided_at", Instant, nullable=False),
    Column("decision", String(10), nullable=False, comment="resume, adopt or void"),
    Column("decided_by", String(250), nullable=False),
    Column("words", Text, nullable=False),
)

receipts = Table(
    "x_receipts",
    metadata,
    Column("part_id", Key, ForeignKey("x_parts.id"), primary_key=True),
    Column("account", String(250), nullable=False),
    Column("x_id", String(19), nullable=False, unique=True),
    Column("url", String(500), nullable=False),
    Column("posted_at", Instant, nullable=False, comment="X's time of creation"),
    Column("received_at", Instant, nullable=False),
    Column("adopted", Boolean, nullable=False, comment="found on the timeline rather than answered"),
    Column("deleted_at", Instant),
    Index("ix_x_receipts_account_posted_at", "account", "posted_at"),
)

media = Table(
    "x_media",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=True),
    Column("account", String(250), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("category", String(20), nullable=False),
    Column(
        "alt",
        Text,
        nullable=False,
        comment="alt text belongs to the uploaded id, so it is part of its identity",
    ),
    Column(
        "extras",
        String(64),
        nullable=False,
        comment="hash of what else makes the id this one (re-encoding, warnings, subtitles); empty for nothing",
    ),
    Column("x_media_id", String(19), nullable=False),
    Column("media_key", String(50)),
    Column("size", BigInteger, nullable=False),
    Column("state", String(10), nullable=False, comment="processing, ready, failed, or gone from X early"),
    Column("described", Boolean, nullable=False, comment="all that belongs to it is on X"),
    Column("ask_at", Instant, comment="while processing: when X wants to be asked how far it is"),
    Column("why", Text, comment="why it failed, in X's words"),
    Column("uploaded_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, comment="gone: when that was learnt"),
    Index("ix_x_media_account_sha256", "account", "sha256"),
)

follow_ups = Table(
    "x_follow_ups",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=True),
    Column("post_id", Key, ForeignKey("x_posts.id"), nullable=False),
    Column("position", Integer, nullable=False, comment="its place among those of the post"),
    Column("likes", Integer, comment="how many the post must find; NULL: it happens at its time"),
    Column("within_seconds", Integer, comment="how long after the post they count"),
    Column("after_seconds", Integer, comment="when it happens, so long after the post; NULL: at its likes"),
    Column("repost", Boolean, nullable=False, comment="whether the account reposts its post then"),
    Column("undo_repost", Boolean, nullable=False, comment="whether it takes its repost back then"),
    Column("delete", Boolean, nullable=False, comment="whether it takes the post down then"),
    Column("content", JSON, comment="what it posts then as a reply, if anything"),
    Column("state", String(10), nullable=False, comment="waiting, done, expired, failed or void"),
    Column("likes_seen", Integer, comment="when it was last looked at"),
    Column("looked_at", Instant),
    Column("why", Text, comment="what stopped it"),
    UniqueConstraint("post_id", "position"),
)
Index("ix_x_follow_ups_waiting", follow_ups.c.state)

snapshots = Table(
    "x_snapshots",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=True),
    Column("account", String(250), nullable=False),
    Column("x_id", String(19), nullable=False),
    Column("covers_until", Instant, nullable=False, comment="end of the data interval the run was for"),
    Column("source", String(20), nullable=False, comment="public, or private where X gave both"),
    Column("captured_at", Instant, nullable=False),
    Column("impressions", BigInteger),
    Column("likes", BigInteger),
    Column("replies", BigInteger),
    Column("reposts", BigInteger),
    Column("quotes", BigInteger),
    Column("bookmarks", BigInteger),
    Column("url_link_clicks", BigInteger),
    Column("user_profile_clicks", BigInteger),
    Column("engagements", BigInteger),
    UniqueConstraint("x_id", "covers_until"),
    Index("ix_x_snapshots_account_covers_until", "account", "covers_until"),
)
