"""How long a referral is under way: from the producer's call to a read_committed reader of all queues."""

import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from confluent_kafka import Consumer, Producer, TopicPartition

from policy.topics import queue_topics
from services.runtime.exits import CannotRun
from services.runtime.kafka import librdkafka_options
from services.runtime.settings import KafkaSettings
from services.simulator.envelopes import Record, Referrals
from services.simulator.mix import Mix
from tests.bench import rows
from tests.bench.feed import SEED, YEAR
from tests.bench.processes import RouterProcess, wait_until
from tests.bench.race import wait_for_start
from tests.bench.rows import Row
from tests.bench.stage import Stage, stage

RATE: Final = 500
"""Records a second."""
WARM_UP_S: Final = 30.0
SETTLED_S: Final = 90.0
"""By then a broker that just started has compiled what it runs; up to then that takes up to a third of a core of two.

What is measured with everything on both cores is measured afterwards: a broker in service has been up for months.
"""
PARTITIONS: Final = 4
AFTERWARDS_S: Final = 30.0
READERS: Final = 12


@dataclass(slots=True)
class Readers:
    """Desks that read their queues, in threads. `arrived`: report → `time.perf_counter` of its first queue record.

    Several, each with a share of the queues, as desks have: librdkafka names every partition in every fetch (it knows
    no KIP-227), so one reader of 429 queues would cost the broker more than the router does.
    """

    consumers: list[Consumer]
    arrived: dict[bytes, float] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """They read what comes from now on."""
        for consumer in self.consumers:
            self._threads.append(threading.Thread(target=self._read, args=[consumer], daemon=True))
            self._threads[-1].start()

    def stop(self) -> None:
        """Close them all."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _read(self, consumer: Consumer) -> None:
        while not self._stop.is_set():
            record = consumer.poll(0.2)
            now_s = time.perf_counter()
            if record is not None and record.error() is None and (key := record.key()) is not None:
                self.arrived.setdefault(key, now_s)
        consumer.close()


def measure(kafka: KafkaSettings, deploy: Path, directory: Path, seconds: float, start_ms: int) -> Iterator[Row]:
    """p50 and p99 in ms over `seconds` of steady load, after a warm-up that is not counted."""
    with stage(kafka, deploy, "bench-latency", PARTITIONS) as own:
        reader = Readers([_consumer(own, share) for share in _shares(sorted(queue_topics(own.configuration)))])
        router = RouterProcess(own, directory / "latency-router.log")
        try:
            wait_for_start([router])
            reader.start()
            called = _publish(own, Referrals(SEED, YEAR, Mix.good(), start_ms, [own.partner]), seconds)
            wait_until(
                lambda: called.keys() <= reader.arrived.keys(), "every referral in a queue", AFTERWARDS_S, router
            )
        finally:
            reader.stop()
            router.end()
        took_ms = sorted((reader.arrived[report] - at_s) * 1000 for report, at_s in called.items())
        of = (
            f"{RATE} records/s for {seconds:.0f} s, one router process, {own.shape}, "
            f"from produce() to read_committed readers of all queues; worst {took_ms[-1]:.0f} ms"
        )
        yield Row(rows.LATENCY_P50, _share(took_ms, 0.5), "ms", f"{of}; bar: at most 30")
        yield Row(rows.LATENCY_P99, _share(took_ms, 0.99), "ms", f"{of}; bar: at most 130")


def _publish(own: Stage, stream: Referrals, seconds: float) -> dict[bytes, float]:
    """Report → `time.perf_counter` of the call, of those after the warm-up. A late one goes at once."""
    options: dict[str, str | int] = {
        **librdkafka_options(own.kafka),
        "linger.ms": 0,
        "enable.idempotence": "true",
        "partitioner": "murmur2_random",
    }
    producer = Producer(options)
    made: list[Record] = list(islice(stream, int((WARM_UP_S + seconds) * RATE)))
    called: dict[bytes, float] = {}
    warm = int(WARM_UP_S * RATE)
    start_s = time.perf_counter()
    for number, record in enumerate(made):
        while (ahead_s := start_s + number / RATE - time.perf_counter()) > 0:
            producer.poll(min(ahead_s, 0.002))
        if number >= warm and record.key is not None:
            called[record.key] = time.perf_counter()
        producer.produce(own.ingress, record.value, record.key, headers=list(record.headers))
    if producer.flush(AFTERWARDS_S):
        raise CannotRun("the broker did not acknowledge what was published")
    return called


def _shares(queues: Sequence[str]) -> list[Sequence[str]]:
    """Whole desks: their three queues are neighbours in the list."""
    size = -(-len(queues) // READERS // 3) * 3
    return [queues[start : start + size] for start in range(0, len(queues), size)]


def _consumer(own: Stage, queues: Sequence[str]) -> Consumer:
    consumer = Consumer(
        {
            **librdkafka_options(own.kafka),
            "group.id": f"bench-reader-{uuid.uuid4().hex}",
            "enable.auto.commit": "false",
            "isolation.level": "read_committed",
        }
    )
    ends = [TopicPartition(queue, 0, consumer.get_watermark_offsets(TopicPartition(queue, 0))[1]) for queue in queues]
    consumer.assign(ends)
    return consumer


def _share(ordered: list[float], share: float) -> float:
    """The value that this share of them is not above (nearest rank)."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
