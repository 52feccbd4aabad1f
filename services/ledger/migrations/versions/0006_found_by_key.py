"""What a start asks for is found by the key alone: millions of tallies in order, the first of each queue to miss.

On SQLite what is counted lies in the tree of its key; PostgreSQL has no such choice. The tables are written anew.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """No row changes."""
    op.drop_index("ix_entries_waiting", table_name="entries")
    waiting = sa.text("state = 'waiting'")
    columns = ["desk", "lane", "missed", "arrived_ms"]
    op.create_index("ix_entries_waiting", "entries", columns, sqlite_where=waiting, postgresql_where=waiting)
    if op.get_bind().dialect.name == "postgresql":
        return
    for name in ("tallies", "counters", "history", "streams", "positions"):
        with op.batch_alter_table(name, recreate="always", table_kwargs={"sqlite_with_rowid": False}):
            pass
