"""What happened to entries, by spans of time: arrivals, first looks, closings. Pure.

A moment is the broker's time of what happened, never of when it was read, and what an entry's moments are is a function
of the entry and its events alone. So `history` is the sum over all entries, whatever was read first: when something
that is read later moves a moment, or the entry to another lane, it is taken away where it was and added where it is.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from schemas.lifecycle import Course
from services.ledger.entry import Entry, stays

SPAN_SLOTS: Final = 6
"""A span is as wide as so many slots of a tally: six hours."""
SPANS: Final = 120
"""How many are kept, the one that runs included: thirty days of six hours."""
KNOWN_SPANS: Final = 4
"""From how many spans on a pace can be told: a day."""

ARRIVED: Final = "arrived"
LOOKED: Final = "looked"
CLOSED: Final = "closed"


class MomentKey(NamedTuple):
    """`slot`: the start of a span, Unix ms. `what` is one of the three above."""

    desk: str
    lane: str
    slot: int
    what: str


History = Counter[MomentKey]


def span_ms(slot_ms: int) -> int:
    """The width of a span, of that of a slot."""
    return slot_ms * SPAN_SLOTS


def first_kept(now_ms: int, slot_ms: int) -> int:
    """The start of the oldest span that is kept."""
    width = span_ms(slot_ms)
    return (now_ms // width - SPANS + 1) * width


def moments(entry: Entry, course: Course | None, slot_ms: int) -> Iterator[MomentKey]:
    """Each once for each time it happened. `course`: of all its events; None where there is none."""
    if not entry.met:
        return
    desk, lane, width = entry.desk, str.__str__(entry.lane), slot_ms * SPAN_SLOTS
    for at_ms in stays(entry):
        yield MomentKey(desk, lane, at_ms // width * width, ARRIVED)
    if course is None:
        return
    for at_ms in course.looks_ms:
        yield MomentKey(desk, lane, at_ms // width * width, LOOKED)
    for closing in course.closings:
        yield MomentKey(desk, lane, closing.at_ms // width * width, CLOSED)


def replace_moments(history: History, was: Iterable[MomentKey], now: Iterable[MomentKey]) -> None:
    """Count one entry's moments as they are now instead of as they were."""
    for key in was:
        history[key] -= 1
    for key in now:
        history[key] += 1


def replace_course(history: History, entry: Entry, told: Course | None, course: Course, slot_ms: int) -> None:
    """The same for one of which no queue record changed anything: only what its events say, before and now."""
    was = (told.looks_ms, told.closings) if told is not None else ((), ())
    now = course.looks_ms, course.closings
    if was == now:
        return
    desk, lane, width = entry.desk, str.__str__(entry.lane), slot_ms * SPAN_SLOTS
    for number, (looks_ms, closings) in ((-1, was), (1, now)):
        for at_ms in looks_ms:
            history[MomentKey(desk, lane, at_ms // width * width, LOOKED)] += number
        for closing in closings:
            history[MomentKey(desk, lane, closing.at_ms // width * width, CLOSED)] += number


class Span(NamedTuple):
    """How many entries came in a span of time, were looked at for the first time in it, and were closed in it."""

    start_ms: int
    arrived: int
    looked: int
    closed: int = 0


NO_SPANS: Final = range(0)


class PastSpans:
    """The history in memory: by desk and lane, as far back as it is kept."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], dict[int, list[int]]] = {}
        self._slot_ms = 0
        self._whole_from_ms: int | None = None
        self._told: dict[tuple[tuple[tuple[str, str], ...], range], tuple[Span, ...]] = {}
        self._sums: dict[tuple[str, str, range], tuple[int, int, int]] = {}
        """Both: what was asked for since the last change."""

    def load(self, history: Mapping[MomentKey, int], slot_ms: int, whole_from_ms: int | None) -> None:
        """Begin with what the database holds. `whole_from_ms`: from when on all is known, where older spans went."""
        self._numbers.clear()
        self._slot_ms, self._whole_from_ms = slot_ms, whole_from_ms
        self.add(history)

    def add(self, history: Mapping[MomentKey, int]) -> None:
        """A batch is stored."""
        self._told.clear()
        self._sums.clear()
        for key, number in history.items():
            slots = self._numbers.setdefault((key.desk, key.lane), {})
            slots.setdefault(key.slot, [0, 0, 0])[_PLACES[key.what]] += number

    def oldest(self) -> int | None:
        """The start of the oldest span of any desk."""
        return min((min(slots) for slots in self._numbers.values() if slots), default=None)

    def forget(self, before_ms: int) -> None:
        """PastSpans that began before this are not kept any more."""
        self._told.clear()
        self._sums.clear()
        self._whole_from_ms = before_ms
        for slots in self._numbers.values():
            for slot in [slot for slot in slots if slot < before_ms]:
                del slots[slot]

    def starts(self, now_ms: int) -> range:
        """The spans of which all is known, the running one included. Empty where nothing ever happened."""
        if not self._slot_ms:
            return NO_SPANS
        width, first = span_ms(self._slot_ms), first_kept(now_ms, self._slot_ms)
        known = self._whole_from_ms if self._whole_from_ms is not None else self.oldest()
        return NO_SPANS if known is None else range(max(first, known), now_ms // width * width + 1, width)

    def of(self, queues: Iterable[tuple[str, str]], starts: range) -> tuple[Span, ...]:
        """Of these desks and lanes together: a span for each start, those without anything too."""
        asked = tuple(queues), starts
        if asked not in self._told:
            self._told[asked] = self._of(*asked)
        return self._told[asked]

    def _of(self, queues: Iterable[tuple[str, str]], starts: range) -> tuple[Span, ...]:
        sums = {start: [0, 0, 0] for start in starts}
        for queue in queues:
            for slot, numbers in self._numbers.get(queue, {}).items():
                if (found := sums.get(slot)) is not None:
                    found[0] += numbers[0]
                    found[1] += numbers[1]
                    found[2] += numbers[2]
        return tuple(Span(start, *numbers) for start, numbers in sums.items())

    def sums(self, desk: str, lane: str, starts: range) -> tuple[int, int, int]:
        """Arrived, looked at and closed, of one desk and lane, in all these spans."""
        asked = desk, lane, starts
        if (known := self._sums.get(asked)) is None:
            kept = [numbers for slot, numbers in self._numbers.get((desk, lane), {}).items() if slot in starts]
            arrived, looked, closed = map(sum, zip(*kept, strict=True)) if kept else (0, 0, 0)
            known = self._sums[asked] = arrived, looked, closed
        return known


_PLACES: Final = {ARRIVED: 0, LOOKED: 1, CLOSED: 2}
