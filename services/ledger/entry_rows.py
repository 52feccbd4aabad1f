"""Entries as rows, by the driver alone: thousands in a transaction, of which SQLAlchemy would make a mapping each."""

from collections.abc import Collection, Container, Iterable, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Connection

from schemas.codes import Disposition, Lane
from services.ledger import tables
from services.ledger.entry import Entry
from services.runtime.rows import change_rows, insert, is_postgresql, rows_with

_COLUMNS: Final = tuple(column.name for column in fields(Entry) if column.name != "id")
_CODES: Final = tuple(_COLUMNS.index(name) for name in ("lane", "state", "disposition"))
READ: Final = (*_COLUMNS, "id")
"""As the fields of an entry."""
_LANES: Final[dict[str, Lane]] = {lane.value: lane for lane in Lane}
_read_columns: Final = attrgetter(*_COLUMNS)
_TOLD: Final = _COLUMNS[: _COLUMNS.index("records")]
"""What a queue record says of its entry: the first columns."""
_read_told: Final = attrgetter(*_TOLD)
_LANE: Final = _TOLD.index("lane")
_STATE: Final = _LANE + 1
ACTED: Final = ("state", *_COLUMNS[_COLUMNS.index("events") : _COLUMNS.index("expired_ms")])
"""What a desk's events and the clock change. The other columns are in indices, or as long as an envelope."""
_read_acted: Final = attrgetter(*ACTED)
_ACTED_CODES: Final = tuple(ACTED.index(name) for name in ("state", "disposition"))
_SAME: Final = {column.name: column.default for column in fields(Entry) if column.name not in (*_TOLD, "id")} | {
    "records": 1
}
"""What follows, of an entry of which one queue record is all that is known."""


def _literal(value: object) -> str:
    return "NULL" if value is None else repr(value)


_INSERT_PLAIN: Final = (
    f"INSERT INTO entries ({', '.join((*_TOLD, *_SAME))}) VALUES "  # noqa: S608 - names of ours
    f"({', '.join('?' * len(_TOLD))}, {', '.join(map(_literal, _SAME.values()))})"
)


def rows_of(connection: Connection, keys: Collection[str]) -> Iterable[Sequence[Any]]:
    """The entries that are there, as `READ`."""
    return rows_with(connection, tables.entries, READ, keys)


def entry_of(row: Sequence[Any]) -> Entry:
    """Of a row as `READ`. SQLite's driver has no truth values."""
    entry = Entry(*row)
    entry.lane = _LANES[entry.lane]
    if entry.disposition is not None:
        entry.disposition = Disposition(entry.disposition)
    entry.withdrawn, entry.unlooked, entry.missed = bool(entry.withdrawn), bool(entry.unlooked), bool(entry.missed)
    return entry


def save_entries(connection: Connection, changed: Iterable[Entry], retold: Container[str]) -> None:
    """Add those without an `id`, change the others. `retold`: keys of those that changed in more than `ACTED`."""
    all_columns = is_postgresql(connection)
    plain: list[tuple[Any, ...]] = []
    new: list[tuple[Any, ...]] = []
    acted: list[tuple[Any, ...]] = []
    other: list[tuple[Any, ...]] = []
    for entry in changed:
        if entry.id is not None:
            if entry.key in retold:
                other.append((*_values(entry), entry.id))
            else:
                acted.append((*_texts(_read_acted(entry), _ACTED_CODES), entry.id))
        elif all_columns or not _is_plain(entry):
            new.append(_values(entry))
        else:
            values = _read_told(entry)
            plain.append(
                (*values[:_LANE], str.__str__(values[_LANE]), str.__str__(values[_STATE]), *values[_STATE + 1 :])
            )
    insert(connection, tables.entries, _COLUMNS, new)
    if plain:
        connection.exec_driver_sql(_INSERT_PLAIN, plain)
    change_rows(connection, tables.entries, ACTED, acted)
    change_rows(connection, tables.entries, _COLUMNS, other)


def _is_plain(entry: Entry) -> bool:
    """Whether one queue record is all that is known of it: what follows in a row is then the same for all of these."""
    return entry.records == 1 and not (entry.events or entry.passed or entry.missed or entry.expired_ms is not None)


def _values(entry: Entry) -> tuple[Any, ...]:
    """A row in the order of `_COLUMNS`."""
    return _texts(_read_columns(entry), _CODES)


def _texts(values: Sequence[Any], codes: Iterable[int]) -> tuple[Any, ...]:
    """Those at these places as plain text: a driver takes a subclass of it the long way round."""
    row = list(values)
    for place in codes:
        if row[place] is not None:
            row[place] = str.__str__(row[place])
    return tuple(row)
