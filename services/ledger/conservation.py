"""Whether what was received is accounted for: checkpoints of both counts, held against each other when they must meet.

Every few seconds the counts of queue records and of receipts are noted, and then the ends of all topics. Once every
topic is read past its end, what one count had at that moment the other must have too.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Final, Protocol

from services.ledger.streams import (
    NONE,
    Checkpoint,
    Disagreement,
    Stream,
    StreamKey,
    checkpoint,
    disagreements,
    residue,
)
from services.runtime.cluster import Place

EVERY_S: Final = 5.0
LATE_S: Final = 60.0
"""A checkpoint that is not met within this means that the ledger is catching up."""


class Ends(Protocol):
    """How far partitions go."""

    def ends(self, places: Mapping[Place, int]) -> dict[Place, int] | None:
        """The next offset of each, of a moment after the first call; None until it is known: then ask again."""


class Conservation:
    """Remembers one checkpoint, and what the last one that was met left over.

    `held`: the desks of this ledger. Receipts name the others too, and are counted there in case one is added later;
    but their queues are not read, so nothing of theirs is in doubt.
    """

    def __init__(self, streams: Mapping[StreamKey, Stream], held: Collection[str]) -> None:
        self._streams = streams
        self._held = held
        self._then: Checkpoint | None = None
        self._ends: dict[Place, int] | None = None
        self._taken_at = 0.0
        self._left: Mapping[StreamKey, Disagreement] = {}
        self._behind = 0
        self.caught_up = False

    def weigh(
        self, topics: Ends, reached: Mapping[Place, int], now_s: float
    ) -> tuple[dict[tuple[str, str], int], int, bool]:
        """Residue by (desk, lane), offsets behind, and whether the topics have been read to their ends.

        `reached`: how far each partition is read and stored.
        """
        if self._then is None and now_s - self._taken_at >= EVERY_S:
            self._then, self._ends = checkpoint(self._streams), None
            self._taken_at = now_s
        if self._then is not None and self._ends is None:
            self._ends = topics.ends(reached)
        if self._then is not None and self._ends is not None:
            self._behind = sum(max(0, end - reached.get(place, 0)) for place, end in self._ends.items())
            if not self._behind:
                self._left = disagreements(self._then, self._streams)
                self.caught_up = True
                self._then = None
            elif now_s - self._taken_at > LATE_S:
                self.caught_up = False
                self._then = None
        return self.residue(), self._behind, self.caught_up

    def residue(self) -> dict[tuple[str, str], int]:
        """By (desk, lane), where there is any."""
        found: Counter[tuple[str, str]] = Counter()
        for key, stream in self._streams.items():
            if key.desk in self._held and (number := residue(stream, self._left.get(key, NONE))):
                found[key.desk, key.lane] += number
        return dict(found)
