"""What we lean on inside aiokafka is still there: its private names, its constants, its order of things."""

import inspect

import aiokafka.producer.sender as sender
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from services.router import clients, transaction
from services.runtime.settings import KafkaSettings


def test_the_pause_between_transactions_is_ours_and_still_used() -> None:
    assert sender.BACKOFF_OVERRIDE == clients.BETWEEN_TRANSACTIONS_S
    uses = inspect.getsource(sender).count("BACKOFF_OVERRIDE")
    assert uses >= 2, "nothing reads the constant any more: the latency is 20 ms worse and nobody would notice"


def test_a_transaction_ends_before_any_request_of_it_is_repeated() -> None:
    assert transaction.DEADLINE_S * 1000 < clients.TRANSACTION_TIMEOUT_MS < clients.REQUEST_TIMEOUT_MS


async def test_what_discarding_reaches_into_exists() -> None:
    producer = AIOKafkaProducer(bootstrap_servers="127.0.0.1:1", transactional_id="x")
    assert producer._sender.sender_task is None
    assert hasattr(producer.client, "close")
    for name in ("_stop_heartbeat_task", "_maybe_leave_group"):
        assert inspect.iscoroutinefunction(getattr(GroupCoordinator, name))
    assert "_coordination_task" in inspect.getsource(GroupCoordinator.__init__)


async def test_a_batch_of_ours_is_what_aiokafka_would_have_made() -> None:
    kafka = KafkaSettings(bootstrap_servers="127.0.0.1:1")
    made = clients.Clients(kafka, "snappy", 65_536)
    producer = made.producer("x")
    ours, theirs = made.batch(producer), producer.create_batch()
    for number in range(3):
        entry = (1_000 + number, b"key", b"value", [("name", b"%d" % number)])
        assert ours.append(*entry)
        assert theirs.append(timestamp=entry[0], key=entry[1], value=entry[2], headers=entry[3])
    assert ours.record_count() == theirs.record_count() == 3
    assert bytes(ours._build()) == bytes(theirs._build())


async def test_a_full_batch_takes_no_more() -> None:
    made = clients.Clients(KafkaSettings(bootstrap_servers="127.0.0.1:1"), "snappy", 65_536)
    batch = made.batch(made.producer("x"))
    assert batch.append(0, None, b"x" * (clients.MAX_BATCH_BYTES - 100), [])
    assert not batch.append(0, None, b"x" * 100, [])
    assert batch.record_count() == 1


def test_what_was_fetched_is_handed_on_as_it_was_unpacked() -> None:
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, 65_536)
    builder.append(0, 1_795_000_000_000, b"key", b"value", [("name", b"1")])
    records = PartitionRecords(
        TopicPartition("t", 0), MemoryRecords(bytes(builder.build())), [], 0, None, None, True, READ_COMMITTED
    )
    (found,) = records
    assert (found.offset, found.timestamp, found.key, found.value) == (0, 1_795_000_000_000, b"key", b"value")
    assert list(found.headers) == [("name", b"1")]
    assert records.next_fetch_offset == 1


async def test_a_producer_that_was_never_started_can_be_discarded() -> None:
    producer = AIOKafkaProducer(bootstrap_servers="127.0.0.1:1", transactional_id="x")
    await clients.discard_producer(producer)
    assert producer._closed
