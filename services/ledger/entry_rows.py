"""Entries as rows, by the driver alone: thousands in a transaction, of which SQLAlchemy would make a mapping each."""

import json
from collections.abc import Collection, Iterable
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Connection, Row

from schemas.codes import Disposition, Lane
from services.ledger.entry import Entry

_COLUMNS: Final = tuple(column.name for column in fields(Entry) if column.name != "id")
_CODES: Final = tuple(_COLUMNS.index(name) for name in ("lane", "state", "disposition"))
READ: Final = (*_COLUMNS, "id")
"""As the fields of an entry."""
_read_columns: Final = attrgetter(*_COLUMNS)
_TOLD: Final = _COLUMNS[: _COLUMNS.index("records")]
"""What a queue record says of its entry: the first columns."""
_read_told: Final = attrgetter(*_TOLD)
_LANE: Final = _TOLD.index("lane")
_STATE: Final = _LANE + 1
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


def rows_of(connection: Connection, keys: Collection[str]) -> Iterable[Row[Any]]:
    """The entries that are there, as `READ`. By the driver alone: most of what a batch names is not there yet."""
    if not keys:
        return ()
    names, found = ", ".join(READ), list(keys)
    if connection.dialect.name == "postgresql":
        statement, asked = f"SELECT {names} FROM entries WHERE key = ANY(%s)", (found,)  # noqa: S608 - names of ours
        return connection.exec_driver_sql(statement, asked).all()
    listed = "SELECT value FROM json_each(?)"
    statement = f"SELECT {names} FROM entries WHERE key IN ({listed})"  # noqa: S608 - as above
    return connection.exec_driver_sql(statement, (json.dumps(found),)).all()


def entry_of(row: Row[Any]) -> Entry:
    """Of a row as `READ`. SQLite's driver has no truth values."""
    values: Iterable[Any] = row
    entry = Entry(*values)
    entry.lane = Lane(entry.lane)
    if entry.disposition is not None:
        entry.disposition = Disposition(entry.disposition)
    entry.withdrawn, entry.unlooked, entry.missed = bool(entry.withdrawn), bool(entry.unlooked), bool(entry.missed)
    return entry


def save_entries(connection: Connection, changed: Iterable[Entry]) -> None:
    """Add those without an `id`, change the others."""
    is_postgresql = connection.dialect.name == "postgresql"
    plain: list[tuple[Any, ...]] = []
    new: list[tuple[Any, ...]] = []
    old: list[tuple[Any, ...]] = []
    for entry in changed:
        if entry.id is not None:
            old.append((*_values(entry), entry.id))
        elif is_postgresql or not _is_plain(entry):
            new.append(_values(entry))
        else:
            values = _read_told(entry)
            plain.append(
                (*values[:_LANE], str.__str__(values[_LANE]), str.__str__(values[_STATE]), *values[_STATE + 1 :])
            )
    names = ", ".join(_COLUMNS)
    if new and is_postgresql:
        driver: Any = connection.connection
        with driver.cursor() as cursor, cursor.copy(f"COPY entries ({names}) FROM STDIN") as copy:
            for row in new:
                copy.write_row(row)
    elif new:
        marks = ", ".join("?" * len(_COLUMNS))
        connection.exec_driver_sql(f"INSERT INTO entries ({names}) VALUES ({marks})", new)  # noqa: S608 - names of ours
    if plain:
        connection.exec_driver_sql(_INSERT_PLAIN, plain)
    if old:
        mark = "%s" if is_postgresql else "?"
        sets = ", ".join(f"{name} = {mark}" for name in _COLUMNS)
        connection.exec_driver_sql(f"UPDATE entries SET {sets} WHERE id = {mark}", old)  # noqa: S608 - names of ours


def _is_plain(entry: Entry) -> bool:
    """Whether one queue record is all that is known of it: what follows in a row is then the same for all of these."""
    return entry.records == 1 and not (entry.events or entry.passed or entry.missed or entry.expired_ms is not None)


def _values(entry: Entry) -> tuple[Any, ...]:
    """A row in the order of `_COLUMNS`. Codes as plain text: a driver takes a subclass of it the long way round."""
    row = list(_read_columns(entry))
    for place in _CODES:
        if row[place] is not None:
            row[place] = str.__str__(row[place])
    return tuple(row)
