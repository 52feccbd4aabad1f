"""Many rows at once, read and written alike on SQLite and PostgreSQL."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import Connection, Row, Select, Table
from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")
_ENCODER: Final = msgspec.json.Encoder()
STREAMED: Final = 10_000
"""Rows that a server sends at once where there may be millions."""
CHUNK: Final = 500
"""Keys asked for at once."""


def in_chunks(
    connection: Connection, wanted: Iterable[T], statement: Callable[[list[T]], Select[Any]], size: int = CHUNK
) -> Iterator[Row[Any]]:
    """The rows of a statement made for some of what is wanted, for all of it."""
    left = iter(wanted)
    while some := list(islice(left, size)):
        yield from connection.execute(statement(some))


def rows_with(
    connection: Connection, table: Table, names: Sequence[str], keys: Collection[str], order: str = ""
) -> Iterable[Sequence[Any]]:
    """Those whose `key` is one of these, each as the values of the names; by the driver alone."""
    if not keys:
        return ()
    listed, end = ", ".join(names), f" ORDER BY {order}" if order else ""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "postgresql":
        statement = f"SELECT {listed} FROM {table.name} WHERE key = ANY(%s){end}"  # noqa: S608 - names of ours
        asked: Any = list(keys)
    else:
        some = "SELECT value FROM json_each(?)"
        statement = f"SELECT {listed} FROM {table.name} WHERE key IN ({some}){end}"  # noqa: S608 - as above
        asked = _ENCODER.encode(list(keys)).decode()
    found: Iterable[Sequence[Any]] = driver.execute(statement, (asked,)).fetchall()
    return found


def stream(
    connection: Connection, table: Table, names: Sequence[str], order: Sequence[str], limit: int | None = None
) -> Iterator[Any]:
    """Rows as the values of the names, in order: there may be millions, and they are never all in memory."""
    statement = f"SELECT {', '.join(names)} FROM {table.name} ORDER BY {', '.join(order)}"  # noqa: S608 - names of ours
    driver: Any = connection.connection.driver_connection
    if limit is not None:
        yield from driver.execute(f"{statement} LIMIT {limit}").fetchall()
    elif connection.dialect.name == "postgresql":
        with driver.cursor(name="streamed") as cursor:
            cursor.itersize = STREAMED
            cursor.execute(statement)
            yield from cursor
    else:
        yield from driver.execute(statement)


def insert(connection: Connection, table: Table, names: Sequence[str], rows: list[tuple[Any, ...]]) -> None:
    """Add these rows, each with a value for each of the names. Codes must be plain text (`plain`)."""
    if not rows:
        return
    listed = ", ".join(_quoted(connection, name) for name in names)
    if connection.dialect.name == "postgresql":
        driver: Any = connection.connection
        statement = f"COPY {table.name} ({listed}) FROM STDIN (FORMAT BINARY)"
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types([_type(connection, table, name) for name in names])
            for row in rows:
                copy.write_row(row)
        return
    marks = ", ".join("?" * len(names))
    connection.exec_driver_sql(f"INSERT INTO {table.name} ({listed}) VALUES ({marks})", rows)  # noqa: S608 - names of ours


def add_to(connection: Connection, table: Table, counts: Mapping[Any, int]) -> None:
    """Add each number to the row of its key, a named tuple; the row is made where it is not there."""
    rows = [(*map(plain, key), number) for key, number in counts.items() if number]
    if rows:
        names = (*next(iter(counts))._fields, "number")
        _put(connection, table, names, rows, {"number": f"{table.name}.number + excluded.number"})


def set_rows(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Make each row so, there or not. All have the same names; of two of the same key the last counts."""
    if rows:
        names = tuple(rows[0])
        keys = [column.name for column in table.primary_key.columns]
        changed = {name: f"excluded.{_quoted(connection, name)}" for name in names if name not in keys}
        last = {tuple(row[key] for key in keys): row for row in rows}
        _put(connection, table, names, [tuple(plain(row[name]) for name in names) for row in last.values()], changed)


def change_rows(connection: Connection, table: Table, names: Sequence[str], rows: list[tuple[Any, ...]]) -> None:
    """Give rows that are there, by their `id`, which each tuple has last, a value for each of the names."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        sets = ", ".join(f"{name} = found.{name}" for name in names)
        found = _recordset(connection, table, (*names, "id"))
        statement = f"UPDATE {table.name} SET {sets} FROM {found} WHERE {table.name}.id = found.id"  # noqa: S608 - as above
        connection.exec_driver_sql(statement, (_json((*names, "id"), rows),))
        return
    sets = ", ".join(f"{name} = ?" for name in names)
    connection.exec_driver_sql(f"UPDATE {table.name} SET {sets} WHERE id = ?", rows)  # noqa: S608 - as above


def delete_rows(connection: Connection, table: Table, ids: Collection[int]) -> None:
    """Those of these `id`s."""
    if not ids:
        return
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"DELETE FROM {table.name} WHERE id = ANY(%s)", (list(ids),))  # noqa: S608 - as above
        return
    some = "SELECT value FROM json_each(?)"
    listed = _ENCODER.encode(list(ids)).decode()
    connection.exec_driver_sql(f"DELETE FROM {table.name} WHERE id IN ({some})", (listed,))  # noqa: S608 - as above


def _put(
    connection: Connection,
    table: Table,
    names: Sequence[str],
    rows: list[tuple[Any, ...]],
    changed: Mapping[str, str],
) -> None:
    """By the driver alone: thousands of rows a batch, and SQLAlchemy takes ten times as long for each.

    `changed`: column → what it is where the row is there.
    """
    listed = ", ".join(_quoted(connection, name) for name in names)
    keys = ", ".join(_quoted(connection, column.name) for column in table.primary_key.columns)
    sets = ", ".join(f"{_quoted(connection, name)} = {value}" for name, value in changed.items())
    end = f" ON CONFLICT ({keys}) DO UPDATE SET {sets}"
    if connection.dialect.name == "postgresql":
        statement = f"INSERT INTO {table.name} ({listed}) SELECT {listed} FROM {_recordset(connection, table, names)}"  # noqa: S608 - as above
        connection.exec_driver_sql(statement + end, (_json(names, rows),))
        return
    marks = ", ".join("?" * len(names))
    connection.exec_driver_sql(f"INSERT INTO {table.name} ({listed}) VALUES ({marks}){end}", rows)  # noqa: S608 - as above


def _recordset(connection: Connection, table: Table, names: Sequence[str]) -> str:
    """Rows of a JSON text as a table `found`: one statement for all costs PostgreSQL a tenth of one for each."""
    shape = ", ".join(f"{_quoted(connection, name)} {_type(connection, table, name)}" for name in names)
    return f"json_to_recordset(%s::json) AS found({shape})"


def _type(connection: Connection, table: Table, name: str) -> str:
    """Of a column, without the length of a text: to cast to that cuts what is longer, and says nothing."""
    return table.c[name].type.compile(connection.dialect).partition("(")[0].lower()


def _json(names: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> str:
    return _ENCODER.encode([dict(zip(names, row, strict=True)) for row in rows]).decode()


def _quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote(name)


def plain(value: Any) -> Any:
    """Codes as plain text: a driver takes a subclass of it the long way round."""
    return str.__str__(value) if isinstance(value, str) else value


def upsert(connection: Connection, table: Table) -> Any:
    """An insert that may say what to do where the row is there."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
