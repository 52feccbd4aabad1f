"""The partner of the campaign: sends a stream at its moments, and knows what was acknowledged."""

import threading
import time
from collections.abc import Sequence
from typing import Final

from confluent_kafka import KafkaError, Message, Producer

from tests.faults.evidence import Sent
from tests.faults.placing import Unplaced
from tests.faults.workload import Planned

_PATIENCE_S: Final = 120.0


class PublishingError(Exception):
    """The partner itself could not send: nothing can be said about the router."""


class Publisher:
    """One producer for the whole campaign: idempotent, acks=all, partitions as the Java client chooses them."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self.sent: list[Sent] = []
        self.unplaced: list[Unplaced] = []
        self._topic = topic
        self._failures: list[str] = []
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "linger.ms": 5,
                "message.timeout.ms": int(_PATIENCE_S * 1000),
                "reconnect.backoff.max.ms": 1000,
                # Without it a producer stays with a broker that was paused (metadata are five minutes old).
                "topic.metadata.refresh.interval.ms": 2000,
                "socket.timeout.ms": 10_000,
                "log_level": 0,
            }
        )

    def start(self, stream: Sequence[Planned], phase: int) -> "Stream":
        """Send the stream in a thread of its own, from now on."""
        return Stream(self, stream, phase)

    def send(self, planned: Planned, phase: int) -> None:
        """Hand one record to the producer. BufferError never comes: a campaign fits in its queue."""

        def acknowledge(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                self._failures.append(error.str())
                return
            partition, offset, now_s = message.partition(), message.offset(), time.monotonic()
            assert partition is not None  # it was chosen before sending
            kind, report = planned.kind, planned.report
            if offset is None:
                self.unplaced.append(Unplaced(partition, phase, kind, report, planned.value, now_s))
            else:
                self.sent.append(Sent((partition, offset), phase, kind, report, now_s))

        self._producer.produce(self._topic, key=planned.report.encode(), value=planned.value, on_delivery=acknowledge)

    def poll(self, timeout_s: float) -> None:
        """Serve acknowledgements."""
        self._producer.poll(timeout_s)

    def flush(self) -> None:
        """Until everything is acknowledged. PublishingError otherwise."""
        left = self._producer.flush(_PATIENCE_S)
        if left or self._failures:
            raise PublishingError(f"{left} unacknowledged, {len(self._failures)} failed: {self._failures[:1]}")


class Stream:
    """A stream being sent; `began_s` is the zero of its clock (monotonic seconds)."""

    def __init__(self, publisher: Publisher, stream: Sequence[Planned], phase: int) -> None:
        self.began_s = time.monotonic()
        self._publisher = publisher
        self._stream = stream
        self._phase = phase
        self._problem: BaseException | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Send no more."""
        self._over.set()
        self._thread.join(10)

    def finish(self) -> None:
        """Until all of it is sent and acknowledged."""
        while self._thread.is_alive():
            self._thread.join(1)
        if self._problem is not None:
            raise self._problem

    def _run(self) -> None:
        try:
            for planned in self._stream:
                while (wait_s := self.began_s + planned.at_s - time.monotonic()) > 0:
                    if self._over.is_set():
                        return
                    self._publisher.poll(min(wait_s, 0.2))
                self._publisher.send(planned, self._phase)
                self._publisher.poll(0)
            self._publisher.flush()
        except BaseException as problem:
            self._problem = problem
