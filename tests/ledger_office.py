"""A ledger's session and its life on a database, with nothing behind it: a test says what is read."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Engine, select

from schemas import topics
from schemas.codes import Lane
from services.ledger import tables
from services.ledger.database import take_lease
from services.ledger.figures import Figures
from services.ledger.inputs import Input, Kind
from services.ledger.intake import Read
from services.ledger.session import Session
from services.ledger.terms import terms
from services.runtime.cluster import Place
from tests.samples import configuration

SLOT_MS: Final = 3_600_000
INPUTS: Final = {
    topics.status("nl"): Input(Kind.STATUS, "nl"),
    topics.queue("nl", Lane.URGENT): Input(Kind.QUEUE, "nl", Lane.URGENT),
}


class Clock:
    """Stands where `time` does in a module."""

    def __init__(self) -> None:
        self.now_s = time.time()

    def monotonic(self) -> float:
        return self.now_s

    time = monotonic


class StillFeed:
    """At each turn, what `says` says."""

    alive = True

    def __init__(self, says: Callable[[], Read] = Read) -> None:
        self.reached: dict[Place, int] = {}
        self._says = says

    def take(self, _at_most: int) -> Read:
        return self._says()

    def start(self, places: Iterable[Place], _positions: Mapping[Place, int]) -> None:
        self.reached |= dict.fromkeys(places, 0)

    def past(self, positions: Mapping[Place, int]) -> None:
        self.reached |= positions

    def close(self) -> None:
        """Nothing is open."""


class StillKafka:
    """A broker and all that asks it. `ends`: how far its partitions go."""

    def __init__(self, ends: Mapping[Place, int] | None = None) -> None:
        self._ends = dict(ends or {})

    def id(self) -> str:
        return "cluster"

    def partitions(self, _topics: Iterable[str]) -> list[Place]:
        return list(self._ends)

    def ends(self, places: Iterable[Place]) -> dict[Place, int]:
        return {place: self._ends[place] for place in places}

    def send(self, rows: Iterable[object]) -> None:
        assert not list(rows)

    def answer(self, _wait_s: float = 0.0) -> list[int]:
        return []

    def close(self) -> None:
        """Nothing is open."""


def session(engine: Engine, feed: StillFeed) -> tuple[Session, int]:
    """One that has begun, and its epoch."""
    held = take_lease(engine, "office", int(time.time() * 1000))
    assert held is not None
    table = configuration().desks
    reads: Any = feed
    kafka: Any = StillKafka()
    twice = (kafka, kafka)
    made = Session(table, INPUTS, terms(table), engine, reads, kafka, kafka, twice, Figures(), held.epoch, SLOT_MS)
    made.begin()
    return made, held.epoch


def lease_until_ms(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(select(tables.lease.c.until_ms)).scalar_one())
