"""The cluster as the tally sees it: which partitions there are, from where to where, and what was committed."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from schemas.topics import GROUP
from services.console.cluster import METADATA_SECONDS, admin, broker_errors, meaning, router_offsets
from services.console.tally_terms import Place
from services.runtime.exits import CannotRun
from services.runtime.kafka import KafkaSettings, librdkafka_options

PATIENCE_S: Final = 30.0
"""How long a read may bring nothing: beyond the transaction time-out of the router (10 s), and of most partners."""
_BATCH: Final = 2000
_BUFFER_KB: Final = 32 * 1024
_SILENT: Final = logging.Logger("librdkafka", logging.CRITICAL + 1)
_FLEETING: Final = frozenset(
    {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE, KafkaError._TIMED_OUT}
)
_NOT_YET: Final = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
    }
)
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Span:
    """A partition from the first offset that is left to the end of its log, committed or not."""

    start: int
    end: int


class Cluster:
    """Questions to the broker; all block, and raise CannotRun when it does not answer."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._admin: AdminClient = admin(settings)
        self._group = router_offsets(settings)

    def places(self) -> list[Place]:
        """Every partition of every topic."""
        with broker_errors("asking the cluster for its topics"):
            found = self._admin.list_topics(timeout=METADATA_SECONDS).topics
        return sorted(Place(name, number) for name, topic in found.items() for number in topic.partitions)

    def spans(self, places: Iterable[Place]) -> dict[Place, Span]:
        """Their first offsets and log ends, open transactions included."""
        wanted = list(places)
        starts = self._offsets(wanted, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        ends = self._offsets(wanted, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        return {place: Span(starts[place], ends[place]) for place in wanted}

    def _offsets(self, places: Iterable[Place], spec: OffsetSpec) -> dict[Place, int]:
        wanted = {TopicPartition(*place): spec for place in places}

        def ask() -> dict[Place, int]:
            futures = self._admin.list_offsets(
                wanted, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=METADATA_SECONDS
            )
            return {Place(place.topic, place.partition): future.result().offset for place, future in futures.items()}

        return _patiently("asking for the ends of the topics", ask)

    def committed(self, places: Iterable[Place]) -> dict[Place, int]:
        """The router's committed offsets; 0 where it has committed none."""
        wanted = [TopicPartition(*place) for place in places]

        def ask() -> dict[Place, int]:
            found = self._group.committed(wanted, METADATA_SECONDS)
            for place in found:
                if place.error is not None:
                    raise KafkaException(place.error)
            return {Place(place.topic, place.partition): max(0, place.offset) for place in found}

        return _patiently(f"asking for the offsets of {GROUP}", ask)

    def read(self, spans: Mapping[Place, Span], advanced: Callable[[int], None]) -> "Reading":
        """Read committed records of these spans. `advanced` gets the offsets passed since it was last called."""
        return Reading(self._settings, spans, advanced)


def _patiently(doing: str, ask: Callable[[], Answer]) -> Answer:
    """A broker that has just come back says for some seconds that it does not lead what it leads."""
    deadline = time.monotonic() + METADATA_SECONDS
    with broker_errors(doing):
        while True:
            try:
                return ask()
            except KafkaException as error:
                if error.args[0].code() not in _NOT_YET or time.monotonic() > deadline:
                    raise
            time.sleep(0.2)


class Reading:
    """Iterate it once for every committed record, each partition in its order, within a fixed buffer.

    `unended`: partitions that did not come to their end, because a transaction in them stayed open.
    """

    def __init__(self, settings: KafkaSettings, spans: Mapping[Place, Span], advanced: Callable[[int], None]) -> None:
        self._settings = settings
        self._spans = spans
        self._advanced = advanced
        self._at = {place: span.start for place, span in spans.items() if span.start < span.end}
        self.unended: list[Place] = []

    def __iter__(self) -> Iterator[Message]:
        consumer = Consumer(self._options(), logger=_SILENT)
        try:
            consumer.assign([TopicPartition(*place, start) for place, start in self._at.items()])
            heard = time.monotonic()
            while self._at:
                with broker_errors("reading"):
                    messages = consumer.consume(_BATCH, 0.2)
                for message in messages:
                    place, position = _position(message)
                    if position is not None and position > self._at.get(place, position):
                        heard = time.monotonic()
                        if self._move(place, position):
                            consumer.pause([TopicPartition(*place)])
                        if message.error() is None and position <= self._spans[place].end:
                            yield message
                if time.monotonic() - heard > PATIENCE_S:
                    self.unended = sorted(self._at)
                    return
        finally:
            consumer.close()

    def _move(self, place: Place, position: int) -> bool:
        """Whether the partition is at its end now."""
        end = self._spans[place].end
        self._advanced(min(position, end) - self._at[place])
        self._at[place] = position
        if position < end:
            return False
        del self._at[place]
        return True

    def _options(self) -> dict[str, Any]:
        return {
            **librdkafka_options(self._settings),
            "group.id": "referral-console",  # required by the client; nothing is committed under it
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "auto.offset.reset": "error",  # retention was quicker: the answer would be wrong
            "queued.max.messages.kbytes": _BUFFER_KB,
            "fetch.wait.max.ms": 100,
            "log_level": 0,
        }


def _position(message: Message) -> tuple[Place, int | None]:
    """Where a message stands, and the offset behind it; None for a trouble that the client mends by itself."""
    topic, partition, offset = message.topic() or "", message.partition() or 0, message.offset()
    error = message.error()
    if error is None:
        return Place(topic, partition), None if offset is None else offset + 1
    if error.code() == KafkaError._PARTITION_EOF:
        return Place(topic, partition), offset
    if error.code() in _FLEETING:
        return Place(topic, partition), None
    raise CannotRun(f"reading {topic} failed: {meaning(error)}; try again")


def last_values(cluster: Cluster, spans: Mapping[Place, Span]) -> dict[Place, bytes | None]:
    """The value of the last committed record of each partition; not in it where there is none.

    Reads a few records at the end, and goes further back where these are all markers or aborted.
    """
    found: dict[Place, bytes | None] = {}
    left, back = dict(spans), 16
    while left:
        tails = {place: Span(max(span.start, span.end - back), span.end) for place, span in left.items()}
        for message in cluster.read(tails, lambda _: None):
            found[_position(message)[0]] = message.value()
        left = {place: span for place, span in left.items() if place not in found and tails[place].start > span.start}
        back *= 16
    return found
