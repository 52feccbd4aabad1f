"""Records of an answer are handed on as they are, and none of them can stop those behind it."""

from typing import Any

from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from services.router.unpacking import KeptRecords

AT_MS = 1_795_000_000_000
STAND_IN, NO_TEXT = b"ZQZQ", b"\xff\xfe\xfd\x80"
Header = tuple[str, bytes | None]


def batch(base: int, *records: tuple[bytes, list[Header]]) -> bytes:
    """A batch as a broker stores it; a header whose name is the stand-in gets one that is no UTF-8."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, 65_536)
    for number, (key, headers) in enumerate(records):
        builder.append(number, AT_MS, key, b"value", headers)
    built = bytearray(bytes(builder.build()).replace(STAND_IN, NO_TEXT))
    built[0:8] = base.to_bytes(8, "big")
    built[17:21] = calc_crc32c(bytes(built[21:])).to_bytes(4, "big")
    return bytes(built)


def unpacked(data: bytes, offset: int = 0) -> tuple[list[Any], int]:
    records = PartitionRecords(TopicPartition("t", 0), KeptRecords(data), [], offset, None, None, True, READ_COMMITTED)
    return list(records), records.next_fetch_offset


GOOD: list[tuple[bytes, list[Header]]] = [(b"a", [("name", b"1")]), (b"b", [("name", None)])]


def test_a_record_is_handed_on_as_it_was_unpacked() -> None:
    (first, second), behind = unpacked(batch(5, *GOOD), 5)
    assert (first.offset, first.timestamp, first.key, first.value) == (5, AT_MS, b"a", b"value")
    assert [list(record.headers) for record in (first, second)] == [[("name", b"1")], [("name", None)]]
    assert behind == 7


def test_a_header_name_that_is_no_text_stops_nothing() -> None:
    bad: list[tuple[bytes, list[Header]]] = [
        (b"c", [("name", b"1")]),
        (b"d", [("ZQZQ", b"1"), ("ce_id", b"2")]),
        (b"e", []),
    ]
    data = batch(0, *GOOD) + batch(2, *bad) + batch(5, *GOOD) + batch(7, *bad)
    records, behind = unpacked(data)
    assert [record.offset for record in records] == list(range(10))
    assert b"".join(record.key for record in records) == b"abcdeabcde"
    assert list(records[3].headers)[1] == ("ce_id", b"2")
    assert behind == 10


def test_reading_goes_on_where_it_was_and_an_answer_may_end_within_a_batch() -> None:
    data = batch(2, (b"c", [("ZQZQ", b"1")]), (b"d", [])) + batch(4, *GOOD)
    records, behind = unpacked(data[:-1], 3)
    assert [record.offset for record in records] == [3]
    assert behind == 4
