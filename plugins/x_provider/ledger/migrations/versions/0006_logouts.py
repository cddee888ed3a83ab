"""Logouts: what a connection still holds after one is not taken up"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from x_provider.ledger.types import Instant

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "x_logouts",
        sa.Column("account", sa.String(length=250), nullable=False, comment="Airflow connection id"),
        sa.Column("at", Instant(), nullable=False, comment="when it was logged out last"),
        sa.Column(
            "seeds",
            sa.String(length=1000),
            nullable=False,
            comment="fingerprints of refresh tokens that its connection held until then, newest first",
        ),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_x_logouts")),
    )


def downgrade() -> None:
    op.drop_table("x_logouts")
