"""A desk's client folds its own topics to what the ledger counts, in any order, and refuses what cannot follow."""

import random
from collections.abc import Sequence
from typing import Any

import pytest

from schemas.codes import ActorRole, Disposition, EntryState, Lane, StatusType
from schemas.lifecycle import STEPS, Step
from services.console.desk_entries import DeskEntries, DeskEntry, refusal
from services.console.desk_rows import COLUMNS, csv_row, fields
from services.ledger.reading import read_arrival
from services.ledger.values import Arrival
from tests.samples import NOW_MS, as_json, configuration
from tests.unit.ledger_world import REPORT, SOURCE, Ledger, form, header_fields, status

KNOWN = configuration()
DESK = KNOWN.desks.by_id["nl"]


def entries() -> DeskEntries:
    return DeskEntries(DESK, KNOWN.partners.by_id, KNOWN.desks.by_id)


def record(lane: Lane = Lane.ROUTINE, at_ms: int = NOW_MS, chain: str = "", **changes: Any) -> tuple[Any, ...]:
    """A queue record: lane, value, headers."""
    value = form(**changes)
    return lane, value, header_fields(value, at_ms, SOURCE, 0, 1, chain)


def event(kind: str, role: str = "triage", report: str = REPORT, **more: Any) -> bytes:
    found = {"partner": "ncmec", "report": report, "desk": "nl", "event": kind, "role": role,
             "at": "2026-11-18T11:06:41Z"}  # fmt: skip
    return as_json({**found, **more})


def only(found: DeskEntries) -> DeskEntry:
    (entry,) = found.find(REPORT)
    return entry


def test_the_newest_revision_speaks_and_the_first_arrival_counts() -> None:
    found = entries()
    found.take_record(*record(Lane.URGENT, NOW_MS + 5000, revision=2, action="amend"))
    found.take_record(*record(Lane.ROUTINE, NOW_MS))
    entry = only(found)
    assert entry.speaking is not None
    assert entry.speaking.lane is Lane.URGENT
    assert entry.arrived_ms == NOW_MS


def test_the_worklist_is_gravest_first_then_oldest_and_leaves_out_what_was_looked_at() -> None:
    found = entries()
    for report, lane, at_ms in [("r-old", Lane.ROUTINE, 1), ("u-new", Lane.URGENT, 9), ("u-old", Lane.URGENT, 2),
                                ("p", Lane.PRIORITY, 0), ("seen", Lane.URGENT, 0), ("gone", Lane.URGENT, 0),
                                ("bot", Lane.URGENT, 1)]:  # fmt: skip
        found.take_record(*record(lane, NOW_MS + at_ms, report=report))
    found.take_record(*record(Lane.URGENT, NOW_MS + 3, report="gone", revision=2, action="withdraw"))
    found.take_status(event("looked", report="seen"), NOW_MS + 10, 0)
    found.take_status(event("looked", "system", report="bot"), NOW_MS + 10, 1)
    assert [e.report for e in found.worklist(NOW_MS + 99)] == ["bot", "u-old", "u-new", "p", "r-old"]
    assert [e.report for e in found.worklist(NOW_MS + 99, Lane.PRIORITY)] == ["p"]


def test_a_term_that_ended_leaves_the_worklist() -> None:
    found = entries()
    found.take_record(*record())
    assert found.worklist(NOW_MS + DESK.keep_seconds * 1000 + 1) == []
    assert only(found).state(DESK, NOW_MS + DESK.keep_seconds * 1000) is EntryState.EXPIRED


@pytest.mark.parametrize(
    "value",
    [b"{}", None, b"no json", event("looked", desk="be"), event("looked", partner="nobody"),
     event("forwarded", to="atlantis")],
)  # fmt: skip
def test_what_the_ledger_refuses_changes_nothing_here_either(value: bytes | None) -> None:
    found = entries()
    found.take_record(*record())
    found.take_status(value, NOW_MS, 0)
    assert found.unreadable == 1
    assert only(found).state(DESK, NOW_MS) is EntryState.WAITING


def test_a_queue_record_without_its_headers_is_counted_and_left_out() -> None:
    found = entries()
    found.take_record(Lane.ROUTINE, b"{}", {})
    assert (found.unreadable, list(found)) == (1, [])


def test_an_event_sent_twice_counts_once() -> None:
    found = entries()
    found.take_record(*record())
    for place in (0, 1):
        found.take_status(event("taken_up"), NOW_MS, place)
    assert len(only(found).said) == 1


def in_state(state: EntryState) -> DeskEntry:
    """An entry that its desk brought there."""
    found = entries()
    found.take_record(*record())
    path = {
        EntryState.WAITING: [],
        EntryState.SHELVED: [event("looked")],
        EntryState.IN_HAND: [event("taken_up")],
        EntryState.CLOSED: [event("closed", disposition="no_offence")],
        EntryState.FORWARDED: [event("forwarded", to="be")],
    }[state]
    for place, value in enumerate(path):
        found.take_status(value, NOW_MS, place)
    return only(found)


@pytest.mark.parametrize("kind", StatusType)
@pytest.mark.parametrize("state", [s for s in EntryState if s not in (EntryState.WITHDRAWN, EntryState.EXPIRED)])
def test_what_cannot_follow_is_refused_and_the_refusal_says_what_may(kind: StatusType, state: EntryState) -> None:
    entry = in_state(state)
    assert entry.state(DESK, NOW_MS) is state
    step = Step(kind, ActorRole.TRIAGE, NOW_MS, Disposition.MERGED if kind is StatusType.CLOSED else None, "be")
    said = refusal(entry, step, DESK, NOW_MS)
    assert (said is None) == (state in STEPS[kind])
    if said is not None:
        assert f"it is {state}" in said
        assert "follow" in said


def test_what_is_erased_cannot_be_forwarded_any_more() -> None:
    entry = in_state(EntryState.WAITING)
    late_ms = NOW_MS + DESK.keep_seconds * 1000 + 1
    said = refusal(entry, Step(StatusType.FORWARDED, ActorRole.TRIAGE, late_ms, None, "be"), DESK, late_ms)
    assert said is not None
    assert "its term is over" in said


def test_a_number_that_begins_with_a_hyphen_is_no_formula_in_the_export() -> None:
    found = entries()
    found.take_record(*record(report="-A1"))
    (entry,) = found
    row = fields(entry, DESK, NOW_MS)
    assert tuple(row) == COLUMNS
    assert row["report"] == "-A1"
    assert csv_row(row).split(",")[1] == "'-A1"


def readings(generator: random.Random) -> list[Any]:
    """Some records and events of one referral, as its topics may hold them."""
    found: list[Any] = []
    for revision in range(1, generator.randint(2, 4)):
        action = "new" if revision == 1 else generator.choice(["amend", "withdraw"])
        chain = generator.choice(["", "", "be", "nl,be", "nl", "be,nl,de"])
        if action == "withdraw" and generator.random() < 0.5:
            chain = "nl"
        found.append((generator.choice(list(Lane)), NOW_MS + generator.randint(0, 5000), chain,
                      {"revision": revision, "action": action}))  # fmt: skip
    kinds = list(StatusType)
    for place in range(generator.randint(0, 5)):
        kind = generator.choice(kinds)
        more = {"to": "be"} if kind is StatusType.FORWARDED else {}
        if kind is StatusType.CLOSED:
            more = {"disposition": generator.choice([code.value for code in Disposition])}
        found.append((place, kind.value, generator.choice(["triage", "system"]), more))
    return found


@pytest.mark.parametrize("seed", range(400))
def test_it_shows_what_the_ledger_counts(seed: int) -> None:
    generator = random.Random(seed)
    read = readings(generator)
    generator.shuffle(read)
    ledger, found = Ledger(), entries()
    for one in read:
        _read(ledger, found, one)
    theirs = ledger.entry("nl")
    ours = only(found)
    course = ours.course(DESK, ledger.now_ms)
    assert ours.state(DESK, ledger.now_ms) == theirs.state
    assert (ours.arrived_ms, ours.chain, ours.tenure) == (theirs.arrived_ms, theirs.chain, theirs.tenure)
    assert ours.speaking is not None
    assert (ours.speaking.lane, ours.speaking.rank[0]) == (theirs.lane, theirs.revision)
    assert (course.looked_ms, course.contested) == (theirs.looked_ms, theirs.contested)
    assert ours.expires_ms(DESK) == theirs.expires_ms


def _read(ledger: Ledger, found: DeskEntries, one: Sequence[Any]) -> None:
    if isinstance(one[0], Lane):
        lane, at_ms, chain, changes = one
        args = record(lane, at_ms, chain, **changes)
        arrived = read_arrival("nl", lane, args[1], list(args[2].items()))
        assert isinstance(arrived, Arrival)
        ledger.apply(arrived)
        found.take_record(*args)
    else:
        place, kind, role, more = one
        placed = status(kind, at_ms=NOW_MS + 1000 * place, place=place, role=role, **more)
        ledger.apply(placed)
        at = f"2026-11-18T11:06:{40 + place}.000Z"
        found.take_status(event(kind, role, at=at, **more), NOW_MS + 1000 * place, place)
