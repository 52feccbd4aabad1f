"""What was fetched, unpacked: two things done otherwise than aiokafka does them. Importing this is enough.

Records are handed on as they were unpacked (offset, timestamp, key, value, headers), not copied field by field into a
ConsumerRecord: a twentieth of the loop. And a header's name that is not UTF-8 is read with what cannot be decoded
replaced. To Kafka a name is bytes, and a partner may send any; aiokafka raises, at every attempt, and the partition
would stand still for as long as the record is there.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any, Final

from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.record.default_records import _DefaultRecordBatchPy as RecordBatch
from aiokafka.record.memory_records import MemoryRecords

_LENGTH_AT: Final = 8
_BEFORE_LENGTH_COUNTS: Final = 12
"""A batch begins with its base offset and the length of what comes behind that (KIP-98)."""


class KeptRecords(MemoryRecords):  # type: ignore[misc]  # aiokafka is untyped
    """The batches of one answer, and the bytes they are in."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


class _Bytes(bytes):
    """Decodes anything; so do its parts."""

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        return found if isinstance(found, int) else _Bytes(found)

    def decode(self, encoding: str = "utf-8", _errors: str = "strict") -> str:
        return super().decode(encoding, "replace")


class LenientBatch(RecordBatch):  # type: ignore[misc]
    """A batch read in Python: slow, and asked only where the fast way failed."""

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer: Any = _Bytes(self._buffer)


class LenientRecords:
    """The batches of an answer from the one that holds `offset`; has of MemoryRecords what unpacking asks."""

    def __init__(self, data: bytes, offset: int) -> None:
        self._batches: deque[LenientBatch] = deque()
        start = 0
        while start + _BEFORE_LENGTH_COUNTS <= len(data):
            length = int.from_bytes(data[start + _LENGTH_AT : start + _BEFORE_LENGTH_COUNTS], "big")
            end = start + _BEFORE_LENGTH_COUNTS + length
            if end > len(data):
                break  # the answer ends within a batch
            batch = LenientBatch(data[start:end])
            if batch.next_offset > offset:
                self._batches.append(batch)
            start = end

    def has_next(self) -> bool:
        """Whether a batch is left."""
        return bool(self._batches)

    def next_batch(self) -> LenientBatch:
        """The next one."""
        return self._batches.popleft()


_unpack_records = PartitionRecords._unpack_records


def _unpack(self: Any) -> Iterator[Any]:
    records = self._records
    try:
        yield from _unpack_records(self)
    except UnicodeDecodeError:
        self._records = LenientRecords(bytes(records.data), self.next_fetch_offset)
        yield from _unpack_records(self)


fetcher.MemoryRecords = KeptRecords
PartitionRecords._unpack_records = _unpack
PartitionRecords._consumer_record = lambda _self, _place, record: record
