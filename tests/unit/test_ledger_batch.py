"""What a transaction counts and keeps."""

from itertools import permutations

import pytest

from schemas.codes import Lane, Outcome
from schemas.lifecycle import MAX_STEPS
from services.ledger.known import is_wide
from services.ledger.reading import read_track
from services.ledger.streams import Gap, StreamKey
from services.ledger.tally import OVERDUE, REJECTED, CounterKey, TallyKey
from services.ledger.values import FaultKind, Tracked
from tests.samples import NOW, NOW_MS, as_json
from tests.unit.ledger_world import (
    DAY_MS,
    LATE_MS,
    REPORT,
    SLOT_MS,
    SOURCE,
    TERMS,
    Ledger,
    Value,
    arrival,
    receipt,
    status,
)

TARGET_MS = TERMS.target_ms("nl", Lane.ROUTINE)
HOUR = NOW_MS // SLOT_MS * SLOT_MS


def test_an_arrival_waits_in_the_hour_of_its_arrival() -> None:
    ledger = Ledger().each(arrival())
    assert ledger.tallies[TallyKey("waiting", "nl", "routine", HOUR)] == 1
    assert ledger.counted("opened") == 1


def test_the_same_queue_record_twice_is_one_entry_and_one_repeat() -> None:
    ledger = Ledger().each(arrival(), arrival())
    assert (ledger.tallied("waiting"), ledger.counted("opened"), ledger.counted("repeated")) == (1, 1, 1)
    assert ledger.entry().records == 2


def test_a_look_moves_an_entry_from_waiting_to_shelved_and_is_timed() -> None:
    ledger = Ledger().each(arrival(), status("looked", at_ms=NOW_MS + 50_000))
    assert (ledger.tallied("waiting"), ledger.tallied("shelved"), ledger.counted("looked")) == (0, 1, 1)
    assert ledger.counted("time_to_look", "60") == 1
    assert ledger.counted("time_to_look", "sum") == 50
    assert ledger.counted("status", "applied") == 1


def test_a_systems_look_moves_nothing() -> None:
    ledger = Ledger().each(arrival(), status("looked", role="system"))
    assert (ledger.tallied("waiting"), ledger.counted("looked")) == (1, 0)


def test_a_closing_without_a_look_is_counted_apart() -> None:
    ledger = Ledger().each(arrival(), status("closed", disposition="administrative"))
    assert (ledger.counted("closed", "administrative"), ledger.counted("closed_unlooked")) == (1, 1)
    ledger.each(arrival(report="R-2"), status("looked", report="R-2", place=1))
    ledger.each(status("closed", report="R-2", place=2, disposition="administrative"))
    assert (ledger.counted("closed", "administrative"), ledger.counted("closed_unlooked")) == (2, 1)


def test_a_closing_that_was_reopened_in_the_same_batch_is_counted_and_timed() -> None:
    ledger = Ledger()
    ledger.apply(
        arrival(),
        status("closed", at_ms=NOW_MS + 30_000, disposition="no_offence"),
        status("reopened", at_ms=NOW_MS + 40_000, place=1),
    )
    assert (ledger.counted("closed", "no_offence"), ledger.counted("time_to_close", "60")) == (1, 1)
    assert ledger.tallied("waiting") == 1


def test_the_same_event_twice_counts_once() -> None:
    values = (arrival(), status("looked"), status("looked", place=1))
    together = Ledger()
    together.apply(*values)
    for ledger in (Ledger().each(*values), together):
        assert (ledger.counted("looked"), ledger.entry().contested) == (1, 0)
        assert (ledger.counted("status", "applied"), ledger.counted("status", "repeated")) == (1, 1)


def test_a_status_before_its_referral_is_kept_and_counted_when_it_comes() -> None:
    ledger = Ledger().each(status("looked"))
    assert (ledger.tallied("orphan"), ledger.tallied("waiting"), ledger.counted("looked")) == (1, 0, 0)
    ledger.each(arrival())
    assert (ledger.tallied("orphan"), ledger.tallied("shelved"), ledger.counted("looked")) == (0, 1, 1)
    assert ledger.outcomes()


def test_an_impossible_step_is_contested_and_counted() -> None:
    ledger = Ledger().each(arrival(), status("returned"))
    assert (ledger.counted("status", "contested"), ledger.counted("status", "applied")) == (1, 0)
    assert (ledger.entry().contested, ledger.tallied("waiting")) == (1, 1)


def test_another_desks_event_is_of_its_own_entry_and_leaves_this_one() -> None:
    ledger = Ledger().each(arrival(), status("looked", "de"))
    assert (ledger.tallied("waiting", "nl"), ledger.tallied("orphan", "de")) == (1, 1)


@pytest.mark.parametrize("kind", FaultKind)
def test_a_fault_is_counted_at_its_desk_and_changes_nothing_else(kind: FaultKind) -> None:
    ledger = Ledger()
    batch = ledger.apply()
    batch.fault("nl", kind)
    assert batch.counters == {("status", "nl", "", kind): 1}
    assert (list(batch.changed), batch.messages, batch.tallies, batch.heard) == ([], [], {}, {})


def test_what_returns_is_waiting_again_and_opened_again() -> None:
    ledger = Ledger().each(arrival(), status("looked"), status("forwarded", place=1, to="de"))
    assert (ledger.tallied("forwarded"), ledger.counted("forwarded")) == (1, 1)
    ledger.each(arrival(at_ms=NOW_MS + 2 * SLOT_MS, chain="nl,de"))
    assert (ledger.tallied("forwarded"), ledger.counted("opened")) == (0, 2)
    assert ledger.tallies[TallyKey("waiting", "nl", "routine", HOUR + 2 * SLOT_MS)] == 1
    ledger.each(status("looked", at_ms=NOW_MS + 3 * SLOT_MS, place=2))
    assert (ledger.counted("looked"), ledger.counted("time_to_look", "3600")) == (2, 1)


def test_what_was_contested_applies_once_the_stay_is_known_and_is_not_counted_twice() -> None:
    ledger = Ledger().each(arrival(), status("looked"), status("forwarded", place=1, to="de"))
    ledger.each(status("taken_up", at_ms=NOW_MS + 9000, place=2))
    assert (ledger.tallied("forwarded"), ledger.counted("status", "contested")) == (1, 1)
    ledger.each(arrival(at_ms=NOW_MS + 5000, chain="nl,de"))
    assert (ledger.tallied("in_hand"), ledger.entry().contested, ledger.counted("looked")) == (1, 0, 2)
    assert (ledger.counted("status", "contested"), ledger.counted("status", "applied")) == (1, 2)


CLOSED = status("closed", at_ms=NOW_MS + 1000, disposition="administrative")
BROUGHT = arrival(at_ms=NOW_MS + 2 * SLOT_MS, chain="de")
"""Another desk that the report addresses forwards it here."""


def test_what_comes_back_to_a_desk_that_closed_it_is_waiting_again_and_is_looked_at_and_closed_anew() -> None:
    ledger = Ledger().each(arrival(), CLOSED)
    assert (ledger.tallied("closed"), ledger.tallied("waiting")) == (1, 0)
    ledger.each(BROUGHT)
    assert (ledger.tallied("closed"), ledger.tallied("waiting"), ledger.entry().disposition) == (0, 1, None)
    ledger.each(
        status("looked", at_ms=NOW_MS + 2 * SLOT_MS + 30_000, place=1),
        status("closed", at_ms=NOW_MS + 2 * SLOT_MS + 40_000, place=2, disposition="no_offence"),
    )
    assert (ledger.tallied("closed"), ledger.tallied("waiting")) == (1, 0)
    assert (ledger.counted("closed", "administrative"), ledger.counted("closed", "no_offence")) == (1, 1)
    assert (ledger.counted("closed_unlooked"), ledger.counted("looked"), ledger.entry().contested) == (1, 1, 0)
    assert (ledger.counted("time_to_look", "60"), ledger.counted("time_to_close", "60")) == (1, 2), "from its return on"


def test_what_was_counted_and_a_late_return_shows_not_to_have_happened_is_taken_back_apart() -> None:
    late = NOW_MS + 3 * SLOT_MS
    said = (
        status("looked", at_ms=NOW_MS + 500),
        status("closed", at_ms=NOW_MS + 1000, place=1, disposition="administrative"),
        status("forwarded", at_ms=late, place=2, to="de"),
        status("reopened", at_ms=late + 1000, place=3),
        status("closed", at_ms=late + 2000, place=4, disposition="no_offence"),
    )
    ledger = Ledger().each(arrival(), *said)
    assert (ledger.entry().state, ledger.counted("closed", "no_offence")) == ("closed", 1)
    ledger.each(BROUGHT)
    assert (ledger.entry().state, ledger.entry().closings, ledger.counted("forwarded")) == ("forwarded", 1, 1)
    assert (ledger.counted("closed", "no_offence"), ledger.counted("closed_back", "no_offence")) == (1, 1)
    in_time = Ledger().each(arrival(), BROUGHT, *said)
    assert (in_time.counted("closed", "no_offence"), in_time.counted("closed_back", "no_offence")) == (0, 0)
    assert in_time.entry() == ledger.entry()


def test_a_forwarding_that_a_late_return_shows_to_have_been_to_another_desk_is_carried_out() -> None:
    late = NOW_MS + 3 * SLOT_MS
    ledger = Ledger().each(arrival(), CLOSED, status("forwarded", at_ms=late, place=1, to="be"))
    ledger.each(
        status("reopened", at_ms=late + 1000, place=2), status("forwarded", at_ms=late + 2000, place=3, to="de")
    )
    assert [b'"to":["de"]' in command.value for command in ledger.commands()] == [True]
    ledger.each(BROUGHT)
    assert [b'"to":["be"]' in command.value for command in ledger.commands()] == [False, True]


@pytest.mark.parametrize("size", [1, 7, 300])
def test_of_events_without_end_the_first_count_however_they_are_cut(size: int) -> None:
    said = [status("looked", at_ms=NOW_MS + 1000 + number, place=number) for number in range(300)]
    ledger = Ledger().each(arrival())
    surplus = [ledger.apply(*said[first : first + size]).surplus["nl"] for first in range(0, 300, size)]
    assert sum(surplus) == ledger.counted("status", "too_many") == 300 - MAX_STEPS
    assert (ledger.entry().events, ledger.counted("status", "applied")) == (MAX_STEPS, MAX_STEPS)
    ledger.each(status("looked", at_ms=NOW_MS + 1000, place=301), status("closed", place=302, disposition="no_offence"))
    assert (ledger.counted("status", "repeated"), ledger.entry().state) == (1, "shelved")


def test_an_amendment_in_another_lane_moves_the_tally() -> None:
    ledger = Ledger().each(arrival(), arrival(lane=Lane.URGENT, at_ms=NOW_MS + 9, revision=2, action="amend"))
    assert {(key.kind, key.lane) for key in ledger.tallies} == {("waiting", "urgent"), ("expires", "urgent")}
    assert ledger.tallies[TallyKey("waiting", "nl", "urgent", HOUR)] == 1
    assert ledger.counters[CounterKey("opened", "nl", "routine", "")] == 1
    assert ledger.counters[CounterKey("amended", "nl", "urgent", "")] == 1


def test_a_withdrawal_is_counted_and_ends_the_waiting() -> None:
    ledger = Ledger().each(arrival(), arrival(at_ms=NOW_MS + 9, revision=2, action="withdraw"))
    assert (ledger.tallied("waiting"), ledger.tallied("withdrawn"), ledger.counted("withdrawn")) == (0, 1, 1)


def test_a_missed_target_is_counted_once() -> None:
    ledger = Ledger().each(arrival())
    ledger.sweep(NOW_MS + TARGET_MS)
    assert ledger.counted("target_missed") == 0
    for _ in range(2):
        ledger.sweep(NOW_MS + TARGET_MS + 1)
    assert (ledger.counted("target_missed"), ledger.tallied(OVERDUE)) == (1, 1)
    ledger.each(status("looked", at_ms=NOW_MS + TARGET_MS + 5))
    assert (ledger.counted("target_missed"), ledger.tallied(OVERDUE)) == (1, 0)


def test_an_amendment_to_a_lane_that_is_overdue_too_counts_no_second_miss() -> None:
    ledger = Ledger().each(arrival())
    ledger.sweep(NOW_MS + TARGET_MS + 1)
    ledger.each(arrival(lane=Lane.URGENT, at_ms=NOW_MS + TARGET_MS, revision=2, action="amend"))
    ledger.sweep(NOW_MS + TARGET_MS + 1)
    assert ledger.counted("target_missed") == 1
    assert ledger.tallies[TallyKey(OVERDUE, "nl", "urgent", 0)] == 1


def test_a_late_look_that_is_read_before_a_sweep_is_a_miss_too() -> None:
    ledger = Ledger().each(arrival(), status("looked", at_ms=NOW_MS + TARGET_MS + 5))
    ledger.sweep(LATE_MS)
    assert ledger.counted("target_missed") == 1


def test_expiry_erases_and_counts_and_tells_the_partner() -> None:
    ledger = Ledger().each(arrival(expires_at="2026-12-01T00:00:00Z"))
    for _ in range(2):
        ledger.sweep(NOW_MS + 30 * DAY_MS)
    assert (ledger.counted("expired"), ledger.tallied("expired"), ledger.tallied("waiting")) == (1, 1, 0)
    assert ledger.tallied("expires") == 0
    assert ledger.entry().envelope is None
    assert [b'"expired"' in message.value for message in ledger.outcomes()] == [True]


def test_the_desks_own_term_ends_an_entry_whose_partner_names_none() -> None:
    ledger = Ledger().each(arrival())
    ledger.sweep(NOW_MS + TERMS.kept["nl"] - 1)
    assert ledger.counted("expired") == 0
    ledger.sweep(NOW_MS + TERMS.kept["nl"])
    assert ledger.counted("expired") == 1


def test_a_desk_is_heard_by_the_brokers_time_even_of_a_repeat() -> None:
    ledger = Ledger().each(arrival(), status("looked", at_ms=NOW_MS + 5))
    batch = ledger.apply(status("looked", at_ms=NOW_MS + 5))
    assert batch.heard == {"nl": NOW_MS + 5}


REJECTION = receipt(Outcome.REJECTED, [], NOW_MS + 10, partition=1)
RESENT = receipt(Outcome.ROUTED, ["nl"], NOW_MS + 20)


def rejected(ledger: Ledger) -> int:
    return ledger.tallied(REJECTED, "ncmec")


def test_a_rejected_report_counts_until_it_is_resent() -> None:
    ledger = Ledger().each(REJECTION, REJECTION)
    assert rejected(ledger) == 1
    ledger.each(RESENT)
    assert (rejected(ledger), ledger.rejections) == (0, {})


@pytest.mark.parametrize("cut", [True, False])
def test_a_report_that_was_resent_is_not_rejected_whatever_was_read_first(cut: bool) -> None:
    values: list[Value] = [REJECTION, RESENT, arrival(at_ms=NOW_MS + 20)]
    for order in permutations(values):
        ledger = Ledger()
        if cut:
            ledger.each(*order)
        else:
            ledger.apply(*order)
        assert rejected(ledger) == 0, order


def test_what_was_accepted_before_or_as_a_duplicate_is_not_a_resend() -> None:
    ledger = Ledger().each(receipt(at_ms=NOW_MS), arrival(), REJECTION)
    ledger.each(receipt(Outcome.DUPLICATE, [], NOW_MS + 30))
    ledger.each(arrival("de", at_ms=NOW_MS + 40, chain="nl"))
    assert rejected(ledger) == 1


def test_a_desk_that_is_told_that_it_is_not_named_any_more_is_not_sent_anything_by_the_partner() -> None:
    ledger = Ledger().each(receipt(at_ms=NOW_MS), arrival(), REJECTION)
    ledger.each(arrival(at_ms=NOW_MS + 50, chain="nl", action="withdraw"))
    assert rejected(ledger) == 1


def test_a_rejection_that_names_no_report_is_nobodys_backlog() -> None:
    assert rejected(Ledger().each(receipt(Outcome.REJECTED, [], report=None, revision=None))) == 0


def test_running_numbers_and_receipts_are_counted_by_queue_and_source() -> None:
    ledger = Ledger().each(arrival(offset=1), arrival(offset=4, count=3, report="R-2"), receipt(offset=1))
    key = StreamKey("nl", "routine", SOURCE)
    found = ledger.streams[key]
    assert (found.records, found.missing, found.receipts) == (2, 1, 1)
    assert ledger.gaps == [(key, Gap(1, 3))]


def test_what_is_older_than_the_first_receipt_that_is_kept_is_not_compared() -> None:
    ledger = Ledger(comparable={SOURCE: 4}).each(arrival(offset=1), arrival(offset=4, count=2, report="R-2"))
    ledger.each(receipt(offset=3), receipt(offset=4))
    found = ledger.streams[StreamKey("nl", "routine", SOURCE)]
    assert (found.records, found.numbered, found.receipts) == (1, 2, 1)


def test_a_track_event_stands_beside_the_entry_once() -> None:
    event = {
        "partner": "ncmec",
        "report": REPORT,
        "desk": "nl",
        "step": "home_visit",
        "role": "investigator",
        "at": NOW,
    }
    found = read_track("nl", as_json(event), NOW_MS)
    assert isinstance(found, Tracked)
    batch = Ledger().apply(found, found)
    assert (batch.new_tracks, list(batch.changed)) == ([found], [])


@pytest.mark.parametrize(
    ("outcome", "revision", "wide"),
    [
        (Outcome.ROUTED, 1, False),
        (Outcome.ROUTED, 2, True),
        (Outcome.UNROUTABLE, 1, False),
        (Outcome.UNROUTABLE, 2, True),
        (Outcome.AMENDED, 1, True),
        (Outcome.WITHDRAWN, 1, True),
        (Outcome.DUPLICATE, 2, False),
        (Outcome.REJECTED, 1, True),
    ],
)
def test_what_may_concern_other_desks_of_a_report_is_wide(outcome: Outcome, revision: int, wide: bool) -> None:
    assert is_wide(receipt(outcome, [], revision=revision)) is wide
    mark = {"command": "c-1", "from": "nl", "chain": ["nl"]}
    assert not is_wide(receipt(outcome, [], revision=revision, reroute=mark))
