"""A ledger's life, session after session: what it says of itself while they fail, and when they go well."""

from collections.abc import Callable, Mapping
from threading import Event
from typing import Any, Final

import pytest
from sqlalchemy import Engine

from services.ledger import service
from services.ledger.inputs import Input, Kind
from services.ledger.intake import Read
from services.ledger.service import Ledger
from services.ledger.session import Session
from services.runtime.cluster import Place
from tests.ledger_office import SLOT_MS, StillFeed, StillKafka
from tests.samples import configuration

TOPIC: Final = "referral.status.nl.v1"
INPUTS: Final = {TOPIC: Input(Kind.STATUS, "nl")}
FAILURES: Final = 3


def live(
    ledger_engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    says: Callable[[int], Read],
    enough: Callable[[Ledger], bool],
    ends: Mapping[Place, int],
) -> tuple[Ledger, list[bool]]:
    """A ledger that lived until there was enough, and whether it was active at each turn. `says`: at the turn of that
    number of a session. `ends`: how far the topics go."""
    stop, seen = Event(), list[bool]()

    def feed(*_: Any) -> StillFeed:
        turns = iter(range(1_000))

        def look() -> Read:
            seen.append(ledger.figures.active)
            if enough(ledger) or len(seen) == 1_000:
                stop.set()
            return says(next(turns))

        return StillFeed(look)

    monkeypatch.setattr(service, "PAUSE_S", 0.0)
    monkeypatch.setattr(service, "Feed", feed)
    for name in ("Publisher", "Cluster", "Beside"):
        monkeypatch.setattr(service, name, lambda *_: StillKafka(ends))
    settings: Any = None
    ledger = Ledger(configuration(), settings, ledger_engine, INPUTS, SLOT_MS)
    ledger.run(stop)
    return ledger, seen


def test_one_whose_every_session_fails_at_its_first_batch_is_never_active_and_counts_the_failures(
    ledger_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyError

    monkeypatch.setattr(Session, "_apply", fail)
    ledger, seen = live(
        ledger_engine,
        monkeypatch,
        lambda turn: Read(records=turn),  # at first the process that reads has nothing yet
        lambda ledger: ledger.figures.sessions_failed >= FAILURES,
        {(TOPIC, 0): 7},
    )
    assert ledger.figures.sessions_failed == FAILURES
    assert set(seen) == {False}


def test_one_that_has_stored_a_batch_is_active_however_far_behind(
    ledger_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, seen = live(
        ledger_engine,
        monkeypatch,
        lambda _: Read(records=1, positions={(TOPIC, 0): 1}),
        lambda ledger: ledger.figures.active,
        {(TOPIC, 0): 7},
    )
    assert seen == [False, True]
    assert ledger.figures.sessions_failed == 0


def test_one_that_has_read_to_the_ends_is_active_and_ready_though_nothing_came(
    ledger_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready: list[bool] = []

    def enough(ledger: Ledger) -> bool:
        ready.append(ledger.readiness()[0])
        return ready[-1]

    _, seen = live(ledger_engine, monkeypatch, lambda _: Read(), enough, {(TOPIC, 0): 0})
    assert (seen[-1], ready[-1]) == (True, True)
    assert seen == ready


def test_one_that_stopped_is_not_active_any_more(ledger_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, _ = live(ledger_engine, monkeypatch, lambda _: Read(), lambda ledger: ledger.figures.active, {})
    assert ledger.readiness() == (False, {"active": False, "caught_up": False})
