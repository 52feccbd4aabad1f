"""Many rows at once, read and written alike on SQLite and PostgreSQL.

By the driver alone: thousands of rows a transaction, and SQLAlchemy takes ten times as long for each. Values go as they
are; codes must be plain text (`plain`). Names of tables and columns are the code's own, never a user's.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import Connection, Dialect, Row, Select, Table
from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")
STREAMED: Final = 10_000
"""Rows that a server sends at once where there may be millions."""
CHUNK: Final = 500
"""Keys asked for at once."""
_ENCODER: Final = msgspec.json.Encoder()
_POSTGRESQL: Final[Dialect] = postgresql.dialect()  # type: ignore[no-untyped-call]


def is_postgresql(connection: Connection) -> bool:
    """Which of the two it is."""
    return connection.dialect.name == "postgresql"


def mark_of(connection: Connection) -> str:
    """What stands for an argument."""
    return "%s" if is_postgresql(connection) else "?"


def among(connection: Connection, keys: Collection[Any]) -> tuple[str, Any]:
    """What follows a column's name where it is to be one of the keys, and the statement's one argument for it."""
    if is_postgresql(connection):
        return "= ANY(%s)", list(keys)
    return "IN (SELECT value FROM json_each(?))", _ENCODER.encode(list(keys)).decode()


def table_of(
    connection: Connection, name: str, columns: Mapping[str, str], rows: Collection[Sequence[Any]]
) -> tuple[str, tuple[Any, ...]]:
    """Rows as a table of these columns (name → PostgreSQL's type), to stand after FROM; and the arguments for it."""
    if is_postgresql(connection):
        types = ", ".join(f"%s::{kind}[]" for kind in columns.values())
        arrays = zip(*rows, strict=True) if rows else ((),) * len(columns)
        return f"unnest({types}) AS {name}({', '.join(columns)})", tuple(list(map(plain, array)) for array in arrays)
    parts = ", ".join(f"json_extract(value, '$[{place}]') AS {column}" for place, column in enumerate(columns))
    return f"(SELECT {parts} FROM json_each(?)) AS {name}", (_ENCODER.encode(list(rows)).decode(),)  # noqa: S608 - names of ours


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
    """Those whose `key` is one of these, each as the values of the names."""
    if not keys:
        return ()
    listed, asked = among(connection, keys)
    end = f" ORDER BY {order}" if order else ""
    driver: Any = connection.connection.driver_connection
    statement = f"SELECT {', '.join(names)} FROM {table.name} WHERE key {listed}{end}"  # noqa: S608 - names of ours
    found: Iterable[Sequence[Any]] = driver.execute(statement, (asked,)).fetchall()
    return found


def stream(connection: Connection, table: Table, names: Sequence[str], order: Sequence[str]) -> Iterator[Any]:
    """Rows as the values of the names, in order: there may be millions, and they are never all in memory."""
    statement = f"SELECT {', '.join(names)} FROM {table.name} ORDER BY {', '.join(order)}"  # noqa: S608 - names of ours
    driver: Any = connection.connection.driver_connection
    if is_postgresql(connection):
        with driver.cursor(name="streamed") as cursor:
            cursor.itersize = STREAMED
            cursor.execute(statement)
            yield from cursor
    else:
        yield from driver.execute(statement)


def insert(connection: Connection, table: Table, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Add these rows, each with a value for each of the names."""
    if not rows:
        return
    listed = ", ".join(map(quoted, names))
    if is_postgresql(connection):
        driver: Any = connection.connection
        statement = f"COPY {table.name} ({listed}) FROM STDIN (FORMAT BINARY)"
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types([_type(table, name) for name in names])
            for row in rows:
                copy.write_row(row)
        return
    marks = ", ".join("?" * len(names))
    connection.exec_driver_sql(f"INSERT INTO {table.name} ({listed}) VALUES ({marks})", list(rows))  # noqa: S608 - as above


def put(
    connection: Connection,
    table: Table,
    names: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    changes: Mapping[str, str] | None = None,
) -> None:
    """Make each row so, whether it was there or not; no two have the same key.

    `changes`: column → SQL of what it is where the row was there; None: as `taken` says.
    """
    if rows:
        changed = tuple((taken(names, table) if changes is None else changes).items())
        statement = _put(table, tuple(names), changed, is_postgresql(connection))
        connection.exec_driver_sql(statement, _arguments(connection, rows))


def taken(names: Iterable[str], table: Table, *but: str) -> dict[str, str]:
    """What gives these columns the new row's values, but those, and the key's own."""
    kept = {*but, *(column.name for column in table.primary_key)}
    return {name: f"excluded.{quoted(name)}" for name in names if name not in kept}


def add_to(connection: Connection, table: Table, counts: Mapping[Any, int]) -> None:
    """Add each number to the row of its key, a named tuple; the row is made where it is not there."""
    rows = [(*map(plain, key), number) for key, number in counts.items() if number]
    if rows:
        names = (*next(iter(counts))._fields, "number")
        put(connection, table, names, rows, {"number": f"{table.name}.number + excluded.number"})


def set_rows(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """As `put`, of rows that all have the same names; of two of the same key the last counts."""
    if rows:
        names = tuple(rows[0])
        keys = [column.name for column in table.primary_key]
        last = {tuple(row[key] for key in keys): row for row in rows}
        put(connection, table, names, [tuple(plain(row[name]) for name in names) for row in last.values()])


def change_rows(connection: Connection, table: Table, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Give rows that are there, by their `id`, which each tuple has last, a value for each of the names."""
    if not rows:
        return
    if is_postgresql(connection):
        sets = ", ".join(f"{quoted(name)} = found.{quoted(name)}" for name in names)
        found = _unnested(table, (*names, "id"))
        statement = f"UPDATE {table.name} SET {sets} FROM {found} WHERE {table.name}.id = found.id"  # noqa: S608 - names of ours
    else:
        sets = ", ".join(f"{quoted(name)} = ?" for name in names)
        statement = f"UPDATE {table.name} SET {sets} WHERE id = ?"  # noqa: S608 - as above
    connection.exec_driver_sql(statement, _arguments(connection, rows))


def delete_rows(connection: Connection, table: Table, ids: Collection[int]) -> None:
    """Those of these `id`s."""
    if ids:
        listed, asked = among(connection, ids)
        connection.exec_driver_sql(f"DELETE FROM {table.name} WHERE id {listed}", (asked,))  # noqa: S608 - names of ours


def upsert(connection: Connection, table: Table) -> Any:
    """An insert that may say what to do where the row is there, for SQLAlchemy."""
    return (postgresql if is_postgresql(connection) else sqlite).insert(table)


def plain(value: Any) -> Any:
    """Codes as plain text: a driver takes a subclass of it the long way round."""
    return str.__str__(value) if isinstance(value, str) else value


def quoted(name: str) -> str:
    """A column's name as both databases take it, also where it is a word of their language."""
    return _POSTGRESQL.identifier_preparer.quote(name)


def _arguments(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> Any:
    """One statement for all, with an array for each column; SQLite has none, and takes row after row as fast."""
    if is_postgresql(connection):
        return tuple(list(column) for column in zip(*rows, strict=True))
    return list(rows)


@cache
def _put(table: Table, names: tuple[str, ...], changed: tuple[tuple[str, str], ...], at_once: bool) -> str:
    listed = ", ".join(map(quoted, names))
    keys = ", ".join(quoted(column.name) for column in table.primary_key)
    sets = ", ".join(f"{quoted(name)} = {value}" for name, value in changed)
    rows = f"SELECT * FROM {_unnested(table, names)}" if at_once else f"VALUES ({', '.join('?' * len(names))})"  # noqa: S608 - names of ours
    return f"INSERT INTO {table.name} ({listed}) {rows} ON CONFLICT ({keys}) DO UPDATE SET {sets}"


def _unnested(table: Table, names: Sequence[str]) -> str:
    arrays = ", ".join(f"%s::{_type(table, name)}[]" for name in names)
    return f"unnest({arrays}) AS found({', '.join(map(quoted, names))})"


def _type(table: Table, name: str) -> str:
    """Of a column, without the length of a text: to cast to that cuts what is longer, and says nothing."""
    return table.c[name].type.compile(_POSTGRESQL).partition("(")[0].lower()
