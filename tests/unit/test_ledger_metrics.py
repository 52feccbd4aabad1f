"""What is kept from look to look is what would be made anew, whatever changed in between."""

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from schemas.codes import Disposition
from services.ledger.figures import Figures
from services.ledger.metrics import LedgerMetrics
from services.ledger.reroutes import REROUTES
from services.ledger.tally import MAY_BE_TAKEN_BACK, TAKEN_BACK, CounterKey
from tests.samples import NOW_MS, configuration

CHANGES = [
    *(CounterKey(name, "nl", "urgent", "") for name in ("opened", "looked", "target_missed", "forwarded", "withdrawn")),
    *(CounterKey(name, "nl", "urgent", "") for name in ("expired", "amended", "repeated")),
    CounterKey("closed", "nl", "", Disposition.NO_OFFENCE),
    CounterKey("closed_unlooked", "nl", "", ""),
    CounterKey("status", "nl", "", "applied"),
    CounterKey(f"{MAY_BE_TAKEN_BACK[0]}{TAKEN_BACK}", "nl", "", ""),
    CounterKey("time_to_look", "", "urgent", "60"),
    CounterKey(REROUTES, "nl", "", "sent"),
]


def text(figures: Figures, registry: CollectorRegistry | None = None) -> str:
    """The exposition: of these metrics, or of some that are made now."""
    if registry is None:
        registry = CollectorRegistry()
        LedgerMetrics(configuration(), frozenset({"nl", "be"}), figures, lambda: NOW_MS, registry)
    return generate_latest(registry).decode()


def batch(*keys: CounterKey) -> Any:
    return SimpleNamespace(tallies=Counter(), counters=Counter(keys), history=Counter(), heard={})


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
