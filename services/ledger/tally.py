"""What is counted of an entry, as the difference between before and after. Pure.

A tally says how many entries are so now, a counter how often something happened. The first depends on the entries
alone and can be made again from them (`referrals reconcile` does); the second only grows. What was counted, and did not
happen as is known now that a return was read, is counted again as taken back: a counter less what was taken back of it
depends on the entries alone too.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from schemas.codes import EntryState, Lane
from schemas.lifecycle import Closing, Course
from services.ledger.entry import Entry, rank_of

AGED: Final = frozenset({EntryState.WAITING, EntryState.SHELVED, EntryState.IN_HAND})
"""States whose tally is kept by slot of arrival."""
OVERDUE: Final = "overdue"
EVIDENCE: Final = "evidence"
EXPIRES: Final = "expires"
ORPHAN: Final = "orphan"
REJECTED: Final = "rejected"
REJECTED_URGENT: Final = "rejected_urgent"
"""Of those rejected, the ones that claim urgency."""
DAY_MS: Final = 86_400_000


class TallyKey(NamedTuple):
    """`kind` is a state or one of the names above; `slot` the start of a span of time in Unix ms, or 0."""

    kind: str
    desk: str
    lane: str
    slot: int


class CounterKey(NamedTuple):
    """`code`: a disposition, an upper bound, a result; whatever the counter is split by."""

    name: str
    desk: str
    lane: str
    code: str


Tallies = Counter[TallyKey]
Counters = Counter[CounterKey]


def weights(entry: Entry, slot_ms: int) -> Iterable[TallyKey]:
    """The tallies that this entry stands in, once each."""
    state, desk, lane = entry.state, entry.desk, str.__str__(entry.lane)
    if not entry.records:
        return (TallyKey(ORPHAN, desk, "", entry.arrived_ms // slot_ms * slot_ms),)
    if state not in AGED:
        return (TallyKey(state, desk, lane, 0),)
    found = [TallyKey(state, desk, lane, entry.arrived_ms // slot_ms * slot_ms)]
    if entry.expires_ms is not None:
        found.append(TallyKey(EXPIRES, desk, lane, entry.expires_ms // DAY_MS * DAY_MS))
    if state == EntryState.WAITING:
        if entry.missed:
            found.append(TallyKey(OVERDUE, desk, lane, 0))
        if entry.captured_ms is not None:
            found.append(TallyKey(EVIDENCE, desk, lane, entry.captured_ms // DAY_MS * DAY_MS))
    return found


class Before(NamedTuple):
    """What an entry was, as far as counting needs it."""

    tallies: tuple[TallyKey, ...] = ()
    looks: int = 0
    closings: int = 0
    forwards: int = 0
    state: str = ""
    missed: bool = False
    rank: str = ""
    taken_ms: int | None = None
    lane: Lane | None = None


NOTHING: Final = Before()
"""Before the entry was there at all."""


def before(entry: Entry, slot_ms: int) -> Before:
    """A picture of it now, for `count` later."""
    tallies = tuple(weights(entry, slot_ms))
    if not entry.met:  # what its events say counts once it is met, all of it
        return Before(tallies)
    return Before(
        tallies,
        entry.looks,
        entry.closings,
        entry.forwards,
        entry.state,
        entry.missed,
        rank_of(entry),
        entry.taken_ms,
        entry.lane,
    )


TAKEN_BACK: Final = "_back"
"""The end of the name of a counter that counts what was taken back of another."""
MAY_BE_TAKEN_BACK: Final = ("looked", "closed", "closed_unlooked", "forwarded")


def count(
    was: Before,
    entry: Entry,
    told: Sequence[Closing],
    course: Course | None,
    slot_ms: int,
    tallies: Tallies,
    counters: Counters,
) -> None:
    """Add what changed, but for what each queue record counts for itself.

    `course`: of all its events, None where it can not have changed; `told`: the closings that it had before.
    """
    for key in was.tallies:
        tallies[key] -= 1
    for key in weights(entry, slot_ms):
        tallies[key] += 1
    if not entry.records:
        return
    desk, lane = entry.desk, str.__str__(entry.lane)
    if course is not None:
        if looks := entry.looks - was.looks:
            if looks > 0 and entry.looked_ms is not None:
                _time(counters, "time_to_look", lane, entry.looked_ms - (course.returned_ms or entry.arrived_ms))
            _add(counters, CounterKey("looked", desk, lane, ""), looks)
        if course.closings != told:
            _count_closings(told, course.closings, entry, counters)
        if forwards := entry.forwards - was.forwards:
            _add(counters, CounterKey("forwarded", desk, lane, ""), forwards)
    if entry.missed and not was.missed:
        counters[CounterKey("target_missed", desk, lane, "")] += 1
    if entry.state != was.state and entry.state == EntryState.EXPIRED:
        counters[CounterKey("expired", desk, lane, "")] += 1


def _count_closings(told: Sequence[Closing], closings: Sequence[Closing], entry: Entry, counters: Counters) -> None:
    """A return that is read late puts closings between those that were told, and may make others of those."""
    desk, lane = entry.desk, str.__str__(entry.lane)
    found = Counter(closings)
    found.subtract(told)
    gone = {closing.at_ms for closing, number in found.items() if number < 0}
    by_disposition: Counter[str] = Counter()
    unlooked = 0
    for closing, number in found.items():
        by_disposition[closing.disposition] += number
        unlooked += closing.unlooked * number
        # Of a stay before, the arrival is not known any more; and what was told otherwise was timed then.
        if number > 0 and closing.tenure == entry.tenure and closing.at_ms not in gone:
            for _ in range(number):
                _time(counters, "time_to_close", lane, closing.at_ms - (closing.returned_ms or entry.arrived_ms))
    for disposition, number in by_disposition.items():
        _add(counters, CounterKey("closed", desk, "", disposition), number)
    _add(counters, CounterKey("closed_unlooked", desk, "", ""), unlooked)


def _add(counters: Counters, key: CounterKey, number: int) -> None:
    """Add to a counter, which never falls: what would make it fall is counted apart, whatever the lane is now."""
    if number > 0:
        counters[key] += number
    elif number < 0:
        counters[CounterKey(f"{key.name}{TAKEN_BACK}", key.desk, "", key.code)] -= number


TIME_BOUNDS_S: Final = (60, 900, 3_600, 14_400, 86_400, 604_800, 2_592_000, 7_776_000, 31_536_000)
"""Upper bounds of the two histograms of time, in seconds."""

_BOUNDS: Final = (*map(str, TIME_BOUNDS_S), "+Inf")


def _time(counters: Counters, name: str, lane: str, taken_ms: int) -> None:
    seconds = max(0, taken_ms // 1000)
    counters[CounterKey(name, "", lane, _BOUNDS[bisect_left(TIME_BOUNDS_S, seconds)])] += 1
    counters[CounterKey(name, "", lane, "sum")] += seconds
