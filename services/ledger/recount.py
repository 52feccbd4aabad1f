"""The ledger's counts made again from its entries, in one read-only snapshot, and held against what it keeps.

Beside a running ledger: SQLite reads the WAL, PostgreSQL repeats reads; neither holds up the writer. Entries are
streamed, so memory depends on desks, lanes and spans of time, never on how many entries there are.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, func, select

from schemas.codes import Disposition, Lane
from services.ledger import queries, tables
from services.ledger.entry import Entry
from services.ledger.streams import Gap, Stream, StreamKey
from services.ledger.tally import REJECTED, REJECTED_URGENT, Tallies, TallyKey, weights
from services.runtime.exits import CannotRun

_STREAMED: Final = 5_000
_LEFT_OUT: Final = frozenset({"id", "envelope"})
"""Columns that no count depends on; the envelope is most of a row."""


@dataclass(frozen=True, slots=True)
class Differing:
    """A tally that is not what the entries make it."""

    key: TallyKey
    kept: int
    counted: int


@dataclass(frozen=True, slots=True)
class Recount:
    """What a snapshot held. `read`: queue records that a desk's streams counted; `entered`: those its entries did."""

    entries: int
    differing: tuple[Differing, ...]
    streams: Mapping[StreamKey, Stream]
    gaps: tuple[tuple[StreamKey, Gap], ...]
    comparable: Mapping[str, int]
    read: Mapping[str, int]
    entered: Mapping[str, int]
    positions: Mapping[tuple[str, int], int]

    def unentered(self) -> list[str]:
        """Desks whose entries do not account for the queue records that were read."""
        desks = sorted({*self.read, *self.entered})
        return [desk for desk in desks if self.read.get(desk, 0) != self.entered.get(desk, 0)]

    def doubtful(self) -> list[StreamKey]:
        """Streams whose numbers have a gap or a repetition, or whose records and receipts are not as many."""
        return sorted(
            key
            for key, stream in self.streams.items()
            if stream.missing or stream.doubled or stream.records != stream.receipts
        )


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """One moment of the database, to read. CannotRun where a SQLite file is not there."""
    if engine.dialect.name == "sqlite":
        if not Path(engine.url.database or "").is_file():
            raise CannotRun(f"no ledger's database at {engine.url.database}: set DATABASE_URL to the ledger's own")
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA query_only=ON")
            connection.exec_driver_sql("BEGIN")  # the driver would begin no transaction for reading
            yield connection
            connection.rollback()
            connection.exec_driver_sql("PRAGMA query_only=OFF")
        return
    with engine.connect() as connection:
        connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        yield connection


def recount(connection: Connection, slot_ms: int, desk: str | None = None) -> Recount:
    """Count everything again; of one desk alone where it is named. `slot_ms`: the width that the ledger runs with."""
    counted: Tallies = Counter()
    entered: Counter[str] = Counter()
    entries = 0
    for entry in stream_entries(connection, desk):
        entries += 1
        entered[entry.desk] += entry.records
        for key in weights(entry, slot_ms):
            counted[key] += 1
    if desk is None:
        counted.update(_rejections(connection))
    kept = {key: number for key, number in queries.read_tallies(connection).items() if desk in (None, key.desk)}
    streams = {key: one for key, one in queries.read_streams(connection).items() if desk in (None, key.desk)}
    read: Counter[str] = Counter()
    for place, one in streams.items():
        read[place.desk] += one.numbered - one.missing + one.doubled
    return Recount(
        entries,
        tuple(_differing(kept, counted)),
        streams,
        tuple((key, gap) for key, gap in queries.read_gaps(connection) if desk in (None, key.desk)),
        queries.read_sources(connection),
        read,
        entered,
        queries.read_positions(connection),
    )


def stream_entries(connection: Connection, desk: str | None) -> Iterator[Entry]:
    """Every entry without its envelope, a few thousand at a time."""
    names = [column.name for column in fields(Entry) if column.name not in _LEFT_OUT]
    statement = select(*(tables.entries.c[name] for name in names))
    if desk is not None:
        statement = statement.where(tables.entries.c.desk == desk)
    for row in connection.execute(statement, execution_options={"yield_per": _STREAMED}):
        values: dict[str, Any] = row._asdict()
        values["lane"] = Lane(values["lane"])
        if values["disposition"] is not None:
            values["disposition"] = Disposition(values["disposition"])
        yield Entry(**values)


def known_keys(connection: Connection, keys: Iterable[str]) -> set[str]:
    """Those that have an entry with a queue record."""
    table = tables.entries
    found = connection.execute(select(table.c.key).where(table.c.key.in_(list(keys)), table.c.records > 0))
    return set(found.scalars())


def _rejections(connection: Connection) -> Tallies:
    table = tables.rejections
    counted: Tallies = Counter()
    for partner, urgent, number in connection.execute(
        select(table.c.partner, table.c.urgent, func.count()).group_by(table.c.partner, table.c.urgent)
    ):
        counted[TallyKey(REJECTED, partner, "", 0)] += number
        if urgent:
            counted[TallyKey(REJECTED_URGENT, partner, "", 0)] += number
    return counted


def _differing(kept: Mapping[TallyKey, int], counted: Mapping[TallyKey, int]) -> Iterator[Differing]:
    for key in sorted({*kept, *counted}):
        if kept.get(key, 0) != counted.get(key, 0):
            yield Differing(key, kept.get(key, 0), counted.get(key, 0))
