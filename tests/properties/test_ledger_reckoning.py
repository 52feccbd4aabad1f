"""The ledger says what the reckoning of the fault campaign, which has no part of it, computes from the same topics."""

from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.ledger.entry import Entry
from services.ledger.known import Placed
from services.ledger.values import Arrival
from tests.faults.ledger.reckoning import Account, Queued, Said, reckon
from tests.properties.test_ledger_interleaving import DESKS, PARTNERS, World, counted, interleaved, plans, world_of
from tests.samples import NOW_MS, as_json
from tests.unit.ledger_world import Ledger

COUNTERS = ("opened", "amended", "repeated", "withdrawn", "looked", "forwarded", "closed", "closed_unlooked")


def queued(found: Arrival) -> Queued:
    chain = tuple(found.chain.split(",")) if found.chain else ()
    return Queued(
        found.desk,
        found.lane,
        found.partner,
        found.report,
        found.revision,
        found.withdrawn,
        chain,
        found.received_ms,
        found.source,
        found.count,
    )


def said(placed: Placed) -> Said:
    reported, step = placed.reported, placed.reported.step
    event: dict[str, Any] = {"partner": reported.partner, "report": reported.report, "desk": reported.desk}
    event |= {"event": step.event, "role": step.role, "at": str(reported.said_ms)}
    if step.to is not None:
        event["to"] = step.to
    if step.disposition is not None:
        event["disposition"] = step.disposition
    return Said(reported.desk, placed.place, step.at_ms, as_json(event))


def row(account: Account) -> dict[str, Any]:
    return {
        "state": account.state,
        "looks": account.looks,
        "closings": len(account.closings),
        "forwards": len(account.forwards),
        "contested": account.contested,
        "looked_ms": account.looked_ms,
        "disposition": account.disposition,
        "unlooked": account.unlooked,
    }


def held(entry: Entry) -> dict[str, Any]:
    names = ("state", "looks", "closings", "forwards", "contested", "looked_ms", "disposition", "unlooked")
    return {name: getattr(entry, name) for name in names}


@settings(max_examples=50, deadline=None)
@given(plans, st.randoms(use_true_random=False))
def test_two_accounts_of_the_same_topics_agree(plan: list[tuple[Any, ...]], random: Random) -> None:
    world: World = world_of([happening for happening in plan if happening[0] != "refuse"])
    ledger = Ledger(now_ms=NOW_MS)
    for batch in interleaved(world.topics, random):
        ledger.apply(*batch)
    values = [value for topic in world.topics.values() for value in topic]
    found = reckon(
        [queued(value) for value in values if isinstance(value, Arrival)],
        [said(value) for value in values if isinstance(value, Placed)],
        [],
        DESKS,
        PARTNERS,
    )
    assert {tuple(key.split(":")) for key in ledger.entries} == found.accounts.keys()
    for (partner, report, desk), account in found.accounts.items():
        entry = ledger.entry(desk, report, partner)
        if entry.met:
            assert held(entry) == row(account)
    wanted = {key: number for key, number in found.counters.items() if key[0] in COUNTERS and number}
    assert {key: number for key, number in counted(ledger).items() if key[0] in COUNTERS} == wanted
