"""A desk's times are changed in the desk table: a start settles by them what is stored, on both databases."""

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace as as_others
from sqlalchemy import Engine

from policy.desks import DeskTable
from schemas.codes import Lane
from services.ledger import queries, retiming, session, store
from services.ledger.figures import Figures
from services.ledger.inputs import inputs
from services.ledger.recount import recount, snapshot
from services.ledger.session import Session
from services.ledger.terms import terms
from tests.integration.test_ledger_store import SLOT_MS, Keeper, arrival, engine
from tests.samples import NOW_MS, as_json, configuration, envelope

__all__ = ["engine"]

DAY_MS = 86_400_000
NL = configuration().desks.by_id["nl"]
KEEP_MS = NL.keep_seconds * 1000
TARGET_MS = NL.targets[Lane.ROUTINE] * 1000
KEY = "ncmec:A:nl"


class Starts:
    """A ledger that is started now and then; no topic holds anything."""

    def __init__(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        self.keeper = Keeper(engine)
        self.now_ms = NOW_MS
        self.figures = Figures()
        monkeypatch.setattr(session, "_now_ms", lambda: self.now_ms)

    def start(self, after_ms: int = 0, **times: Any) -> None:
        """So long after what it holds arrived, with these times of the Netherlands."""
        self.now_ms = NOW_MS + after_ms
        table = DeskTable(tuple(replace(desk, **times) if desk is NL else desk for desk in configuration().desks.desks))
        cluster, feed = SimpleNamespace(id=lambda: "one", partitions=lambda _: []), SimpleNamespace(reached={})
        nothing: Any = SimpleNamespace()
        Session(
            table, inputs(configuration(), frozenset({"nl"}), frozenset()), terms(table), self.keeper.engine,
            feed, cluster, nothing, (nothing, nothing), self.figures, self.keeper.epoch, SLOT_MS,  # type: ignore[arg-type]
        ).begin()  # fmt: skip

    def total(self, kind: str) -> int:
        """All such entries in the database, with which the entries one by one and the memory agree."""
        with snapshot(self.keeper.engine) as connection:
            assert recount(connection, SLOT_MS).differing == ()
        with self.keeper.engine.connect() as connection:
            kept = queries.read_tallies(connection)
        for counted, number in self.figures.counts.items():
            assert sum(n for key, n in kept.items() if key[:3] == counted) == number
        return sum(number for key, number in kept.items() if key.kind == kind)

    def left_ms(self, key: str = KEY) -> int:
        """From arrival to the end of the term."""
        entry = self.keeper.known(key).entries[key]
        assert entry.expires_ms is not None
        return entry.expires_ms - entry.arrived_ms


@pytest.fixture
def starts(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Starts:
    return Starts(engine, monkeypatch)


def test_a_longer_term_saves_what_would_end_before_anything_ends(starts: Starts) -> None:
    starts.start()
    starts.keeper.apply(arrival("A"))
    starts.start(KEEP_MS + DAY_MS, keep_seconds=2 * NL.keep_seconds)
    assert (starts.left_ms(), starts.total("waiting"), starts.total("expired")) == (2 * KEEP_MS, 1, 0)
    assert starts.keeper.known(KEY).entries[KEY].envelope is not None


def test_a_shorter_term_ends_what_is_older(starts: Starts) -> None:
    starts.start()
    starts.keeper.apply(arrival("A"))
    starts.start(200 * DAY_MS, keep_seconds=100 * 86_400)
    assert (starts.total("waiting"), starts.total("expired"), starts.total("expires")) == (0, 1, 0)


def test_the_partners_term_binds_where_the_desks_is_longer(starts: Starts) -> None:
    starts.start()
    form = as_json(envelope(report="A", expires_at="2026-12-18T11:06:40Z"))
    starts.keeper.apply(as_others(arrival("A"), envelope=form, expires_ms=NOW_MS + 30 * DAY_MS))
    for keep_s in (20 * 86_400, NL.keep_seconds, 2 * NL.keep_seconds):
        starts.start(DAY_MS, keep_seconds=keep_s)
        assert (starts.left_ms(), starts.total("expires")) == (min(30 * DAY_MS, keep_s * 1000), 1)


def test_what_was_late_by_a_shorter_target_is_late_no_more(starts: Starts) -> None:
    starts.start()
    starts.keeper.apply(arrival("A"), arrival("B", lane=Lane.URGENT, count=1))
    starts.start(TARGET_MS + DAY_MS)
    assert starts.total("overdue") == 2
    longer: Mapping[Lane, int] = {**NL.targets, Lane.ROUTINE: 2 * NL.targets[Lane.ROUTINE]}
    starts.start(TARGET_MS + DAY_MS, targets=longer)
    assert starts.total("overdue") == 1
    starts.start(2 * TARGET_MS + DAY_MS, targets=longer)
    assert starts.total("overdue") == 2
    starts.start(TARGET_MS + DAY_MS, targets=longer)
    assert starts.total("overdue") == 2


@pytest.mark.parametrize("keep_s", [2 * NL.keep_seconds, NL.keep_seconds])
def test_a_start_that_is_cut_off_in_the_middle_is_begun_again_by_the_next_whatever_its_times(
    starts: Starts, monkeypatch: pytest.MonkeyPatch, keep_s: int
) -> None:
    monkeypatch.setattr(retiming, "AT_ONCE", 2)
    starts.start()
    starts.keeper.apply(*(arrival(f"R{number}", count=number) for number in range(1, 8)))
    save, saved = store.save, []

    def cut_off(*arguments: Any) -> None:
        saved.append(1)
        if len(saved) == 3:
            raise ZeroDivisionError
        save(*arguments)

    monkeypatch.setattr(store, "save", cut_off)
    with pytest.raises(ZeroDivisionError):
        starts.start(DAY_MS, keep_seconds=2 * NL.keep_seconds)
    monkeypatch.setattr(store, "save", save)
    starts.start(DAY_MS, keep_seconds=keep_s)
    assert {starts.left_ms(f"ncmec:R{number}:nl") for number in range(1, 8)} == {keep_s * 1000}
    assert (starts.total("waiting"), starts.total("expires")) == (7, 7)


def test_where_no_times_were_changed_no_entry_is_looked_at(starts: Starts, monkeypatch: pytest.MonkeyPatch) -> None:
    starts.start()
    starts.keeper.apply(arrival("A"))
    monkeypatch.setattr(queries, "read_terms", None)
    monkeypatch.setattr(queries, "missed_since", None)
    starts.start()
    assert starts.left_ms() == KEEP_MS


def test_a_database_of_a_version_before_is_looked_through_once(starts: Starts) -> None:
    starts.keeper.apply(arrival("A"))
    starts.start(KEEP_MS + DAY_MS, keep_seconds=2 * NL.keep_seconds)
    assert (starts.left_ms(), starts.total("waiting")) == (2 * KEEP_MS, 1)
