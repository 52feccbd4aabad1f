"""Entries that a version before settled by other rules: each is settled once by those of now, at the first start.

A migration notes that there may be some. What was closed or forwarded and had come back since is in view again then.
"""

from collections.abc import Callable, Collection
from typing import Final

from sqlalchemy import Connection, delete, select

from schemas.codes import EntryState
from services.ledger import store, tables
from services.ledger.batch import Batch
from services.ledger.known import Known

UNSETTLED: Final = "unsettled"
"""The note's name."""


def unsettled(connection: Connection) -> list[str] | None:
    """The keys of those that may be something else now; None where there is no note."""
    notes, entries = tables.notes, tables.entries
    if connection.execute(select(notes.c.value).where(notes.c.name == UNSETTLED)).first() is None:
        return None
    done = entries.c.state.in_([EntryState.CLOSED.value, EntryState.FORWARDED.value])
    return list(connection.execute(select(entries.c.key).where(entries.c.brought != "", done)).scalars())


def settled(connection: Connection) -> None:
    """All are."""
    connection.execute(delete(tables.notes).where(tables.notes.c.name == UNSETTLED))


def settle_anew(connection: Connection, keys: Collection[str], batch_of: Callable[[Known], Batch]) -> Batch:
    """The batch that does it for some; to be stored."""
    known = store.load(connection, keys, ())
    known.refusals = store.load_refusals(connection, keys)
    batch = batch_of(known)
    for entry in known.entries.values():
        batch.reconsider(entry)
    batch.finish()
    return batch
