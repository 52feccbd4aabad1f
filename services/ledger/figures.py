"""What the ledger shows, in memory: the tallies and counters of the database, kept up by each committed batch.

Written by the thread that reads and stores, read by the one that serves; `lock` stands between them.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from math import inf
from operator import itemgetter
from threading import Lock
from typing import Final

from schemas.codes import EntryState, Lane
from services.ledger.batch import Batch
from services.ledger.history import PastSpans, Span
from services.ledger.spans import Spans
from services.ledger.tally import DAY_MS, EVIDENCE, EXPIRES, ORPHAN, CounterKey, TallyKey

_BY_SLOT = frozenset({EntryState.WAITING, EntryState.SHELVED, EVIDENCE, EXPIRES, ORPHAN})
Queue = tuple[str, str]
"""Desk and lane."""


AGE_BOUNDS_S: Final = (3_600, 14_400, 86_400, 604_800, 2_592_000, 7_776_000, 31_536_000)
"""Upper bounds of an age, in seconds: an hour to a year; with one more for all above, eight buckets."""


@dataclass(slots=True)
class Ages:
    """Entries by age, from the start of the span they arrived in: never younger than the truth.

    `buckets`: how many in each, not cumulated, right from `at_ms` until `until_ms`, when the first span passes the
    next bound.
    """

    buckets: list[int]
    entries: int
    starts_ms: int
    """The sum of all starts."""
    at_ms: float
    until_ms: float

    def total_s(self, now_ms: int) -> float:
        """The sum of all ages, in seconds."""
        return (now_ms * self.entries - self.starts_ms) / 1000

    def add(self, slot: int, number: int) -> None:
        """So many more in a span; counting all anew for each batch would cost more than the batch."""
        place = bisect_left(AGE_BOUNDS_S, (self.at_ms - slot) / 1000)
        self.buckets[place] += number
        self.entries += number
        self.starts_ms += slot * number
        if place < len(AGE_BOUNDS_S):
            self.until_ms = min(self.until_ms, slot + AGE_BOUNDS_S[place] * 1000 + 1)


NO_AGES: Final = Ages([0] * (len(AGE_BOUNDS_S) + 1), 0, 0, -inf, inf)


def _aged(spans: Spans, now_ms: int) -> Ages:
    edges: list[int | None] = [None, *(now_ms - bound * 1000 for bound in reversed(AGE_BOUNDS_S)), None]
    buckets = [spans.between(begin, end) for begin, end in pairwise(edges)][::-1]
    until = inf
    for bound in AGE_BOUNDS_S:
        if (following := spans.next_from(now_ms - bound * 1000)) is not None:
            until = min(until, following + bound * 1000 + 1)
    return Ages(buckets, sum(buckets), spans.starts_total_ms(), now_ms, until)


class Figures:
    """Counts now. `slots` has those that depend on an age: kind, desk and lane → start of span (Unix ms) → entries."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.version = 0
        self.active = False
        self.sessions_failed = 0
        self.caught_up = False
        self.lag_records = 0
        self.last_commit_ms = 0
        self.counts: Counter[tuple[str, str, str]] = Counter()
        """(kind, desk, lane) → entries."""
        self.slots: dict[tuple[str, str, str], Spans] = {}
        self._ages: dict[tuple[str, str, str], Ages] = {}
        self._through: dict[tuple[str, str, str], tuple[int, int]] = {}
        self.counters: Counter[CounterKey] = Counter()
        self._changed_at: dict[str, int] = {}
        """A counter's name → the version in which it changed last."""
        self._loaded_at = 0
        self.heard: dict[str, int] = {}
        self.oldest: dict[Queue, int] = {}
        """When the entry that waits longest arrived (Unix ms); absent where none waits."""
        self.unsent_ms = 0
        """When the oldest message was made that the broker has not acknowledged; 0 where there is none."""
        self.unanswered: dict[str, tuple[int, int]] = {}
        """Desk → reroute commands without a receipt, and when the first was said (Unix ms); absent where none."""
        self.residue: dict[Queue, int] = {}
        self.spans = PastSpans()

    def load(
        self,
        tallies: Iterable[tuple[str, str, str, int, int]],
        counters: Mapping[CounterKey, int],
        heard: Mapping[str, int],
    ) -> None:
        """Begin with what the database holds. `tallies`: key and number, in order; read on the way, being millions.

        `spans` has a `load` of its own.
        """
        with self.lock:
            self.counts.clear()
            self.slots.clear()
            self._ages.clear()
            self._through.clear()
            self.oldest.clear()
            self.unanswered = {}
            for key, rows in groupby(tallies, itemgetter(0, 1, 2)):
                known = [(slot, number) for _, _, _, slot, number in rows if number]
                self.counts[key] = sum(number for _, number in known)
                if key[0] in _BY_SLOT:
                    self.slots[key] = Spans(*zip(*known, strict=True)) if known else Spans()
            self.counters = Counter(counters)
            self._changed_at.clear()
            self._loaded_at = self.version + 1
            self.heard = dict(heard)
            self.version += 1

    def committed(self, batch: Batch, at_ms: int) -> None:
        """A batch is stored."""
        with self.lock:
            self._add(batch.tallies.items())
            for key, number in batch.counters.items():
                self.counters[key] += number
                self._changed_at[key.name] = self.version + 1
            self.spans.add(batch.history)
            for desk, heard_ms in batch.heard.items():
                self.heard[desk] = max(heard_ms, self.heard.get(desk, 0))
            self.last_commit_ms = at_ms
            self.version += 1

    def changed_at(self, names: Iterable[str]) -> int:
        """The version in which one of these counters changed last. The caller holds `lock`."""
        return max(self._changed_at.get(name, self._loaded_at) for name in names)

    def _add(self, tallies: Iterable[tuple[TallyKey, int]]) -> None:
        for (kind, desk, lane, slot), number in tallies:
            key = kind, desk, lane
            self.counts[key] += number
            if kind in _BY_SLOT:
                if (spans := self.slots.get(key)) is None:
                    spans = self.slots[key] = Spans()
                spans.add(slot, number)
                self._through.pop(key, None)
                if (ages := self._ages.get(key)) is not None:
                    ages.add(slot, number)

    def ages(self, kind: str, desk: str, lane: str, now_ms: int) -> Ages:
        """How old they are. Counted anew only where something changed, or a span has passed a bound since."""
        key = kind, desk, lane
        slots = self.slots.get(key)
        if not slots:
            return NO_AGES
        known = self._ages.get(key)
        if known is None or not known.at_ms <= now_ms < known.until_ms:
            known = self._ages[key] = _aged(slots, now_ms)
        return known

    def through(self, kind: str, desk: str, lane: str, last_ms: int) -> int:
        """Entries whose day began then or earlier, of a kind that is kept by day. The caller holds `lock`."""
        key = kind, desk, lane
        if not (spans := self.slots.get(key)):
            return 0
        day = last_ms // DAY_MS
        known = self._through.get(key)
        if known is None or known[0] != day:
            known = self._through[key] = day, spans.through(last_ms)
        return known[1]

    def orphaned(self, desk: str, now_ms: int) -> int:
        """Entries that only status events speak of, a day after the first of them: a referral may be read later.

        By the broker's time, from the start of the span: never younger than the truth. The caller holds `lock`.
        """
        spans = self.slots.get((ORPHAN, desk, ""))
        return spans.through(now_ms - DAY_MS) if spans else 0

    def history(self, desks: Iterable[str], starts: range) -> Sequence[Span]:
        """Spans in order of time, of these desks together. `starts`: of `spans`. The caller holds `lock`."""
        queues = ((desk, lane.value) for desk in desks for lane in Lane)
        return self.spans.of(queues, starts)
