"""What the notifier has to show of itself: counted where it happens, shown as metrics and on the page."""

import threading
from collections import Counter
from typing import Final

from services.notifier.outbox import Waiting
from services.notifier.whom import Endpoint
from services.runtime.metrics import BulkHistogram

DURATIONS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15)
LATENCIES_S: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 60, 600, 7200, 86400)
KINDS: Final = ("webhook", "email", "kafka")


class Figures:
    """Counters of this process, and the state of the database as it last was read. `lock` guards all of it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.version = 0
        self.deliveries: Counter[tuple[Endpoint, str]] = Counter()
        self.escalations: Counter[tuple[str, str]] = Counter()
        self.acknowledged: Counter[str] = Counter()
        self.forgotten = 0
        self.refused_notices = 0
        self.failed_sessions = 0
        self.duration = BulkHistogram(
            "referral_notifier_delivery_duration_seconds",
            "How long one try took; `channel`: webhook, email or kafka",
            ["channel"],
            DURATIONS_S,
        )
        self.latency = BulkHistogram(
            "referral_notifier_delivery_latency_seconds",
            "From a message to its being taken, tries that failed included; `channel`: webhook, email or kafka",
            ["channel"],
            LATENCIES_S,
        )
        for kind in KINDS:
            self.duration.touch((kind,))
            self.latency.touch((kind,))
        self.waiting: dict[Endpoint, Waiting] = {}
        self.disabled: frozenset[Endpoint] = frozenset()
        self.unanswered: Counter[str] = Counter()
        self.exhausted: Counter[str] = Counter()
        self.active = False
        self.caught_up = False
        self.lag_records = 0
        self.last_commit_ms = 0

    def tried(self, endpoint: Endpoint, kind: str, result: str, seconds: float) -> None:
        """One try, and its result: delivered, retry, refused, gone, failed."""
        with self.lock:
            self.deliveries[endpoint, result] += 1
            self.duration.observe((kind,), seconds)
            self.version += 1

    def taken(self, kind: str, seconds: float) -> None:
        """A message that was composed so long ago was taken."""
        with self.lock:
            self.latency.observe((kind,), max(0.0, seconds))

    def look(self, waiting: dict[Endpoint, Waiting], disabled: frozenset[Endpoint]) -> None:
        """The outbox, as it is."""
        with self.lock:
            self.waiting, self.disabled = waiting, disabled
            self.version += 1
