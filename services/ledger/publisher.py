"""Publishes what the outbox holds: outcomes and reroute commands. Each row goes when the broker has acknowledged it.

Killed in between, a message is sent again and bears the same identity.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Final

from confluent_kafka import KafkaError, Message, Producer

from services.ledger.saying import Message as Said
from services.runtime.kafka import librdkafka_options
from services.runtime.settings import KafkaSettings

DELIVERY_S: Final = 10.0
"""After so long a message counts as refused, and is sent anew."""


class Publisher:
    """An idempotent producer, by keys as Java's clients place them."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._producer = Producer(
            {
                **librdkafka_options(kafka),
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "linger.ms": 5,
                "delivery.timeout.ms": int(DELIVERY_S * 1000),
                "log_level": 0,
            }
        )

        self._unanswered = 0
        self._acknowledged: list[int] = []

    def send(self, rows: Iterable[tuple[int, Said]]) -> None:
        """Hand them over, with their numbers; `answer` says what became of all of them."""
        for number, said in rows:
            settled = partial(self._settled, number)
            self._unanswered += 1
            self._producer.produce(said.topic, said.value, said.key, headers=_headers(said), on_delivery=settled)

    def answer(self, wait_s: float = 0.0) -> list[int] | None:
        """The numbers of those that the broker acknowledged, when it has taken or refused each; None until then."""
        if wait_s:
            self._producer.flush(wait_s)
        else:
            self._producer.poll(0)
        if self._unanswered:
            return None
        acknowledged, self._acknowledged = self._acknowledged, []
        return acknowledged

    def _settled(self, number: int, error: KafkaError | None, _message: Message) -> None:
        self._unanswered -= 1
        if error is None:
            self._acknowledged.append(number)

    def close(self) -> None:
        """Drop what was not sent: the outbox still has it."""
        self._producer.purge()
        self._producer.flush(0)


def _headers(said: Said) -> list[tuple[str, str | bytes | None]]:
    """CloudEvents 1.0 in Kafka's binary mode; a reroute command is none."""
    if not said.event_type:
        return []
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", said.identity.encode()),
        ("ce_source", b"/services/ledger"),
        ("ce_type", said.event_type.encode()),
        ("ce_time", _rfc3339(said.at_ms)),
        ("content-type", b"application/json"),
    ]


@lru_cache(64)
def _rfc3339(unix_ms: int) -> bytes:
    """Kept for a while: all messages of a batch have one time."""
    moment = datetime.fromtimestamp(unix_ms / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{unix_ms % 1000:03d}Z".encode()
