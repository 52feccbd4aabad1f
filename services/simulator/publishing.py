"""From records to a broker: at a rate, with backpressure, counting what was acknowledged and nothing else."""

import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, Final

from aiokafka.partitioner import murmur2
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from policy.partners import Partner
from schemas import topics
from services.runtime.exits import CannotRun
from services.simulator import intents
from services.simulator.envelopes import Record, Referrals
from services.simulator.mix import Mix
from services.simulator.pace import Pace
from services.simulator.settings import permit

OPTIONS: Final = {
    "acks": "all",
    "enable.idempotence": True,
    # Java's and aiokafka's partitioner; librdkafka's own default would misplace every record.
    "partitioner": "murmur2_random",
    "compression.type": "zstd",
    # Without it a producer can hang for minutes on a broker that was paused and came back.
    "topic.metadata.refresh.interval.ms": 2_000,
    # Never given up: a partner's clearing house does not drop what a broker was too slow to take.
    "message.timeout.ms": 0,
    "linger.ms": 5,
    "batch.size": 262_144,
    "queue.buffering.max.messages": 50_000,
    "queue.buffering.max.kbytes": 65_536,
}
_UNPLACED: Final = -1
_POLL_S: Final = 0.05


@dataclass(slots=True)
class Tally:
    """What became of what was sent: acknowledged by partner and intent, the rest by the error's name."""

    acknowledged: dict[str, Counter[str]] = field(default_factory=dict)
    not_acknowledged: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """Records that the broker acknowledged."""
        return sum(sum(counts.values()) for counts in self.acknowledged.values())

    def as_json(self) -> dict[str, Any]:
        """Ready for `json.dumps`; sorted, so that two runs compare line by line."""
        return {
            "acknowledged": {
                partner: dict(sorted(counts.items())) for partner, counts in sorted(self.acknowledged.items())
            },
            "acknowledged_total": self.total,
            "not_acknowledged": dict(sorted(self.not_acknowledged.items())),
        }


class Publisher:
    """A producer for the partners' topics. `send` blocks while its queue is full; `finish` waits for the rest.

    Raises CannotRun where a topic is not there, and when the broker has refused this producer for good.
    """

    def __init__(
        self,
        options: Mapping[str, str],
        partners: Iterable[Partner],
        topic_by_partner: Mapping[str, str] | None = None,
        timeout_s: float = 15.0,
    ) -> None:
        own = topic_by_partner or {}
        self.tally = Tally()
        self._producer = Producer({**OPTIONS, **options}, logger=logging.getLogger("librdkafka"))
        self._topics = {partner.id: own.get(partner.id, topics.ingress(partner.id)) for partner in partners}
        self._partitions = {topic: self._count(topic, timeout_s) for topic in self._topics.values()}
        self._callbacks: dict[tuple[str, str], Callable[[KafkaError | None, Message], None]] = {}

    def _count(self, topic: str, timeout_s: float) -> int:
        try:
            found = self._producer.list_topics(topic, timeout_s).topics[topic]
        except KafkaException as error:
            raise CannotRun(f"the cluster does not say whether {topic} is there ({_name(error.args[0])})") from None
        if found.error is not None or not found.partitions:
            raise CannotRun(f"{topic} is not there, and the simulator publishes to it: run `referrals provision`")
        return len(found.partitions)

    def send(self, record: Record, stop: threading.Event | None = None) -> bool:
        """Hand a record over; False when `stop` was set before there was room for it."""
        callback = self._callbacks.get((record.partner, record.intent)) or self._callback(record)
        topic = self._topics[record.partner]
        partition = self._wrong_partition(topic, record) if record.intent == intents.MISPLACED else _UNPLACED
        while True:
            try:
                self._producer.produce(
                    topic,
                    record.value,
                    record.key,
                    partition=partition,
                    headers=list(record.headers),
                    on_delivery=callback,
                )
            except BufferError:
                self._producer.poll(_POLL_S)
                if stop is not None and stop.is_set():
                    return False
            except KafkaException as error:
                raise CannotRun(f"the broker takes nothing more from the simulator ({_name(error.args[0])})") from None
            else:
                return True

    def poll(self, timeout_s: float = 0.0) -> None:
        """Let answers come in, for so long if there are none."""
        self._producer.poll(timeout_s)

    def finish(self, timeout_s: float) -> Tally:
        """Wait for the last answers; what has none by then is given up and counted as not acknowledged."""
        if self._producer.flush(timeout_s):
            self._producer.purge()
            self._producer.flush(1.0)
        return self.tally

    def _callback(self, record: Record) -> Callable[[KafkaError | None, Message], None]:
        counts = self.tally.acknowledged.setdefault(record.partner, Counter())
        callback = partial(_count_answer, counts, self.tally.not_acknowledged, record.intent)
        self._callbacks[record.partner, record.intent] = callback
        return callback

    def _wrong_partition(self, topic: str, record: Record) -> int:
        count = self._partitions[topic]
        return ((int(murmur2(record.key or b"")) & 0x7FFFFFFF) % count + 1) % count


def _count_answer(
    acknowledged: Counter[str], refused: Counter[str], intent: str, error: KafkaError | None, _: Message
) -> None:
    if error is None:
        acknowledged[intent] += 1
    else:
        refused[_name(error)] += 1


def _name(error: KafkaError) -> str:
    return str(error.name())


@dataclass(frozen=True, slots=True)
class Limits:
    """When to end by itself: after so many records or seconds, 0 for never; and at what rate until then."""

    rate: float = 0.0
    count: int = 0
    duration_s: float = 0.0


def publish(
    records: Iterable[Record],
    publisher: Publisher,
    limits: Limits,
    stop: threading.Event,
    monotonic: Callable[[], float] = time.monotonic,
) -> None:
    """Send records until a limit is reached or `stop` is set. A slow or paused broker only slows it down."""
    started_s = monotonic()
    pace = Pace(limits.rate, started_s)
    stream = iter(records) if not limits.count else islice(records, limits.count)
    while not stop.is_set():
        now_s = monotonic()
        if limits.duration_s and now_s - started_s >= limits.duration_s:
            return
        due = pace.take(now_s)
        if not due:
            publisher.poll(pace.wait_s())
            continue
        if not _send_some(stream, due, publisher, stop):
            return
        publisher.poll()


def _send_some(stream: Iterator[Record], due: int, publisher: Publisher, stop: threading.Event) -> bool:
    """False when the stream has ended."""
    sent = 0
    for record in islice(stream, due):
        sent += 1
        if not publisher.send(record, stop):
            break
    return sent == due


def fill(
    count: int,
    options: Mapping[str, str],
    partners: Iterable[Partner],
    *,
    simulate: bool,
    seed: int = 1,
    year: int = 2023,
    mix: Mix | None = None,
    start_ms: int | None = None,
    topic_by_partner: Mapping[str, str] | None = None,
    timeout_s: float = 60.0,
) -> Tally:
    """Publish exactly `count` records as fast as they are taken, and return what was acknowledged.

    `options` are librdkafka's (`services.runtime.kafka.librdkafka_options`). Without a mix, good ones only; without
    `start_ms`, the present. Raises WrongUse without `simulate`, CannotRun where a topic is missing or the broker
    did not acknowledge everything.
    """
    permit(simulate)
    sources = tuple(partners)
    began_ms = int(time.time() * 1000) if start_ms is None else start_ms
    publisher = Publisher(options, sources, topic_by_partner)
    referrals = Referrals(seed, year, mix or Mix.good(), began_ms, sources)
    publish(referrals, publisher, Limits(count=count), threading.Event())
    tally = publisher.finish(timeout_s)
    if tally.total != count:
        raise CannotRun(f"{tally.total} of {count} records were acknowledged: {json.dumps(tally.not_acknowledged)}")
    return tally
