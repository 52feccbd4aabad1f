"""Received, counted without looking at entries: running numbers and receipts of each (queue, ingress partition). Pure.

A queue's records of one ingress partition are numbered 1, 2, 3 … by the router, and each has a receipt. What is
numbered and was never read, what was read twice, what is receipted and not in the queue, and the other way about:
each is a residue, and has coordinates.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple


class StreamKey(NamedTuple):
    """A queue and an ingress partition (`<topic>/<partition>`)."""

    desk: str
    lane: str
    source: str


class Gap(NamedTuple):
    """Running numbers that never came: those between the two."""

    after: int
    before: int

    @property
    def size(self) -> int:
        """How many."""
        return self.before - self.after - 1


@dataclass(slots=True)
class Stream:
    """What was read of it. `first` is the first number met (over 1 where retention was sooner), `last` the highest.

    `records` and `receipts` count those from the first receipt that is kept on: only what both could name is compared.
    """

    first: int = 0
    last: int = 0
    records: int = 0
    missing: int = 0
    doubled: int = 0
    receipts: int = 0

    def advance(self, count: int, compared: bool) -> Gap | None:
        """One queue record; `compared`: its receipt is one of those kept. The gap before it, where there is one."""
        self.records += compared
        if self.last == 0:
            self.first = self.last = count
            return None
        if count <= self.last:
            self.doubled += 1
            return None
        gap = Gap(self.last, count)
        self.last = count
        if not gap.size:
            return None
        self.missing += gap.size
        return gap

    @property
    def numbered(self) -> int:
        """How many records the running numbers speak of."""
        return self.last - self.first + 1 if self.last else 0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Both counts of every stream at one moment. Once all topics have been read past it, they must have met."""

    records: Mapping[StreamKey, int]
    receipts: Mapping[StreamKey, int]


def checkpoint(streams: Mapping[StreamKey, Stream]) -> Checkpoint:
    """The counts now."""
    return Checkpoint(
        {key: stream.records for key, stream in streams.items()},
        {key: stream.receipts for key, stream in streams.items()},
    )


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Of one stream: `unqueued` receipts without their queue record, `unreceipted` the other way about."""

    unqueued: int = 0
    unreceipted: int = 0


NONE: Final = Disagreement()


def disagreements(then: Checkpoint, streams: Mapping[StreamKey, Stream]) -> dict[StreamKey, Disagreement]:
    """What is left of a checkpoint after every topic was read past it: where receipts and queues do not agree.

    A transaction's markers reach its partitions one after the other, so counts of one moment may differ rightly; but
    what one had then, the other must have by now. Empty when all is well.
    """
    found = {}
    for key, stream in streams.items():
        left = Disagreement(
            max(0, then.receipts.get(key, 0) - stream.records),
            max(0, then.records.get(key, 0) - stream.receipts),
        )
        if left != NONE:
            found[key] = left
    return found


def residue(stream: Stream, left: Disagreement) -> int:
    """How many referrals of a stream are in doubt. A record that never came shows as a gap and as unqueued: once."""
    return max(stream.missing, left.unqueued) + max(stream.doubled, left.unreceipted)
