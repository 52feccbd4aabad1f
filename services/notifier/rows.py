"""Many rows in a statement, by the driver alone: SQLAlchemy would make a mapping of each. SQLite and PostgreSQL."""

import json
from collections.abc import Collection, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import Column, Connection, Dialect, Table
from sqlalchemy.dialects import postgresql

_POSTGRESQL: Final[Dialect] = postgresql.dialect()  # type: ignore[no-untyped-call]
_QUOTED: Final = frozenset({"group"})


def is_postgresql(connection: Connection) -> bool:
    """Which of the two it is."""
    return connection.dialect.name == "postgresql"


def mark_of(connection: Connection) -> str:
    """What stands for an argument."""
    return "%s" if is_postgresql(connection) else "?"


def among(connection: Connection, keys: Collection[str]) -> tuple[str, Any]:
    """What follows a column's name where it is to be one of the keys, and the statement's argument for it."""
    if is_postgresql(connection):
        return "= ANY(%s)", list(keys)
    return "IN (SELECT value FROM json_each(?))", json.dumps(list(keys))


def put(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]], changes: str = "") -> None:
    """Rows in the order of the table's columns, each key once; they take the place of those with the same key.

    `changes`: what is set there instead of every column, as SQL.
    """
    if not rows:
        return
    columnwise = is_postgresql(connection)
    statement = _put(table, columnwise, changes or changes_of(table))
    arguments: Any = tuple(list(column) for column in zip(*rows, strict=True)) if columnwise else list(rows)
    connection.exec_driver_sql(statement, arguments)


def changes_of(table: Table, *but: str) -> str:
    """What sets every column to its new value, but these and the key, as SQL."""
    kept = {*but, *(column.name for column in table.primary_key)}
    names = (_quoted(column.name) for column in table.columns if column.name not in kept)
    return ", ".join(f"{name} = excluded.{name}" for name in names)


@cache
def _put(table: Table, columnwise: bool, changes: str) -> str:
    names = ", ".join(_quoted(column.name) for column in table.columns)
    key = ", ".join(_quoted(column.name) for column in table.primary_key)
    if columnwise:
        rows = f"SELECT * FROM unnest({', '.join(f'%s::{_type(column)}[]' for column in table.columns)})"  # noqa: S608 - names of ours
    else:
        rows = f"VALUES ({', '.join('?' * len(table.columns))})"
    return f"INSERT INTO {table.name} ({names}) {rows} ON CONFLICT ({key}) DO UPDATE SET {changes}"


def _type(column: "Column[Any]") -> str:
    return column.type.compile(_POSTGRESQL)


def _quoted(name: str) -> str:
    return f'"{name}"' if name in _QUOTED else name
