"""Every table of the notifier."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "notifier_notes",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_notifier_notes"),
    )
    op.create_table(
        "notifier_lease",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_notifier_lease"),
    )
    op.create_table(
        "notifier_positions",
        sa.Column("topic", sa.String(128), nullable=False),
        sa.Column("partition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "partition", name="pk_notifier_positions"),
    )
    op.create_table(
        "notifier_groups",
        sa.Column("key", sa.String(96), nullable=False),
        sa.Column("desk", sa.String(32), nullable=False),
        sa.Column("escalating", sa.Boolean(), nullable=False),
        sa.Column("exhausted", sa.Boolean(), nullable=False),
        sa.Column("due_ms", sa.BigInteger()),
        sa.Column("ended_ms", sa.BigInteger()),
        sa.Column("newest", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_notifier_groups"),
    )
    for column in ("due_ms", "ended_ms"):
        there = sa.text(f"{column} IS NOT NULL")
        op.create_index(
            f"ix_notifier_groups_{column}", "notifier_groups", [column], sqlite_where=there, postgresql_where=there
        )
    op.create_index(
        "ix_notifier_groups_escalating_desk_exhausted", "notifier_groups", ["escalating", "desk", "exhausted"]
    )
    op.create_table(
        "notifier_deliveries",
        sa.Column("group", sa.String(96), nullable=False),
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("desk", sa.String(32), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("covers", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("reached", sa.Boolean(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("claimed_until_ms", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.Column("settled_ms", sa.BigInteger()),
        sa.Column("code", sa.String(24), nullable=False),
        sa.PrimaryKeyConstraint("group", "channel", name="pk_notifier_deliveries"),
    )
    pending = sa.text("state = 'pending'")
    op.create_index(
        "ix_notifier_deliveries_pending",
        "notifier_deliveries",
        ["desk", "channel", "due_ms", "made_ms"],
        sqlite_where=pending,
        postgresql_where=pending,
    )
    failed = sa.text("state = 'failed'")
    op.create_index(
        "ix_notifier_deliveries_failed",
        "notifier_deliveries",
        ["settled_ms"],
        sqlite_where=failed,
        postgresql_where=failed,
    )
    op.create_table(
        "notifier_endpoints",
        sa.Column("desk", sa.String(32), nullable=False),
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("disabled_for", sa.String(64), nullable=False),
        sa.Column("disabled_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("desk", "channel", name="pk_notifier_endpoints"),
    )
