"""Reads topics from positions that a database gives. Blocking: for a thread of its own.

A partition counts as read up to what the client last said of it: a record's offset and one, or the end it met, which
is behind markers and aborted records too (offsets are no count, design rule 3).
"""

from collections.abc import Iterable, Mapping
from typing import Final

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from services.runtime.cluster import PATIENCE_S, Place
from services.runtime.kafka import librdkafka_options
from services.runtime.log import Event, Name, logger
from services.runtime.settings import KafkaSettings

BATCH: Final = 20_000
WAIT_MS: Final = 50

log = logger()


class TopicReader:
    """Assigned partitions, and how far each is read.

    `worth_bytes`: a broker answers once it has so much, or after `WAIT_MS`. Each question names every partition, so of
    hundreds a reader should not ask again for each record.
    """

    def __init__(self, kafka: KafkaSettings, group: str, worth_bytes: int = 1) -> None:
        self._consumer = Consumer(
            {
                **librdkafka_options(kafka),
                "group.id": group,  # never joined: positions are the database's
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                "isolation.level": "read_committed",
                "topic.metadata.refresh.interval.ms": 10_000,
                "fetch.wait.max.ms": WAIT_MS,
                "fetch.min.bytes": worth_bytes,
                "fetch.error.backoff.ms": 50,
                "queued.max.messages.kbytes": 32_768,
                "fetch.max.bytes": 16_777_216,
                "queued.min.messages": 20_000,
                "fetch.message.max.bytes": 1_048_588,
                "log_level": 0,  # its lines go to stderr as they are; errors come with what is polled
            }
        )
        self.reached: dict[Place, int] = {}
        """How far each partition is read: the next offset that may hold something."""

    def past(self, positions: Mapping[Place, int]) -> None:
        """These were stored. An end met in the same poll is further on: it is behind the markers."""
        for place, offset in positions.items():
            self.reached[place] = max(offset, self.reached[place])

    def close(self) -> None:
        """Give the connections back."""
        self._consumer.close()

    def start(self, places: Iterable[Place], positions: Mapping[Place, int]) -> None:
        """Read these too, each from its position, or from its beginning where it has none."""
        fresh = [place for place in places if place not in self.reached]
        if not fresh:
            return
        self._consumer.incremental_assign(
            [TopicPartition(*place, positions.get(place, OFFSET_BEGINNING)) for place in fresh]
        )
        self.reached |= {place: positions.get(place, 0) for place in fresh}

    def poll(self, timeout_s: float, gather_s: float = 0.0, at_most: int = BATCH) -> list[Message]:
        """What arrived: waits for the first, and then `gather_s` for what comes with it, `at_most` so many.

        Ends met are noted, and what heals by itself is waited out. Raises KafkaException for what does not: a position
        that retention has overtaken is one.
        """
        first = self._consumer.poll(timeout_s)
        return [] if first is None else self._records([first, *self._consumer.consume(at_most, gather_s)])

    def _records(self, found: Iterable[Message]) -> list[Message]:
        records = []
        for message in found:
            error = message.error()
            if error is None:
                records.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                self._met_end(message)
            elif error.code() == KafkaError._AUTO_OFFSET_RESET:
                self._overtaken(message)
            elif error.code() == KafkaError._ALL_BROKERS_DOWN:
                log.warning(Event.BROKERS_DOWN)
            elif error.fatal() or (not error.retriable() and error.code() not in _PASSING):
                raise KafkaException(error)
        return records

    def _met_end(self, message: Message) -> None:
        place, offset = _place(message), message.offset()
        if offset is not None:
            self.reached[place] = max(self.reached[place], offset)

    def _overtaken(self, message: Message) -> None:
        """Retention took records before they were read: go on with what is left. The running numbers show the gap."""
        place = _place(message)
        low, _ = self._consumer.get_watermark_offsets(TopicPartition(*place), timeout=PATIENCE_S)
        log.error(Event.RETENTION_OVERTOOK, topic=Name(place[0]), partition=place[1], offsets=low - self.reached[place])
        self._consumer.incremental_unassign([TopicPartition(*place)])
        self._consumer.incremental_assign([TopicPartition(*place, low)])
        self.reached[place] = low


_PASSING: Final = frozenset(
    {
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._RESOLVE,
        KafkaError._TIMED_OUT,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
    }
)


def _place(message: Message) -> Place:
    topic, partition = message.topic(), message.partition()
    assert topic is not None and partition is not None  # noqa: PT018 - a record of a partition
    return topic, partition
