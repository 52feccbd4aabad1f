"""The router as the run sees it: its health and metrics over HTTP, and how far it is behind in the topics."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from services.console.run_figures import Reading, read_metrics
from services.console.run_port import ServicePort, reachable
from services.console.tally_cluster import Cluster
from services.console.tally_records import input_kind
from services.console.tally_terms import Kind
from services.runtime.kafka import KafkaSettings

STILL_SECONDS: Final = 3.0
"""No lag for so long: what is left above the committed offsets are no records (a partner's own markers)."""


@dataclass(frozen=True, slots=True)
class RouterPort(ServicePort):
    """Where the router answers."""

    def scrape(self) -> Reading | None:
        """Its metrics; None when it does not answer now."""
        at = time.monotonic()
        content = self.get("/metrics")
        return None if content is None else read_metrics(content.decode(), at)


def router_port(host: str, port: int) -> RouterPort:
    """Of these settings."""
    return RouterPort(reachable(host), port)


def drain(
    settings: KafkaSettings, port: RouterPort, deadline_s: float, meanwhile: Callable[[Reading | None], bool]
) -> bool:
    """Wait until all of the ingress and of the commands is committed.

    False when it was not after `deadline_s`, or `meanwhile` gave up.

    `meanwhile` gets each scrape; it may wait a little, and returns False to end the waiting.
    """
    cluster = Cluster(settings)
    inputs = [place for place in cluster.places() if input_kind(place.topic) in (Kind.INGRESS, Kind.REROUTE)]
    started = quiet_since = time.monotonic()
    while time.monotonic() - started < deadline_s:
        spans, committed = cluster.spans(inputs), cluster.committed(inputs)
        behind = [place for place, span in spans.items() if committed[place] < span.end]
        if not behind:
            return True
        commands = any(input_kind(place.topic) is Kind.REROUTE for place in behind)
        reading = port.scrape()
        if reading is None or reading.lag or commands:
            quiet_since = time.monotonic()
        elif time.monotonic() - quiet_since > STILL_SECONDS:
            return True
        if not meanwhile(reading):
            return False
    return False
