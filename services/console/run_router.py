"""The router as the run sees it: its health and metrics over HTTP, and how far it is behind in the topics."""

import http.client
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from services.console.run_figures import Reading, read_metrics
from services.console.tally_cluster import Cluster
from services.console.tally_records import input_kind
from services.console.tally_terms import Kind
from services.runtime.kafka import KafkaSettings

ANSWER_SECONDS: Final = 2.0
STILL_SECONDS: Final = 3.0
"""No lag for so long: what is left above the committed offsets are no records (a partner's own markers)."""


@dataclass(frozen=True, slots=True)
class RouterPort:
    """Where the router answers."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """Of its metrics."""
        return f"http://{self.host}:{self.port}/metrics"

    def ready(self) -> bool:
        """Whether it says that it routes."""
        answer = self._get("/readyz")
        return answer is not None and answer[0] == 200

    def scrape(self) -> Reading | None:
        """Its metrics; None when it does not answer now."""
        at = time.monotonic()
        answer = self._get("/metrics")
        if answer is None or answer[0] != 200:
            return None
        return read_metrics(answer[1].decode(), at)

    def _get(self, path: str) -> tuple[int, bytes] | None:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=ANSWER_SECONDS)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


def reachable(host: str, port: int) -> RouterPort:
    """The address to ask where the router listens on `host`, which may mean every address."""
    return RouterPort("127.0.0.1" if host in ("0.0.0.0", "::", "") else host, port)  # noqa: S104 - read, not bound


def drain(
    settings: KafkaSettings, port: RouterPort, deadline_s: float, meanwhile: Callable[[Reading | None], bool]
) -> bool:
    """Wait until all of the ingress is committed. False when it was not after `deadline_s`, or `meanwhile` gave up.

    `meanwhile` gets each scrape; it may wait a little, and returns False to end the waiting.
    """
    cluster = Cluster(settings)
    inputs = [place for place in cluster.places() if input_kind(place.topic) is Kind.INGRESS]
    started = quiet_since = time.monotonic()
    while time.monotonic() - started < deadline_s:
        spans, committed = cluster.spans(inputs), cluster.committed(inputs)
        if all(committed[place] >= span.end for place, span in spans.items()):
            return True
        reading = port.scrape()
        if reading is None or reading.lag:
            quiet_since = time.monotonic()
        elif time.monotonic() - quiet_since > STILL_SECONDS:
            return True
        if not meanwhile(reading):
            return False
    return False
