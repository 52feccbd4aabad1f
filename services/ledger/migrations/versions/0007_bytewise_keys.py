"""A key is compared byte by byte, whatever language the database sorts by: a report's entries are a range of keys.

SQLite compares so by itself. PostgreSQL makes the index of the keys anew; no row changes.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """On PostgreSQL alone."""
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("entries", "key", type_=sa.String(128, collation="C"), existing_nullable=False)
