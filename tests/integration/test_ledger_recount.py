"""The counts made again, on both databases: what was changed behind the ledger's back is named, beside a writer."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from schemas.codes import Outcome
from services.ledger import store, tables
from services.ledger.database import connect, writing
from services.ledger.recount import known_keys, recount, snapshot
from services.runtime.exits import CannotRun
from tests.integration.test_ledger_store import SLOT_MS, Keeper, arrival, engine
from tests.samples import NOW_MS
from tests.unit.ledger_world import receipt

__all__ = ["engine"]


def filled(engine: Engine) -> Keeper:
    keeper = Keeper(engine)
    keeper.apply(*(arrival(f"R{number}", count=number) for number in range(1, 30)))
    return keeper


def test_what_the_ledger_kept_adds_up(engine: Engine) -> None:
    filled(engine)
    with snapshot(engine) as connection:
        found = recount(connection, SLOT_MS)
    assert found.entries == 29
    assert (found.differing, found.unentered()) == ((), [])


def test_what_was_rejected_is_counted_again_with_what_claims_urgency(engine: Engine) -> None:
    keeper = filled(engine)
    with writing(engine, keeper.epoch, NOW_MS) as connection:
        batch = keeper.batch(store.load(connection, (), ()))
        for number, urgent in enumerate([True, True, False]):
            batch.receive(receipt(Outcome.REJECTED, (), report=f"X{number}", offset=number, claims_urgent=urgent))
        batch.finish()
        store.save(connection, batch, keeper.streams, {})
        assert sorted(batch.tallies.values()) == [2, 3]
    with snapshot(engine) as connection:
        assert recount(connection, SLOT_MS).differing == ()


def test_a_tally_that_was_changed_is_named(engine: Engine) -> None:
    filled(engine)
    with engine.begin() as connection:
        connection.execute(update(tables.tallies).values(number=tables.tallies.c.number + 1))
    with snapshot(engine) as connection:
        (waiting,) = [one for one in recount(connection, SLOT_MS).differing if one.key.kind == "waiting"]
    assert (waiting.kept, waiting.counted, waiting.key.desk) == (30, 29, "nl")


def test_an_entry_that_is_gone_is_missed_by_its_desk(engine: Engine) -> None:
    filled(engine)
    with engine.begin() as connection:
        connection.execute(tables.entries.delete().where(tables.entries.c.report == "R7"))
    with snapshot(engine) as connection:
        found = recount(connection, SLOT_MS, "nl")
        assert known_keys(connection, ["ncmec:R7:nl", "ncmec:R8:nl"]) == {"ncmec:R8:nl"}
    assert found.unentered() == ["nl"]
    assert (found.read["nl"], found.entered["nl"]) == (29, 28)


def test_a_gap_is_a_stream_in_doubt(engine: Engine) -> None:
    keeper = filled(engine)
    keeper.apply(arrival("late", count=33))
    with snapshot(engine) as connection:
        found = recount(connection, SLOT_MS)
    ((key, gap),) = found.gaps
    assert (key.desk, gap.after, gap.before) == ("nl", 29, 33)
    assert key in found.doubtful()


def test_a_snapshot_sees_one_moment_and_holds_up_no_writer(engine: Engine) -> None:
    keeper = filled(engine)
    with snapshot(engine) as connection:
        before = recount(connection, SLOT_MS)
        keeper.apply(arrival("more", count=30))
        assert recount(connection, SLOT_MS) == before
    with snapshot(engine) as connection:
        assert recount(connection, SLOT_MS).entries == before.entries + 1


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    made = connect(f"sqlite:///{tmp_path}/none.db")
    with pytest.raises(CannotRun, match="no ledger's database"), snapshot(made):
        pass
    assert not (tmp_path / "none.db").exists()
