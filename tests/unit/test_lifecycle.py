"""Which status event may follow which, and what becomes of the entry."""

import pytest

from schemas.codes import LOOKED_DISPOSITIONS, ActorRole, Disposition, EntryState, StatusType
from schemas.lifecycle import STEPS, Course, Step, course
from schemas.returns import MAX_RETURNS, Brought, Return, Returns, newest, returns

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


def back(*moments: int, tenure: int = 1) -> Returns:
    return Returns(tuple(Return(at_ms, tenure) for at_ms in moments))


def test_what_another_desk_forwards_here_after_this_one_forwarded_it_waits_again() -> None:
    forwarded = [step("looked", 5), step("forwarded", 10)]
    assert course(forwarded, returns=back(9)).state is FORWARDED
    assert course(forwarded, returns=back(11)).state is WAITING
    assert course([*forwarded, step("taken_up", 20)], returns=back(11)).state is IN_HAND
    again = course([*forwarded, step("forwarded", 20)], returns=back(11))
    assert (again.state, again.forwards) == (FORWARDED, 2)


def test_what_comes_back_after_it_was_closed_waits_again_and_is_looked_at_and_closed_anew() -> None:
    closed = [step("looked", 5), step("closed", 10)]
    assert course(closed, returns=back(10)).state is CLOSED
    found = course(closed, returns=back(3, 11))
    assert (found.state, found.looked_ms, found.closed_ms, found.disposition) == (WAITING, None, None, None)
    assert (found.looks, len(found.closings), found.returned_ms, found.contested) == (1, 1, 11, 0)
    again = course([*closed, step("looked", 20), step("closed", 30)], returns=back(11))
    assert (again.state, again.looks, again.looked_ms, again.contested) == (CLOSED, 2, 20, 0)
    assert [(closing.at_ms, closing.returned_ms) for closing in again.closings] == [(10, 0), (30, 11)]


def test_two_returns_begin_one_stay_each_only_where_a_closing_is_between() -> None:
    closed = [step("closed", 10), step("closed", 20)]
    assert course(closed, returns=back(11, 12)).state is CLOSED
    assert len(course(closed, returns=back(11, 12)).closings) == 2
    assert course(closed, returns=back(11, 21)).state is WAITING


def test_what_a_desk_opens_again_by_itself_is_no_return_and_a_return_after_that_begins_no_stay() -> None:
    found = course([step("looked", 5), step("closed", 10), step("reopened", 20)], returns=back(30))
    assert (found.state, found.looked_ms, found.contested) == (SHELVED, 5, 0)
    before = course([step("looked", 5), step("closed", 10), step("reopened", 20)], returns=back(15))
    assert (before.state, before.contested) == (WAITING, 1)


def test_what_was_said_of_a_closed_entry_before_it_came_back_stays_contested() -> None:
    found = course([step("closed", 10), step("looked", 15), step("taken_up", 25)], returns=back(20))
    assert (found.state, found.contested, found.looks_ms) == (IN_HAND, 1, (25,))


def test_a_return_that_the_chain_tells_too_begins_one_stay() -> None:
    forwarded = course([step("forwarded", 10), step("forwarded", 30)], tenure=2, returns=back(20, tenure=2))
    assert (forwarded.state, forwarded.tenure, forwarded.forwards) == (FORWARDED, 2, 2)
    closed = course([step("closed", 10), step("forwarded", 30)], tenure=2, returns=back(20, tenure=2))
    assert (closed.state, closed.tenure, closed.forwards) == (FORWARDED, 2, 1)
    last = course([step("closed", 10), step("forwarded", 30)], returns=back(20), last_stay=2)
    assert (last.state, last.tenure) == (FORWARDED, 1)


def brought(at_ms: int, revision: int = 1, sender: str = "be", tenure: int = 1) -> Brought:
    return Brought(at_ms, tenure, revision, sender)


def test_at_a_desk_that_the_report_addresses_whatever_is_brought_is_a_return() -> None:
    found = returns([brought(9, 2), brought(5)], addressed=True)
    assert found == back(5, 9)


def test_at_any_other_desk_the_first_is_how_it_came_and_a_newer_revision_the_same_way_an_amendment() -> None:
    def moments(*found: Brought) -> list[int]:
        return [one.at_ms for one in returns(found, addressed=False).moments]

    assert moments(brought(5)) == []
    assert moments(brought(5), brought(9, 2), brought(12, 3)) == []
    assert moments(brought(9), brought(5)) == [9]
    assert moments(brought(5), brought(9, 2, "de")) == [9]
    assert moments(brought(5), brought(9, 2, "be"), brought(12, 2, "be", 2)) == [12]


def test_of_returns_without_end_the_newest_are_remembered_and_no_forwarding_is_forgotten() -> None:
    every = [brought(10 * number) for number in range(1, 3 * MAX_RETURNS)]
    assert newest(every[::-1]) == newest([*newest(every[:100]), *every[50:]]) == tuple(every[-MAX_RETURNS:])
    ends = [step("closed" if number % 2 else "forwarded", 10 * number + 5) for number in range(1, 3 * MAX_RETURNS)]
    found = course(ends, returns=returns(every, addressed=True))
    assert (found.forwards, len(found.closings), found.contested) == (95, 96, 0)
