"""What the ledger stores, on both databases: the lease is a fence, and what was stored is what is loaded."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from msgspec.structs import replace
from psycopg import Error, OperationalError
from sqlalchemy import Engine, MetaData, String, Table, inspect, select
from sqlalchemy.exc import DBAPIError

from schemas.codes import ActorRole, Disposition, Lane, StatusType
from schemas.lifecycle import Step
from services.ledger import queries, store, tables
from services.ledger.batch import Batch
from services.ledger.database import (
    LEASE_MS,
    Deposed,
    Held,
    check_slot,
    connect,
    held_alone,
    migrate,
    remember_cluster,
    remember_slot,
    take_lease,
    writing,
)
from services.ledger.entry import Entry
from services.ledger.known import Known, Placed
from services.ledger.reading import read_arrival
from services.ledger.settling import UNSETTLED, settle_anew, settled, unsettled
from services.ledger.streams import Stream, StreamKey
from services.ledger.tally import weights
from services.ledger.terms import terms
from services.ledger.values import Arrival, Reported, entry_key
from services.runtime import database
from services.runtime.exits import CannotRun, WrongUse
from services.runtime.rows import insert, set_rows
from tests.ledger_office import lease_until_ms
from tests.samples import NOW_MS, as_json, configuration, envelope

SLOT_MS = 3_600_000
CLOSING = Step(StatusType.CLOSED, ActorRole.INVESTIGATOR, NOW_MS + 1000, Disposition.NO_OFFENCE)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = connect(database_url)
    migrate(made)
    yield made
    made.dispose()


def arrival(report: str, desk: str = "nl", lane: Lane = Lane.ROUTINE, count: int = 1, revision: int = 1) -> Arrival:
    headers = [
        ("ce_id", f"ncmec:{report}:{revision}".encode()),
        ("referral-ingress", f"referral.ingress.ncmec.v1/0/{count}".encode()),
        ("referral-received", b"2026-11-18T11:06:40.000Z"),
        ("referral-count", str(count).encode()),
        ("referral-roles", b"upload"),
        ("referral-reasons", b"by_default"),
    ]
    found = read_arrival(desk, lane, as_json(envelope(report=report, revision=revision)), headers)
    assert isinstance(found, Arrival)
    return found


def reported(report: str, event: StatusType, place: int, desk: str = "nl") -> Placed:
    step = Step(event, ActorRole.INVESTIGATOR, NOW_MS + 1000)
    key = entry_key("ncmec", report, desk)
    return Placed(Reported(key, "ncmec", report, desk, step, NOW_MS, f"{report}{event}{place}"), place)


class Keeper:
    """A ledger without topics: applies values and stores them."""

    def __init__(self, engine: Engine) -> None:
        held = take_lease(engine, "keeper", NOW_MS)
        assert held is not None
        self.engine, self.epoch = engine, held.epoch
        self.streams: dict[StreamKey, Stream] = {}

    def batch(self, known: Known) -> Batch:
        return Batch(known, self.streams, {}, terms(configuration().desks), SLOT_MS, NOW_MS)

    def apply(self, *values: Arrival | Placed) -> None:
        keys = {value.key if isinstance(value, Arrival) else value.reported.key for value in values}
        with writing(self.engine, self.epoch, NOW_MS) as connection:
            batch = self.batch(store.load(connection, keys, ()))
            for value in values:
                if isinstance(value, Arrival):
                    batch.arrive(value)
                else:
                    batch.report(value)
            batch.finish()
            store.save(connection, batch, self.streams, {("topic", 0): 7})

    def known(self, *keys: str) -> Known:
        with self.engine.connect() as connection:
            return store.load(connection, keys, ())


def test_what_was_stored_is_what_is_loaded(engine: Engine) -> None:
    keeper = Keeper(engine)
    keeper.apply(arrival("A"), arrival("B", lane=Lane.URGENT, count=2))
    keeper.apply(reported("A", StatusType.LOOKED, 0), arrival("A", revision=2, count=3))
    known = keeper.known("ncmec:A:nl", "ncmec:B:nl")
    assert known.entries["ncmec:A:nl"].state == "shelved"
    assert known.entries["ncmec:A:nl"].revision == 2
    assert known.entries["ncmec:B:nl"].lane is Lane.URGENT
    assert [placed.place for placed in known.events["ncmec:A:nl"]] == [0]
    with engine.connect() as connection:
        assert queries.read_positions(connection) == {("topic", 0): 7}
        assert queries.read_streams(connection) == keeper.streams


def test_the_tallies_are_those_of_the_entries(engine: Engine) -> None:
    keeper = Keeper(engine)
    keeper.apply(*(arrival(f"R{number}", count=number) for number in range(1, 50)))
    keeper.apply(*(reported(f"R{number}", StatusType.TAKEN_UP, number) for number in range(1, 20)))
    entries: list[Entry] = list(keeper.known(*(f"ncmec:R{number}:nl" for number in range(1, 50))).entries.values())
    found: dict[object, int] = {}
    for entry in entries:
        for key in weights(entry, SLOT_MS):
            found[key] = found.get(key, 0) + 1
    with engine.connect() as connection:
        assert queries.read_tallies(connection) == found


def test_a_report_is_found_at_every_desk_whatever_language_the_database_sorts_by(linguistic_url: str) -> None:
    engine = connect(linguistic_url)
    migrate(engine)
    keeper = Keeper(engine)
    keeper.apply(arrival("A"), arrival("A", desk="de"), arrival("A-1"), arrival("AB"), arrival("a"))
    with engine.connect() as connection:
        assert store.load(connection, (), [("ncmec", "A")]).desks == {("ncmec", "A"): {"nl", "de"}}
    engine.dispose()


def test_a_ledger_that_lost_the_lease_writes_nothing(engine: Engine) -> None:
    keeper = Keeper(engine)
    later_ms = NOW_MS + 60_000
    successor = take_lease(engine, "another", later_ms)
    assert successor is not None
    with pytest.raises(Deposed):
        keeper.apply(arrival("A"))
    assert not keeper.known("ncmec:A:nl").entries


def test_a_lease_that_is_renewed_is_not_taken(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("on SQLite the file is locked, not the lease")
    keeper = Keeper(engine)
    keeper.apply(arrival("A"))
    assert take_lease(engine, "another", NOW_MS + 1) is None


def two_seconds_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the beginning of the next transaction to its end."""
    moments = iter((100.0, 102.0))
    monkeypatch.setattr(database, "time", SimpleNamespace(monotonic=lambda: next(moments)))


def test_a_lease_holds_as_long_after_a_transaction_that_took_long(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = Keeper(engine)
    two_seconds_pass(monkeypatch)
    keeper.apply(arrival("A"))
    assert lease_until_ms(engine) == NOW_MS + 2_000 + LEASE_MS


def test_a_transaction_that_took_long_is_fenced_at_its_end_too(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = Keeper(engine)
    two_seconds_pass(monkeypatch)
    with pytest.raises(Deposed), writing(engine, keeper.epoch, NOW_MS) as connection:
        connection.execute(tables.lease.update().values(epoch=keeper.epoch + 1))
    with engine.connect() as connection:
        assert connection.execute(select(tables.lease.c.epoch)).scalar_one() == keeper.epoch


def test_a_second_ledger_on_one_file_is_refused(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path}/ledger.db")
    with held_alone(engine), pytest.raises(CannotRun, match="another ledger"), held_alone(engine):
        pass


def test_a_database_belongs_to_one_cluster(engine: Engine) -> None:
    with engine.begin() as connection:
        remember_cluster(connection, "one")
        remember_cluster(connection, "one")
        with pytest.raises(CannotRun, match="cluster one"):
            remember_cluster(connection, "two")


def test_the_width_of_a_slot_is_fixed_at_the_first_start(engine: Engine) -> None:
    with engine.begin() as connection:
        assert not check_slot(connection, SLOT_MS)
        remember_slot(connection, SLOT_MS)
        remember_slot(connection, SLOT_MS)
    with engine.connect() as connection:
        assert check_slot(connection, SLOT_MS)
        with pytest.raises(CannotRun, match="spans of 3600 s and REFERRAL_LEDGER_SLOT_SECONDS is 60"):
            check_slot(connection, 60_000)


def test_a_failed_transaction_leaves_nothing(engine: Engine) -> None:
    keeper = Keeper(engine)

    def fail() -> None:
        with writing(engine, keeper.epoch, NOW_MS) as connection:
            remember_cluster(connection, "one")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with engine.begin() as connection:
        remember_cluster(connection, "another")


@pytest.mark.parametrize("url", ["mysql://x/y", "nonsense", "sqlite://"])
def test_what_is_no_database_url_is_refused(url: str) -> None:
    with pytest.raises(WrongUse, match="DATABASE_URL"):
        connect(url)


def test_what_a_ledger_of_before_knew_of_a_return_is_carried_over(engine: Engine) -> None:
    migrations = Config()
    migrations.set_main_option("script_location", str(files("services.ledger") / "migrations"))
    with engine.begin() as connection:
        tables.metadata.drop_all(connection)
        connection.exec_driver_sql("DROP TABLE alembic_version")
        migrations.attributes["connection"] = connection
        command.upgrade(migrations, "0004")
        old = Table("entries", MetaData(), autoload_with=connection)
        row = {column.name: "" if isinstance(column.type, String) else 0 for column in old.c if not column.nullable}
        row |= {"tenure": 2, "revision": 3, "withdrawn": False, "unlooked": False, "missed": False}
        for number, (came_ms, chain) in enumerate([(0, ""), (7, ""), (8, "be"), (9, "nl,be,nl,be")], 1):
            key = {"id": number, "key": str(number)}
            connection.execute(old.insert().values({**row, **key, "came_ms": came_ms, "chain": chain}))
    migrate(engine)
    with engine.connect() as connection:
        found = connection.execute(select(tables.entries.c.brought).order_by(tables.entries.c.id))
        assert list(found.scalars()) == ["", "7/2/3/", "8/2/3/be", "9/2/3/be"]
        assert unsettled(connection) == []


def test_what_a_ledger_of_before_left_closed_and_had_come_back_is_settled_anew_once(engine: Engine) -> None:
    keeper = Keeper(engine)
    closed = replace(reported("A", StatusType.CLOSED, 0).reported, step=CLOSING)
    keeper.apply(arrival("A"), Placed(closed, 0), arrival("B", count=2))
    with engine.begin() as connection:
        assert unsettled(connection) is None
        connection.execute(tables.notes.insert().values(name=UNSETTLED, value="returns"))
        connection.execute(tables.entries.update().values(brought=f"{CLOSING.at_ms + 1}/1/1/be"))
        assert unsettled(connection) == ["ncmec:A:nl"]
    with writing(engine, keeper.epoch, NOW_MS) as connection:
        batch = settle_anew(connection, ["ncmec:A:nl"], keeper.batch)
        store.save(connection, batch, keeper.streams, {})
        settled(connection)
    with engine.connect() as connection:
        assert unsettled(connection) is None
        tallies = queries.read_tallies(connection)
        counters = queries.read_counters(connection)
    assert sum(number for key, number in tallies.items() if key.kind == "waiting") == 2
    assert sum(number for key, number in tallies.items() if key.kind == "closed") == 0
    assert sum(number for key, number in counters.items() if key.name == "closed") == 1


def test_the_migrations_make_the_columns_of_the_code(engine: Engine) -> None:
    with engine.connect() as connection:
        for table in tables.metadata.sorted_tables:
            assert {column["name"] for column in inspect(connection).get_columns(table.name)} == set(table.c.keys())


@pytest.mark.parametrize(("inside", "at_ms"), [("a transaction", NOW_MS + 10**9), ("a statement", NOW_MS + 2 * 10**9)])
def test_a_ledger_that_is_paused_inside_a_transaction_does_not_keep_its_standby_waiting(
    server: str, inside: str, at_ms: int
) -> None:
    first, second = connect(server), connect(server)
    migrate(first)
    held = take_lease(first, "a", at_ms)
    assert held is not None

    def taken() -> Held:
        deadline = time.monotonic() + LEASE_MS / 1000 + 4
        while (found := take_lease(second, "b", at_ms + LEASE_MS + 1)) is None:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        return found

    def stand_still(standby: ThreadPoolExecutor) -> None:
        with writing(first, held.epoch, at_ms) as connection:
            if inside == "a statement":
                driver: Any = connection.connection
                with driver.cursor() as cursor, cursor.copy("COPY notes (name, value) FROM STDIN") as copy:
                    copy.write_row(("x", "y"))
                    assert standby.submit(taken).result() == Held(held.epoch + 1, at_ms + 2 * LEASE_MS + 1)
            else:
                assert standby.submit(taken).result() == Held(held.epoch + 1, at_ms + 2 * LEASE_MS + 1)

    with ThreadPoolExecutor(1) as standby, pytest.raises((DBAPIError, OperationalError), match=r"terminat|lost"):
        stand_still(standby)
    first.dispose()
    second.dispose()


def test_of_ledgers_that_start_at_once_one_makes_the_tables_and_one_has_the_lease(server: str) -> None:
    engines = [connect(server) for _ in range(4)]
    with engines[0].begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    with ThreadPoolExecutor(len(engines)) as starting:
        list(starting.map(migrate, engines))
        leases = list(starting.map(lambda number: take_lease(engines[number], str(number), NOW_MS), range(4)))
    assert [held for held in leases if held is not None] == [Held(1, NOW_MS + LEASE_MS)]
    for engine in engines:
        engine.dispose()


def test_a_text_that_is_too_long_for_its_column_is_refused_and_not_cut(server: str) -> None:
    engine = connect(server)
    migrate(engine)
    row = {"desk": "a" * 33, "at_ms": NOW_MS}
    with pytest.raises((DBAPIError, Error)), engine.begin() as connection:
        set_rows(connection, tables.heard, [row])
    with pytest.raises((DBAPIError, Error)), engine.begin() as connection:
        insert(connection, tables.heard, tuple(row), [tuple(row.values())])
    engine.dispose()


def test_who_waits_longest_is_told_of_all_queues_at_once(engine: Engine) -> None:
    keeper = Keeper(engine)
    keeper.apply(arrival("A"), arrival("B", lane=Lane.URGENT, count=2), arrival("C", desk="be", count=3))
    keeper.apply(reported("B", StatusType.LOOKED, 0))
    asked = (("nl", "routine"), ("nl", "urgent"), ("be", "routine"))
    with engine.begin() as connection:
        connection.execute(tables.entries.update().values(missed=True).where(tables.entries.c.desk == "be"))
        found = queries.longest_waiting(connection, asked)
        at_ms = found["nl", "routine"][0]
        assert at_ms is not None
        assert found == {
            ("nl", "routine"): (at_ms, None),
            ("nl", "urgent"): (None, None),
            ("be", "routine"): (None, at_ms),
        }
        assert queries.longest_waiting(connection, ()) == {}


def test_what_is_due_is_told_of_all_queues_at_once_and_then_what_is_next(engine: Engine) -> None:
    keeper = Keeper(engine)
    keeper.apply(
        arrival("A"), arrival("B", count=2), arrival("C", desk="be", count=3), arrival("D", desk="be", count=4)
    )
    table = tables.entries
    with engine.begin() as connection:
        for report, at_ms in (("A", 100), ("B", 200), ("C", 100), ("D", 300)):
            connection.execute(table.update().values(arrived_ms=at_ms).where(table.c.report == report))
        spans = {("nl", "routine"): range(100, 200), ("be", "routine"): range(301), ("nl", "urgent"): range(999)}
        assert set(queries.due(connection, spans, 9)) == {"ncmec:A:nl", "ncmec:C:be", "ncmec:D:be"}
        assert len(queries.due(connection, spans, 2)) == 2
        after = {queue: span.stop for queue, span in spans.items()}
        assert queries.next_unmissed(connection, after) == {
            ("nl", "routine"): 200,
            ("be", "routine"): None,
            ("nl", "urgent"): None,
        }
        connection.execute(table.update().values(missed=True).where(table.c.report == "A"))
        assert set(queries.due(connection, spans, 9)) == {"ncmec:C:be", "ncmec:D:be"}
