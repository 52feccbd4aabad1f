"""Every moment at which a reroute brought an entry here, in place of the last."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_CARRY_OVER = """
UPDATE entries SET brought = came_ms || '/' || tenure || '/' || revision || '/' ||
  substr(chain, length(rtrim(chain, replace(chain, ',', ''))) + 1)
WHERE came_ms > 0
"""
"""Moment, stay, revision and the last of the chain."""

_NOTE = """
INSERT INTO notes (name, value)
SELECT 'unsettled', 'returns' WHERE EXISTS (SELECT 1 FROM entries WHERE brought <> '')
"""
"""What was settled by the last moment alone is settled anew (`services.ledger.settling`)."""


def upgrade() -> None:
    """The one that is known is carried over. On SQLite the table is written anew."""
    op.add_column("entries", sa.Column("brought", sa.Text(), server_default="", nullable=False))
    op.execute(_CARRY_OVER)
    op.execute(_NOTE)
    op.drop_column("entries", "came_ms")
