"""Reads committed records of a topic: from the beginning, the end or some days back; to the end as it was, or on."""

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Self

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, Message, TopicPartition

from services.console.cluster import METADATA_SECONDS, broker_errors, consumer, meaning, topic_metadata
from services.runtime.exits import CannotRun, WrongUse
from services.runtime.settings import KafkaSettings

_DAYS: Final = re.compile(r"([0-9]{1,4})days?")
_BATCH: Final = 5000
_POLL_SECONDS: Final = 0.5
SILENCE_SECONDS: Final = 30.0
"""How long a read towards a known end may bring nothing before the broker counts as gone."""

_PASSING: Final = frozenset(
    {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE, KafkaError._TIMED_OUT}
)
"""What the client mends by itself when the broker is back."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """From the oldest record that is kept."""


@dataclass(frozen=True, slots=True)
class End:
    """From now."""


@dataclass(frozen=True, slots=True)
class Ago:
    """From this long before now, by the broker's time of the records."""

    age: timedelta


Start = Beginning | End | Ago


def parse_start(text: str) -> Start:
    """`beginning`, `end`, `1day` or `7days`; WrongUse for all else."""
    if text == "beginning":
        return Beginning()
    if text == "end":
        return End()
    if found := _DAYS.fullmatch(text):
        return Ago(timedelta(days=int(found[1])))
    raise WrongUse("--from is beginning, end or a number of days such as 7days")


class TopicReader:
    """Committed records of some partitions of one topic; a context manager, since it holds connections."""

    def __init__(self, settings: KafkaSettings, topic: str) -> None:
        self.topic = topic
        self._consumer: Consumer = consumer(settings)
        try:
            self.partitions = sorted(topic_metadata(self._consumer, topic).partitions)
        except CannotRun:
            self._consumer.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._consumer.close()

    def ends(self) -> dict[int, int]:
        """Each partition's next offset, now."""
        return self._watermarks(1)

    def beginnings(self) -> dict[int, int]:
        """The offset of each partition's oldest record; over 0 where retention took some before it."""
        return self._watermarks(0)

    def _watermarks(self, which: int) -> dict[int, int]:
        with broker_errors(f"asking for the ends of {self.topic}"):
            return {
                partition: self._consumer.get_watermark_offsets(
                    TopicPartition(self.topic, partition), timeout=METADATA_SECONDS
                )[which]
                for partition in self.partitions
            }

    def start(self, where: Start) -> None:
        """Read all partitions from there."""
        match where:
            case Beginning():
                self.seek(dict.fromkeys(self.partitions, OFFSET_BEGINNING))
            case End():
                self.seek(self.ends())
            case Ago(age):
                self.seek(self._offsets_at(int((time.time() - age.total_seconds()) * 1000)))

    def seek(self, offsets: Mapping[int, int]) -> None:
        """Read these partitions, each from its offset."""
        self._consumer.assign([TopicPartition(self.topic, p, offset) for p, offset in offsets.items()])
        self._unfinished = set(offsets)

    def _offsets_at(self, unix_ms: int) -> dict[int, int]:
        wanted = [TopicPartition(self.topic, partition, unix_ms) for partition in self.partitions]
        with broker_errors(f"asking for offsets of {self.topic}"):
            found = self._consumer.offsets_for_times(wanted, timeout=METADATA_SECONDS)
        return {place.partition: OFFSET_END if place.offset < 0 else place.offset for place in found}

    def to_the_end(self) -> Iterator[Message]:
        """Records until every partition's end was met once; CannotRun when the broker stays silent on the way."""
        heard = time.monotonic()
        while self._unfinished:
            batch = self._poll()
            if batch:
                heard = time.monotonic()
            elif time.monotonic() - heard > SILENCE_SECONDS:
                raise CannotRun(f"the broker sent nothing of {self.topic} for {SILENCE_SECONDS:.0f} s; try again")
            yield from self._records(batch)

    def poll(self) -> list[Message]:
        """What arrived; an empty list after half a second without."""
        return list(self._records(self._poll()))

    def follow(self) -> Iterator[Message]:
        """Records for as long as somebody listens."""
        while True:
            yield from self.poll()

    def _poll(self) -> list[Message]:
        with broker_errors(f"reading {self.topic}"):
            first = self._consumer.poll(_POLL_SECONDS)
            # what is there by now: consume() would wait out its time for a whole batch
            return [] if first is None else [first, *self._consumer.consume(_BATCH, 0)]

    def _records(self, batch: list[Message]) -> Iterator[Message]:
        for message in batch:
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                self._unfinished.discard(_partition(message))
            elif error.code() not in _PASSING:
                raise CannotRun(f"reading {self.topic} failed: {meaning(error)}")


def _partition(message: Message) -> int:
    partition = message.partition()
    assert partition is not None
    return partition
