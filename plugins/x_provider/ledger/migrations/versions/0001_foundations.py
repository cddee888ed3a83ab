"""Posts, parts, attempts, receipts, media, accounts, snapshots"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from x_provider.ledger.types import Instant, Usd

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "x_accounts",
        sa.Column("account", sa.String(length=250), nullable=False, comment="Airflow connection id"),
        sa.Column("base_url", sa.String(length=500), nullable=False),
        sa.Column("user_id", sa.String(length=19), nullable=False),
        sa.Column("username", sa.String(length=50), nullable=False),
        sa.Column(
            "credentials",
            sa.String(length=64),
            nullable=False,
            comment="fingerprint of those that proved it",
        ),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_x_accounts")),
    )
    op.create_table(
        "x_halts",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("account", sa.String(length=250), nullable=False, comment="an account, or * for every one"),
        sa.Column(
            "source",
            sa.String(length=250),
            nullable=False,
            comment="empty by hand, else the calendar it stands in",
        ),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("stopped_by", sa.String(length=250), nullable=False),
        sa.Column("since", Instant(), nullable=False, comment="when it was said"),
        sa.Column(
            "starts_at",
            Instant(),
            nullable=True,
            comment="NULL: at once, whatever the clocks of other machines say",
        ),
        sa.Column("ends_at", Instant(), nullable=True, comment="NULL: until somebody lifts it"),
        sa.Column("lifted_at", Instant(), nullable=True, comment="NULL: it stands"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_x_halts")),
    )
    with op.batch_alter_table("x_halts", schema=None) as batch_op:
        batch_op.create_index("ix_x_halts_account", ["account"], unique=False)

    op.create_table(
        "x_rate_windows",
        sa.Column("account", sa.String(length=250), nullable=False),
        sa.Column("family", sa.String(length=50), nullable=False, comment="which call, such as create_post"),
        sa.Column(
            "name", sa.String(length=20), nullable=False, comment="15-minute, app-24-hour or user-24-hour"
        ),
        sa.Column("limit", sa.Integer(), nullable=False, comment="calls that the window allows in all"),
        sa.Column(
            "remaining", sa.Integer(), nullable=False, comment="less what is being sent at this moment"
        ),
        sa.Column("reset_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("account", "family", "name", name=op.f("pk_x_rate_windows")),
    )
    op.create_table(
        "x_budgets",
        sa.Column("account", sa.String(length=250), nullable=False),
        sa.Column("monthly", Usd(), nullable=False, comment="micro-dollars that a month of it may cost"),
        sa.Column("set_by", sa.String(length=250), nullable=False),
        sa.Column("set_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_x_budgets")),
    )
    op.create_table(
        "x_spending",
        sa.Column("account", sa.String(length=250), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False, comment="such as 2026-12, UTC"),
        sa.Column("usd", Usd(), nullable=False, comment="micro-dollars: the sum of its charges"),
        sa.Column(
            "warned",
            sa.Boolean(),
            nullable=False,
            comment="whether it was said that its budget is nearly used up",
        ),
        sa.PrimaryKeyConstraint("account", "month", name=op.f("pk_x_spending")),
    )
    op.create_table(
        "x_reads",
        sa.Column("account", sa.String(length=250), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False, comment="such as 2026-12-01, UTC"),
        sa.Column("what", sa.String(length=50), nullable=False, comment="such as post/1900000000000000001"),
        sa.PrimaryKeyConstraint("account", "day", "what", name=op.f("pk_x_reads")),
    )
    op.create_table(
        "x_media",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("account", sa.String(length=250), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("category", sa.String(length=20), nullable=False),
        sa.Column(
            "alt",
            sa.Text(),
            nullable=False,
            comment="alt text belongs to the uploaded id, so it is part of its identity",
        ),
        sa.Column(
            "extras",
            sa.String(length=64),
            nullable=False,
            comment="hash of what else makes the id this one (re-encoding, warnings, subtitles); empty for nothing",
        ),
        sa.Column("x_media_id", sa.String(length=19), nullable=False),
        sa.Column("media_key", sa.String(length=50), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column(
            "state",
            sa.String(length=10),
            nullable=False,
            comment="processing, ready, failed, or gone from X early",
        ),
        sa.Column("described", sa.Boolean(), nullable=False, comment="all that belongs to it is on X"),
        sa.Column(
            "ask_at",
            Instant(),
            nullable=True,
            comment="while processing: when X wants to be asked how far it is",
        ),
        sa.Column("why", sa.Text(), nullable=True, comment="why it failed, in X's words"),
        sa.Column("uploaded_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False, comment="gone: when that was learnt"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_x_media")),
    )
    with op.batch_alter_table("x_media", schema=None) as batch_op:
        batch_op.create_index("ix_x_media_account_sha256", ["account", "sha256"], unique=False)

    op.create_table(
        "x_posts",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column(
            "calendar",
            sa.String(length=250),
            nullable=False,
            comment="calendar's name, or dag:<dag_id> for a direct post",
        ),
        sa.Column("key", sa.String(length=250), nullable=False, comment="the entry's id inside its calendar"),
        sa.Column("account", sa.String(length=250), nullable=False),
        sa.Column(
            "revision",
            sa.String(length=64),
            nullable=False,
            comment="hash of all that a reader of X would see",
        ),
        sa.Column("at", sa.String(length=100), nullable=False, comment="the due time as the editor wrote it"),
        sa.Column("timezone", sa.String(length=100), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("late_grace_seconds", sa.Integer(), nullable=False),
        sa.Column(
            "late_then",
            sa.String(length=10),
            nullable=False,
            comment="publish, skip or ask; resumed once a person decided",
        ),
        sa.Column(
            "on_absent",
            sa.String(length=10),
            nullable=False,
            comment="resend or ask when an unknown outcome is not on X",
        ),
        sa.Column(
            "lead_seconds",
            sa.Integer(),
            nullable=False,
            comment="how long before due_at the work on it begins",
        ),
        sa.Column(
            "wake_at",
            Instant(),
            nullable=True,
            comment="when somebody must look after it; NULL when nobody needs to",
        ),
        sa.Column(
            "taken_by",
            sa.String(length=250),
            nullable=True,
            comment="who looks after it until wake_at, such as a DAG run",
        ),
        sa.Column(
            "told",
            sa.String(length=64),
            nullable=True,
            comment="what the last failure notice said, so that it is said once",
        ),
        sa.Column("planned_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_x_posts")),
        sa.UniqueConstraint("calendar", "key", name=op.f("uq_x_posts_calendar_key")),
    )
    with op.batch_alter_table("x_posts", schema=None) as batch_op:
        batch_op.create_index("ix_x_posts_taken_by", ["taken_by"], unique=False)
        batch_op.create_index("ix_x_posts_wake_at", ["wake_at", "due_at"], unique=False)

    op.create_table(
        "x_snapshots",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("account", sa.String(length=250), nullable=False),
        sa.Column("x_id", sa.String(length=19), nullable=False),
        sa.Column(
            "covers_until", Instant(), nullable=False, comment="end of the data interval the run was for"
        ),
        sa.Column(
            "source", sa.String(length=20), nullable=False, comment="public, or private where X gave both"
        ),
        sa.Column("captured_at", Instant(), nullable=False),
        sa.Column("impressions", sa.BigInteger(), nullable=True),
        sa.Column("likes", sa.BigInteger(), nullable=True),
        sa.Column("replies", sa.BigInteger(), nullable=True),
        sa.Column("reposts", sa.BigInteger(), nullable=True),
        sa.Column("quotes", sa.BigInteger(), nullable=True),
        sa.Column("bookmarks", sa.BigInteger(), nullable=True),
        sa.Column("url_link_clicks", sa.BigInteger(), nullable=True),
        sa.Column("user_profile_clicks", sa.BigInteger(), nullable=True),
        sa.Column("engagements", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_x_snapshots")),
        sa.UniqueConstraint("x_id", "covers_until", name=op.f("uq_x_snapshots_x_id_covers_until")),
    )
    with op.batch_alter_table("x_snapshots", schema=None) as batch_op:
        batch_op.create_index(
            "ix_x_snapshots_account_covers_until", ["account", "covers_until"], unique=False
        )

    op.create_table(
        "x_parts",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("post_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False, comment="0 is the root of a thread"),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column(
            "attempt_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=True,
            comment="the newest attempt to send it",
        ),
        sa.Column("why", sa.Text(), nullable=True, comment="what stopped it, in words a person can act on"),
        sa.Column(
            "due_at",
            Instant(),
            nullable=True,
            comment="of a part that follows later: when, once the one before it is on X",
        ),
        sa.ForeignKeyConstraint(["post_id"], ["x_posts.id"], name=op.f("fk_x_parts_post_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_x_parts")),
        sa.UniqueConstraint("post_id", "position", name=op.f("uq_x_parts_post_id_position")),
    )
    op.create_table(
        "x_follow_ups",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("post_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False, comment="its place among those of the post"),
        sa.Column("likes", sa.Integer(), nullable=False, comment="how many the post must find"),
        sa.Column(
            "within_seconds", sa.Integer(), nullable=False, comment="how long after the post they count"
        ),
        sa.Column(
            "repost", sa.Boolean(), nullable=False, comment="whether the account reposts its post then"
        ),
        sa.Column("content", sa.JSON(), nullable=True, comment="what it posts then as a reply, if anything"),
        sa.Column(
            "state", sa.String(length=10), nullable=False, comment="waiting, done, expired, failed or void"
        ),
        sa.Column("likes_seen", sa.Integer(), nullable=True, comment="when it was last looked at"),
        sa.Column("looked_at", Instant(), nullable=True),
        sa.Column("why", sa.Text(), nullable=True, comment="what stopped it"),
        sa.ForeignKeyConstraint(["post_id"], ["x_posts.id"], name=op.f("fk_x_follow_ups_post_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_x_follow_ups")),
        sa.UniqueConstraint("post_id", "position", name=op.f("uq_x_follow_ups_post_id_position")),
    )
    with op.batch_alter_table("x_follow_ups", schema=None) as batch_op:
        batch_op.create_index("ix_x_follow_ups_waiting", ["state"], unique=False)

    op.create_table(
        "x_attempts",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("part_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("revision", sa.String(length=64), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("lease_until", Instant(), nullable=False, comment="after it, the sender counts as dead"),
        sa.Column(
            "user_id", sa.String(length=19), nullable=False, comment="whose timeline it would appear on"
        ),
        sa.Column(
            "newest_own_id",
            sa.String(length=19),
            nullable=True,
            comment="newest post of the account the ledger knew when sending",
        ),
        sa.Column("sender", sa.String(length=250), nullable=False),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("request_id", sa.String(length=100), nullable=True),
        sa.Column("words", sa.Text(), nullable=True, comment="X's own words"),
        sa.Column(
            "charge_kind",
            sa.String(length=30),
            nullable=True,
            comment="what X bills for it once the post is on X",
        ),
        sa.Column("charge_usd", Usd(), nullable=True, comment="micro-dollars that it costs then"),
        sa.ForeignKeyConstraint(["part_id"], ["x_parts.id"], name=op.f("fk_x_attempts_part_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_x_attempts")),
    )
    with op.batch_alter_table("x_attempts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_x_attempts_part_id"), ["part_id"], unique=False)

    op.create_table(
        "x_decisions",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("part_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "attempt_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=True,
            comment="the part's newest attempt when it was decided",
        ),
        sa.Column("decided_at", Instant(), nullable=False),
        sa.Column("decision", sa.String(length=10), nullable=False, comment="resume, adopt or void"),
        sa.Column("decided_by", sa.String(length=250), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["part_id"], ["x_parts.id"], name=op.f("fk_x_decisions_part_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_x_decisions")),
    )
    with op.batch_alter_table("x_decisions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_x_decisions_part_id"), ["part_id"], unique=False)

    unsettled = sa.text("state IN ('sending', 'uncertain', 'refused', 'missed')")
    op.create_index(
        "ix_x_parts_unsettled", "x_parts", ["state"], sqlite_where=unsettled, postgresql_where=unsettled
    )

    op.create_table(
        "x_receipts",
        sa.Column("part_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account", sa.String(length=250), nullable=False),
        sa.Column("x_id", sa.String(length=19), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("posted_at", Instant(), nullable=False, comment="X's time of creation"),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column(
            "adopted", sa.Boolean(), nullable=False, comment="found on the timeline rather than answered"
        ),
        sa.Column("deleted_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["part_id"], ["x_parts.id"], name=op.f("fk_x_receipts_part_id")),
        sa.PrimaryKeyConstraint("part_id", name=op.f("pk_x_receipts")),
        sa.UniqueConstraint("x_id", name=op.f("uq_x_receipts_x_id")),
    )
    with op.batch_alter_table("x_receipts", schema=None) as batch_op:
        batch_op.create_index("ix_x_receipts_account_posted_at", ["account", "posted_at"], unique=False)

    op.create_table(
        "x_charges",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("account", sa.String(length=250), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False, comment="such as 2026-12, UTC"),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False, comment="such as post_create"),
        sa.Column("units", sa.Integer(), nullable=False, comment="posts or users that were read, else 1"),
        sa.Column("usd", Usd(), nullable=False, comment="micro-dollars for all of them"),
        sa.Column(
            "what", sa.String(length=50), nullable=False, comment="the post's id on X, or the kind of call"
        ),
        sa.Column(
            "part_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=True,
            comment="which part was posted",
        ),
        sa.ForeignKeyConstraint(["part_id"], ["x_parts.id"], name=op.f("fk_x_charges_part_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_x_charges")),
        sa.UniqueConstraint("part_id", name=op.f("uq_x_charges_part_id")),
    )
    with op.batch_alter_table("x_charges", schema=None) as batch_op:
        batch_op.create_index("ix_x_charges_account_month", ["account", "month"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("x_charges", schema=None) as batch_op:
        batch_op.drop_index("ix_x_charges_account_month")

    op.drop_table("x_charges")
    with op.batch_alter_table("x_receipts", schema=None) as batch_op:
        batch_op.drop_index("ix_x_receipts_account_posted_at")

    op.drop_table("x_receipts")
    with op.batch_alter_table("x_attempts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_x_attempts_part_id"))

    op.drop_table("x_attempts")
    with op.batch_alter_table("x_decisions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_x_decisions_part_id"))

    op.drop_table("x_decisions")
    with op.batch_alter_table("x_follow_ups", schema=None) as batch_op:
        batch_op.drop_index("ix_x_follow_ups_waiting")

    op.drop_table("x_follow_ups")
    op.drop_index("ix_x_parts_unsettled", table_name="x_parts")
    op.drop_table("x_parts")
    with op.batch_alter_table("x_snapshots", schema=None) as batch_op:
        batch_op.drop_index("ix_x_snapshots_account_covers_until")

    op.drop_table("x_snapshots")
    with op.batch_alter_table("x_posts", schema=None) as batch_op:
        batch_op.drop_index("ix_x_posts_wake_at")
        batch_op.drop_index("ix_x_posts_taken_by")

    op.drop_table("x_posts")
    with op.batch_alter_table("x_media", schema=None) as batch_op:
        batch_op.drop_index("ix_x_media_account_sha256")

    op.drop_table("x_media")
    op.drop_table("x_reads")
    op.drop_table("x_spending")
    op.drop_table("x_budgets")
    op.drop_table("x_rate_windows")
    op.drop_table("x_halts")
    op.drop_table("x_accounts")
