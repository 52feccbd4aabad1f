"""What the notifier was told, and which rejected reports claim urgency."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both."""
    op.create_table(
        "told",
        sa.Column("desk", sa.String(length=32), nullable=False),
        sa.Column("lane", sa.String(length=8), nullable=False),
        sa.Column("type", sa.String(length=24), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("through_ms", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("told_ms", sa.BigInteger(), nullable=False),
        sa.Column("unlooked", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("desk", "lane", "type", name=op.f("pk_told")),
    )
    op.add_column("rejections", sa.Column("urgent", sa.Boolean(), server_default=sa.false(), nullable=False))
