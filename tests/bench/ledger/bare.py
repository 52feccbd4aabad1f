"""A peer: entries with their tokens inserted by a plain loop, into the same tables, without Kafka or a thought."""

import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Engine, select

from services.ledger import tables
from services.ledger.database import connect, migrate

ROWS: Final = 5_000
"""Rows a transaction."""


def insert(source: str, target: str) -> float:
    """Rows a second, of the time that inserting took. Reading them from `source` is not counted."""
    read_from, write_to = connect(source), connect(target)
    migrate(write_to)
    took_s, number = 0.0, 0
    try:
        for some in _chunks(read_from):
            start_s = time.monotonic()
            with write_to.begin() as connection:
                connection.exec_driver_sql(_statement(write_to), some)
            took_s += time.monotonic() - start_s
            number += len(some)
    finally:
        read_from.dispose()
        write_to.dispose()
    return number / took_s


def _chunks(engine: Engine) -> Iterator[list[tuple[Any, ...]]]:
    """Each in a transaction of its own: a ledger's connection must not stand idle in one."""
    key, last = tables.entries.c.id, 0
    while True:
        with engine.connect() as connection:
            found = connection.execute(select(key, *_columns()).where(key > last).order_by(key).limit(ROWS)).all()
        if not found:
            return
        last = found[-1][0]
        yield [tuple(row[1:]) for row in found]


def _columns() -> Sequence[Any]:
    return [column for column in tables.entries.c if column.name != "id"]


def _statement(engine: Engine) -> str:
    mark = "?" if engine.dialect.name == "sqlite" else "%s"
    names = [column.name for column in _columns()]
    return f"INSERT INTO entries ({', '.join(names)}) VALUES ({', '.join([mark] * len(names))})"
