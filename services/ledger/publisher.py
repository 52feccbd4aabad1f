"""Publishes what the outbox holds: outcomes and reroute commands. Each row goes when the broker has acknowledged it.

Killed in between, a message is sent again and bears the same identity.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from confluent_kafka import KafkaError, Message, Producer

from services.ledger.saying import Message as Said
from services.runtime.kafka import librdkafka_options
from services.runtime.settings import KafkaSettings

FLUSH_S: Final = 10.0


class Publisher:
    """An idempotent producer, by keys as Java's clients place them."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._producer = Producer(
            {
                **librdkafka_options(kafka),
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "linger.ms": 5,
                "delivery.timeout.ms": int(FLUSH_S * 1000),
                "log_level": 0,
            }
        )

    def publish(self, rows: Iterable[tuple[int, Said]]) -> list[int]:
        """The rows that the broker acknowledged; the others stay where they are."""
        acknowledged: list[int] = []
        for number, said in rows:

            def settled(error: KafkaError | None, _message: Message, number: int = number) -> None:
                if error is None:
                    acknowledged.append(number)

            self._producer.produce(said.topic, said.value, said.key, headers=_headers(said), on_delivery=settled)
        self._producer.flush(FLUSH_S + 1)
        return acknowledged

    def close(self) -> None:
        """Drop what was not sent: the outbox still has it."""
        self._producer.purge()
        self._producer.flush(0)


def _headers(said: Said) -> list[tuple[str, str | bytes | None]]:
    """CloudEvents 1.0 in Kafka's binary mode; a reroute command is none."""
    if not said.event_type:
        return []
    moment = datetime.fromtimestamp(said.at_ms / 1000, UTC)
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", said.identity.encode()),
        ("ce_source", b"/services/ledger"),
        ("ce_type", said.event_type.encode()),
        ("ce_time", f"{moment:%Y-%m-%dT%H:%M:%S}.{said.at_ms % 1000:03d}Z".encode()),
        ("content-type", b"application/json"),
    ]
