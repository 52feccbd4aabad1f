"""Many rows at once, read and written alike on SQLite and PostgreSQL."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Row, Select, Table
from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")
CHUNK: Final = 500
"""Keys asked for at once."""


def in_chunks(
    connection: Connection, wanted: Iterable[T], statement: Callable[[list[T]], Select[Any]], size: int = CHUNK
) -> Iterator[Row[Any]]:
    """The rows of a statement made for some of what is wanted, for all of it."""
    left = iter(wanted)
    while some := list(islice(left, size)):
        yield from connection.execute(statement(some))


def insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Add these rows. All have the same names."""
    if rows:
        names = tuple(rows[0])
        _write(connection, table, names, [tuple(_plain(row[name]) for name in names) for row in rows])


def add_to(connection: Connection, table: Table, counts: Mapping[Any, int]) -> None:
    """Add each number to the row of its key, a named tuple; the row is made where it is not there."""
    rows = [(*map(_plain, key), number) for key, number in counts.items() if number]
    if rows:
        names = (*next(iter(counts))._fields, "number")
        _write(connection, table, names, rows, {"number": f"{table.name}.number + excluded.number"})


def set_rows(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Make each row so, whether it was there or not. All have the same names."""
    if rows:
        names = tuple(rows[0])
        keys = {column.name for column in table.primary_key.columns}
        changed = {name: f"excluded.{_quoted(connection, name)}" for name in names if name not in keys}
        _write(connection, table, names, [tuple(_plain(row[name]) for name in names) for row in rows], changed)


def _write(
    connection: Connection,
    table: Table,
    names: Sequence[str],
    rows: list[tuple[Any, ...]],
    changed: Mapping[str, str] | None = None,
) -> None:
    """By the driver alone: thousands of rows a batch, and SQLAlchemy takes ten times as long for each.

    `changed`: column → what it is where the row is there; else none of them is.
    """
    mark = "%s" if connection.dialect.name == "postgresql" else "?"
    listed = ", ".join(_quoted(connection, name) for name in names)
    statement = f"INSERT INTO {table.name} ({listed}) VALUES ({', '.join([mark] * len(names))})"  # noqa: S608 - names of ours
    if changed:
        keys = ", ".join(_quoted(connection, column.name) for column in table.primary_key.columns)
        sets = ", ".join(f"{_quoted(connection, name)} = {value}" for name, value in changed.items())
        statement += f" ON CONFLICT ({keys}) DO UPDATE SET {sets}"
    connection.exec_driver_sql(statement, rows)


def _quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote(name)


def _plain(value: Any) -> Any:
    """Codes as plain text: a driver takes a subclass of it the long way round."""
    return str.__str__(value) if isinstance(value, str) else value


def upsert(connection: Connection, table: Table) -> Any:
    """An insert that may say what to do where the row is there."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
