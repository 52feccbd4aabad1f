"""The ledger's tables, for SQLite and PostgreSQL alike. Times are Unix milliseconds; codes are text.

Two kinds: what is true of each referral (`entries`, `events`, `tracks`, `rejections`, `amendments`, `reroutes`), and
what is counted (`tallies`, `counters`, `history`, `streams`, `gaps`). Both change in one transaction, with `positions`
and `outbox`. Where a key and a number is all there is, SQLite keeps the rows in the key's own tree
(`sqlite_with_rowid`): they are read in its order, and written once.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_Id = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts up by itself for INTEGER alone."""
_Bytewise = String(128).with_variant(String(128, collation="C"), "postgresql")
"""In the order of its bytes, as SQLite has every text: PostgreSQL may sort by the habits of a language."""

notes: Final = Table(
    "notes",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", Text, nullable=False),
)
"""What a database remembers of itself: the cluster's id, the width of a tally's slot, since when history is whole, by
which times of the desks its entries are settled."""

lease: Final = Table(
    "lease",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, nullable=False),
    Column("holder", String(64), nullable=False),
    Column("until_ms", BigInteger, nullable=False),
)
"""One row: who may write, and the fence. Every writing transaction updates it first, naming its epoch."""

positions: Final = Table(
    "positions",
    metadata,
    Column("topic", String(128), primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("next_offset", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

entries: Final = Table(
    "entries",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("key", _Bytewise, nullable=False, unique=True),
    Column("partner", String(32), nullable=False),
    Column("report", String(48), nullable=False),
    Column("desk", String(32), nullable=False),
    Column("lane", String(8), nullable=False),
    Column("state", String(9), nullable=False),
    Column("tenure", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("arrived_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger),
    Column("captured_ms", BigInteger),
    Column("chain", Text, nullable=False),
    Column("brought", Text, nullable=False),
    Column("roles", Text, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("envelope", LargeBinary),
    Column("records", Integer, nullable=False),
    Column("ranks", Text, nullable=False),
    Column("events", Integer, nullable=False),
    Column("looked_ms", BigInteger),
    Column("taken_ms", BigInteger),
    Column("closed_ms", BigInteger),
    Column("disposition", String(24)),
    Column("unlooked", Boolean, nullable=False),
    Column("forwarded_to", String(32)),
    Column("looks", Integer, nullable=False),
    Column("closings", Integer, nullable=False),
    Column("forwards", Integer, nullable=False),
    Column("contested", Integer, nullable=False),
    Column("passed", String(32), nullable=False),
    Column("missed", Boolean, nullable=False),
    Column("expired_ms", BigInteger),
)
Index(
    "ix_entries_waiting",
    entries.c.desk,
    entries.c.lane,
    entries.c.missed,
    entries.c.arrived_ms,
    sqlite_where=entries.c.state == "waiting",
    postgresql_where=entries.c.state == "waiting",
)
Index(
    "ix_entries_kept",
    entries.c.expires_ms,
    sqlite_where=entries.c.expired_ms.is_(None),
    postgresql_where=entries.c.expired_ms.is_(None),
)

events: Final = Table(
    "events",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("key", String(128), nullable=False),
    Column("identity", String(32), nullable=False),
    Column("event", String(16), nullable=False),
    Column("role", String(16), nullable=False),
    Column("disposition", String(24)),
    Column("forwarded_to", String(32)),
    Column("at_ms", BigInteger, nullable=False),
    Column("said_ms", BigInteger, nullable=False),
    Column("place", BigInteger, nullable=False),
    UniqueConstraint("key", "place"),
)
"""Append-only. `place` is the offset in the desk's status topic: their order."""

tracks: Final = Table(
    "tracks",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("key", String(128), nullable=False),
    Column("identity", String(32), nullable=False),
    Column("step", String(24), nullable=False),
    Column("role", String(16), nullable=False),
    Column("from_day", String(10)),
    Column("until", String(10)),
    Column("at_ms", BigInteger, nullable=False),
    Column("said_ms", BigInteger, nullable=False),
    UniqueConstraint("key", "identity"),
)

rejections: Final = Table(
    "rejections",
    metadata,
    Column("partner", String(32), primary_key=True),
    Column("report", String(48), primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("urgent", Boolean, nullable=False, server_default=false()),
)
"""Reports rejected and not resent since; `urgent`: one of the rejected claims urgency."""

amendments: Final = Table(
    "amendments",
    metadata,
    Column("partner", String(32), primary_key=True),
    Column("report", String(48), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("desks", Text, nullable=False),
)
"""The newest amendment or withdrawal of a report, and whom it went to: what the other desks have not heard."""

reroutes: Final = Table(
    "reroutes",
    metadata,
    Column("command", String(64), primary_key=True),
    Column("key", String(128), nullable=False, index=True),
    Column("desk", String(32), nullable=False),
    Column("rank", String(32), nullable=False),
    Column("refused", Boolean, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)
"""Reroute commands that the router has not answered, and those it refused. `at_ms`: when each was said, or refused."""
Index(
    "ix_reroutes_unanswered",
    reroutes.c.desk,
    reroutes.c.at_ms,
    sqlite_where=~reroutes.c.refused,
    postgresql_where=~reroutes.c.refused,
)

tallies: Final = Table(
    "tallies",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("desk", String(32), primary_key=True),
    Column("lane", String(8), primary_key=True),
    Column("slot", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""How many entries are so now: by state and slot of arrival, and what else depends on the entries alone."""

counters: Final = Table(
    "counters",
    metadata,
    Column("name", String(24), primary_key=True),
    Column("desk", String(32), primary_key=True),
    Column("lane", String(8), primary_key=True),
    Column("code", String(32), primary_key=True),
    Column("number", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""How often something happened: these only grow. What belongs to no desk or lane has an empty text there."""

history: Final = Table(
    "history",
    metadata,
    Column("desk", String(32), primary_key=True),
    Column("lane", String(8), primary_key=True),
    Column("slot", BigInteger, primary_key=True, autoincrement=False),
    Column("what", String(8), primary_key=True),
    Column("number", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Arrivals, first looks and closings by span of the broker's time of each (`services.ledger.history`), thirty days."""

streams: Final = Table(
    "streams",
    metadata,
    Column("desk", String(32), primary_key=True),
    Column("lane", String(8), primary_key=True),
    Column("source", String(128), primary_key=True),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("records", BigInteger, nullable=False),
    Column("missing", BigInteger, nullable=False),
    Column("doubled", BigInteger, nullable=False),
    Column("receipts", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Of each (queue, ingress partition): its running numbers, and how many receipts name it."""

gaps: Final = Table(
    "gaps",
    metadata,
    Column("desk", String(32), primary_key=True),
    Column("lane", String(8), primary_key=True),
    Column("source", String(128), primary_key=True),
    Column("after", BigInteger, primary_key=True, autoincrement=False),
    Column("before", BigInteger, nullable=False),
)
"""Running numbers that never came: those between `after` and `before`."""

heard: Final = Table(
    "heard",
    metadata,
    Column("desk", String(32), primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
)
"""The broker's time of each desk's last status event."""

sources: Final = Table(
    "sources",
    metadata,
    Column("source", String(128), primary_key=True),
    Column("first_receipt", BigInteger, nullable=False),
)
"""From which ingress offset on the receipts of an ingress partition are kept: what is older cannot be compared."""

told: Final = Table(
    "told",
    metadata,
    Column("desk", String(32), primary_key=True),
    Column("lane", String(8), primary_key=True),
    Column("type", String(24), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("through_ms", BigInteger, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("told_ms", BigInteger, nullable=False),
    Column("unlooked", Boolean, nullable=False),
)
"""What the notifier was told of each group (`services.ledger.noticing`). The lane is empty where all are meant."""

outbox: Final = Table(
    "outbox",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("topic", String(128), nullable=False),
    Column("key", String(64), nullable=False),
    Column("identity", String(128), nullable=False),
    Column("event_type", String(32), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("value", LargeBinary, nullable=False),
)
"""What is to be published. A row goes when the broker has acknowledged it; sent twice, it bears the same identity."""
