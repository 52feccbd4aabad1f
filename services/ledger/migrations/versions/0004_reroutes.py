"""Reroute commands that are unanswered, or that the router refused."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "reroutes",
        sa.Column("command", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("desk", sa.String(length=32), nullable=False),
        sa.Column("rank", sa.String(length=32), nullable=False),
        sa.Column("refused", sa.Boolean(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("command", name=op.f("pk_reroutes")),
    )
    with op.batch_alter_table("reroutes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_reroutes_key"), ["key"], unique=False)
        batch_op.create_index(
            "ix_reroutes_unanswered",
            ["desk", "at_ms"],
            unique=False,
            sqlite_where=sa.text("NOT refused"),
            postgresql_where=sa.text("NOT refused"),
        )


def downgrade() -> None:
    """Take it away."""
    op.drop_table("reroutes")
