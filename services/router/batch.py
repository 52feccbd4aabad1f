"""Record batches as they go over the wire: message format 2 (KIP-98), headers (KIP-82). Pure.

aiokafka's builder encodes every header of every record anew, into several hundred buffers that grow, and are moved, in
turn: a tenth of the loop. Here what thousands of records share is encoded once, and a batch is put together once
(docs/decisions/0010-record-batches-of-our-own.md). Codecs and checksum are aiokafka's.
"""

from collections.abc import Callable, Iterable, Mapping
from struct import Struct
from typing import Final

from aiokafka.codec import gzip_encode, lz4_encode, snappy_encode, zstd_encode
from aiokafka.record.util import calc_crc32c

Header = tuple[str, bytes]
Place = tuple[str, int]
"""Topic and partition."""

MAX_BATCH_BYTES: Final = 900_000
"""Of a batch's records before they are compressed; below the broker's 1 MB, which the topics keep."""
MAX_BATCH_RECORDS: Final = 32_000
CODECS: Final[Mapping[str, tuple[int, Callable[[bytes], bytes]]]] = {
    "none": (0, bytes),
    "gzip": (1, gzip_encode),
    "snappy": (2, snappy_encode),
    "lz4": (3, lz4_encode),
    "zstd": (4, zstd_encode),
}
"""Numbers in a batch's attributes (KIP-98; zstd: KIP-110)."""
TRANSACTIONAL: Final = 1 << 4
_FRONT: Final = Struct(">qiibI")
"""Base offset (the broker's to set), length behind it, leader's epoch, format, CRC-32C of all behind it."""
_HEAD: Final = Struct(">hiqqqhii")
"""Attributes, last offset, first and last time, producer's id, epoch and sequence, number of records."""
_BEFORE_CRC: Final = 9
"""Bytes of the front that its length counts."""


class RecordTooLargeError(Exception):
    """A record does not fit an empty batch: what is configured can not hold what the contract allows."""


def varint(number: int) -> bytes:
    """A number of at least 0 as a zigzag varint, as lengths are written."""
    rest, found = number << 1, bytearray()
    while rest > 0x7F:
        found.append(rest & 0x7F | 0x80)
        rest >>= 7
    found.append(rest)
    return bytes(found)


LENGTHS: Final = tuple(map(varint, range(1 << 15)))
"""The varints of all that is not longer than an envelope and its headers."""


def sized(content: bytes) -> bytes:
    """Bytes with their length before them: a key, a value, a header's value."""
    size = len(content)
    return (LENGTHS[size] if size < len(LENGTHS) else varint(size)) + content


def name(text: str) -> bytes:
    """A header's name; its value comes next, `sized`."""
    return sized(text.encode("ascii"))


def header(text: str, value: bytes) -> bytes:
    """A whole header."""
    return name(text) + sized(value)


def headers(of: Iterable[Header]) -> bytes:
    """One header after the other."""
    return b"".join([header(*each) for each in of])


def content(key: bytes | None, value: bytes, number: int, encoded_headers: bytes) -> bytes:
    """A record without what its place in the batch decides; `number` is that of the headers. Null has length -1."""
    return b"%b%b%b%b" % (b"\x01" if key is None else sized(key), sized(value), LENGTHS[number], encoded_headers)


class Batch:
    """The records for one place, in order. `at_ms`: Unix ms of the first; the broker puts its own time in its place."""

    __slots__ = ("at_ms", "count", "parts", "size")

    def __init__(self, at_ms: int) -> None:
        self.at_ms = at_ms
        self.parts: list[bytes] = []
        self.count = 0
        self.size = 0

    def build(self, codec: str, producer_id: int, epoch: int, sequence: int) -> bytes:
        """All of it as one batch."""
        number, compress = CODECS[codec]
        packed = compress(b"".join(self.parts))
        at_ms, count = self.at_ms, self.count
        head = _HEAD.pack(number | TRANSACTIONAL, count - 1, at_ms, at_ms, producer_id, epoch, sequence, count)
        body = head + packed
        return _FRONT.pack(0, _BEFORE_CRC + len(body), -1, 2, calc_crc32c(body)) + body


class Batches:
    """What is to be written, place by place; a batch that is full is followed by another."""

    def __init__(self) -> None:
        self.size = 0
        """Bytes of all records."""
        self._open: dict[Place, Batch] = {}
        self._full: list[tuple[Place, Batch]] = []

    def put(self, place: Place, at_ms: int, content: bytes) -> None:
        """Add a record; raises RecordTooLargeError where no batch could hold it."""
        batch = self._open.get(place)
        if batch is None:
            batch = self._open[place] = Batch(at_ms)
        offset = LENGTHS[batch.count]
        size = 2 + len(offset) + len(content)
        # behind the length: attributes and difference in time, both 0, then the difference in offset
        lead = b"%b\0\0%b" % (LENGTHS[size] if size < len(LENGTHS) else varint(size), offset)
        whole = batch.size + len(lead) + len(content)
        if whole <= MAX_BATCH_BYTES and batch.count < MAX_BATCH_RECORDS:
            batch.parts += (lead, content)
            self.size += whole - batch.size
            batch.size = whole
            batch.count += 1
        elif batch.count:
            self._full.append((place, self._open.pop(place)))
            self.put(place, at_ms, content)
        else:
            raise RecordTooLargeError

    def take(self) -> list[tuple[Place, Batch]]:
        """All of them, in an order that keeps each place's records in order; kept here no longer, for the memory."""
        taken = [*self._full, *self._open.items()]
        self._full, self._open = [], {}
        return taken
