"""A peer: the router's work as a plain confluent-kafka loop would do it, tuned, without what makes it durable.

The same validation, routes and queue records (all headers), the same codec, transactions with the offsets in them.
What was seen is a set in memory, the running counts a dict; no receipts, no seen-log, no quarantine, no metrics.
`python -m tests.bench.confluent_loop BOOTSTRAP DIRECTORY PARTNER`.
"""

import json
import signal
import sys
from pathlib import Path
from threading import Event
from typing import Final, cast

from confluent_kafka import Consumer, Message, Producer

from policy.configuration import Configuration, load
from policy.intake import Headers, Rejection, examine
from policy.partners import Partner
from schemas import topics
from services.router.route import Routes
from services.router.settings import RouterSettings
from services.router.writing import rfc3339

CONSUMED: Final = 5_000
"""Records asked for at once."""
WAIT_S: Final = 0.05
COMMIT_EVERY: Final = 40_000
"""Records a transaction where there are so many: over 400 queues, fewer and larger ones win (docs/performance.md)."""
COMMIT_TIMEOUT_S: Final = 60.0


class Loop:
    """Consume, route, produce, commit."""

    def __init__(self, consumer: Consumer, producer: Producer, configuration: Configuration, partner: Partner) -> None:
        self._consumer = consumer
        self._producer = producer
        self._partner = partner
        self._routes = Routes(configuration)
        self._source = f"/partners/{partner.id}".encode()
        self._seen: set[tuple[str, int]] = set()
        self._counts: dict[str, int] = {}
        self.written = 0

    def run(self, stop: Event) -> None:
        """Until `stop`; what was consumed is committed when enough is there, or when nothing more comes."""
        pending = 0
        while not stop.is_set():
            found = self._consumer.consume(CONSUMED, WAIT_S)
            if found and not pending:
                self._producer.begin_transaction()
            for record in found:
                self._route(record)
            pending += len(found)
            if pending and (pending >= COMMIT_EVERY or not found):
                self._commit()
                pending = 0

    def _commit(self) -> None:
        """Fails when a delivery failed: librdkafka knows, unlike aiokafka."""
        positions = self._consumer.position(self._consumer.assignment())
        metadata = self._consumer.consumer_group_metadata()
        self._producer.send_offsets_to_transaction(positions, metadata, COMMIT_TIMEOUT_S)
        self._producer.commit_transaction(COMMIT_TIMEOUT_S)

    def _route(self, record: Message) -> None:
        if record.error() is not None:
            raise SystemExit("the broker answered with an error")
        at_ms = record.timestamp()[1]
        key = record.key()
        headers = cast(Headers, record.headers() or ())
        found = examine(record.value(), key, headers, self._partner, at_ms)
        if isinstance(found, Rejection):
            return
        envelope = found.envelope
        identity = (envelope.report, envelope.revision)
        if identity in self._seen:
            return
        self._seen.add(identity)
        own = [
            ("ce_id", f"{envelope.partner}:{envelope.report}:{envelope.revision}".encode()),
            ("ce_source", self._source),
            ("ce_time", envelope.submitted_at.encode()),
            ("referral-received", rfc3339(at_ms)),
            ("referral-ingress", f"{record.topic()}/{record.partition()}/{record.offset()}".encode()),
        ]
        for stop in self._routes.of(envelope).stops:
            number = self._counts[stop.queue] = self._counts.get(stop.queue, 0) + 1
            self._produce(stop.queue, found.canonical, key, [*stop.headers, *own, ("referral-count", b"%d" % number)])
            self.written += 1

    def _produce(
        self, queue: str, value: bytes, key: bytes | None, headers: list[tuple[str, str | bytes | None]]
    ) -> None:
        while True:
            try:
                return self._producer.produce(queue, value, key, 0, headers=headers)
            except BufferError:
                self._producer.poll(0.01)


def main(bootstrap: str, directory: str, partner: str) -> int:
    """Until SIGTERM; how many records were written to queues."""
    configuration = load(Path(directory))
    group = f"bench-confluent_loop-{partner}"
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "fetch.message.max.bytes": RouterSettings().fetch_bytes,
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "transactional.id": group,
            "compression.type": RouterSettings().compression,
            "linger.ms": 500,  # a commit flushes: waiting longer only makes fewer requests
            "batch.size": 1_000_000,
            "batch.num.messages": 10_000,
            "queue.buffering.max.messages": 1_000_000,
            "queue.buffering.max.kbytes": 1_048_576,
        }
    )
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    producer.init_transactions(COMMIT_TIMEOUT_S)
    consumer.subscribe([topics.ingress(partner)])
    while not consumer.assignment():
        consumer.consume(1, WAIT_S)  # nothing is there yet
    print(json.dumps({"event": "ready"}), flush=True)  # noqa: T201 - what the bench waits for
    loop = Loop(consumer, producer, configuration, configuration.partners.by_id[partner])
    loop.run(stop)
    consumer.close()
    return loop.written


if __name__ == "__main__":
    print(json.dumps({"written": main(*sys.argv[1:4])}), flush=True)  # noqa: T201
