"""The notifier's metrics (design/metrics.md), made from `Figures` when they are asked for. Every series exists at once.

Counters are this process's own and add up over notifiers; gauges of the database are shown by the one that holds the
lease, and 0 by the others, so that a sum over notifiers is right too.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from services.notifier.figures import Figures
from services.notifier.ladders import REPEAT
from services.notifier.whom import Whom

RESULTS: Final = ("delivered", "retry", "refused", "gone", "failed")
PREFIX: Final = "referral_notifier_"


class NotifierMetrics(Collector):
    """Collects from the figures, for everybody whom the configuration knows."""

    def __init__(self, whom: Whom, figures: Figures, registry: CollectorRegistry) -> None:
        self._whom = whom
        self._figures = figures
        registry.register(self)

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering need not collect."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Every family, at one moment."""
        with self._figures.lock:
            families = [*self._happened(), *self._stands(), *self._of_the_notifier()]
        yield from families

    def _happened(self) -> Iterator[Metric]:
        figures = self._figures
        deliveries = CounterMetricFamily(
            f"{PREFIX}deliveries",
            "Tries, by what came of them; `failed`: the last of the schedule",
            labels=["desk", "channel", "result"],
        )
        for endpoint in self._whom.endpoints():
            for result in RESULTS:
                deliveries.add_metric([*endpoint, result], figures.deliveries[endpoint, result])
        escalations = CounterMetricFamily(
            f"{PREFIX}escalations",
            "Steps taken on the ladders of a desk, by number; `repeat`: the last again",
            labels=["desk", "step"],
        )
        acknowledged = CounterMetricFamily(f"{PREFIX}acknowledged", "Answers that were taken", labels=["desk"])
        for desk, notify in self._whom.by_desk.items():
            steps = [*map(str, range(1, len(notify.rungs) + 1)), *([REPEAT] if notify.rungs else [])]
            for step in steps:
                escalations.add_metric([desk, step], figures.escalations[desk, step])
            acknowledged.add_metric([desk], figures.acknowledged[desk])
        yield from (deliveries, escalations, acknowledged)
        yield from figures.duration.collect()
        yield from figures.latency.collect()

    def _stands(self) -> Iterator[Metric]:
        figures = self._figures
        shown = figures.active
        pending: dict[str, int] = dict.fromkeys(self._whom.by_desk, 0)
        oldest: dict[str, int] = {}
        for (desk, _), waiting in figures.waiting.items() if shown else ():
            pending[desk] = pending.get(desk, 0) + waiting.pending
            oldest[desk] = min(oldest.get(desk, waiting.oldest_ms), waiting.oldest_ms)
        rows: tuple[tuple[str, str, Callable[[str], float]], ...] = (
            ("outbox_pending", "Messages that were not taken yet", lambda desk: pending[desk]),
            ("outbox_oldest_timestamp_seconds", "Since when the one that waits longest does; 0 where none waits",
             lambda desk: oldest.get(desk, 0) / 1000),
            ("groups_unanswered", "Groups that are open and that nobody has answered",
             lambda desk: figures.unanswered[desk] if shown else 0),
            ("groups_exhausted", "Those of them whose whole ladder was gone through",
             lambda desk: figures.exhausted[desk] if shown else 0),
            ("told", "1 where somebody is told, 0 where no channel is configured",
             lambda desk: int(bool(self._whom.notify(desk).rungs))),
        )  # fmt: skip
        for name, meaning, value in rows:
            family = GaugeMetricFamily(f"{PREFIX}{name}", meaning, labels=["desk"])
            for desk in self._whom.by_desk:
                family.add_metric([desk], value(desk))
            yield family
        disabled = GaugeMetricFamily(
            f"{PREFIX}endpoint_disabled",
            "1 where the receiver said that it wants nothing any more (HTTP 410)",
            labels=["desk", "channel"],
        )
        for endpoint in self._whom.endpoints():
            disabled.add_metric([*endpoint], int(shown and endpoint in figures.disabled))
        yield disabled

    def _of_the_notifier(self) -> Iterator[Metric]:
        figures = self._figures
        for name, meaning, value in (
            ("active", "1 where it holds the lease and keeps the ladders, 0 on one that only delivers",
             int(figures.active)),
            ("caught_up", "1 once it has read all notices, 0 while it cannot be told whether it has",
             int(figures.caught_up)),
            ("lag_records", "Offsets between what was read and the end of the topic of notices", figures.lag_records),
            ("last_commit_timestamp_seconds", "When it last stored something", figures.last_commit_ms / 1000),
        ):  # fmt: skip
            yield GaugeMetricFamily(f"{PREFIX}{name}", meaning, value=value)
        for name, meaning, number in (
            ("forgotten", "Groups that ended long ago and were removed with their deliveries", figures.forgotten),
            (
                "sessions_failed",
                "Stays in office that ended by a fault; each begins again with what the database holds",
                figures.failed_sessions,
            ),
            ("notices_refused", "Records of the topic of notices that are none", figures.refused_notices),
        ):
            yield CounterMetricFamily(f"{PREFIX}{name}", meaning, value=number)
