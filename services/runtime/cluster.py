"""What a broker says of topics: which are there, how far they go, how they begin. Blocking."""

import time
from collections.abc import Generator, Iterable
from typing import Any, Final

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from services.runtime.kafka import librdkafka_options
from services.runtime.settings import KafkaSettings

PATIENCE_S: Final = 10.0
_EARLIEST: Final = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
_LATEST: Final = OffsetSpec.latest()  # type: ignore[no-untyped-call]
Place = tuple[str, int]
"""Topic and partition."""


class Cluster:
    """Asked by whoever reads from it, between reads or beside them. KafkaException for what has no answer in time."""

    def __init__(self, kafka: KafkaSettings) -> None:
        # What is wrong comes as an exception, and not as a line.
        self._options: dict[str, str | int | float | bool] = {**librdkafka_options(kafka), "log_level": 0}
        self._admin = AdminClient(self._options)

    def id(self) -> str:
        """The cluster's own."""
        return str(self._admin.list_topics(timeout=PATIENCE_S).cluster_id)

    def partitions(self, topics: Iterable[str]) -> list[Place]:
        """Every partition of those topics that are there."""
        found = self._admin.list_topics(timeout=PATIENCE_S).topics
        return [(name, number) for name in topics if name in found for number in sorted(found[name].partitions)]

    def ends(self, places: Iterable[Place]) -> dict[Place, int]:
        """The next offset of each partition now, committed or not: all that a reader may have seen is before it."""
        return self._offsets(places, _LATEST)

    def first_values(self, place: Place, most: int) -> Generator[bytes | None]:
        """The values of the oldest records that are kept, in order: so many, or all where there are no more."""
        low = self._offsets([place], _EARLIEST)[place]
        reader = Consumer(
            {
                **self._options,
                "group.id": "none",  # never joined
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                "isolation.level": "read_committed",
            }
        )
        try:
            reader.assign([TopicPartition(*place, low)])
            deadline = time.monotonic() + PATIENCE_S
            while most and time.monotonic() < deadline:
                message = reader.poll(0.5)
                if message is None:
                    continue
                error = message.error()
                if error is None:
                    most -= 1
                    yield message.value()
                elif error.code() == KafkaError._PARTITION_EOF:
                    return
            if most:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        finally:
            reader.close()

    def _offsets(self, places: Iterable[Place], which: Any) -> dict[Place, int]:
        asked = self._admin.list_offsets(
            {TopicPartition(*place): which for place in places},
            isolation_level=IsolationLevel.READ_UNCOMMITTED,
            request_timeout=PATIENCE_S,
        )
        return {(found.topic, found.partition): future.result().offset for found, future in asked.items()}
