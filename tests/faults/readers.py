"""Read_committed readers of everything the router writes: one that is there all the time, one that comes at the end.

They are librdkafka's, not the router's own client, so that a fault of one is not believed by the other.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from json import loads
from typing import Any, Final, cast

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from policy.configuration import Configuration
from policy.topics import queue_topics
from schemas import topics
from tests.faults.evidence import Coordinates, Ingress, Noted, Queued, Receipted, View, content
from tests.faults.stalls import Moment

_QUEUE: Final = "referral.queue."
_RECEIPT: Final = "referral.receipt."
_AT_ONCE: Final = 1000


def client(bootstrap: str, **more: Any) -> dict[str, Any]:
    """Settings of a reader without a group: it joins nothing and commits nothing."""
    return {
        "bootstrap.servers": bootstrap,
        "group.id": "campaign-reader",
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
        "fetch.wait.max.ms": 100,
        "reconnect.backoff.max.ms": 1000,
        "topic.metadata.refresh.interval.ms": 2000,
        "log_level": 0,
        "error_cb": _ignore,
        **more,
    }


def written(configuration: Configuration, partner: str) -> list[tuple[str, int]]:
    """Every (topic, partition) the router writes for this partner's ingress, and a reader can judge."""
    partitions = configuration.partners.by_id[partner].ingress_partitions
    return [
        *((topic, 0) for topic in queue_topics(configuration)),
        *((topics.receipt(partner), partition) for partition in range(partitions)),
        (topics.QUARANTINE, 0),
    ]


class Seen:
    """What one reader was given; `arrivals` are the receipts' moments, by ingress record."""

    def __init__(self, ingress_topic: str) -> None:
        self._ingress_topic = ingress_topic
        self.queued: list[Queued] = []
        self.receipts: list[Receipted] = []
        self.notes: list[Noted] = []
        self.arrivals: list[tuple[Coordinates, Moment]] = []

    @property
    def view(self) -> View:
        """As evidence."""
        return View(self.queued, self.receipts, self.notes)

    def take(self, message: Message) -> None:
        """Decode one record. Raises whatever a malformed one causes: a router that writes one has failed."""
        topic, value = message.topic() or "", message.value() or b""
        if topic.startswith(_QUEUE):
            self.queued.append(_queued(message, topic, value))
        elif topic.startswith(_RECEIPT):
            receipt = _receipted(message, loads(value))
            self.receipts.append(receipt)
            self.arrivals.append((receipt.source, (receipt.source[0], time.monotonic())))
        else:
            note = loads(value)
            if note["topic"] == self._ingress_topic:
                source = (note["partition"], note["offset"])
                self.notes.append(Noted(_partition(message), _offset(message), source, note["reason"]))


def read_all(bootstrap: str, places: Iterable[tuple[str, int]], ingress_topic: str, patience_s: float) -> Seen:
    """Everything up to the last stable offset of each partition. TimeoutError when that takes too long."""
    seen = Seen(ingress_topic)
    for message in to_the_end(bootstrap, places, patience_s):
        seen.take(message)
    return seen


def read_ingress(bootstrap: str, topic: str, partitions: int, patience_s: float) -> list[Ingress]:
    """The ingress topic as it stands."""
    places = [(topic, partition) for partition in range(partitions)]
    return [
        Ingress(
            (_partition(message), _offset(message)),
            (message.key() or b"").decode(),
            content(message.value() or b""),
            message.value() or b"",
        )
        for message in to_the_end(bootstrap, places, patience_s)
    ]


class LiveReader:
    """A reader in a thread, from the first record to `stop`. `seen` grows; only the thread writes it."""

    def __init__(self, bootstrap: str, places: Sequence[tuple[str, int]], ingress_topic: str) -> None:
        self.seen = Seen(ingress_topic)
        self.problem: BaseException | None = None
        self._consumer = _assigned(bootstrap, places)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live-reader", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread. What it met is in `problem`."""
        self._over.set()
        self._thread.join(20)

    def await_as_much_as(self, other: Seen, patience_s: float) -> None:
        """Wait until as many records came here as there, or the patience ends: the judge will name the rest."""
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline and self.problem is None:
            mine, its = self.seen, other
            if (
                len(mine.queued) >= len(its.queued)
                and len(mine.receipts) >= len(its.receipts)
                and len(mine.notes) >= len(its.notes)
            ):
                return
            self._over.wait(0.05)

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                for message in self._consumer.consume(_AT_ONCE, 0.1):
                    if _is_record(message):
                        self.seen.take(message)
        except BaseException as problem:
            self.problem = problem
        finally:
            with suppress(Exception):
                self._consumer.close()


def to_the_end(bootstrap: str, places: Iterable[tuple[str, int]], patience_s: float) -> Iterator[Message]:
    waiting = set(places)
    consumer = _assigned(bootstrap, waiting)
    deadline = time.monotonic() + patience_s
    try:
        while waiting:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(waiting)} partitions were not read to their end in {patience_s:g} s")
            for message in consumer.consume(_AT_ONCE, 0.2):
                if _is_record(message):
                    yield message
                else:
                    waiting.discard((message.topic() or "", _partition(message)))
    finally:
        consumer.close()


def _assigned(bootstrap: str, places: Iterable[tuple[str, int]]) -> Consumer:
    consumer = Consumer(client(bootstrap))
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for topic, partition in places])
    return consumer


def _is_record(message: Message) -> bool:
    """False at the end of a partition; KafkaException for what a reader cannot go on after."""
    error = message.error()
    if error is None:
        return True
    if error.code() != KafkaError._PARTITION_EOF:
        raise KafkaException(error)
    return False


def _queued(message: Message, topic: str, value: bytes) -> Queued:
    headers = dict(cast(list[tuple[str, bytes]], message.headers()))
    _, partition, offset = headers["referral-ingress"].decode().rsplit("/", 2)
    return Queued(
        topic,
        _offset(message),
        (message.key() or b"").decode(),
        content(value),
        (int(partition), int(offset)),
        int(headers["referral-count"]),
    )


def _receipted(message: Message, receipt: dict[str, Any]) -> Receipted:
    return Receipted(
        _partition(message),
        _offset(message),
        (receipt["partition"], receipt["offset"]),
        receipt["outcome"],
        receipt.get("reason"),
        receipt.get("report"),
        frozenset(topics.queue(stop["desk"], stop["lane"]) for stop in receipt["destinations"]),
    )


def _partition(message: Message) -> int:
    partition = message.partition()
    assert partition is not None  # a record that was read has one
    return partition


def _offset(message: Message) -> int:
    offset = message.offset()
    assert offset is not None
    return offset


def _ignore(_error: KafkaError) -> None:
    """Brokers go away here; librdkafka comes back by itself, and what it cannot mend arrives as a message."""
