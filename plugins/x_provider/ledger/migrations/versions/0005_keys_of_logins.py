"""OAuth 1.0a keys of logins, credentials that X refuses, and what was told of accounts"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from x_provider.ledger.types import Instant

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "x_user_keys",
        sa.Column("account", sa.String(length=250), nullable=False, comment="Airflow connection id"),
        sa.Column("base_url", sa.String(length=500), nullable=False),
        sa.Column("app", sa.String(length=64), nullable=False, comment="fingerprint of the app's API key"),
        sa.Column("user_id", sa.String(length=19), nullable=False),
        sa.Column("username", sa.String(length=50), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=True),
        sa.Column("picture_url", sa.String(length=500), nullable=True),
        sa.Column("credentials", sa.String(length=64), nullable=False, comment="fingerprint of the keys"),
        sa.Column("sealed", sa.Text(), nullable=False, comment="the OAuth 1.0a keys, encrypted"),
        sa.Column("logged_in_at", Instant(), nullable=False),
        sa.Column("logged_in_by", sa.String(length=250), nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_x_user_keys")),
    )
    op.create_table(
        "x_refusals",
        sa.Column("account", sa.String(length=250), nullable=False, comment="Airflow connection id"),
        sa.Column(
            "credentials",
            sa.String(length=64),
            nullable=False,
            comment="digest of those that X did not take",
        ),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("last_at", Instant(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_x_refusals")),
    )
    op.create_table(
        "x_notices",
        sa.Column("account", sa.String(length=250), nullable=False, comment="Airflow connection id"),
        sa.Column("told", sa.Text(), nullable=False, comment="which need of the account was told last"),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_x_notices")),
    )
    with op.batch_alter_table("x_tokens", schema=None) as batch_op:
        batch_op.drop_column("told")


def downgrade() -> None:
    with op.batch_alter_table("x_tokens", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "told",
                sa.Text(),
                nullable=True,
                comment="what the last notice of it said, so that it is said once",
            )
        )
    op.drop_table("x_notices")
    op.drop_table("x_refusals")
    op.drop_table("x_user_keys")
