"""A ledger's database with millions of waiting entries, made by SQL in minutes, in which everything adds up.

A year of arrivals in order of time, a cubed share for each desk (a few have most), lanes as 90:8:2, one in two with an
identifier. Tallies and counters are counted from the rows.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from policy.configuration import Configuration
from schemas.codes import Lane
from services.ledger.database import connect, migrate, remember_slot
from services.ledger.history import first_kept
from services.ledger.retiming import remember
from services.ledger.store import fill_history
from services.ledger.tally import DAY_MS, EVIDENCE, EXPIRES, OVERDUE
from services.ledger.terms import terms

CHUNK: Final = 1_000_000
SLOT_MS: Final = 3_600_000
SPAN_MS: Final = 365 * DAY_MS

_ENTRIES: Final = """
WITH RECURSIVE numbers(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM numbers WHERE i + 1 < :end),
drawn AS (
  SELECT i, (i * 2654435761 % 4294967296) / 4294967296.0 AS u, i * 40503 % 65536 / 65536.0 AS v,
         :start_ms + i * :span_ms / :total AS arrived_ms
  FROM numbers
)
INSERT INTO entries (key, partner, report, desk, lane, state, tenure, revision, withdrawn, arrived_ms, expires_ms,
  captured_ms, chain, brought, roles, reasons, envelope, records, ranks, events, unlooked, looks, closings, forwards,
  contested, passed, missed)
SELECT :partner || ':' || printf('%012d', i) || ':' || q.desk, :partner, printf('%012d', i), q.desk, q.lane, 'waiting',
  1, 1, 0, arrived_ms, arrived_ms + q.kept_ms, CASE WHEN i % 2 THEN arrived_ms - 1728000000 END, '', '', 'upload',
  'by_default', CAST('{"action":"new"}' AS BLOB), 1, '', 0, 0, 0, 0, 0, 0, '',
  arrived_ms < :now_ms - q.target_ms
FROM drawn CROSS JOIN queues q ON q.desk_place = CAST(:desks * u * u * u AS INTEGER)
  AND q.lane_place = (v >= 0.90) + (v >= 0.98)
"""
_TALLIES: Final = (
    ("waiting", "arrived_ms / :slot_ms * :slot_ms", "1"),
    (EXPIRES, "expires_ms / :day_ms * :day_ms", "expires_ms IS NOT NULL"),
    (EVIDENCE, "captured_ms / :day_ms * :day_ms", "captured_ms IS NOT NULL"),
    (OVERDUE, "0 * arrived_ms", "missed"),
)


def build(
    file: Path, configuration: Configuration, partner: str, total: int, now_ms: int, tell: Callable[[str], None]
) -> None:
    """A file with `total` entries at the desks of the configuration, as a ledger that has read them all leaves it."""
    engine = connect(f"sqlite:///{file}")
    migrate(engine)
    engine.dispose()
    connection = sqlite3.connect(file, isolation_level=None)
    try:
        for pragma in ("synchronous=OFF", "cache_size=-1000000", "temp_store=FILE", "threads=2"):
            connection.execute(f"PRAGMA {pragma}")
        _queues(connection, configuration)
        indices = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE tbl_name = 'entries' AND type = 'index' AND sql IS NOT NULL"
        ).fetchall()
        for name, _ in indices:
            connection.execute(f"DROP INDEX {name}")
        shared = {
            "total": total, "partner": partner, "now_ms": now_ms, "start_ms": now_ms - SPAN_MS, "span_ms": SPAN_MS,
            "desks": len(configuration.desks.desks),
        }  # fmt: skip
        for first in range(0, total, CHUNK):
            connection.execute(_ENTRIES, {**shared, "first": first, "end": min(total, first + CHUNK)})
            tell(f"built {min(total, first + CHUNK):,} of {total:,} entries")
        for _, statement in indices:
            connection.execute(statement)
        _count(connection)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.close()
    engine = connect(f"sqlite:///{file}")
    with engine.begin() as found:
        if remember_slot(found, SLOT_MS):
            fill_history(found, SLOT_MS, first_kept(now_ms, SLOT_MS))
        remember(found, terms(configuration.desks))
    engine.dispose()


def _queues(connection: sqlite3.Connection, configuration: Configuration) -> None:
    found = terms(configuration.desks)
    connection.execute(
        "CREATE TEMP TABLE queues (desk_place INTEGER, lane_place INTEGER, desk TEXT, lane TEXT, target_ms INTEGER, "
        "kept_ms INTEGER, PRIMARY KEY (desk_place, lane_place)) WITHOUT ROWID"
    )
    lanes = (Lane.ROUTINE, Lane.PRIORITY, Lane.URGENT)
    connection.executemany(
        "INSERT INTO queues VALUES (?, ?, ?, ?, ?, ?)",
        [
            (desk_place, place, desk.id, lane.value, found.target_ms(desk.id, lane), found.kept[desk.id])
            for desk_place, desk in enumerate(configuration.desks.desks)
            for place, lane in enumerate(lanes)
        ],
    )


def _count(connection: sqlite3.Connection) -> None:
    for kind, slot, condition in _TALLIES:
        connection.execute(
            f"INSERT INTO tallies SELECT :kind, desk, lane, {slot}, count(*) FROM entries "
            f"WHERE {condition} GROUP BY desk, lane, {slot}",
            {"kind": kind, "slot_ms": SLOT_MS, "day_ms": DAY_MS},
        )
    for name, condition in (("opened", "1"), ("target_missed", "missed")):
        connection.execute(
            "INSERT INTO counters SELECT ?, desk, lane, '', count(*) FROM entries "
            f"WHERE {condition} GROUP BY desk, lane",
            (name,),
        )
