"""The simulated desks' side of Kafka: queues and own events in, events out. Blocking: for one thread."""

import logging
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from pydantic import ValidationError
from pydantic_core import from_json

from schemas import topics
from schemas.codes import Lane
from schemas.records import StatusEvent, serialise
from services.runtime.exits import CannotRun
from services.runtime.kafka import KafkaSettings, librdkafka_options
from services.simulator.publishing import OPTIONS

_BATCH: Final = 5_000
_METADATA_S: Final = 15.0
_POLL_S: Final = 0.05
_PASSING: Final = frozenset(
    {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE, KafkaError._TIMED_OUT}
)
_LOGGER: Final = logging.getLogger("librdkafka")


class Queued(NamedTuple):
    """A record of a queue, as far as a simulated desk looks at it."""

    desk: str
    lane: Lane
    partner: str
    report: str
    withdrawn: bool


class Streams:
    """Reads committed records of topics from their beginnings. CannotRun where one is missing or cannot be read."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._consumer = Consumer(
            {
                **librdkafka_options(kafka),
                "group.id": "referral-simulator",  # never joined, and nothing is committed under it
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                # Every fetch names each of some hundred partitions: a few a second, whatever trickles in.
                "fetch.wait.max.ms": 300,
                "fetch.min.bytes": 1_000_000,
                "topic.metadata.refresh.interval.ms": 2_000,
                "queued.max.messages.kbytes": 32_768,
            },
            logger=_LOGGER,
        )
        self._there = self._consumer.list_topics(timeout=_METADATA_S).topics

    def read_events(self, desks: Iterable[str], stop: threading.Event) -> Iterator[StatusEvent]:
        """All that these desks have said until now, or until `stop`; what is no event of theirs is passed over."""
        places = self._places(topics.status(desk) for desk in desks)
        self._consumer.assign([TopicPartition(*place, OFFSET_BEGINNING) for place in places])
        left = set(places)
        while left and not stop.is_set():
            for message in self._consumer.consume(_BATCH, 1.0):
                if self._at_end(message):
                    left.discard((str(message.topic()), message.partition() or 0))
                elif message.error() is None and (event := _event(message.value())) is not None:
                    yield event

    def follow_queues(self, desks: Iterable[str]) -> None:
        """From now on `poll` gives the queues of these desks, from their beginnings."""
        self._queues = {topics.queue(desk, lane): (desk, lane) for desk in desks for lane in Lane}
        places = self._places(self._queues)
        self._consumer.assign([TopicPartition(*place, OFFSET_BEGINNING) for place in places])

    def poll(self, timeout_s: float) -> Iterator[Queued]:
        """What arrived."""
        for message in self._consumer.consume(_BATCH, timeout_s):
            if self._at_end(message) or message.error() is not None:
                continue
            desk, lane = self._queues[str(message.topic())]
            envelope = from_json(message.value() or b"")  # the router's: held to the contract already
            yield Queued(desk, lane, envelope["partner"], envelope["report"], envelope["action"] == "withdraw")

    def close(self) -> None:
        """Give the connections back."""
        self._consumer.close()

    def _places(self, names: Iterable[str]) -> list[tuple[str, int]]:
        wanted = list(names)
        if missing := [name for name in wanted if name not in self._there]:
            raise CannotRun(f"{missing[0]} is not there, and the simulated desks use it: run `referrals provision`")
        return [(name, number) for name in wanted for number in sorted(self._there[name].partitions)]

    def _at_end(self, message: Message) -> bool:
        """Whether it is no record but a partition's end. What does not heal by itself is CannotRun."""
        error = message.error()
        if error is None or error.code() in _PASSING:
            return False
        if error.code() == KafkaError._PARTITION_EOF:
            return True
        raise CannotRun(f"the broker does not give {message.topic()} to the simulated desks ({error.name()})")


def _event(value: bytes | None) -> StatusEvent | None:
    try:
        return StatusEvent.model_validate_json(value or b"")
    except ValidationError:
        return None


class Mouth:
    """Publishes events; `said` counts what the broker acknowledged by desk, `refused` the rest by the error's name."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._producer = Producer({**OPTIONS, **librdkafka_options(kafka)}, logger=_LOGGER)
        self.said: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    def say(self, event: StatusEvent) -> None:
        """Hand an event over; blocks while there is no room for it."""
        topic, value, answered = topics.status(event.desk), serialise(event), partial(self._count, event.desk)
        while True:
            try:
                self._producer.produce(topic, value, event.report, headers=headers_of(event), on_delivery=answered)
            except BufferError:
                self._producer.poll(_POLL_S)
            except KafkaException as error:
                name = error.args[0].name()
                raise CannotRun(f"the broker takes nothing more from the simulated desks ({name})") from None
            else:
                return

    def poll(self) -> None:
        """Let answers come in."""
        self._producer.poll(0)

    def finish(self, timeout_s: float) -> None:
        """Wait for the last answers; what has none by then is given up and counted as refused."""
        if self._producer.flush(timeout_s):
            self._producer.purge()
            self._producer.flush(1.0)

    def _count(self, desk: str, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self.said[desk] += 1
        else:
            self.refused[str(error.name())] += 1


def headers_of(event: StatusEvent) -> list[tuple[str, str | bytes | None]]:
    """CloudEvents 1.0 in Kafka's binary mode; what is said twice bears the same identity."""
    identity = f"{event.partner}:{event.report}:{event.event}:{event.at}"
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", identity.encode()),
        ("ce_source", f"/desks/{event.desk}".encode()),
        ("ce_type", b"referral.status.v1"),
        ("ce_time", event.at.encode()),
        ("content-type", b"application/json"),
    ]
