"""What stands in a batch, as a client reads it."""

from typing import Any

from aiokafka.record.memory_records import MemoryRecords

from services.router.batch import Batch

Entry = tuple[bytes | None, bytes | None, dict[str, bytes | None]]


def entries_of(batch: Batch, codec: str = "snappy") -> list[Entry]:
    """Key, value and headers of each record."""
    return [(record.key, record.value, dict(record.headers)) for record in read(batch.build(codec, 7, 1, 0))]


def read(built: bytes) -> list[Any]:
    """The records of one batch, its checksum verified."""
    records = MemoryRecords(built)
    batch = records.next_batch()
    assert batch is not None and batch.validate_crc() and not records.has_next()  # noqa: PT018
    return list(batch)
