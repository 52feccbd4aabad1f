"""Many rows at once, read and written alike on SQLite and PostgreSQL."""

from collections.abc import Callable, Iterable, Iterator, Mapping
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
    """Add these rows."""
    if rows:
        connection.execute(table.insert(), rows)


def add_to(connection: Connection, table: Table, counts: Mapping[Any, int]) -> None:
    """Add each number to the row of its key; the row is made where it is not there."""
    rows = [{**key._asdict(), "number": number} for key, number in counts.items() if number]
    if rows:
        statement = upsert(connection, table)
        statement = statement.on_conflict_do_update(
            index_elements=list(table.primary_key.columns), set_={"number": table.c.number + statement.excluded.number}
        )
        connection.execute(statement, rows)


def set_rows(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Make each row so, whether it was there or not."""
    if rows:
        statement = upsert(connection, table)
        keys = {column.name for column in table.primary_key.columns}
        changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
        connection.execute(
            statement.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=changed), rows
        )


def upsert(connection: Connection, table: Table) -> Any:
    """An insert that may say what to do where the row is there."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
