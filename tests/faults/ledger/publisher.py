"""Partner and desks in one producer: sends a flow at its moments, in a thread."""

import threading
import time
from collections.abc import Sequence
from typing import Final

from confluent_kafka import KafkaError, Message, Producer

from tests.faults.ledger.workload import Planned

_PATIENCE_S: Final = 120.0


class Flow:
    """A flow being sent. `problem` is what ended it early; then nothing is proved."""

    def __init__(self, bootstrap: str, planned: Sequence[Planned]) -> None:
        self.sent = 0
        self.problem: BaseException | None = None
        self._planned = planned
        self._failed: list[str] = []
        self._over = threading.Event()
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "linger.ms": 5,
                "message.timeout.ms": int(_PATIENCE_S * 1000),
                "reconnect.backoff.max.ms": 1000,
                "topic.metadata.refresh.interval.ms": 2000,
                "log_level": 0,
            }
        )
        self._thread = threading.Thread(target=self._run, name="flow", daemon=True)
        self._thread.start()

    @property
    def flowing(self) -> bool:
        """Whether there is more to send."""
        return self._thread.is_alive()

    def finish(self) -> None:
        """Until all of it is acknowledged. Raises what ended it early."""
        while self._thread.is_alive():
            self._thread.join(1)
        if self.problem is not None:
            raise self.problem

    def cancel(self) -> None:
        """Send no more."""
        self._over.set()
        self._thread.join(20)

    def _run(self) -> None:
        try:
            self._send()
        except BaseException as problem:
            self.problem = problem

    def _send(self) -> None:
        began_s = time.monotonic()
        for planned in self._planned:
            while (wait_s := began_s + planned.at_s - time.monotonic()) > 0:
                if self._over.is_set():
                    return
                self._producer.poll(min(wait_s, 0.2))
            self._producer.produce(planned.topic, planned.value, planned.key.encode(), on_delivery=self._acknowledge)
            self._producer.poll(0)
        left = self._producer.flush(_PATIENCE_S)
        if left or self._failed:
            raise RuntimeError(f"{left} unacknowledged, {len(self._failed)} failed: {self._failed[:1]}")

    def _acknowledge(self, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self.sent += 1
        else:
            self._failed.append(error.str())
