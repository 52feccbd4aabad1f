"""What a session does at each turn beside reading: it keeps its lease, and clears up."""

import pytest
from sqlalchemy import Engine, func, select

from schemas import topics
from schemas.codes import Lane
from services.ledger import queries, tables
from services.ledger import session as module
from services.ledger.database import LEASE_MS, writing
from services.ledger.intake import Read
from services.ledger.session import Session
from services.ledger.tally import CounterKey
from services.ledger.values import FaultKind
from tests.ledger_office import Clock, StillFeed, lease_until_ms, session


def test_after_a_batch_that_took_long_the_lease_is_renewed_at_once(
    ledger_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    held, epoch = session(ledger_engine, StillFeed(lambda: Read(records=1)))

    def apply(_session: Session, _found: Read) -> None:
        with writing(ledger_engine, epoch, int(clock.now_s * 1000)):
            clock.now_s += 3.0

    monkeypatch.setattr(Session, "_apply", apply)
    held.turn()
    assert lease_until_ms(ledger_engine) == int(clock.now_s * 1000) + LEASE_MS


def test_a_record_that_cannot_be_read_is_the_desks_only_in_its_status_topic(ledger_engine: Engine) -> None:
    faults = [(topics.status("nl"), FaultKind.UNREADABLE), (topics.queue("nl", Lane.URGENT), FaultKind.UNREADABLE)]
    held, _ = session(ledger_engine, StillFeed(lambda: Read(faults=faults, records=2)))
    held.turn()
    with ledger_engine.connect() as connection:
        counted = queries.read_counters(connection)
    assert counted == {
        CounterKey("status", "nl", "", FaultKind.UNREADABLE): 1,
        CounterKey("unread", "", "", "queue"): 1,
    }


def test_tallies_that_fell_to_zero_are_cleared_up(ledger_engine: Engine) -> None:
    with ledger_engine.begin() as connection:
        rows = [{"kind": "waiting", "desk": "nl", "lane": "routine", "slot": n, "number": n} for n in range(2)]
        connection.execute(tables.tallies.insert(), rows)
    held, _ = session(ledger_engine, StillFeed())
    held.turn()
    with ledger_engine.connect() as connection:
        assert connection.execute(select(func.sum(tables.tallies.c.number), func.count())).one() == (1, 1)
