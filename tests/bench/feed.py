"""The records: simulated envelopes of one year's mix, the same for every contender but for the partner's name.

A feed is one transaction: nothing of it can be read until all of it is there. So every contender is up and waits,
and the clock starts when the commit answers.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from confluent_kafka import Consumer, Producer, TopicPartition

from policy.partners import Partner
from services.runtime.kafka import librdkafka_options
from services.simulator.envelopes import Record, Referrals
from services.simulator.mix import Mix
from tests.bench.stage import Stage

YEAR: Final = 2023
SEED: Final = 20230101
MIX: Final = replace(Mix(), misplaced=0)
"""As the simulated clearing house sends them, bad and repeated ones too; each where its key says."""
COMMIT_TIMEOUT_S: Final = 120.0
_FULL_WAIT_S: Final = 0.1


def records(partner: Partner, start_ms: int) -> Iterator[Record]:
    """Endless and repeatable: the same for the same start."""
    return iter(Referrals(SEED, YEAR, MIX, start_ms, [partner]))


@dataclass(frozen=True, slots=True)
class Fed:
    """What a feed added: where each partition ended then, and when that could be read (`time.monotonic`)."""

    ends: dict[int, int]
    at_s: float
    count: int


def feed(stage: Stage, stream: Iterable[Record], count: int) -> Fed:
    """Put the next `count` records into the ingress topic, by murmur2 of the key, all at once."""
    options: dict[str, str | int] = {
        **librdkafka_options(stage.kafka),
        "transactional.id": f"bench-feed-{stage.partner.id}",
        "transaction.timeout.ms": 600_000,
        "partitioner": "murmur2_random",
        "compression.type": "none",
        "linger.ms": 50,
        "batch.size": 200_000,
        "queue.buffering.max.messages": 200_000,
    }
    producer = Producer(options)
    producer.init_transactions(COMMIT_TIMEOUT_S)
    producer.begin_transaction()
    for record in islice(stream, count):
        while True:
            try:
                producer.produce(stage.ingress, record.value, record.key, headers=list(record.headers))
                break
            except BufferError:
                producer.poll(_FULL_WAIT_S)
    producer.flush(COMMIT_TIMEOUT_S)
    ends = _ends(stage)
    producer.commit_transaction(COMMIT_TIMEOUT_S)
    return Fed(ends, time.monotonic(), count)


def _ends(stage: Stage) -> dict[int, int]:
    """The offset behind the last record of each partition, whether it is committed or not."""
    options = {**librdkafka_options(stage.kafka), "group.id": "bench-feed", "isolation.level": "read_uncommitted"}
    consumer = Consumer(options)
    try:
        return {
            number: consumer.get_watermark_offsets(TopicPartition(stage.ingress, number), COMMIT_TIMEOUT_S)[1]
            for number in range(stage.partner.ingress_partitions)
        }
    finally:
        consumer.close()


def publish_evenly(stage: Stage, load: Sequence[Record], rate: float, over: threading.Event, patience_s: float) -> None:
    """So many a second, from now until told to stop or all is sent; then at most `patience_s` for what is under way."""
    producer = Producer({**librdkafka_options(stage.kafka), "linger.ms": 5, "partitioner": "murmur2_random"})
    start_s = time.perf_counter()
    for number, record in enumerate(load):
        if over.wait(max(0.0, start_s + number / rate - time.perf_counter())):
            break
        producer.produce(stage.ingress, record.value, record.key, headers=list(record.headers))
        producer.poll(0)
    producer.flush(patience_s)
