"""What a batch needs from the database, and what it leaves there: one load, one save, in one transaction."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, Table, and_, bindparam, delete, func, literal, or_, select

from schemas.codes import ActorRole, Disposition, StatusType
from schemas.lifecycle import Step
from services.ledger import queries, tables
from services.ledger.batch import Batch
from services.ledger.entry import Entry
from services.ledger.entry_rows import READ, entry_of, rows_of, save_entries
from services.ledger.history import ARRIVED, CLOSED, LOOKED, span_ms
from services.ledger.known import Known, Placed, Rejected, ReportKey
from services.ledger.noticing import Group, Told
from services.ledger.reroutes import Asked, Refusal
from services.ledger.saying import Amendment, Message
from services.ledger.streams import Gap, Stream, StreamKey
from services.ledger.values import Reported, Tracked
from services.runtime.rows import add_to, in_chunks, insert, plain, rows_with, set_rows, upsert

Positions = Mapping[tuple[str, int], int]


def load(connection: Connection, keys: Collection[str], reports: Collection[ReportKey]) -> Known:
    """What is there of these entries and reports. Entries of a report come with every desk that has it."""
    known = Known()
    for row in rows_of(connection, keys):
        _add(known, row)
    _load_reports(connection, known, reports)
    speaking = {key for key, entry in known.entries.items() if entry.events}
    for key, *said in rows_with(connection, tables.events, _EVENT, speaking, "place"):
        known.events.setdefault(key, []).append(_placed(known.entries[key], *said))
    return known


def _load_reports(connection: Connection, known: Known, reports: Collection[ReportKey]) -> None:
    entries = tables.entries
    for report in reports:
        known.desks[report] = set()

    def of_reports(some: list[ReportKey]) -> Select[Any]:
        return select(*(entries.c[name] for name in READ)).where(or_(*(_of_report(report) for report in some)))

    for row in in_chunks(connection, reports, of_reports, 100):
        entry = _add(known, row)
        known.desks[entry.partner, entry.report].add(entry.desk)


def _of_report(report: ReportKey) -> Any:
    """Its entries by their key's beginning: byte by byte, a semicolon comes next after a colon."""
    start = f"{report[0]}:{report[1]}:"
    return and_(tables.entries.c.key >= start, tables.entries.c.key < start[:-1] + ";")


def load_amendments(connection: Connection, reports: Collection[ReportKey]) -> dict[ReportKey, Amendment]:
    """The newest amendment of each of these reports, where there is one."""
    found = _rows_of_reports(connection, tables.amendments, reports)
    return {
        (row.partner, row.report): Amendment(row.revision, frozenset(filter(None, row.desks.split(","))))
        for row in found
    }


def load_rejections(connection: Connection, reports: Collection[ReportKey]) -> dict[ReportKey, Rejected]:
    """When each of these was last rejected, where it is not resent."""
    found = _rows_of_reports(connection, tables.rejections, reports)
    return {(row.partner, row.report): Rejected(row.at_ms, row.urgent) for row in found}


def _rows_of_reports(connection: Connection, table: Table, reports: Collection[ReportKey]) -> Iterator[Row[Any]]:
    by_partner: dict[str, list[str]] = {}
    for partner, report in reports:
        by_partner.setdefault(partner, []).append(report)
    for partner, named in by_partner.items():
        yield from in_chunks(
            connection,
            named,
            lambda some, partner=partner: select(table).where(table.c.partner == partner, table.c.report.in_(some)),  # type: ignore[misc]
        )


def load_tracks(connection: Connection, keys: Collection[str]) -> set[tuple[str, str]]:
    """(key, identity) of the track events of these entries."""
    table = tables.tracks
    found = in_chunks(connection, keys, lambda some: select(table.c.key, table.c.identity).where(table.c.key.in_(some)))
    return {(row.key, row.identity) for row in found}


def load_refusals(connection: Connection, keys: Collection[str]) -> dict[str, dict[str, Refusal]]:
    """Entry → command → what the router refused, of these entries."""
    table = tables.reroutes
    found: dict[str, dict[str, Refusal]] = {}
    for row in in_chunks(connection, keys, lambda some: select(table).where(table.c.key.in_(some), table.c.refused)):
        found.setdefault(row.key, {})[row.command] = Refusal(row.command, row.key, row.desk, row.rank, row.at_ms)
    return found


def _save_reroutes(connection: Connection, batch: Batch) -> None:
    """Answers first: what is said now is answered by a receipt that is yet to be read."""
    table, found = tables.reroutes, batch.reroutes
    if found.answered:
        gone = delete(table).where(table.c.command == bindparam("b_command"), ~table.c.refused)
        connection.execute(gone, [{"b_command": command} for command in found.answered])
    set_rows(connection, table, [_reroute_row(refusal, refusal.rank) for refusal in found.refused])
    if found.asked:
        statement = upsert(connection, table).on_conflict_do_nothing()
        connection.execute(statement, [_reroute_row(asked, None) for asked in found.asked])


def _reroute_row(found: Refusal | Asked, rank: str | None) -> dict[str, Any]:
    return {
        "command": found.command,
        "key": found.key,
        "desk": found.desk,
        "rank": rank or "",
        "refused": rank is not None,
        "at_ms": found.at_ms,
    }


def save(connection: Connection, batch: Batch, streams: Mapping[StreamKey, Stream], positions: Positions) -> None:
    """All that a finished batch changed, and how far the topics are read."""
    save_entries(connection, batch.changed, batch.retold)
    insert(connection, tables.events, _EVENT, [_event_row(placed) for placed in batch.new_events])
    insert(connection, tables.tracks, _TRACK, [_track_row(tracked) for tracked in batch.new_tracks])
    save_messages(connection, batch.messages)
    insert(connection, tables.gaps, (*StreamKey._fields, *Gap._fields), [(*key, *gap) for key, gap in batch.gaps])
    add_to(connection, tables.tallies, batch.tallies)
    add_to(connection, tables.counters, batch.counters)
    add_to(connection, tables.history, batch.history)
    set_rows(connection, tables.streams, [_stream_row(key, streams[key]) for key in batch.touched_streams])
    set_rows(connection, tables.heard, [{"desk": desk, "at_ms": at_ms} for desk, at_ms in batch.heard.items()])
    _save_reports(connection, batch)
    _save_reroutes(connection, batch)
    set_rows(
        connection,
        tables.positions,
        [
            {"topic": topic, "partition": partition, "next_offset": offset}
            for (topic, partition), offset in positions.items()
        ],
    )


def _save_reports(connection: Connection, batch: Batch) -> None:
    known = batch.known
    set_rows(
        connection,
        tables.amendments,
        [
            {
                "partner": report[0],
                "report": report[1],
                "revision": found.revision,
                "desks": ",".join(sorted(found.desks)),
            }
            for report in batch.amendments.changed
            for found in [known.amendments[report]]
        ],
    )
    gone = [report for report in batch.rejections.changed if report not in known.rejections]
    stay = [report for report in batch.rejections.changed if report in known.rejections]
    set_rows(
        connection,
        tables.rejections,
        [{"partner": partner, "report": name, **known.rejections[partner, name]._asdict()} for partner, name in stay],
    )
    table = tables.rejections
    if gone:
        connection.execute(
            delete(table).where(table.c.partner == bindparam("b_partner"), table.c.report == bindparam("b_report")),
            [{"b_partner": partner, "b_report": name} for partner, name in gone],
        )


def _add(known: Known, row: Sequence[Any]) -> Entry:
    key = row[_KEY]
    entry = known.entries.get(key)
    if entry is None:
        entry = known.entries[key] = entry_of(row)
    return entry


_KEY: Final = READ.index("key")


def _placed(
    entry: Entry,
    identity: str,
    event: str,
    role: str,
    disposition: str | None,
    to: str | None,
    at_ms: int,
    said_ms: int,
    place: int,
) -> Placed:
    said = None if disposition is None else Disposition(disposition)
    step = Step(_TYPES[event], _ROLES[role], at_ms, said, to)
    return Placed(Reported(entry.key, entry.partner, entry.report, entry.desk, step, said_ms, identity), place)


_TYPES: Final = {code.value: code for code in StatusType}
_ROLES: Final = {code.value: code for code in ActorRole}
_EVENT: Final = ("key", "identity", "event", "role", "disposition", "forwarded_to", "at_ms", "said_ms", "place")
_TRACK: Final = ("key", "identity", "step", "role", "from_day", "until", "at_ms", "said_ms")
_MESSAGE: Final = ("topic", "key", "identity", "event_type", "at_ms", "value")


def _event_row(placed: Placed) -> tuple[Any, ...]:
    reported, step = placed.reported, placed.reported.step
    disposition = step.disposition
    return (
        reported.key,
        reported.identity,
        str.__str__(step.event),
        str.__str__(step.role),
        None if disposition is None else str.__str__(disposition),
        step.to,
        step.at_ms,
        reported.said_ms,
        placed.place,
    )


def _track_row(tracked: Tracked) -> tuple[Any, ...]:
    return tuple(plain(getattr(tracked, name)) for name in _TRACK)


_message_row: Final = attrgetter(*_MESSAGE)


def _stream_row(key: StreamKey, stream: Stream) -> dict[str, Any]:
    return key._asdict() | {column.name: getattr(stream, column.name) for column in fields(Stream)}


def save_told(connection: Connection, told: Mapping[Group, Told]) -> None:
    """What the notifier has been told of these groups."""
    rows = [{**group._asdict(), **asdict(found)} for group, found in told.items()]
    set_rows(connection, tables.told, rows)


def save_messages(connection: Connection, messages: Iterable[Message]) -> None:
    """To be published."""
    insert(connection, tables.outbox, _MESSAGE, [_message_row(message) for message in messages])


def fill_history(connection: Connection, slot_ms: int, first_ms: int) -> None:
    """What the entries tell of the spans from `first_ms` on: for a database that was there before its history was.

    Of stays that were over then nothing is known.
    """
    table, width = tables.entries, span_ms(slot_ms)
    for what, at_ms in ((ARRIVED, table.c.arrived_ms), (LOOKED, table.c.looked_ms), (CLOSED, table.c.closed_ms)):
        slot = at_ms // width * width
        counted = (
            select(table.c.desk, table.c.lane, slot, literal(what), func.count())
            .where(table.c.records > 0, at_ms >= first_ms)
            .group_by(table.c.desk, table.c.lane, slot)
        )
        connection.execute(tables.history.insert().from_select(list(tables.history.c.keys()), counted))
    older = select(table.c.id).where(table.c.records > 0, table.c.arrived_ms < first_ms).limit(1)
    if connection.execute(older).first() is not None:
        forget_history(connection, first_ms)


def forget_history(connection: Connection, before_ms: int) -> None:
    """Spans that began before this are not kept any more; and remember that from there on all is known."""
    connection.execute(delete(tables.history).where(tables.history.c.slot < before_ms))
    set_rows(connection, tables.notes, [{"name": queries.WHOLE, "value": str(before_ms)}])


def save_sources(connection: Connection, learnt: Mapping[str, int]) -> None:
    """These are known now."""
    set_rows(
        connection, tables.sources, [{"source": source, "first_receipt": first} for source, first in learnt.items()]
    )
