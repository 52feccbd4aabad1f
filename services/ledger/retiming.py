"""Entries whose desk has other times now than those by which they were settled: settled by those of now, at a start.

A note says which times hold for all entries. Those that are being changed are 0 in it until all is done: a start that
is cut off is begun again by the next, whatever its times are. Where there is no note, as in a database of a version
before, those of every desk may be others.
"""

from collections.abc import Callable, Collection
from typing import Final

from msgspec import Struct
from msgspec.json import decode, encode
from sqlalchemy import Connection, select

from services.ledger import queries, store, tables
from services.ledger.batch import Batch
from services.ledger.known import Known
from services.ledger.terms import Terms
from services.runtime.rows import set_rows

TIMES: Final = "times"
"""The note's name."""
AT_ONCE: Final = 5_000
"""Rows that one step looks at."""


class Times(Struct):
    """Milliseconds, of every desk that the table ever had: `kept` by desk, `targets` by desk and lane (`nl urgent`)."""

    kept: dict[str, int]
    targets: dict[str, int]


class Retiming:
    """Of one start. The caller stores what each step makes of its entries."""

    def __init__(self, connection: Connection, terms: Terms) -> None:
        now, noted = _times(terms), _noted(connection) or Times({}, {})
        is_first = not noted.kept
        self._times = Times(noted.kept | now.kept, noted.targets | now.targets)
        self._kept = {
            desk: kept_ms
            for desk, kept_ms in terms.kept.items()
            if is_first or noted.kept.get(desk, kept_ms) != kept_ms  # of a desk that is new nothing is there
        }
        self._longer = {
            queue: target_ms
            for queue, target_ms in terms.targets.items()
            if is_first or noted.targets.get(" ".join(queue), target_ms) < target_ms
        }
        """Alone: what a shorter one makes late is found as what is late at any time."""
        self._begun = Times(
            self._times.kept | dict.fromkeys(self._kept, 0),
            self._times.targets | {" ".join(queue): 0 for queue in self._longer},
        )
        last = queries.last_entry(connection) if self._kept else 0
        self._firsts = iter(range(1, last + 1, AT_ONCE))

    def step(self, connection: Connection, batch_of: Callable[[Known], Batch], now_ms: int) -> Batch | None:
        """The next entries, changed where they have to be; None when there are no more, which is noted then."""
        if self._begun != self._times:
            _note(connection, self._begun)
            self._begun = self._times
        if (first := next(self._firsts, None)) is not None:
            return self._kept_anew(connection, range(first, first + AT_ONCE), batch_of)
        since_ms = {queue: now_ms - target_ms for queue, target_ms in self._longer.items()}
        if since_ms and (keys := queries.missed_since(connection, since_ms, AT_ONCE)):
            return self._spared(connection, keys, batch_of)
        _note(connection, self._times)
        return None

    def _kept_anew(self, connection: Connection, ids: range, batch_of: Callable[[Known], Batch]) -> Batch:
        other = [
            key
            for key, desk, arrived_ms, expires_ms in queries.read_terms(connection, ids)
            if desk in self._kept and expires_ms != arrived_ms + self._kept[desk]
        ]
        batch = batch_of(store.load(connection, other, ()))
        for entry in batch.known.entries.values():
            batch.retime(entry)
        batch.finish()
        return batch

    def _spared(self, connection: Connection, keys: Collection[str], batch_of: Callable[[Known], Batch]) -> Batch:
        batch = batch_of(store.load(connection, keys, ()))
        for entry in batch.known.entries.values():
            batch.spare(entry)
        batch.finish()
        return batch


def remember(connection: Connection, terms: Terms) -> None:
    """All entries are settled by these."""
    _note(connection, _times(terms))


def _times(terms: Terms) -> Times:
    return Times(dict(terms.kept), {" ".join(queue): target_ms for queue, target_ms in terms.targets.items()})


def _noted(connection: Connection) -> Times | None:
    found = connection.execute(select(tables.notes.c.value).where(tables.notes.c.name == TIMES)).scalar()
    return None if found is None else decode(found, type=Times)


def _note(connection: Connection, times: Times) -> None:
    set_rows(connection, tables.notes, [{"name": TIMES, "value": encode(times).decode()}])
