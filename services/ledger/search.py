"""Looks in the topics for what a recount doubts: which records, by topic, partition and offset. Reads, and no more."""

import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition
from sqlalchemy import Connection

from schemas import topics
from schemas.codes import Lane
from services.ledger.inputs import Input, Kind
from services.ledger.matching import Half, Matching, Stands
from services.ledger.reading import read_arrival, read_receipt
from services.ledger.recount import known_keys
from services.ledger.streams import StreamKey
from services.ledger.values import Arrival, Receipted, entry_key
from services.runtime.exits import CannotRun
from services.runtime.kafka import librdkafka_options
from services.runtime.settings import KafkaSettings

Place = tuple[str, int]
SILENCE_S: Final = 30.0
"""How long a read may bring nothing before the broker counts as gone."""
SETTLE_S: Final = 5.0
"""How long a half may wait for its other once all is read: a transaction's markers come one after the other."""
METADATA_S: Final = 10.0
_BATCH: Final = 5_000
_CHUNK: Final = 500


class Search:
    """Reads committed records; joins no group and commits nothing."""

    def __init__(self, kafka: KafkaSettings, inputs: Mapping[str, Input]) -> None:
        self._inputs = inputs
        self._options = {
            **librdkafka_options(kafka),
            "group.id": "referral-ledger",  # never joined
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "queued.max.messages.kbytes": 32_768,
            "log_level": 0,
        }

    def match(self, doubtful: Iterable[StreamKey], comparable: Mapping[str, int]) -> dict[StreamKey, Matching]:
        """Pair the queue records and receipts of these streams."""
        found = {key: Matching(key, comparable.get(key.source, 0)) for key in doubtful}
        if not found:
            return {}
        queues = {topics.queue(key.desk, key.lane) for key in found}
        receipts = {name for name, place in self._inputs.items() if place.kind is Kind.RECEIPT}
        settled_at = 0.0
        for messages, at_end in self._read(queues | receipts):
            for message in messages:
                self._pair(message, found)
            if at_end:
                settled_at = settled_at or time.monotonic()
                if all(one.settled for one in found.values()) or time.monotonic() - settled_at > SETTLE_S:
                    break
        return found

    def _pair(self, message: Message, found: Mapping[StreamKey, Matching]) -> None:
        stands, value = _stands(message), self._value(message)
        match value:
            case Arrival():
                key = StreamKey(value.desk, value.lane.value, value.source)
                if key in found:
                    found[key].queued(value.count, Half(stands, value.ingress_offset, value.key))
            case Receipted(report=str() as report):
                for desk, lane in value.destinations.items():
                    if (one := found.get(StreamKey(desk, lane, value.source))) is not None:
                        one.receipted(Half(stands, value.offset, entry_key(value.partner, report, desk)))

    def unentered(self, connection: Connection, desk: str, positions: Mapping[Place, int]) -> list[Half]:
        """Queue records that the ledger read (they are before its positions) and that have no entry."""
        lost: list[Half] = []
        found = self._arrived(desk, positions)
        while some := list(islice(found, _CHUNK)):
            known = known_keys(connection, {half.entry for half in some})
            lost += [half for half in some if half.entry not in known]
        return lost

    def _arrived(self, desk: str, positions: Mapping[Place, int]) -> Iterator[Half]:
        queues = {topics.queue(desk, lane) for lane in Lane}
        if not queues <= self._inputs.keys():  # of a desk that the table has no more nothing can be read
            return
        for messages, at_end in self._read(queues):
            for message in messages:
                stands, value = _stands(message), self._value(message)
                if isinstance(value, Arrival) and stands.offset < positions.get((stands.topic, stands.partition), 0):
                    yield Half(stands, value.ingress_offset, value.key)
            if at_end:
                return

    def _value(self, message: Message) -> object:
        place = self._inputs[message.topic() or ""]
        if place.kind is Kind.QUEUE:
            return read_arrival(place.desk, place.lane, message.value(), message.headers())  # type: ignore[arg-type]
        return read_receipt(place.partner, place.ingress, topics.REROUTE, message.value())

    def _read(self, names: Iterable[str]) -> Iterator[tuple[list[Message], bool]]:
        """What arrives of these topics, from their beginnings, and whether each partition's end was met. It goes on."""
        consumer = Consumer(self._options)
        try:
            known = consumer.list_topics(timeout=METADATA_S).topics
            places = [(name, number) for name in names if name in known for number in known[name].partitions]
            consumer.assign([TopicPartition(*place, OFFSET_BEGINNING) for place in places])
            left, heard = set(places), time.monotonic()
            while True:
                records = []
                for message in consumer.consume(_BATCH, 0.2):
                    heard = time.monotonic()
                    error = message.error()
                    if error is None:
                        records.append(message)
                    elif error.code() == KafkaError._PARTITION_EOF:
                        left.discard((message.topic() or "", message.partition() or 0))
                    elif error.fatal() or not error.retriable():
                        raise KafkaException(error)
                yield records, not left
                if left and time.monotonic() - heard > SILENCE_S:
                    raise CannotRun(f"the broker sent nothing for {SILENCE_S:.0f} s; try again")
        except KafkaException as error:
            raise CannotRun(f"reading the topics failed: {error.args[0].name()}; try again") from None
        finally:
            consumer.close()


def _stands(message: Message) -> Stands:
    return Stands(message.topic() or "", message.partition() or 0, message.offset() or 0)
