"""Which status event may follow which, and what becomes of the entry."""

import pytest

from schemas.codes import LOOKED_DISPOSITIONS, ActorRole, Disposition, EntryState, StatusType
from schemas.lifecycle import STEPS, Course, Step, course

WAITING, SHELVED, IN_HAND = EntryState.WAITING, EntryState.SHELVED, EntryState.IN_HAND
CLOSED, FORWARDED = EntryState.CLOSED, EntryState.FORWARDED
TABLE = {
    StatusType.LOOKED: {WAITING: SHELVED, SHELVED: SHELVED, IN_HAND: IN_HAND},
    StatusType.SHELVED: {WAITING: SHELVED, SHELVED: SHELVED, IN_HAND: SHELVED},
    StatusType.TAKEN_UP: {WAITING: IN_HAND, SHELVED: IN_HAND, IN_HAND: IN_HAND},
    StatusType.RETURNED: {IN_HAND: SHELVED},
    StatusType.FORWARDED: {WAITING: FORWARDED, SHELVED: FORWARDED, IN_HAND: FORWARDED},
    StatusType.CLOSED: {WAITING: CLOSED, SHELVED: CLOSED, IN_HAND: CLOSED},
    StatusType.REOPENED: {CLOSED: SHELVED},
}
PATHS = {
    WAITING: [],
    SHELVED: ["looked"],
    IN_HAND: ["taken_up"],
    CLOSED: ["looked", "closed"],
    FORWARDED: ["looked", "forwarded"],
}
"""What brings a new entry there."""


def step(event: str, at_ms: int = 0, role: ActorRole = ActorRole.TRIAGE, disposition: str = "no_offence") -> Step:
    kind = StatusType(event)
    closing = Disposition(disposition) if kind is StatusType.CLOSED else None
    return Step(kind, role, at_ms, closing, "de" if kind is StatusType.FORWARDED else None)


def steps(*events: str) -> list[Step]:
    return [step(event, number) for number, event in enumerate(events, 1)]


@pytest.mark.parametrize("event", StatusType)
@pytest.mark.parametrize("state", PATHS)
def test_what_may_follow_is_the_table_and_nothing_else(event: StatusType, state: EntryState) -> None:
    assert STEPS.keys() == TABLE.keys()
    found = course(steps(*PATHS[state], event))
    expected = TABLE[event].get(state)
    assert found.state is (expected or state)
    assert found.contested == (expected is None)


def test_an_impossible_step_changes_nothing_but_that_it_is_contested() -> None:
    closed = course(steps("looked", "closed"))
    assert closed.after(step("taken_up", 9)) == Course(
        **{**{name: getattr(closed, name) for name in Course.__slots__}, "contested": 1}
    )


def test_looked_without_more_is_shelved() -> None:
    assert course(steps("looked")).state is SHELVED


@pytest.mark.parametrize("event", ["looked", "shelved", "taken_up"])
def test_a_systems_look_is_no_look(event: str) -> None:
    found = course([step(event, role=ActorRole.SYSTEM)])
    assert (found.state, found.looked_ms, found.looks, found.contested) == (WAITING, None, 0, 0)


@pytest.mark.parametrize("disposition", Disposition)
def test_a_closing_looks_only_where_its_disposition_implies_it(disposition: Disposition) -> None:
    found = course([step("closed", 5, disposition=disposition)])
    looked = disposition in LOOKED_DISPOSITIONS
    assert (found.looked_ms == 5, found.unlooked, found.closings[0].unlooked) == (looked, not looked, not looked)


def test_a_systems_closing_is_no_look_whatever_its_disposition() -> None:
    found = course([step("closed", role=ActorRole.SYSTEM, disposition="prosecution")])
    assert (found.state, found.unlooked, found.looks) == (CLOSED, True, 0)


def test_the_first_look_of_a_stay_is_the_one_that_counts() -> None:
    found = course(steps("looked", "taken_up", "returned", "taken_up", "closed"))
    assert (found.looked_ms, found.taken_ms, found.closed_ms, found.looks) == (1, 2, 5, 1)


def test_what_was_reopened_unlooked_waits_again() -> None:
    assert course(steps("closed", "reopened")).state is WAITING
    assert course(steps("looked", "closed", "reopened")).state is SHELVED


def test_each_closing_is_remembered() -> None:
    found = course(steps("closed", "reopened", "looked", "closed"))
    assert [(closing.unlooked, closing.at_ms) for closing in found.closings] == [(True, 1), (False, 4)]


def test_what_follows_a_forwarding_is_contested_where_there_is_no_next_stay() -> None:
    found = course(steps("looked", "forwarded", "looked", "closed"))
    assert (found.state, found.contested, found.forwarded_to, found.forwarded_by) == (FORWARDED, 2, "de", "triage")


def test_what_follows_a_forwarding_belongs_to_the_next_stay_where_there_is_one() -> None:
    found = course(steps("looked", "forwarded", "looked", "closed"), tenure=2)
    assert (found.state, found.contested, found.looked_ms, found.looks, found.forwards) == (CLOSED, 0, 3, 2, 1)
    assert [closing.tenure for closing in found.closings] == [2]


def test_what_came_back_waits_again_and_remembers_what_was_counted() -> None:
    found = course(steps("looked", "forwarded"), tenure=2)
    assert (found.state, found.looked_ms, found.forwarded_to) == (WAITING, None, None)
    assert (found.tenure, found.looks, found.forwards) == (2, 1, 1)


def test_one_forwarding_more_than_possible_is_contested_and_those_before_are_not() -> None:
    found = course(steps("forwarded", "looked", "forwarded"), tenure=2, most_forwards=1)
    assert (found.state, found.forwards, found.contested) == (SHELVED, 1, 1)


def test_counts_only_grow_with_a_stay_that_becomes_known_later() -> None:
    events = steps("looked", "closed", "reopened", "forwarded", "taken_up", "closed", "looked")
    one, two = course(events), course(events, tenure=2)
    assert two.closings[: len(one.closings)] == one.closings
    assert two.looks >= one.looks
    assert two.forwards >= one.forwards


def test_what_another_desk_forwards_here_after_this_one_forwarded_it_waits_again() -> None:
    forwarded = [step("looked", 5), step("forwarded", 10)]
    assert course(forwarded, returned_ms=9).state is FORWARDED
    assert course(forwarded, returned_ms=11).state is WAITING
    assert course([*forwarded, step("taken_up", 20)], returned_ms=11).state is IN_HAND
    again = course([*forwarded, step("forwarded", 20)], returned_ms=11)
    assert (again.state, again.forwards) == (FORWARDED, 2)
