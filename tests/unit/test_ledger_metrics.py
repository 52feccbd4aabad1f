"""What is kept from look to look is what would be made anew, whatever changed in between."""

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from schemas.codes import Disposition, EntryState
from services.ledger.figures import Figures
from services.ledger.metrics import LedgerMetrics
from services.ledger.reroutes import REROUTES
from services.ledger.tally import DAY_MS, EVIDENCE, MAY_BE_TAKEN_BACK, TAKEN_BACK, CounterKey, TallyKey
from tests.samples import NOW_MS, configuration

HOUR_MS = 3_600_000
CHANGES = [
    *(CounterKey(name, "nl", "urgent", "") for name in ("opened", "looked", "target_missed", "forwarded", "withdrawn")),
    *(CounterKey(name, "nl", "urgent", "") for name in ("expired", "amended", "repeated")),
    CounterKey("closed", "nl", "", Disposition.NO_OFFENCE),
    CounterKey("closed_unlooked", "nl", "", ""),
    CounterKey("status", "nl", "", "applied"),
    CounterKey(f"{MAY_BE_TAKEN_BACK[0]}{TAKEN_BACK}", "nl", "", ""),
    CounterKey("time_to_look", "", "urgent", "60"),
    CounterKey(REROUTES, "nl", "", "sent"),
    CounterKey("unread", "", "", "queue"),
]


def text(figures: Figures, registry: CollectorRegistry | None = None, now_ms: int = NOW_MS) -> str:
    """The exposition: of these metrics, or of some that are made now."""
    if registry is None:
        registry = CollectorRegistry()
        LedgerMetrics(configuration(), frozenset({"nl", "be"}), figures, lambda: now_ms, registry)
    return generate_latest(registry).decode()


def batch(*keys: CounterKey, tallies: Counter[TallyKey] | None = None) -> Any:
    return SimpleNamespace(tallies=tallies or Counter(), counters=Counter(keys), history=Counter(), heard={})


@pytest.mark.parametrize("key", CHANGES, ids=lambda key: key.name)
def test_a_counter_that_changed_shows_and_nothing_else_does(key: CounterKey) -> None:
    figures, registry = Figures(), CollectorRegistry()
    LedgerMetrics(configuration(), frozenset({"nl", "be"}), figures, lambda: NOW_MS, registry)
    zero = text(figures, registry)
    figures.load([], Counter([key]), {})
    loaded = text(figures, registry)
    assert loaded == text(figures) != zero
    figures.committed(batch(key, key), NOW_MS)
    stored = text(figures, registry)
    assert stored == text(figures) != loaded
    figures.load([], Counter([key]), {})  # a session that begins anew
    assert text(figures, registry) == text(figures) != stored


def test_ages_are_those_of_now_whether_entries_came_or_time_alone_went_on() -> None:
    figures, registry, clock = Figures(), CollectorRegistry(), [NOW_MS]
    LedgerMetrics(configuration(), frozenset({"nl", "be"}), figures, lambda: clock[0], registry)
    key = TallyKey(EntryState.WAITING, "nl", "urgent", NOW_MS // HOUR_MS * HOUR_MS)
    evidence = TallyKey(EVIDENCE, "nl", "urgent", NOW_MS // DAY_MS * DAY_MS)
    found = [text(figures, registry)]
    figures.load([(*key, 3), (*evidence, 2)], Counter(), {})
    for later_ms in (0, 1, HOUR_MS, 5 * DAY_MS):
        clock[0] = NOW_MS + later_ms
        found.append(text(figures, registry))
        assert found[-1] == text(figures, now_ms=clock[0])
    figures.committed(batch(tallies=Counter({key: 2, evidence: 2})), NOW_MS)
    found.append(text(figures, registry))
    assert found[-1] == text(figures, now_ms=clock[0])
    assert len(set(found)) == len(found)
