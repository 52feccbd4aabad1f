"""What is asked of the database outside of a batch: where to go on, what is counted, what is due, what is unsent."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, exists, func, literal_column, select

from schemas.codes import NoticeType
from services.ledger import tables
from services.ledger.history import MomentKey
from services.ledger.noticing import Group, Told
from services.ledger.saying import Message
from services.ledger.streams import Gap, Stream, StreamKey
from services.ledger.tally import CounterKey, TallyKey
from services.ledger.waits import Queue
from services.runtime.rows import delete_rows, mark_of, stream, table_of

WHOLE: Final = "history_whole_from"


def read_positions(connection: Connection) -> dict[tuple[str, int], int]:
    """(topic, partition) → the offset to read next."""
    found = connection.execute(select(tables.positions))
    return {(row.topic, row.partition): row.next_offset for row in found}


def read_streams(connection: Connection) -> dict[StreamKey, Stream]:
    """Every stream."""
    names = [column.name for column in fields(Stream)]
    return {
        StreamKey(row.desk, row.lane, row.source): Stream(**{name: getattr(row, name) for name in names})
        for row in connection.execute(select(tables.streams))
    }


def read_gaps(connection: Connection) -> list[tuple[StreamKey, Gap]]:
    """Every gap, in the order of its queue."""
    table = tables.gaps
    found = connection.execute(select(table).order_by(table.c.desk, table.c.lane, table.c.source, table.c.after))
    return [(StreamKey(row.desk, row.lane, row.source), Gap(row.after, row.before)) for row in found]


def read_tallies(connection: Connection) -> dict[TallyKey, int]:
    """Every tally that is not zero."""
    found = stream_tallies(connection)
    return {TallyKey(kind, desk, lane, slot): number for kind, desk, lane, slot, number in found if number}


def stream_tallies(connection: Connection) -> Iterator[tuple[str, str, str, int, int]]:
    """Every tally in the order of its key, which stands before its number; never all in memory."""
    return stream(connection, tables.tallies, (*TallyKey._fields, "number"), TallyKey._fields)


def read_counters(connection: Connection) -> dict[CounterKey, int]:
    """Every counter."""
    found = connection.execute(select(tables.counters))
    return {CounterKey(row.name, row.desk, row.lane, row.code): row.number for row in found}


def read_history(connection: Connection) -> dict[MomentKey, int]:
    """Every span that is kept."""
    found = connection.execute(select(tables.history))
    return {MomentKey(row.desk, row.lane, row.slot, row.what): row.number for row in found}


def history_whole_from(connection: Connection) -> int | None:
    """From when on history is whole (Unix ms): None where nothing was forgotten yet."""
    found = connection.execute(select(tables.notes.c.value).where(tables.notes.c.name == WHOLE)).scalar()
    return None if found is None else int(found)


def read_heard(connection: Connection) -> dict[str, int]:
    """Desk → the broker's time of its last status event."""
    return {row.desk: row.at_ms for row in connection.execute(select(tables.heard))}


def read_told(connection: Connection) -> dict[Group, Told]:
    """What the notifier was told of each group."""
    return {
        Group(row.desk, row.lane, NoticeType(row.type)): Told(
            row.sequence, row.open, row.through_ms, row._mapping["count"], row.told_ms, row.unlooked
        )
        for row in connection.execute(select(tables.told))
    }


def newest_waiting(connection: Connection, desk: str, lane: str, before_ms: int) -> int:
    """When the newest entry of the queue arrived that came before this and still waits, Unix ms; 0 where none does."""
    at_ms = tables.entries.c.arrived_ms
    found = (
        connection.execute(
            select(at_ms).where(*_waiting(desk, lane, missed), at_ms < before_ms).order_by(at_ms.desc()).limit(1)
        ).scalar()
        for missed in (False, True)
    )
    return max(at_ms or 0 for at_ms in found)


def supervisions_ending(connection: Connection, first_day: str, last_day: str) -> dict[str, tuple[int, str]]:
    """Desk → how many supervisions have their last day between these (ISO 8601, both included), and the first such.

    One that ended before, by a later step of its entry, has no last day ahead.
    """
    table, later = tables.tracks, tables.tracks.alias("later")
    is_over = exists().where(later.c.key == table.c.key, later.c.step == "ended", later.c.at_ms >= table.c.at_ms)
    found = connection.execute(
        select(table.c.key, table.c.until)
        .where(table.c.step == "supervision", table.c.until.between(first_day, last_day), ~is_over)
        .order_by(table.c.until)
    )
    endings: dict[str, tuple[int, str]] = {}
    for row in found:
        desk = row.key.rpartition(":")[2]
        number, first = endings.get(desk, (0, row.until))
        endings[desk] = number + 1, first
    return endings


def due(connection: Connection, spans: Mapping[Queue, range], limit: int) -> list[str]:
    """Keys of entries still waiting that arrived in their queue's span (Unix ms) and are not counted as missed."""
    rows = [(*queue, span.start, span.stop) for queue, span in spans.items()]
    asked, arguments = table_of(connection, "asked", {**_QUEUE, "since": "bigint", "before": "bigint"}, rows)
    found = connection.exec_driver_sql(
        f"SELECT key FROM {asked} CROSS JOIN entries WHERE {_UNMISSED} AND arrived_ms >= since AND arrived_ms < before "  # noqa: S608 - names of ours
        f"LIMIT {limit}",
        arguments,
    )
    return list(found.scalars())


def missed_since(connection: Connection, since_ms: Mapping[Queue, int], limit: int) -> list[str]:
    """Keys of entries still waiting that are counted as missed and arrived in their queue from then on (Unix ms)."""
    rows = [(*queue, from_ms) for queue, from_ms in since_ms.items()]
    asked, arguments = table_of(connection, "asked", {**_QUEUE, "since": "bigint"}, rows)
    found = connection.exec_driver_sql(
        f"SELECT key FROM {asked} CROSS JOIN entries WHERE {_MISSED} AND arrived_ms >= since LIMIT {limit}",  # noqa: S608 - names of ours
        arguments,
    )
    return list(found.scalars())


def longest_waiting(connection: Connection, queues: Collection[Queue]) -> dict[Queue, tuple[int | None, int | None]]:
    """When the one that waits longest arrived (Unix ms): of those not counted as missed, and of those that are."""
    asked, arguments = table_of(connection, "asked", _QUEUE, queues)
    found = connection.exec_driver_sql(
        f"SELECT desk, lane, ({_FIRST} WHERE {_UNMISSED} {_ORDER}), ({_FIRST} WHERE {_MISSED} {_ORDER}) FROM {asked}",  # noqa: S608 - names of ours
        arguments,
    )
    return {(desk, lane): (unmissed, missed) for desk, lane, unmissed, missed in found}


def next_unmissed(connection: Connection, after: Mapping[Queue, int]) -> dict[Queue, int | None]:
    """When the first that waits and is not counted as missed arrived, of each queue from then on (Unix ms)."""
    rows = [(*queue, from_ms) for queue, from_ms in after.items()]
    asked, arguments = table_of(connection, "asked", {**_QUEUE, "since": "bigint"}, rows)
    found = connection.exec_driver_sql(
        f"SELECT desk, lane, ({_FIRST} WHERE {_UNMISSED} AND arrived_ms >= since {_ORDER}) FROM {asked}",  # noqa: S608 - names of ours
        arguments,
    )
    return {(desk, lane): at_ms for desk, lane, at_ms in found}


# Of hundreds of queues in one question, since so many change in a second. The state as text: SQLite takes an index that
# holds only some rows where it sees that it may, and would plan anew each time it is told by an argument.
_QUEUE: Final = {"desk": "text", "lane": "text"}
_HERE: Final = "entries.state = 'waiting' AND entries.desk = asked.desk AND entries.lane = asked.lane"
_UNMISSED: Final = f"{_HERE} AND missed = FALSE"
_MISSED: Final = f"{_HERE} AND missed = TRUE"
_FIRST: Final = "SELECT arrived_ms FROM entries"
_ORDER: Final = "ORDER BY arrived_ms LIMIT 1"


def _waiting(desk: str, lane: str, missed: bool) -> Sequence[ColumnElement[bool]]:
    """As the index has them: asked without `missed`, a database would sort the whole queue."""
    table = tables.entries
    is_missed = table.c.missed if missed else ~table.c.missed
    return table.c.state == literal_column("'waiting'"), table.c.desk == desk, table.c.lane == lane, is_missed


def expiring(connection: Connection, now_ms: int, limit: int) -> list[str]:
    """Keys of entries whose term is over, the first to end first."""
    table = tables.entries
    found = connection.execute(
        select(table.c.key)
        .where(table.c.expired_ms.is_(None), table.c.expires_ms <= now_ms)
        .order_by(table.c.expires_ms)
        .limit(limit)
    )
    return list(found.scalars())


def last_entry(connection: Connection) -> int:
    """The highest `id` of any; 0 where there is none."""
    return connection.execute(select(func.max(tables.entries.c.id))).scalar() or 0


def read_terms(connection: Connection, ids: range) -> list[tuple[str, str, int, int]]:
    """Key, desk, arrival and end of term (Unix ms) of those of these rows that are not erased."""
    table = tables.entries
    names = (table.c.key, table.c.desk, table.c.arrived_ms, table.c.expires_ms, table.c.expired_ms)
    found = connection.execute(select(*names).where(table.c.id >= ids.start, table.c.id < ids.stop))
    return [
        (key, desk, arrived_ms, expires_ms)
        for key, desk, arrived_ms, expires_ms, expired_ms in found
        if expired_ms is None and expires_ms is not None
    ]


def unanswered(connection: Connection) -> dict[str, tuple[int, int]]:
    """Desk → how many of its reroute commands the router has not answered, and when the first was said (Unix ms)."""
    table = tables.reroutes
    found = connection.execute(
        select(table.c.desk, func.count(), func.min(table.c.at_ms)).where(~table.c.refused).group_by(table.c.desk)
    )
    return {desk: (number, at_ms) for desk, number, at_ms in found}


_UNSENT: Final = ("id", *(field.name for field in fields(Message)))


def unsent(connection: Connection, limit: int, after: int = 0, but: Collection[str] = ()) -> list[tuple[int, Message]]:
    """The oldest messages that the broker has not acknowledged, with the numbers of their rows.

    `after`: a row before the first that is wanted; `but`: not those of these topics.
    """
    return _messages(connection, "topic NOT " if but else "", but, after, limit)


def unsent_of(connection: Connection, topic: str, limit: int) -> list[tuple[int, Message]]:
    """The same of one topic."""
    return _messages(connection, "topic ", [topic], 0, limit)


def _messages(
    connection: Connection, which: str, topics: Collection[str], after: int, limit: int
) -> list[tuple[int, Message]]:
    mark = mark_of(connection)
    marks = ", ".join(mark for _ in topics)
    condition = f" AND {which}IN ({marks})" if which else ""
    statement = f"SELECT {', '.join(_UNSENT)} FROM outbox WHERE id > {mark}{condition} ORDER BY id LIMIT {limit}"  # noqa: S608 - names of ours
    driver: Any = connection.connection.driver_connection
    found = driver.execute(statement, (after, *topics)).fetchall()
    return [(number, Message(*said)) for number, *said in found]


def oldest_unsent_ms(connection: Connection) -> int:
    """When the oldest message was made that the broker has not acknowledged, Unix ms; 0 where there is none."""
    found = connection.execute(select(tables.outbox.c.at_ms).order_by(tables.outbox.c.id).limit(1))
    return found.scalar() or 0


def sent(connection: Connection, ids: Collection[int]) -> None:
    """These were acknowledged."""
    delete_rows(connection, tables.outbox, ids)


def read_sources(connection: Connection) -> dict[str, int]:
    """Ingress partition → the ingress offset of the first receipt that is kept."""
    return {row.source: row.first_receipt for row in connection.execute(select(tables.sources))}


def has_amendments(connection: Connection) -> bool:
    """Whether any report was amended: most need not be asked for otherwise."""
    return connection.execute(select(tables.amendments.c.report).limit(1)).first() is not None


def has_rejections(connection: Connection) -> bool:
    """Whether any report is rejected and not resent."""
    return connection.execute(select(tables.rejections.c.report).limit(1)).first() is not None


def has_refusals(connection: Connection) -> bool:
    """Whether the router has refused any reroute command."""
    table = tables.reroutes
    return connection.execute(select(table.c.command).where(table.c.refused).limit(1)).first() is not None
