"""The router's metrics: every one declared here, every known label at zero from the first scrape.

A transaction's figures are added when it is committed, once, so that the metrics never count what was undone.
"""

import time
from collections import Counter as Tally
from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from policy.configuration import Configuration
from schemas import topics
from schemas.codes import Lane, Outcome, RejectReason
from services.router.writing import Counts
from services.runtime.metrics import BulkHistogram

LATENCY_BUCKETS: Final = (
    0.005,
    0.01,
    0.02,
    0.03,
    0.05,
    0.075,
    0.1,
    0.13,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    30,
    60,
    300,
    3600,
)
DURATION_BUCKETS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 4, 8)
RECORDS_BUCKETS: Final = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000)
RESTORE_BUCKETS: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 300)


class RouterMetrics:
    """All series of one router process."""

    def __init__(self, configuration: Configuration, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"referral_router_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"referral_router_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"referral_router_{name}", text, buckets=buckets, registry=registry)

        self.received = counter("received", "Ingress records that got an outcome", "partner")
        self.outcomes = counter("outcomes", "Ingress records by what became of them", "partner", "outcome")
        self.rejected = counter("rejected", "Rejected ingress records by reason", "partner", "reason")
        self.routed = counter("routed", "Records written to a desk's queue", "desk", "lane")
        self.rejected_urgent = counter(
            "rejected_urgent", "Rejected ingress records that claim urgency, as far as can be read", "partner"
        )
        self.misplaced = counter(
            "misplaced",
            "Records in another partition than their key says; dedupe is per partition",
            "partner",
        )
        self.clock_ahead = counter(
            "clock_ahead",
            "Records submitted before 2000 or over 5 minutes after the broker's time",
            "partner",
        )
        self.overtaken = counter(
            "overtaken", "Ingress offsets that retention deleted before they were routed", "partner"
        )
        self.route_latency = BulkHistogram(
            "referral_router_route_latency_seconds",
            "From the broker's time of the ingress record to the commit of what it caused",
            ("lane",),
            LATENCY_BUCKETS,
            registry=registry,
        )
        self.transactions = counter("transactions", "Transactions by how they ended", "result")
        self.transaction_duration = histogram(
            "transaction_duration_seconds", "From the first decision to the commit", DURATION_BUCKETS
        )
        self.transaction_records = histogram("transaction_records", "Input records of a transaction", RECORDS_BUCKETS)
        self.ingress_lag = gauge(
            "ingress_lag_records",
            "Offsets between what is committed and the last stable one; 0 for partitions of other routers",
            "partner",
            "partition",
        )
        self.ingress_oldest = gauge(
            "ingress_oldest_timestamp_seconds",
            "Broker's time of the oldest record in hand or waiting, as a Unix time; 0 when nothing waits",
            "partner",
            "partition",
        )
        self.fenced = counter("fenced", "Producers that were fenced by another router")
        self.restores = counter("restores", "Windows read back from the seen-log")
        self.restore_duration = histogram(
            "restore_duration_seconds", "From starting the producer to the first poll", RESTORE_BUCKETS
        )
        self.seen_ids = gauge("seen_ids", "Identities in the windows of this router", "partner")
        self.assigned_partitions = gauge("assigned_partitions", "Partitions of all sources that this router owns")
        self.last_commit = gauge(
            "last_commit_timestamp_seconds",
            "When a transaction was last committed, as a Unix time; 0 = never",
        )
        self.routed_to: dict[str, Counter] = {}
        """Queue topic → its series."""
        self._start_at_zero(configuration)

    def _start_at_zero(self, configuration: Configuration) -> None:
        for result in ("committed", "failed"):
            self.transactions.labels(result)
        for lane in Lane:
            self.route_latency.touch((lane,))
            for desk in configuration.desks.desks:
                self.routed_to[topics.queue(desk.id, lane)] = self.routed.labels(desk.id, lane)
        for partner in configuration.partners.partners:
            for family in (
                self.received,
                self.rejected_urgent,
                self.misplaced,
                self.clock_ahead,
                self.overtaken,
                self.seen_ids,
            ):
                family.labels(partner.id)
            for outcome in Outcome:
                self.outcomes.labels(partner.id, outcome)
            for reason in RejectReason:
                self.rejected.labels(partner.id, reason)
            for partition in range(partner.ingress_partitions):
                self.ingress_lag.labels(partner.id, partition)
                self.ingress_oldest.labels(partner.id, partition)


class PartitionMetrics:
    """What one input partition tells. `partner` is None for tests and reroutes: these have no lag or outcomes."""

    def __init__(
        self,
        metrics: RouterMetrics,
        partner: str | None,
        partition: int,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._all = metrics
        self._partner = partner
        self._partition = partition
        self._now = now
        self._seen_ids = 0

    def working_on(self, oldest_ms: int) -> None:
        """Records in hand, the oldest of this broker's time."""
        if self._partner is not None:
            self._all.ingress_oldest.labels(self._partner, self._partition).set(oldest_ms / 1000)

    def behind(self, records: int) -> None:
        """So many wait."""
        if self._partner is not None:
            self._all.ingress_lag.labels(self._partner, self._partition).set(records)

    def committed(self, counts: Counts, *, records: int, behind: int, seen_ids: int, duration_s: float) -> None:
        """A transaction is committed: now, and only now, it counts."""
        metrics, now = self._all, self._now()
        metrics.transactions.labels("committed").inc()
        metrics.transaction_duration.observe(duration_s)
        metrics.transaction_records.observe(records)
        metrics.last_commit.set(now)
        self._remember(seen_ids)
        for queue, number in counts.queued.items():
            metrics.routed_to[queue].inc(number)
        if self._partner is not None:
            self._count_ingress(self._partner, counts, now)
            self.behind(behind)
            if not behind:
                metrics.ingress_oldest.labels(self._partner, self._partition).set(0)

    def _count_ingress(self, partner: str, counts: Counts, now: float) -> None:
        metrics = self._all
        metrics.received.labels(partner).inc(len(counts.outcomes))
        metrics.misplaced.labels(partner).inc(counts.misplaced)
        metrics.clock_ahead.labels(partner).inc(counts.clock_ahead)
        metrics.rejected_urgent.labels(partner).inc(counts.rejected_urgent)
        for outcome, number in Tally(counts.outcomes).items():
            metrics.outcomes.labels(partner, outcome).inc(number)
        for reason, number in Tally(counts.reasons).items():
            metrics.rejected.labels(partner, reason).inc(number)
        for (lane, arrived_ms), number in Tally(counts.arrivals).items():
            metrics.route_latency.observe((lane,), max(0.0, now - arrived_ms / 1000), number)

    def restored(self, seen_ids: int, duration_s: float) -> None:
        """The window was read back."""
        self._all.restores.inc()
        self._all.restore_duration.observe(duration_s)
        self._remember(seen_ids)

    def failed(self) -> None:
        """A transaction ended in doubt."""
        self._all.transactions.labels("failed").inc()

    def fenced(self) -> None:
        """Another router owns the partition."""
        self._all.fenced.inc()

    def overtaken(self, offsets: int) -> None:
        """Retention deleted what nobody had routed."""
        if self._partner is not None:
            self._all.overtaken.labels(self._partner).inc(offsets)

    def given_up(self) -> None:
        """The partition is another router's now: what is said of it here must not stand still."""
        self._remember(0)
        if self._partner is not None:
            self._all.ingress_lag.labels(self._partner, self._partition).set(0)
            self._all.ingress_oldest.labels(self._partner, self._partition).set(0)

    def _remember(self, seen_ids: int) -> None:
        if self._partner is not None:
            self._all.seen_ids.labels(self._partner).inc(seen_ids - self._seen_ids)
            self._seen_ids = seen_ids
