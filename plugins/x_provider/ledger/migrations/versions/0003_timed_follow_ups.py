"""Follow-ups at a time: reposts, reposts taken back, posts taken down"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    with op.batch_alter_table("x_follow_ups", schema=None) as batch_op:
        batch_op.alter_column(
            "likes",
            existing_type=sa.Integer(),
            nullable=True,
            existing_comment="how many the post must find",
            comment="how many the post must find; NULL: it happens at its time",
        )
        batch_op.alter_column("within_seconds", existing_type=sa.Integer(), nullable=True)
        batch_op.add_column(
            sa.Column(
                "after_seconds",
                sa.Integer(),
                nullable=True,
                comment="when it happens, so long after the post; NULL: at its likes",
            )
        )
        # What is there from before the columns does neither.
        batch_op.add_column(
            sa.Column(
                "undo_repost",
                sa.Boolean(),
                nullable=False,
                server_default=sa.false(),
                comment="whether it takes its repost back then",
            )
        )
        batch_op.add_column(
            sa.Column(
                "delete",
                sa.Boolean(),
                nullable=False,
                server_default=sa.false(),
                comment="whether it takes the post down then",
            )
        )


def downgrade() -> None:
    op.execute(sa.text("DELETE FROM x_follow_ups WHERE likes IS NULL"))
    with op.batch_alter_table("x_follow_ups", schema=None) as batch_op:
        for name in ("delete", "undo_repost", "after_seconds"):
            batch_op.drop_column(name)
        batch_op.alter_column("within_seconds", existing_type=sa.Integer(), nullable=False)
        batch_op.alter_column(
            "likes",
            existing_type=sa.Integer(),
            nullable=False,
            existing_comment="how many the post must find; NULL: it happens at its time",
            comment="how many the post must find",
        )
