"""How long a referral is under way: from the producer's call to a read_committed reader of all queues."""

import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from confluent_kafka import Consumer, Producer

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
WARM_UP_S: Final = 10.0
PARTITIONS: Final = 4
AFTERWARDS_S: Final = 30.0
QUEUES: Final = r"^referral\.queue\..*\.v1$"


@dataclass(slots=True)
class Reader:
    """Reads every queue in a thread of its own. `arrived`: report → `time.perf_counter` of its first queue record."""

    consumer: Consumer
    arrived: dict[bytes, float] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Return when the partitions are assigned."""
        self.consumer.subscribe([QUEUES])
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        wait_until(lambda: bool(self.consumer.assignment()), "a reader of the queues", 60)

    def stop(self) -> None:
        """Leave the group."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self.consumer.close()

    def _read(self) -> None:
        while not self._stop.is_set():
            for record in self.consumer.consume(500, 0.002) or ():
                now_s = time.perf_counter()
                key = record.key()
                if record.error() is None and key is not None:
                    self.arrived.setdefault(key, now_s)


def measure(kafka: KafkaSettings, deploy: Path, directory: Path, seconds: float, start_ms: int) -> Iterator[Row]:
    """p50 and p99 in ms over `seconds` of steady load, after a warm-up that is not counted."""
    with stage(kafka, deploy, "bench-latency", PARTITIONS) as own:
        router = RouterProcess(own, directory / "latency-router.log")
        reader = Reader(_consumer(own))
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
            f"from produce() to a read_committed reader of all queues; worst {took_ms[-1]:.0f} ms"
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


def _consumer(own: Stage) -> Consumer:
    return Consumer(
        {
            **librdkafka_options(own.kafka),
            "group.id": f"bench-reader-{uuid.uuid4().hex}",
            "enable.auto.commit": "false",
            "auto.offset.reset": "latest",
            "isolation.level": "read_committed",
        }
    )


def _share(ordered: list[float], share: float) -> float:
    """The value that this share of them is not above (nearest rank)."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
