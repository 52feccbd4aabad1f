"""Two ways to remember very many records in little room: which offsets, and which elements in all. Pure."""

from collections.abc import Iterator
from hashlib import blake2b
from itertools import islice
from secrets import token_bytes
from typing import Final

_SEGMENT_BITS: Final = 15
_SEGMENT: Final = 1 << _SEGMENT_BITS
_KEY: Final = token_bytes(16)
"""Of one process: nobody can write records that cancel each other out in a fingerprint."""
_MODULUS: Final = 1 << 128


class OffsetSet:
    """A set of offsets as bitmaps of 4 KiB for 32,768 offsets: about a bit for each record of a log."""

    def __init__(self) -> None:
        self._segments: dict[int, bytearray] = {}

    def add(self, offset: int) -> bool:
        """False when it was there already. Raises ValueError for a negative offset."""
        if offset < 0:
            raise ValueError("an offset is never negative")
        segment = self._segments.get(offset >> _SEGMENT_BITS)
        if segment is None:
            segment = self._segments[offset >> _SEGMENT_BITS] = bytearray(_SEGMENT // 8)
        place, bit = (offset & (_SEGMENT - 1)) >> 3, 1 << (offset & 7)
        if segment[place] & bit:
            return False
        segment[place] |= bit
        return True

    def __contains__(self, offset: int) -> bool:
        segment = self._segments.get(offset >> _SEGMENT_BITS)
        return segment is not None and bool(segment[(offset & (_SEGMENT - 1)) >> 3] & 1 << (offset & 7))

    def count(self, start: int, stop: int) -> int:
        """How many of [start, stop) are in it."""
        return sum(bits.bit_count() for _, bits in self._ranges(start, stop))

    def missing_from(self, other: "OffsetSet", start: int, stop: int) -> int:
        """How many of [start, stop) are in this set and not in the other."""
        return sum(bits.bit_count() for _, bits in self._differences(other, start, stop))

    def first_missing_from(self, other: "OffsetSet", start: int, stop: int, limit: int) -> list[int]:
        """The lowest of them, at most `limit`."""
        found = (
            first + place
            for first, bits in self._differences(other, start, stop)
            for place in range(bits.bit_length())
            if bits >> place & 1
        )
        return list(islice(found, limit))

    def past_last(self) -> int:
        """One more than the highest offset in it; 0 when it is empty."""
        if not self._segments:
            return 0
        highest = max(self._segments)
        return (highest << _SEGMENT_BITS) + self._bits(highest).bit_length()

    def _differences(self, other: "OffsetSet", start: int, stop: int) -> Iterator[tuple[int, int]]:
        for first, bits in self._ranges(start, stop):
            if rest := bits & ~other._bits(first >> _SEGMENT_BITS):
                yield first, rest

    def _ranges(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Each segment that touches [start, stop), in order: its first offset, and its bits in that range."""
        for number in sorted(self._segments):
            first, bits = number << _SEGMENT_BITS, self._bits(number)
            if start > first:
                bits = bits >> (start - first) << (start - first)
            if 0 <= stop < first + _SEGMENT:
                bits &= (1 << max(0, stop - first)) - 1
            if bits:
                yield first, bits

    def _bits(self, number: int) -> int:
        return int.from_bytes(self._segments.get(number, b""), "little")


def element(offset: int, *parts: str) -> int:
    """128 bits that stand for a record in a fingerprint; the parts are what must be equal on both sides."""
    return int.from_bytes(blake2b("\0".join((str(offset), *parts)).encode(), digest_size=16, key=_KEY).digest())


class Fingerprint:
    """A multiset, as three sums over its elements: equal fingerprints are equal multisets (chance 2^-128)."""

    __slots__ = ("count", "digests", "offsets")

    def __init__(self) -> None:
        self.count = 0
        self.offsets = 0
        self.digests = 0

    def add(self, offset: int, digest: int) -> None:
        """One more element, made by `element` of this offset."""
        self.count += 1
        self.offsets += offset
        self.digests = (self.digests + digest) % _MODULUS

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Fingerprint):
            return NotImplemented
        return (self.count, self.offsets, self.digests) == (other.count, other.offsets, other.digests)

    __hash__ = None  # type: ignore[assignment]
