"""The reckoning follows docs/ledger.md, and the judge finds each kind of difference; each breakage finds its place."""

import ast
import importlib.util
from collections import Counter
from dataclasses import replace
from json import dumps
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.faults.breakages import Breakage
from tests.faults.ledger.breakages import BREAKAGES
from tests.faults.ledger.harvest import Commanded, Harvest, Told
from tests.faults.ledger.reckoning import Answered, Queued, Reckoning, Said, reckon
from tests.faults.ledger.schedule import KILLS, Act, steps
from tests.faults.ledger.verdict import Held, judge
from tests.faults.ledger.workload import flow

KEY = ("ncmec", "R", "nl")
RECORD = Queued("nl", "routine", "ncmec", "R", 1, False, (), 1_000, "referral.ingress.ncmec.v1/0", 1)


def said(place: int, event: str, desk: str = "nl", at_ms: int | None = None, **more: Any) -> Said:
    fields = {"partner": "ncmec", "report": "R", "desk": desk, "event": event, "role": "triage", "at": "2024-03-01"}
    return Said(desk, place, 2_000 + place if at_ms is None else at_ms, dumps({**fields, **more}).encode())


def account(*events: Said, queued: tuple[Queued, ...] = (RECORD,), receipts: tuple[Answered, ...] = ()) -> Reckoning:
    return reckon(queued, events, receipts, ["nl", "be"], ["ncmec"])


@pytest.mark.parametrize(
    ("events", "state", "contested"),
    [
        ([], "waiting", 0),
        (["looked"], "shelved", 0),
        (["taken_up", "looked"], "in_hand", 0),
        (["taken_up", "returned"], "shelved", 0),
        (["returned"], "waiting", 1),
        (["reopened", "shelved"], "shelved", 1),
        (["closed"], "closed", 0),
        (["closed", "looked"], "closed", 1),
        (["closed", "reopened"], "waiting", 0),
        (["forwarded", "closed"], "forwarded", 1),
    ],
)
def test_events_lead_where_the_table_says(events: list[str], state: str, contested: int) -> None:
    more: dict[str, dict[str, Any]] = {"closed": {"disposition": "administrative"}, "forwarded": {"to": "be"}}
    found = account(*(said(place, event, **more.get(event, {})) for place, event in enumerate(events)))
    assert (found.accounts[KEY].state, found.accounts[KEY].contested) == (state, contested)


def test_what_a_program_says_is_no_look_and_a_closing_of_it_is_counted_apart() -> None:
    found = account(said(0, "taken_up", role="system"), said(1, "closed", disposition="merged", role="system"))
    assert found.counters["looked", "nl", ""] == 0
    assert found.counters["closed_unlooked", "nl", ""] == 1


def test_what_comes_back_waits_again() -> None:
    back = replace(RECORD, chain=("nl", "be"), received_ms=9_000)
    found = account(said(0, "looked"), said(1, "forwarded", to="be"), said(2, "taken_up"), queued=(RECORD, back))
    assert (found.accounts[KEY].state, found.accounts[KEY].tenure) == ("in_hand", 2)
    assert found.counters["opened", "nl", ""] == found.counters["looked", "nl", ""] == 2


def test_what_comes_back_to_a_desk_that_closed_it_waits_again() -> None:
    closed = said(1, "closed", disposition="no_offence")
    back = replace(RECORD, chain=("be",), received_ms=2_002)
    found = account(said(0, "looked"), closed, queued=(RECORD, back)).accounts[KEY]
    assert (found.state, found.disposition, found.looks, found.tenure) == ("waiting", None, 1, 1)
    again = account(
        said(0, "looked"), closed, said(5, "reopened"), said(6, "looked", at="later"), queued=(RECORD, back)
    )
    assert (again.accounts[KEY].state, again.accounts[KEY].looks, again.accounts[KEY].contested) == ("shelved", 2, 1)
    assert (again.contested_least["nl"], again.contested_most["nl"]) == (0, 1)
    before = account(closed, said(2, "reopened"), queued=(RECORD, replace(back, received_ms=9_000)))
    assert (before.accounts[KEY].state, before.accounts[KEY].contested) == ("waiting", 0)


def test_what_a_desk_has_by_forwarding_alone_comes_back_by_hand_and_not_by_an_amendment() -> None:
    first = replace(RECORD, chain=("be",))
    amended = replace(first, revision=2, received_ms=9_000)
    closed = said(1, "closed", disposition="no_offence")
    assert account(closed, queued=(first, amended)).accounts[KEY].state == "closed"
    assert account(closed, queued=(first, replace(amended, chain=("de",)))).accounts[KEY].state == "waiting"
    assert account(closed, queued=(first, replace(first, received_ms=9_000))).accounts[KEY].state == "waiting"


def test_of_events_without_end_the_first_count() -> None:
    found = account(*(said(place, "looked", at=f"2024-03-01T00:00:00.{place:03}Z") for place in range(300)))
    assert (found.accounts[KEY].events, found.counters["status", "nl", "too_many"]) == (256, 44)


def test_an_event_counts_once_and_a_bad_one_as_what_it_is() -> None:
    found = account(
        said(0, "looked"),
        said(1, "looked"),
        replace(said(2, "looked", desk="be"), desk="nl"),
        said(3, "forwarded", to="xx"),
        said(4, "looked", partner="nobody"),
        said(5, "glanced"),
        Said("nl", 6, 0, None),
        Said("nl", 7, 0, b"x"),
        Said("nl", 8, 0, b" " * 5_000),
    )
    results = {code: number for (name, _, code), number in found.counters.items() if name == "status" and number}
    assert results == {
        "counted": 1, "repeated": 1, "foreign_desk": 1, "unknown_desk": 1, "unknown_partner": 1, "unreadable": 2,
        "null_value": 1, "oversize": 1,
    }  # fmt: skip


def test_a_report_is_rejected_until_it_is_accepted() -> None:
    rejected = Answered("ncmec", "R", 1, "rejected", 5, (), None)
    assert account(receipts=(rejected,)).rejected == {"ncmec": 1}
    assert account(receipts=(rejected, replace(rejected, outcome="routed", received_ms=6))).rejected == {"ncmec": 0}


def held(expected: Reckoning, **more: Any) -> Held:
    """A ledger that says what is expected."""
    found = expected.accounts[KEY]
    row = {
        "records": 1, "events": found.events, "contested": found.contested, "looks": found.looks,
        "closings": len(found.closings), "forwards": len(found.forwards), "state": found.state, "lane": "routine",
        "tenure": 1, "revision": 1, "withdrawn": False, "chain": "", "arrived_ms": 1_000, "looked_ms": found.looked_ms,
        "taken_ms": None, "disposition": None, "unlooked": False,
    }  # fmt: skip
    counters = Counter({("opened", "nl", ""): 1, ("looked", "nl", ""): 1, ("status", "nl", "applied"): 1})
    metrics = {
        ("referral_entries_shelved", "nl", "routine"): 1.0,
        ("referral_opened_total", "nl", "routine"): 1.0,
        ("referral_looked_total", "nl", "routine"): 1.0,
        ("referral_desk_last_status_timestamp_seconds", "nl"): 2.0,
    }
    places, tallies = {KEY: [0]}, {("shelved", "nl", "routine", 0): 1}
    return replace(Held({KEY: row}, places, tallies, counters, {}, metrics, 0), **more)


TOLD = Told("outcome-1", *KEY, "looked")


def kinds(harvest: Harvest, **more: Any) -> set[str]:
    expected = account(said(0, "looked"))
    return {difference.kind for difference in judge(expected, harvest, held(expected, **more))}


def test_the_judge_is_content_with_what_is_right() -> None:
    assert kinds(Harvest(told=[TOLD, TOLD])) == set()


def test_the_judge_finds_each_kind_of_difference() -> None:
    right = held(account(said(0, "looked")))
    told = Harvest(told=[TOLD])
    assert kinds(told, entries={}) == {"entries"}
    assert kinds(told, entries={KEY: {**right.entries[KEY], "looks": 2}}) == {"entries"}
    assert kinds(told, places={KEY: [0, 0]}) == {"history"}
    assert kinds(told, tallies={("waiting", "nl", "routine", 0): 1}) == {"tallies"}
    assert kinds(told, rejected={"ncmec": 1}) == {"tallies"}
    assert kinds(told, counters={**right.counters, ("looked", "nl", ""): 2}) == {"counters"}
    assert kinds(told, counters={**right.counters, ("status", "nl", "contested"): 1}) == {"counters"}
    assert kinds(told, metrics={**right.metrics, ("referral_entries_waiting", "nl", "routine"): 1.0}) == set()
    assert kinds(told, metrics={**right.metrics, ("referral_entries_shelved", "nl", "routine"): 2.0}) == {"metrics"}
    assert kinds(told, metrics={**right.metrics, ("referral_conservation_residue", "nl", "x"): 1.0}) == {"residue"}
    assert kinds(Harvest()) == {"outcomes"}
    assert kinds(Harvest(told=[TOLD, replace(TOLD, identity="outcome-2")])) == {"outcomes"}
    assert kinds(Harvest(told=[TOLD, replace(TOLD, word="worked")])) == {"outcomes"}
    twice = Harvest(told=[TOLD], queued=[RECORD, RECORD])
    in_doubt = {**right.metrics, ("referral_conservation_residue", "nl", "routine"): 1.0}
    assert kinds(twice) == {"topics", "residue"}
    assert kinds(twice, metrics=in_doubt) == {"topics"}
    command = Commanded("reroute-1", "forward", "ncmec", "R", 1, "nl", ("be",))
    assert kinds(Harvest(told=[TOLD], commanded=[command])) == {"commands"}


def test_a_forwarding_that_never_arrives_is_found() -> None:
    expected = account(said(0, "forwarded", to="be"))
    found = judge(expected, Harvest(), held(expected))
    assert any(one.kind == "commands" and one.expected == "be has it" for one in found)


def test_the_same_seed_makes_the_same_flow_and_the_same_faults() -> None:
    assert flow(300, 30.0, Random(4)) == flow(300, 30.0, Random(4))
    assert all(0 <= one.at_s <= 30 for one in flow(300, 30.0, Random(4)))
    chosen = steps(50, True, Random(4))
    assert chosen == steps(50, True, Random(4))
    assert sum(step.act in KILLS for step in chosen) == 50
    assert {step.act for step in chosen} == set(Act)


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: breakage.name)
def test_a_breakage_of_the_ledger_changes_the_module_as_it_is_today(breakage: Breakage) -> None:
    spec = importlib.util.find_spec(breakage.module)
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).read_text()
    assert ast.dump(ast.parse(breakage.apply(source))) != ast.dump(ast.parse(source))
