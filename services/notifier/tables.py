"""The notifier's tables, for SQLite and PostgreSQL alike; the ledger's may lie beside them. Times: Unix milliseconds.

`groups`: one row for each group of notices. `deliveries`: one row for each group and endpoint, with the newest message
for it: what a newer message replaces is superseded. Both change in one transaction, with `positions`.
"""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text, text

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
VERSION_TABLE: Final = "notifier_alembic_version"

notes: Final = Table(
    "notifier_notes",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", Text, nullable=False),
)
"""What a database remembers of itself: the cluster's id, the key that answers' tokens are made with."""

lease: Final = Table(
    "notifier_lease",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, nullable=False),
    Column("holder", String(64), nullable=False),
    Column("until_ms", BigInteger, nullable=False),
)
"""One row: who reads notices and keeps the ladders. Every notifier delivers."""

positions: Final = Table(
    "notifier_positions",
    metadata,
    Column("topic", String(128), primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("next_offset", BigInteger, nullable=False),
)

groups: Final = Table(
    "notifier_groups",
    metadata,
    Column("key", String(96), primary_key=True),
    Column("desk", String(32), nullable=False),
    Column("escalating", Boolean, nullable=False),  # open, and nobody has answered
    Column("exhausted", Boolean, nullable=False),  # and the whole ladder was gone through
    Column("due_ms", BigInteger),
    Column("ended_ms", BigInteger),  # None while it is open, or its end is owed
    Column("newest", LargeBinary, nullable=False),  # the notice, as JSON
    Column("state", Text, nullable=False),  # all else of the group, as JSON
)
Index(None, groups.c.due_ms, sqlite_where=text("due_ms IS NOT NULL"), postgresql_where=text("due_ms IS NOT NULL"))
Index(None, groups.c.ended_ms, sqlite_where=text("ended_ms IS NOT NULL"), postgresql_where=text("ended_ms IS NOT NULL"))
Index(None, groups.c.escalating, groups.c.desk, groups.c.exhausted)

deliveries: Final = Table(
    "notifier_deliveries",
    metadata,
    Column("group", String(96), primary_key=True),
    Column("channel", String(32), primary_key=True),
    Column("desk", String(32), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("covers", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("state", String(10), nullable=False),
    Column("reached", Boolean, nullable=False),  # a try of this opening may have arrived
    Column("tries", Integer, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("claimed_until_ms", BigInteger, nullable=False),
    Column("holder", String(64), nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("settled_ms", BigInteger),
    Column("code", String(24), nullable=False),  # of the last try that failed
)
_PENDING = text("state = 'pending'")
Index(
    "ix_notifier_deliveries_pending",
    deliveries.c.desk,
    deliveries.c.channel,
    deliveries.c.due_ms,
    deliveries.c.made_ms,
    sqlite_where=_PENDING,
    postgresql_where=_PENDING,
)

_FAILED = text("state = 'failed'")
Index(
    "ix_notifier_deliveries_failed",
    deliveries.c.settled_ms,
    sqlite_where=_FAILED,
    postgresql_where=_FAILED,
)

endpoints: Final = Table(
    "notifier_endpoints",
    metadata,
    Column("desk", String(32), primary_key=True),
    Column("channel", String(32), primary_key=True),
    Column("disabled_for", String(64), nullable=False),  # digest of the address that said it is gone
    Column("disabled_ms", BigInteger, nullable=False),
)
"""Endpoints that want nothing any more; one whose address was changed since is not the one that said so."""
