"""Sends records and remembers, for each, what the broker answered; and finds the receipts of exactly these."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from policy.intake import Headers
from schemas import topics
from schemas.records import Receipt
from services.console.cluster import meaning, producer, topic_metadata
from services.console.reader import TopicReader
from services.console.receipts import parse_receipt
from services.console.records import FileRecord
from services.runtime.settings import KafkaSettings

ACKNOWLEDGED_WITHIN_SECONDS: Final = 30.0
_REFUSALS: Final = frozenset(
    {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD, KafkaError.INVALID_MSG, KafkaError.INVALID_TIMESTAMP}
)
"""Errors that are about the record and not about the cluster."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker has the record, there."""

    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class NotAcknowledged:
    """The broker may or may not have it. `refused`: it said no to the record itself."""

    why: str
    refused: bool


Answer = Acknowledged | NotAcknowledged


class Publication:
    """One producer to one topic. `answered` is called once for each record sent, while sending or in `finish`."""

    def __init__(self, settings: KafkaSettings, topic: str, answered: Callable[[FileRecord, Answer], None]) -> None:
        self.topic = topic
        self._answered = answered
        self._producer: Producer = producer(settings, acknowledged_within_s=ACKNOWLEDGED_WITHIN_SECONDS)
        topic_metadata(self._producer, topic)

    def send(self, record: FileRecord, key: bytes | None, headers: Headers) -> None:
        """Hand over one record; waits while the client's own queue is full."""

        def delivered(error: KafkaError | None, message: Message) -> None:
            self._answered(record, _answer(error, message))

        while True:
            try:
                self._producer.produce(
                    self.topic, value=record.value, key=key, headers=list(headers), on_delivery=delivered
                )
            except BufferError:
                self._producer.poll(0.5)
            except KafkaException as error:
                self._answered(record, _refusal(error.args[0]))
                return
            else:
                self._producer.poll(0)
                return

    def finish(self) -> None:
        """Wait until each record has its answer; the client gives up on one by itself."""
        while self._producer.flush(1.0):
            pass


def _refusal(error: KafkaError) -> NotAcknowledged:
    return NotAcknowledged(meaning(error), error.code() in _REFUSALS)


def _answer(error: KafkaError | None, message: Message) -> Answer:
    if error is not None:
        return _refusal(error)
    partition, offset = message.partition(), message.offset()
    assert partition is not None
    assert offset is not None
    return Acknowledged(partition, offset)


class ReceiptWatch:
    """The receipts of records that are sent after this was made: it starts at the receipt topic's ends."""

    def __init__(self, settings: KafkaSettings, partner: str, *, test: bool) -> None:
        self._test = test
        self._reader = TopicReader(settings, topics.receipt(partner))
        self._ends = self._reader.ends()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    def receipts(
        self, awaited: dict[tuple[int, int], FileRecord], patience_s: float
    ) -> Iterator[tuple[FileRecord, Receipt]]:
        """Each awaited record (by partition and offset) with its receipt, taken out of `awaited` as it comes.

        Ends when all are there, or when for `patience_s` none of them came.
        """
        self._reader.seek(self._ends)
        heard = time.monotonic()
        while awaited and time.monotonic() - heard < patience_s:
            for message in self._reader.poll():
                receipt = parse_receipt(message)
                if receipt is None or receipt.test != self._test or receipt.reroute is not None:
                    continue
                record = awaited.pop((receipt.partition, receipt.offset), None)
                if record is not None:
                    heard = time.monotonic()
                    yield record, receipt
