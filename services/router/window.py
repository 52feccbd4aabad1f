"""What one input partition remembers: identities seen, and the running number of each queue. Pure.

Never rolled back: after a failure it is thrown away and read again from the seen-log (kafka.md, item 3).
"""

from collections.abc import Iterator
from enum import Enum, auto
from itertools import takewhile
from typing import Final

from schemas.changelog import SeenRecord

_DIGEST_BITS: Final = 65
_DIGEST: Final = (1 << _DIGEST_BITS) - 1
_OTHER_VERSION: Final = 1 << 64
"""Stands for a digest of another version: equal to none of ours."""


class Seen(Enum):
    """What the window says of an identity."""

    NEW = auto()
    SAME = auto()
    OTHER = auto()


class Window:
    """Identity → (when first seen, digest), packed in one int. Times are Unix seconds."""

    def __init__(self, horizon_seconds: int) -> None:
        self.horizon_seconds = horizon_seconds
        self.counts: dict[str, int] = {}
        self.next_offset: int | None = None
        self.newest_seconds = 0
        self._seen: dict[bytes, int] = {}
        self._fresh: list[tuple[bytes, int]] = []
        self._before: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._seen)

    def admit(self, identity: bytes, digest: int, at_seconds: int) -> Seen:
        """Whether the identity is new (then it is remembered), or known with this content, or with other."""
        known = self._seen.get(identity)
        if known is not None:
            if at_seconds - (known >> _DIGEST_BITS) <= self.horizon_seconds:
                return Seen.SAME if known & _DIGEST == digest else Seen.OTHER
            del self._seen[identity]  # so that it goes to the end: the dict stays in order of time
        self._seen[identity] = at_seconds << _DIGEST_BITS | digest
        self._fresh.append((identity, digest))
        return Seen.NEW

    def count(self, queue: str) -> int:
        """The next running number of this queue, from 1."""
        before = self.counts.get(queue, 0)
        self._before.setdefault(queue, before)
        self.counts[queue] = before + 1
        return before + 1

    def take_changes(self) -> tuple[list[tuple[bytes, int]], dict[str, int]]:
        """What was remembered since the last call, for the seen-log; and how many records each queue got."""
        fresh, added = self._fresh, {queue: self.counts[queue] - before for queue, before in self._before.items()}
        self._fresh, self._before = [], {}
        return fresh, added

    def apply(self, record: SeenRecord) -> None:
        """Take over one record of the seen-log."""
        seen, at = self._seen, record.at_seconds << _DIGEST_BITS
        for identity, digest in record.seen.items():
            seen.pop(identity, None)
            seen[identity] = at | (_OTHER_VERSION if digest is None else digest)
        self.counts.update(record.counts)
        self.newest_seconds = max(self.newest_seconds, record.at_seconds)
        if record.next_offset is not None:
            self.next_offset = record.next_offset

    def forget_old(self, now_seconds: int) -> int:
        """Drop what is older than the horizon; how many that were."""
        oldest = now_seconds - self.horizon_seconds
        gone = list(takewhile(lambda key: self._seen[key] >> _DIGEST_BITS < oldest, self._identities()))
        for identity in gone:
            del self._seen[identity]
        return len(gone)

    def _identities(self) -> Iterator[bytes]:
        return iter(self._seen)
