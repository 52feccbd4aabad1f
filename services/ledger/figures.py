"""What the ledger shows, in memory: the tallies and counters of the database, kept up by each committed batch.

Written by the thread that reads and stores, read by the one that serves; `lock` stands between them.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from threading import Lock
from typing import Final, NamedTuple

from schemas.codes import EntryState
from services.ledger.batch import Batch
from services.ledger.tally import DAY_MS, EVIDENCE, EXPIRES, ORPHAN, CounterKey, TallyKey

_BY_SLOT = frozenset({EntryState.WAITING, EntryState.SHELVED, EVIDENCE, EXPIRES, ORPHAN})
Queue = tuple[str, str]
"""Desk and lane."""


AGE_BOUNDS_S: Final = (3_600, 14_400, 86_400, 604_800, 2_592_000, 7_776_000, 31_536_000)
"""Upper bounds of an age, in seconds: an hour to a year; with one more for all above, eight buckets."""


@dataclass(frozen=True, slots=True)
class Ages:
    """Entries by age, from the start of the span they arrived in: never younger than the truth.

    `buckets`: how many in each, not cumulated. `until_ms`: when the first span passes the next bound.
    """

    buckets: tuple[int, ...]
    entries: int
    starts_ms: int
    """The sum of all starts."""
    until_ms: float

    def total_s(self, now_ms: int) -> float:
        """The sum of all ages, in seconds."""
        return (now_ms * self.entries - self.starts_ms) / 1000


NO_AGES: Final = Ages((0,) * (len(AGE_BOUNDS_S) + 1), 0, 0, inf)


def _aged(slots: Mapping[int, int], now_ms: int) -> Ages:
    buckets = [0] * (len(AGE_BOUNDS_S) + 1)
    starts, until = 0, inf
    for slot, number in slots.items():
        place = bisect_left(AGE_BOUNDS_S, (now_ms - slot) / 1000)
        buckets[place] += number
        starts += slot * number
        if place < len(AGE_BOUNDS_S):
            until = min(until, slot + AGE_BOUNDS_S[place] * 1000 + 1)
    return Ages(tuple(buckets), sum(buckets), starts, until)


class Span(NamedTuple):
    """How many entries came in a span of time, and how many were looked at for the first time in it."""

    start_ms: int
    arrived: int
    looked: int


class Figures:
    """Counts now. `slots` has those that depend on an age: kind, desk and lane → start of span (Unix ms) → entries."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.version = 0
        self.active = False
        self.caught_up = False
        self.lag_records = 0
        self.last_commit_ms = 0
        self.counts: Counter[tuple[str, str, str]] = Counter()
        """(kind, desk, lane) → entries."""
        self.slots: dict[tuple[str, str, str], dict[int, int]] = {}
        self._ages: dict[tuple[str, str, str], Ages] = {}
        self.counters: Counter[CounterKey] = Counter()
        self.heard: dict[str, int] = {}
        self.oldest: dict[Queue, int] = {}
        """When the entry that waits longest arrived (Unix ms); absent where none waits."""
        self.unanswered: dict[str, tuple[int, int]] = {}
        """Desk → reroute commands without a receipt, and when the first was said (Unix ms); absent where none."""
        self.residue: dict[Queue, int] = {}

    def load(
        self, tallies: Mapping[TallyKey, int], counters: Mapping[CounterKey, int], heard: Mapping[str, int]
    ) -> None:
        """Begin with what the database holds."""
        with self.lock:
            self.counts.clear()
            self.slots.clear()
            self._ages.clear()
            self.oldest.clear()
            self.unanswered = {}
            self._add(tallies)
            self.counters = Counter(counters)
            self.heard = dict(heard)
            self.version += 1

    def committed(self, batch: Batch, at_ms: int) -> None:
        """A batch is stored."""
        with self.lock:
            self._add(batch.tallies)
            for key, number in batch.counters.items():
                self.counters[key] += number
            for desk, heard_ms in batch.heard.items():
                self.heard[desk] = max(heard_ms, self.heard.get(desk, 0))
            self.last_commit_ms = at_ms
            self.version += 1

    def _add(self, tallies: Mapping[TallyKey, int]) -> None:
        for (kind, desk, lane, slot), number in tallies.items():
            self.counts[kind, desk, lane] += number
            if kind in _BY_SLOT:
                slots = self.slots.setdefault((kind, desk, lane), {})
                self._ages.pop((kind, desk, lane), None)
                left = slots.get(slot, 0) + number
                if left:
                    slots[slot] = left
                else:
                    slots.pop(slot, None)

    def ages(self, kind: str, desk: str, lane: str, now_ms: int) -> Ages:
        """How old they are. Counted anew only where something changed, or a span has passed a bound since."""
        key = kind, desk, lane
        slots = self.slots.get(key)
        if not slots:
            return NO_AGES
        known = self._ages.get(key)
        if known is None or now_ms >= known.until_ms:
            known = self._ages[key] = _aged(slots, now_ms)
        return known

    def orphaned(self, desk: str, now_ms: int) -> int:
        """Entries that only status events speak of, a day after the first of them: a referral may be read later.

        By the broker's time, from the start of the span: never younger than the truth. The caller holds `lock`.
        """
        slots = self.slots.get((ORPHAN, desk, ""), {})
        return sum(number for slot, number in slots.items() if slot <= now_ms - DAY_MS)

    def history(self, desk: str | None = None) -> Sequence[Span]:  # noqa: ARG002 - whose, once it is kept
        """Spans in order of time, of one desk or of those that report together. Not kept yet: empty.

        The caller holds `lock`.
        """
        return ()
