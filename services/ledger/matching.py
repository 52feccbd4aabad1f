"""Queue records and receipts of a stream, paired as they are read: what is left names what is missing. Pure.

Pairs are forgotten at once, so memory holds only what one topic is ahead of the other, and what has no other half.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from services.ledger.streams import StreamKey


class Stands(NamedTuple):
    """Where a record is: topic, partition, offset."""

    topic: str
    partition: int
    offset: int


class Half(NamedTuple):
    """One of a pair without the other. `entry`: the key of the entry it is about; for the operator's eyes alone."""

    stands: Stands
    ingress_offset: int
    entry: str


class Hole(NamedTuple):
    """Running numbers that are not in the queue: between two records of it, with their ingress offsets."""

    after: int
    before: int
    left: Half
    right: Half


class Twice(NamedTuple):
    """A running number that was there before, or a smaller one than before."""

    number: int
    half: Half


@dataclass(slots=True)
class Matching:
    """One stream. `comparable`: receipts are kept from this ingress offset on."""

    key: StreamKey
    comparable: int
    unqueued: dict[int, Half] = field(default_factory=dict)
    unreceipted: dict[int, Half] = field(default_factory=dict)
    holes: list[Hole] = field(default_factory=list)
    twice: list[Twice] = field(default_factory=list)
    newest: dict[tuple[str, int], int] = field(default_factory=dict)
    """(topic, partition) → the offset of the newest record of the stream there."""
    _last: int = 0
    _last_half: Half | None = None

    def queued(self, number: int, half: Half) -> None:
        """A queue record with its running number, in the order of the queue."""
        self._note(half)
        if number <= self._last:
            self.twice.append(Twice(number, half))
            return
        if self._last_half is not None and number > self._last + 1:
            self.holes.append(Hole(self._last, number, self._last_half, half))
        self._last, self._last_half = number, half
        if half.ingress_offset >= self.comparable and self.unqueued.pop(half.ingress_offset, None) is None:
            self.unreceipted[half.ingress_offset] = half

    def receipted(self, half: Half) -> None:
        """A receipt that names this queue."""
        self._note(half)
        if half.ingress_offset >= self.comparable and self.unreceipted.pop(half.ingress_offset, None) is None:
            self.unqueued[half.ingress_offset] = half

    def _note(self, half: Half) -> None:
        self.newest[half.stands.topic, half.stands.partition] = half.stands.offset

    @property
    def settled(self) -> bool:
        """Whether every half has its other."""
        return not self.unqueued and not self.unreceipted

    @property
    def sound(self) -> bool:
        """Whether the topics agree about this stream."""
        return self.settled and not self.holes and not self.twice
