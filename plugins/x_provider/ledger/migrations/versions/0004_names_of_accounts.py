"""Names and pictures of accounts, also of those that log in by keys"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    with op.batch_alter_table("x_accounts", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "name",
                sa.String(length=100),
                nullable=True,
                comment="as the user shows it; NULL while X has not said",
            )
        )
        batch_op.add_column(sa.Column("picture_url", sa.String(length=500), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("x_accounts", schema=None) as batch_op:
        for name in ("picture_url", "name"):
            batch_op.drop_column(name)
