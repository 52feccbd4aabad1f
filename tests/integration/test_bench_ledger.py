"""The database that the bench makes by SQL is one that a ledger could have left: everything in it adds up."""

from collections import Counter
from pathlib import Path

from sqlalchemy import select

from schemas.codes import Lane
from services.ledger import queries, store, tables
from services.ledger.database import connect
from services.ledger.tally import CounterKey, weights
from services.ledger.terms import terms
from tests.bench.ledger.building import SLOT_MS, build
from tests.samples import NOW_MS, configuration

ENTRIES = 3_000


def test_tallies_and_counters_of_a_made_database_are_those_of_its_entries(tmp_path: Path) -> None:
    build(tmp_path / "ledger.db", configuration(), "ncmec", ENTRIES, NOW_MS, lambda _: None)
    engine = connect(f"sqlite:///{tmp_path}/ledger.db")
    with engine.connect() as connection:
        keys = list(connection.execute(select(tables.entries.c.key)).scalars())
        entries = store.load(connection, keys, ()).entries.values()
        tallies, counters = queries.read_tallies(connection), queries.read_counters(connection)
    engine.dispose()
    assert len(entries) == ENTRIES
    assert tallies == Counter(key for entry in entries for key in weights(entry, SLOT_MS))
    opened = Counter(CounterKey("opened", entry.desk, entry.lane.value, "") for entry in entries)
    assert {key: number for key, number in counters.items() if key.name == "opened"} == opened
    targets = terms(configuration().desks)
    assert all(
        entry.missed == (entry.arrived_ms < NOW_MS - targets.target_ms(entry.desk, entry.lane)) for entry in entries
    )
    assert {entry.lane for entry in entries} == set(Lane)
