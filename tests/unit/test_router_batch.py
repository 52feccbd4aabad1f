"""A batch of ours is, byte for byte, what aiokafka's own builder makes of the same records."""

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from services.router import batch as module
from services.router.batch import CODECS, MAX_BATCH_BYTES, Batch, Batches, Header, RecordTooLargeError, content, headers
from tests.batches import entries_of

PLACE = ("t", 0)
AT_MS = 1_795_000_000_000
RECORDS: list[tuple[bytes | None, bytes, list[Header]]] = [
    (b"key", b"value", [("name", b"1"), ("other", b"")]),
    (None, b"", []),
    (b"k" * 48, b"v" * 16_384, [(f"n{number}", b"x" * number) for number in range(20)]),
    (b"", b"v" * 63, [("a", b"y" * 63)]),
    (b"k" * 64, b"v" * 64, [("a", b"y" * 64)]),
    (None, b"v" * 100_000, []),
    (b"k", b"v" * 8_191, []),
    (b"k", b"v" * 8_192, []),
]


def ours(*records: tuple[bytes | None, bytes, list[Header]]) -> Batch:
    batches = Batches()
    for key, value, named in records:
        batches.put(PLACE, AT_MS, content(key, value, len(named), headers(named)))
    ((place, found),) = batches.take()
    assert place == PLACE
    return found


def theirs(codec: str, *records: tuple[bytes | None, bytes, list[Header]]) -> bytes:
    builder = DefaultRecordBatchBuilder(2, CODECS[codec][0], 1, 7, 3, 11, 10**6)
    for number, (key, value, named) in enumerate(records):
        assert builder.append(number, AT_MS, key, value, named) is not None
    return bytes(builder.build())


@pytest.mark.parametrize("codec", list(CODECS))
def test_a_batch_is_what_aiokafka_makes_of_the_same_records(codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 0.0)  # gzip writes the time
    assert ours(*RECORDS).build(codec, 7, 3, 11) == theirs(codec, *RECORDS)
    for record in RECORDS:
        assert ours(record).build(codec, 7, 3, 11) == theirs(codec, record)


def test_places_in_a_large_batch_are_what_aiokafka_makes_of_them() -> None:
    many: list[tuple[bytes | None, bytes, list[Header]]] = [(b"k%d" % number, b"v", []) for number in range(9_000)]
    assert ours(*many).build("none", 7, 3, 11) == theirs("none", *many)


def test_full_batches_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BATCH_BYTES", 40)
    batches = Batches()
    for number in range(10):
        batches.put(PLACE, AT_MS, content(b"k%d" % number, b"v", 0, b""))
    taken = batches.take()
    found = [key for _, batch in taken for key, _, _ in entries_of(batch)]
    assert found == [b"k%d" % number for number in range(10)]
    assert len(taken) > 1


def test_what_fits_no_batch_is_an_error_not_a_loss() -> None:
    with pytest.raises(RecordTooLargeError):
        Batches().put(PLACE, AT_MS, content(None, b"v" * MAX_BATCH_BYTES, 0, b""))


def test_very_many_very_small_records_are_several_batches() -> None:
    batches, smallest = Batches(), content(None, b"", 0, b"")
    for _ in range(2 * module.MAX_BATCH_RECORDS + 1):
        batches.put(PLACE, AT_MS, smallest)
    assert [batch.count for _, batch in batches.take()] == [module.MAX_BATCH_RECORDS, module.MAX_BATCH_RECORDS, 1]
