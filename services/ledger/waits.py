"""Of each queue: when what waits longest arrived, and from when on the time to look may have passed. Pure.

The database is asked only where something left that may have waited longest, or where a target may have passed: a
sweep of hundreds of queues costs as much as what happened in them.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

Queue = tuple[str, str]
"""Desk and lane."""
LATER: Final = 1 << 62
"""Unix ms: after everything."""


def earliest(times_ms: Iterable[int | None]) -> int | None:
    """Of those that there are."""
    return min((at_ms for at_ms in times_ms if at_ms is not None), default=None)


class Waiting:
    """What one batch changed of that: the earliest that came to wait, and in which spans something waited before."""

    def __init__(self) -> None:
        self.came: dict[Queue, int] = {}
        """When the earliest that waits now arrived, Unix ms."""
        self.unmissed: dict[Queue, int] = {}
        """The same of those that are not counted as missed."""
        self.left: dict[Queue, int] = {}
        """The earliest start of a span (Unix ms) of what waited before and was touched."""

    def come(self, queue: Queue, arrived_ms: int, missed: bool) -> None:
        """This waits, and is new or changed."""
        if arrived_ms < self.came.get(queue, LATER):
            self.came[queue] = arrived_ms
        if not missed and arrived_ms < self.unmissed.get(queue, LATER):
            self.unmissed[queue] = arrived_ms

    def leave(self, queue: Queue, slot: int) -> None:
        """Something waited here that arrived in this span; it may do so no more, or elsewhere."""
        self.left[queue] = min(slot, self.left.get(queue, slot))


class Waits:
    """Kept up with each stored batch. `oldest` is exact but for the queues of `stale`."""

    def __init__(self, oldest: Mapping[Queue, int], unmissed: Mapping[Queue, int]) -> None:
        self.oldest = dict(oldest)
        self.stale: set[Queue] = set()
        self._unmissed = dict(unmissed)
        """Nothing that waits and is not counted as missed arrived before this; absent where there is none."""

    def stored(self, batch: Waiting) -> None:
        """A batch is stored."""
        for queue, slot in batch.left.items():
            if slot <= self.oldest.get(queue, slot):
                self.stale.add(queue)
        for queue, arrived_ms in batch.came.items():
            self.oldest[queue] = min(arrived_ms, self.oldest.get(queue, arrived_ms))
        for queue, arrived_ms in batch.unmissed.items():
            self._unmissed[queue] = min(arrived_ms, self._unmissed.get(queue, arrived_ms))

    def refresh(self, queue: Queue, oldest_ms: int | None) -> None:
        """What the database says of a stale one; None where nothing waits."""
        self.stale.discard(queue)
        if oldest_ms is None:
            self.oldest.pop(queue, None)
        else:
            self.oldest[queue] = oldest_ms

    def past(self, before_ms: Mapping[Queue, int]) -> Iterator[tuple[Queue, int]]:
        """Queues where something that arrived before `before_ms` may not be counted as missed, and from when on."""
        for queue, arrived_ms in list(self._unmissed.items()):
            if arrived_ms < before_ms.get(queue, 0):  # of a desk that is gone nothing is due
                yield queue, arrived_ms

    def counted(self, queue: Queue, next_ms: int | None) -> None:
        """All that is due is counted as missed; the next one arrived then, None where none is left."""
        if next_ms is None:
            self._unmissed.pop(queue, None)
        else:
            self._unmissed[queue] = next_ms
