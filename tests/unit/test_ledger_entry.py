"""One referral at one desk, whatever was said of it and in whatever order it is read."""

from collections.abc import Sequence
from itertools import permutations
from random import Random

import pytest

from schemas.codes import ActorRole, Disposition, EntryState, Lane, StatusType
from schemas.lifecycle import Step
from services.ledger.entry import (
    UNMET,
    Entry,
    Meaning,
    absorb,
    erase,
    opened,
    rank_of,
    renew,
    settle,
    stays,
    unmet,
)
from services.ledger.ranks import MAX_RANKS
from services.ledger.reading import unix_ms
from services.ledger.values import Arrival
from tests.samples import NOW_MS
from tests.unit.ledger_world import DAY_MS, TERMS, arrival

TARGET_MS = 7 * DAY_MS
FIRST = arrival()
AMENDED = arrival(lane=Lane.URGENT, at_ms=NOW_MS + 10, revision=2, action="amend", expires_at="2027-06-01T00:00:00Z")
WITHDRAWN = arrival(at_ms=NOW_MS + 20, revision=3, action="withdraw")
RETURNED = arrival(at_ms=NOW_MS + 30, chain="nl,de")


def step(event: str, at_ms: int = NOW_MS + 1000, disposition: str = "no_offence") -> Step:
    kind = StatusType(event)
    closing = Disposition(disposition) if kind is StatusType.CLOSED else None
    return Step(kind, ActorRole.TRIAGE, at_ms, closing, "de" if kind is StatusType.FORWARDED else None)


def made(arrivals: Sequence[Arrival], steps: Sequence[Step] = (), now_ms: int = NOW_MS) -> Entry:
    entry = opened(arrivals[0])
    TERMS.settle_term(entry)
    for other in arrivals[1:]:
        absorb(entry, other)
        TERMS.settle_term(entry)
        renew(entry, now_ms)
    settle(entry, steps, TARGET_MS, now_ms)
    return entry


def test_an_entry_waits_from_its_arrival() -> None:
    entry = opened(FIRST)
    assert (entry.state, entry.arrived_ms, entry.met, entry.records) == (EntryState.WAITING, NOW_MS, True, 1)


def test_what_arrives_withdrawn_is_withdrawn() -> None:
    assert opened(WITHDRAWN).state == made([WITHDRAWN]).state == EntryState.WITHDRAWN


def test_the_order_in_which_queue_records_are_read_does_not_matter() -> None:
    records = [FIRST, AMENDED, WITHDRAWN, RETURNED, AMENDED]
    entries = [made(order, [step("forwarded"), step("looked")]) for order in permutations(records)]
    assert all(entry == entries[0] for entry in entries)
    assert (entries[0].records, entries[0].revision, entries[0].state) == (5, 3, EntryState.WITHDRAWN)


def test_of_two_records_the_higher_revision_speaks() -> None:
    entry = made([AMENDED, FIRST])
    assert (entry.revision, entry.lane, entry.arrived_ms) == (2, Lane.URGENT, NOW_MS)
    assert entry.expires_ms == unix_ms("2027-06-01T00:00:00Z")


def test_a_term_that_an_amendment_took_back_ends_no_sooner() -> None:
    entry = made([AMENDED, arrival(revision=3, action="amend")])
    assert entry.expires_ms == NOW_MS + TERMS.kept["nl"]


def test_an_amendment_does_not_forget_the_chain_of_the_stay() -> None:
    for order in permutations([FIRST, AMENDED, RETURNED]):
        entry = made(order)
        assert (entry.revision, entry.tenure, entry.chain) == (2, 2, "nl,de")
        assert entry.arrived_ms == RETURNED.received_ms


def test_of_two_ways_that_led_to_a_desk_at_once_the_shorter_is_kept() -> None:
    forwarded = arrival(chain="de")
    assert made([FIRST, forwarded]).chain == made([forwarded, FIRST]).chain == ""


def test_each_queue_record_opens_a_stay_or_amends_or_repeats() -> None:
    entry = opened(FIRST)
    assert absorb(entry, FIRST) is Meaning.REPEATED
    assert absorb(entry, AMENDED) is Meaning.AMENDED
    assert absorb(entry, RETURNED) is Meaning.OPENED
    assert absorb(entry, RETURNED) is Meaning.REPEATED
    assert absorb(unmet(FIRST.key, "ncmec", FIRST.report, "nl"), FIRST) is Meaning.OPENED


def test_a_stay_that_is_read_before_an_earlier_one_is_opened_and_so_is_the_earlier() -> None:
    entry = opened(RETURNED)
    assert absorb(entry, FIRST) is Meaning.OPENED
    assert (entry.tenure, entry.records) == (2, 2)


def test_what_only_status_events_speak_of_is_in_no_state() -> None:
    entry = unmet(FIRST.key, "ncmec", FIRST.report, "nl")
    settle(entry, [step("looked")], TARGET_MS, NOW_MS)
    assert (entry.state, entry.met, entry.missed) == (UNMET, False, False)


def test_a_status_before_its_referral_does_what_it_does_after() -> None:
    entry = unmet(FIRST.key, "ncmec", FIRST.report, "nl")
    settle(entry, [step("looked")], TARGET_MS, NOW_MS)
    absorb(entry, FIRST)
    TERMS.settle_term(entry)
    settle(entry, [step("looked")], TARGET_MS, NOW_MS)
    assert (entry.state, entry.looks) == (EntryState.SHELVED, 1)
    assert entry.arrived_ms == made([FIRST]).arrived_ms


@pytest.mark.parametrize("event", ["closed", "forwarded"])
def test_a_desks_own_end_outlasts_a_withdrawal(event: str) -> None:
    assert made([FIRST, WITHDRAWN], [step(event)]).state == event


@pytest.mark.parametrize("events", [[], ["looked"], ["taken_up"], ["closed", "reopened"]])
def test_a_withdrawal_ends_what_the_desk_has_not(events: list[str]) -> None:
    assert made([FIRST, WITHDRAWN], [step(event) for event in events]).state == EntryState.WITHDRAWN


def test_a_later_revision_takes_a_withdrawal_back() -> None:
    assert made([FIRST, WITHDRAWN, arrival(revision=4, action="amend")]).state == EntryState.WAITING


def test_what_was_forwarded_and_returned_waits_again() -> None:
    entry = made([FIRST, RETURNED], [step("looked"), step("forwarded")])
    assert (entry.state, entry.tenure, entry.looked_ms, entry.looks, entry.forwards) == ("waiting", 2, None, 1, 1)


def test_a_look_in_time_misses_nothing_and_a_late_one_does() -> None:
    due_ms = NOW_MS + TARGET_MS
    assert not made([FIRST], [step("looked", due_ms)]).missed
    assert made([FIRST], [step("looked", due_ms + 1)]).missed
    assert made([FIRST], [step("closed", due_ms + 1)]).missed
    assert made([FIRST], [step("forwarded", due_ms + 1)]).missed
    assert not made([FIRST], [step("forwarded", due_ms)]).missed


def test_an_amendment_does_not_forgive_a_missed_target_that_is_still_missed() -> None:
    entry = made([FIRST])
    entry.missed = True
    settle(entry, [], TARGET_MS, NOW_MS + TARGET_MS + 1)
    assert entry.missed
    settle(entry, [], 100 * TARGET_MS, NOW_MS + TARGET_MS + 1)
    assert not entry.missed


def test_a_new_stay_has_missed_nothing_yet() -> None:
    entry = made([FIRST])
    entry.missed = True
    absorb(entry, RETURNED)
    assert not entry.missed


def test_expiry_erases_what_an_entry_holds() -> None:
    entry = made([FIRST])
    erase(entry, NOW_MS + 1)
    assert (entry.state, entry.expired_ms) == (EntryState.EXPIRED, NOW_MS + 1)
    assert (entry.envelope, entry.roles, entry.reasons, entry.captured_ms) == (None, "", "", None)


@pytest.mark.parametrize("event", ["closed", "forwarded"])
def test_expiry_leaves_a_desks_own_end_as_it_is(event: str) -> None:
    entry = made([FIRST], [step(event)])
    erase(entry, NOW_MS + 1)
    assert entry.state == event
    settle(entry, [step(event), step("looked")], TARGET_MS, NOW_MS + 2)
    assert (entry.state, entry.contested) == (event, 1)


def test_what_is_erased_can_not_be_forwarded_any_more_but_closed() -> None:
    entry = made([FIRST])
    erase(entry, NOW_MS + 1)
    settle(entry, [step("forwarded")], TARGET_MS, NOW_MS + 2)
    assert (entry.state, entry.contested) == (EntryState.EXPIRED, 1)
    settle(entry, [step("forwarded"), step("closed")], TARGET_MS, NOW_MS + 2)
    assert entry.state == EntryState.CLOSED


def test_a_longer_term_that_is_read_after_the_sweep_lets_it_live() -> None:
    short = arrival(expires_at="2026-12-01T00:00:00Z")
    now_ms = unix_ms("2026-12-02T00:00:00Z")
    entry = made([short])
    erase(entry, now_ms)
    absorb(entry, AMENDED)
    TERMS.settle_term(entry)
    renew(entry, now_ms)
    settle(entry, [], TARGET_MS, now_ms)
    assert (entry.state, entry.expired_ms, entry.envelope) == (EntryState.WAITING, None, AMENDED.envelope)


def test_a_repeat_of_what_is_erased_stays_erased() -> None:
    short = arrival(revision=2, action="amend", expires_at="2026-12-01T00:00:00Z")
    now_ms = unix_ms("2026-12-02T00:00:00Z")
    for late in (short, FIRST):
        entry = made([short])
        erase(entry, now_ms)
        absorb(entry, late)
        TERMS.settle_term(entry)
        renew(entry, now_ms)
        settle(entry, [], TARGET_MS, now_ms)
        assert (entry.state, entry.envelope, entry.roles) == (EntryState.EXPIRED, None, "")


def test_a_chain_that_can_name_no_more_desks_ends_the_forwarding_and_not_those_before() -> None:
    names = [f"d-{number}" for number in range(13)]
    entry = made([FIRST, arrival(chain=",".join(["nl", *names, "de"]))], [step("forwarded"), step("forwarded")])
    assert (entry.tenure, entry.forwards, entry.contested, entry.state) == (2, 1, 1, EntryState.WAITING)
    shorter = made([FIRST, arrival(chain=",".join(["nl", *names]))], [step("forwarded"), step("forwarded")])
    assert (shorter.forwards, shorter.state) == (2, EntryState.FORWARDED)


def test_a_rank_names_revision_stay_and_withdrawal() -> None:
    assert rank_of(made([FIRST, RETURNED])) == "1.2"
    assert rank_of(made([FIRST, WITHDRAWN])) == "3.1w"


def test_of_revisions_without_end_the_highest_are_remembered_and_when_each_stay_began_in_any_order() -> None:
    records = [arrival(at_ms=NOW_MS + number, revision=number) for number in range(1, 3 * MAX_RANKS)]
    records += [arrival(at_ms=NOW_MS + 500 + number, revision=number, chain="nl,de") for number in range(1, 90, 30)]
    shuffled = Random(1).sample(records, len(records))
    entry, other = made(records), made(shuffled)
    assert entry == other
    assert (entry.records, len(entry.ranks.split())) == (len(records), MAX_RANKS + 2)
    assert sorted(stays(entry)) == [NOW_MS + 1, NOW_MS + 501]
    assert absorb(entry, records[150]) is Meaning.REPEATED
    assert absorb(entry, records[50]) is Meaning.AMENDED
