"""A peer: what aiokafka's transactions cost by themselves. Bytes in, the same bytes out, offsets in the transaction.

`python -m tests.bench.byte_copy BOOTSTRAP DIRECTORY PARTNER`. Copies to the partner's receipt topic, which has the
ingress topic's partitions and is used by nobody else here.
"""

import asyncio
import json
import signal
import sys
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas import topics
from services.router.batch import MAX_BATCH_BYTES
from services.router.settings import RouterSettings
from services.runtime import loop

POLL_MS: Final = 500
PRODUCER_BACKOFF_MS: Final = 5
"""The router's; not imported, because its module changes how aiokafka unpacks."""


async def copy(bootstrap: str, partner: str) -> int:
    """Until SIGTERM; how many records were copied. Batches, codec and back-off are the router's."""
    settings = RouterSettings()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    group = f"bench-byte_copy-{partner}"
    consumer = AIOKafkaConsumer(
        topics.ingress(partner),
        bootstrap_servers=bootstrap,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=settings.fetch_bytes,
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        transactional_id=group,
        compression_type=None if settings.compression == "none" else settings.compression,
        max_batch_size=MAX_BATCH_BYTES,
        retry_backoff_ms=PRODUCER_BACKOFF_MS,
        linger_ms=0,
    )
    await consumer.start()
    await producer.start()
    await consumer.getmany(timeout_ms=POLL_MS)  # by now the partitions are ours
    print(json.dumps({"event": "ready"}), flush=True)  # noqa: T201 - what the bench waits for
    copied = 0
    while not stop.is_set():
        found = await consumer.getmany(timeout_ms=POLL_MS)
        if found:
            copied += await _transact(producer, found, topics.receipt(partner), group)
    await producer.stop()
    await consumer.stop()
    return copied


async def _transact(producer: AIOKafkaProducer, found: dict[TopicPartition, list[Any]], target: str, group: str) -> int:
    await producer.begin_transaction()
    sent = []
    for place, records in found.items():
        batch = producer.create_batch()
        for record in records:
            fields = {"key": record.key, "value": record.value, "headers": list(record.headers)}
            if batch.append(timestamp=None, **fields) is None:
                sent.append(await producer.send_batch(batch, target, partition=place.partition))
                batch = producer.create_batch()
                batch.append(timestamp=None, **fields)
        batch.close()
        sent.append(await producer.send_batch(batch, target, partition=place.partition))
    offsets = {place: records[-1].offset + 1 for place, records in found.items()}
    await producer.send_offsets_to_transaction(offsets, group)
    await asyncio.gather(*sent)
    await producer.commit_transaction()
    return sum(map(len, found.values()))


if __name__ == "__main__":
    print(json.dumps({"written": loop.run(copy(sys.argv[1], sys.argv[3]))}), flush=True)  # noqa: T201
