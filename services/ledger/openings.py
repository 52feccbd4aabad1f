"""What is counted of entries that one queue record has just opened, all at once: most of what a ledger takes in. Pure.

The same as `tally.count` and `history.moments` would count of each, in a fraction of the time: a test holds them to it.
"""

from collections import defaultdict

from schemas.codes import EntryState
from services.ledger.entry import Entry
from services.ledger.history import ARRIVED, History, MomentKey, span_ms
from services.ledger.tally import DAY_MS, EVIDENCE, EXPIRES, Tallies, TallyKey
from services.ledger.waits import Queue, Waiting


class Openings:
    """Gathers entries that wait, were not there before, and of which nothing else was said."""

    def __init__(self, slot_ms: int) -> None:
        self._slot_ms = slot_ms
        self._arrived: defaultdict[tuple[str, str, int], int] = defaultdict(int)
        self._expiring: defaultdict[tuple[str, str, int], int] = defaultdict(int)
        self._captured: defaultdict[tuple[str, str, int], int] = defaultdict(int)
        self._earliest: dict[Queue, int] = {}

    def add(self, entry: Entry) -> None:
        """One of them."""
        desk, lane, arrived_ms = entry.desk, entry.lane, entry.arrived_ms
        self._arrived[desk, lane, arrived_ms // self._slot_ms] += 1
        if entry.expires_ms is not None:
            self._expiring[desk, lane, entry.expires_ms // DAY_MS] += 1
        if entry.captured_ms is not None:
            self._captured[desk, lane, entry.captured_ms // DAY_MS] += 1
        queue = desk, lane
        if arrived_ms < self._earliest.setdefault(queue, arrived_ms):
            self._earliest[queue] = arrived_ms

    def count(self, tallies: Tallies, history: History, waiting: Waiting) -> None:
        """Add all of them to what else a batch has counted."""
        width = span_ms(self._slot_ms)
        for (desk, lane, slot), number in self._arrived.items():
            start_ms, name = slot * self._slot_ms, str.__str__(lane)
            tallies[TallyKey(EntryState.WAITING, desk, name, start_ms)] += number
            history[MomentKey(desk, name, start_ms // width * width, ARRIVED)] += number
        for kind, by_day in ((EXPIRES, self._expiring), (EVIDENCE, self._captured)):
            for (desk, lane, day), number in by_day.items():
                tallies[TallyKey(kind, desk, str.__str__(lane), day * DAY_MS)] += number
        for queue, arrived_ms in self._earliest.items():
            waiting.come(queue, arrived_ms, missed=False)
