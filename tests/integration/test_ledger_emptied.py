"""Tallies that fell to zero, on both databases: they go, and nothing that is counted changes by it."""

import pytest
from sqlalchemy import Engine, func, select

from schemas.codes import StatusType
from services.ledger import emptied, queries, tables
from services.ledger.database import writing
from services.ledger.emptied import Emptied
from services.ledger.figures import Figures
from services.ledger.recount import recount, snapshot
from tests.integration.test_ledger_store import SLOT_MS, Keeper, arrival, engine, reported
from tests.samples import NOW_MS

__all__ = ["engine"]
DESKS = ("nl", "be", "de", "fr", "it")


def emptying(engine: Engine) -> Keeper:
    """One entry at each desk; all but the last are taken up."""
    keeper = Keeper(engine)
    keeper.apply(*(arrival("A", desk) for desk in DESKS))
    keeper.apply(*(reported("A", StatusType.TAKEN_UP, 0, desk) for desk in DESKS[:-1]))
    return keeper


def zeros(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(
            select(func.count()).select_from(tables.tallies).where(tables.tallies.c.number == 0)
        ).scalar_one()


def counts(engine: Engine) -> dict[tuple[str, str, str], int]:
    """What a ledger shows that begins with this database."""
    figures = Figures()
    with engine.connect() as connection:
        figures.load(queries.stream_tallies(connection), {}, {})
    return {key: number for key, number in figures.counts.items() if number}


@pytest.mark.parametrize("passed", [1, 3, 1_000])
def test_they_go_and_what_is_counted_stays(engine: Engine, passed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emptied, "PASSED", passed)
    keeper, going = emptying(engine), Emptied()
    before = counts(engine)
    assert zeros(engine)
    for _ in range(30):
        with writing(engine, keeper.epoch, NOW_MS) as connection:
            going.forget(connection)
    assert not zeros(engine)
    assert counts(engine) == before
    with snapshot(engine) as connection:
        assert recount(connection, SLOT_MS).differing == ()


def test_some_at_a_time_are_looked_at(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emptied, "PASSED", 1)
    keeper, going = emptying(engine), Emptied()
    left = zeros(engine)
    for _ in range(30):
        with writing(engine, keeper.epoch, NOW_MS) as connection:
            going.forget(connection)
        assert left - 1 <= zeros(engine) <= left
        left = zeros(engine)


def test_one_that_is_gone_is_counted_again_from_nothing(engine: Engine) -> None:
    keeper = emptying(engine)
    with writing(engine, keeper.epoch, NOW_MS) as connection:
        Emptied().forget(connection)
    keeper.apply(arrival("B", "nl", count=2), reported("A", StatusType.RETURNED, 1))
    with snapshot(engine) as connection:
        assert recount(connection, SLOT_MS).differing == ()
    assert counts(engine)["waiting", "nl", "routine"] == 1
