"""The Kafka clients the router needs, with the time-outs that the faults taught, and how to be rid of them.

Private names of aiokafka are used here and in `unpacking`, nowhere else; tests/unit/test_router_clients.py and
test_router_unpacking.py notice when they move.
"""

import asyncio
from collections.abc import Awaitable, Collection, Iterable
from typing import Any, Final, Literal

import aiokafka.producer.sender
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.producer.message_accumulator import BatchBuilder

from schemas.topics import GROUP
from services.router import unpacking as _unpacking  # noqa: F401 - for what importing it does
from services.router.batch import MAX_BATCH_BYTES, Batch
from services.runtime.kafka import aiokafka_options
from services.runtime.settings import KafkaSettings

Isolation = Literal["read_committed", "read_uncommitted"]

REQUEST_TIMEOUT_MS: Final = 15_000
TRANSACTION_TIMEOUT_MS: Final = 10_000
"""How long a transaction of a dead router may block readers of its queues."""
SESSION_TIMEOUT_MS: Final = 6_000
HEARTBEAT_MS: Final = 1_500
REBALANCE_TIMEOUT_MS: Final = 60_000
PRODUCER_BACKOFF_MS: Final = 5
CONSUMER_BACKOFF_MS: Final = 50
BETWEEN_TRANSACTIONS_S: Final = 0.002
"""aiokafka sleeps 20 ms when the markers of the transaction before are still being written: a third of the latency."""
CLOSE_TIMEOUT_S: Final = 2.0

aiokafka.producer.sender.BACKOFF_OVERRIDE = BETWEEN_TRANSACTIONS_S


class FinishedBatch(BatchBuilder):  # type: ignore[misc]  # aiokafka is untyped
    """A batch of ours as `send_batch` takes it: all that the sender asks of a builder."""

    def __init__(self, batch: Batch, codec: str) -> None:
        self._batch: Batch | None = batch
        self._codec = codec
        self._closed = True
        self._relative_offset = batch.count
        self._buffer: bytes | None = None
        self._producer_state = (-1, -1, 0)

    def _set_producer_state(self, producer_id: int, producer_epoch: int, base_sequence: int) -> None:
        self._producer_state = (producer_id, producer_epoch, base_sequence)

    def _build(self) -> bytes:
        """Once: a batch that is sent again is the same."""
        if self._batch is not None:
            self._buffer, self._batch = self._batch.build(self._codec, *self._producer_state), None
        assert self._buffer is not None
        return self._buffer


class Clients:
    """Makes clients for one cluster."""

    def __init__(self, kafka: KafkaSettings, compression: str, fetch_bytes: int) -> None:
        self._options = {**aiokafka_options(kafka), "request_timeout_ms": REQUEST_TIMEOUT_MS}
        self._compression = compression
        self._fetch_bytes = fetch_bytes

    def producer(self, transactional_id: str) -> AIOKafkaProducer:
        """A transactional producer; starting it fences whoever had the id before (KIP-98)."""
        return AIOKafkaProducer(
            **self._options,
            transactional_id=transactional_id,
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            retry_backoff_ms=PRODUCER_BACKOFF_MS,
            max_batch_size=MAX_BATCH_BYTES,
            max_request_size=MAX_BATCH_BYTES,
            linger_ms=0,
        )

    def finished(self, batch: Batch) -> FinishedBatch:
        """A batch to which nothing more comes."""
        return FinishedBatch(batch, self._compression)

    def plain(self) -> AIOKafkaClient:
        """A client for single requests."""
        return AIOKafkaClient(**self._options)

    def reader(self, isolation: Isolation = "read_committed") -> AIOKafkaConsumer:
        """A consumer without a group: state says where it starts."""
        return AIOKafkaConsumer(
            **self._options,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level=isolation,
            retry_backoff_ms=CONSUMER_BACKOFF_MS,
            max_partition_fetch_bytes=self._fetch_bytes,
            fetch_max_bytes=self._fetch_bytes,
        )

    def member(self) -> AIOKafkaConsumer:
        """A member of the group: it is told which partitions are ours, and reads none of them."""
        return AIOKafkaConsumer(
            **self._options,
            group_id=GROUP,
            enable_auto_commit=False,
            auto_offset_reset="latest",  # it reads nothing, so it starts nowhere; "none" would be an error
            isolation_level="read_committed",
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
            retry_backoff_ms=CONSUMER_BACKOFF_MS,
            partition_assignment_strategy=(RoundRobinPartitionAssignor,),
        )


def add_partitions(producer: AIOKafkaProducer, touched: Iterable[tuple[str, int]]) -> None:
    """Make partitions part of the open transaction without a record: they get its marker."""
    for topic, partition in touched:
        producer._txn_manager.maybe_add_partition_to_txn(TopicPartition(topic, partition))


def producer_id(producer: AIOKafkaProducer) -> int:
    """What a started producer's batches are marked with; the same for all that had its transactional id."""
    number: int = producer._txn_manager.producer_id
    return number


async def prime(client: AIOKafkaProducer | AIOKafkaConsumer, topics: Collection[str]) -> None:
    """Learn the leaders of all topics at once; either would ask for one after the other when it first needs them."""
    await (client.client if isinstance(client, AIOKafkaProducer) else client._client).set_topics(topics)


async def discard_producer(producer: AIOKafkaProducer) -> None:
    """`stop()` flushes and can hang with brokers down: bound it, then end what it leaves behind."""
    await _bounded(producer.stop())
    task = producer._sender.sender_task
    for _ in range(3):  # a cancelled sender waits for its own tasks first: cancel it again
        if task is None or task.done():
            break
        task.cancel()
        await asyncio.wait([task], timeout=0.5)
    if task is not None and task.done() and not task.cancelled():
        task.exception()
    await _bounded(producer.client.close())


async def discard_reader(reader: AIOKafkaConsumer) -> None:
    """Close a consumer that has no group."""
    await _bounded(reader.stop())


async def leave_group(member: AIOKafkaConsumer) -> None:
    """Stop a member; where `stop()` hangs, leave the group by hand so that others need not wait for the session."""
    if await _bounded(member.stop(), timeout_s=10):
        return
    coordinator: Any = member._coordinator
    if coordinator is not None:
        coordinator._coordination_task.cancel()
        await asyncio.wait([coordinator._coordination_task], timeout=1)
        await _bounded(coordinator._stop_heartbeat_task())
        await _bounded(coordinator._maybe_leave_group())
    await _bounded(member._client.close())


async def _bounded(awaitable: Awaitable[object], timeout_s: float = CLOSE_TIMEOUT_S) -> bool:
    """True when it ended well in time. What a client says while it is thrown away changes nothing."""
    try:
        async with asyncio.timeout(timeout_s):
            await awaitable
            return True
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise  # it is we who are cancelled; aiokafka's stop() also raises this by itself
    except Exception:  # noqa: BLE001 - see above
        return False
    return False
