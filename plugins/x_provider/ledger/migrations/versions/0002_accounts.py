"""Tokens, logins, events and what they tell"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from x_provider.ledger.types import Instant

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "x_engagement",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("kind", sa.String(length=10), nullable=False, comment="reply, quote, repost or mention"),
        sa.Column("account", sa.String(length=250), nullable=False, comment="the connection it happened to"),
        sa.Column(
            "x_id",
            sa.String(length=19),
            nullable=True,
            comment="the account's post it happened to; NULL for a mention",
        ),
        sa.Column("by_x_id", sa.String(length=19), nullable=False, comment="the post that did it"),
        sa.Column("by_user_id", sa.String(length=19), nullable=False),
        sa.Column("by_username", sa.String(length=50), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_x_engagement")),
        sa.UniqueConstraint("kind", "account", "by_x_id", name=op.f("uq_x_engagement_kind_account_by_x_id")),
    )
    op.create_index("ix_x_engagement_account_at", "x_engagement", ["account", "at"], unique=False)
    op.create_index("ix_x_engagement_x_id", "x_engagement", ["x_id"], unique=False)
    op.create_table(
        "x_events",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column(
            "event_key",
            sa.String(length=100),
            nullable=False,
            comment="the same for every delivery of one event",
        ),
        sa.Column("app", sa.String(length=250), nullable=False, comment="the connection whose app X told"),
        sa.Column("body", sa.Text(), nullable=False, comment="as it came"),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("wake_at", Instant(), nullable=True, comment="when it is to be handled; NULL once it is"),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("handled_at", Instant(), nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=True, comment="handled, ignored or failed"),
        sa.Column("why", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_x_events")),
        sa.UniqueConstraint("event_key", name=op.f("uq_x_events_event_key")),
    )
    op.create_index("ix_x_events_wake_at", "x_events", ["wake_at"], unique=False)
    op.create_table(
        "x_logins",
        sa.Column("state_hash", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=250), nullable=False),
        sa.Column("scheme", sa.String(length=10), nullable=False, comment="oauth1 or oauth2"),
        sa.Column(
            "started_by",
            sa.String(length=250),
            nullable=False,
            comment="the Airflow user, or who sits at the terminal",
        ),
        sa.Column("sealed", sa.Text(), nullable=False, comment="the secret half of it, encrypted"),
        sa.Column("redirect_uri", sa.String(length=1000), nullable=False),
        sa.Column("scopes", sa.String(length=1000), nullable=False),
        sa.Column(
            "expected_user_id",
            sa.String(length=19),
            nullable=True,
            comment="who has to log in; NULL for whoever does",
        ),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("used_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("state_hash", name=op.f("pk_x_logins")),
    )
    op.create_index("ix_x_logins_expires_at", "x_logins", ["expires_at"], unique=False)
    op.create_table(
        "x_tokens",
        sa.Column("account", sa.String(length=250), nullable=False, comment="Airflow connection id"),
        sa.Column("base_url", sa.String(length=500), nullable=False),
        sa.Column("client_id", sa.String(length=250), nullable=False),
        sa.Column(
            "user_id",
            sa.String(length=19),
            nullable=True,
            comment="whose they are; NULL while X has not said",
        ),
        sa.Column("username", sa.String(length=50), nullable=True),
        sa.Column("name", sa.String(length=100), nullable=True),
        sa.Column("picture_url", sa.String(length=500), nullable=True),
        sa.Column(
            "scopes", sa.String(length=1000), nullable=False, comment="what was granted, separated by blanks"
        ),
        sa.Column("sealed", sa.Text(), nullable=False, comment="the tokens, encrypted"),
        sa.Column("expires_at", Instant(), nullable=False, comment="when the access token ends"),
        sa.Column("version", sa.Integer(), nullable=False, comment="grows with each new pair"),
        sa.Column("state", sa.String(length=20), nullable=False, comment="good, or needs_login"),
        sa.Column("why", sa.Text(), nullable=True, comment="why a login is needed"),
        sa.Column(
            "told",
            sa.Text(),
            nullable=True,
            comment="what the last notice of it said, so that it is said once",
        ),
        sa.Column("obtained_at", Instant(), nullable=False),
        sa.Column("logged_in_at", Instant(), nullable=False),
        sa.Column("logged_in_by", sa.String(length=250), nullable=False),
        sa.Column(
            "refreshing_by",
            sa.String(length=250),
            nullable=True,
            comment="who is refreshing them; its request may have left",
        ),
        sa.Column("refreshing_until", Instant(), nullable=True, comment="after it, that one counts as dead"),
        sa.Column("retry_at", Instant(), nullable=True, comment="after an outage: not before"),
        sa.Column(
            "failures", sa.Integer(), nullable=False, comment="refreshes in a row that X did not answer"
        ),
        sa.Column(
            "seeds",
            sa.String(length=1000),
            nullable=False,
            comment="fingerprints of the connection's refresh tokens that were taken up, newest first",
        ),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_x_tokens")),
    )
