"""Metrics beyond prometheus_client: a histogram that counts in bulk, and the page that documents them all."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from math import inf, isnan

from prometheus_client import CollectorRegistry, Metric, disable_created_metrics
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

# A `_created` series beside every counter and histogram would double what is scraped, and no rule reads it.
disable_created_metrics()  # type: ignore[no-untyped-call]


class _Counts:
    """One label combination: observations a bucket (not yet cumulated, the last is +Inf), and their sum."""

    __slots__ = ("buckets", "total")

    def __init__(self, size: int) -> None:
        self.buckets = [0] * size
        self.total = 0.0


class BulkHistogram(Collector):
    """An ordinary Prometheus histogram whose `observe` takes how often the value was seen.

    `buckets`: upper bounds, ascending, without +Inf. A histogram without labels exists at zero at once,
    one with labels from `touch`. For one thread: nothing is locked.
    """

    def __init__(
        self,
        name: str,
        documentation: str,
        labels: Sequence[str],
        buckets: Sequence[float],
        registry: CollectorRegistry | None = None,
    ) -> None:
        if not buckets or list(buckets) != sorted(set(buckets)) or inf in buckets:
            raise ValueError("buckets must be finite, ascending and at least one")
        self._name = name
        self._documentation = documentation
        self._labelnames = tuple(labels)
        self._bounds = tuple(map(float, buckets))
        self._series: dict[tuple[str, ...], _Counts] = {}
        if not labels:
            self.touch(())
        if registry is not None:
            registry.register(self)

    def touch(self, labels: tuple[str, ...]) -> None:
        """Make the series of these label values exist, at zero if it is new."""
        self._counts(labels)

    def observe(self, labels: tuple[str, ...], value: float, count: int = 1) -> None:
        """Add `count` observations of `value`. Raises ValueError for NaN or a negative count."""
        if count < 0 or isnan(value):
            raise ValueError("a histogram only grows, by numbers")
        counts = self._series.get(labels) or self._counts(labels)
        counts.buckets[bisect_left(self._bounds, value)] += count
        counts.total += value * count

    def describe(self) -> Iterable[Metric]:
        """The family without samples, so that registering need not collect."""
        return [self._family()]

    def collect(self) -> Iterator[Metric]:
        """The family with every series, cumulated as Prometheus wants it."""
        family = self._family()
        bounds = [*map(floatToGoString, self._bounds), "+Inf"]
        for labels, counts in self._series.items():
            cumulated = list(zip(bounds, map(float, accumulate(counts.buckets)), strict=True))
            family.add_metric([str(label) for label in labels], cumulated, counts.total)
        yield family

    def _family(self) -> HistogramMetricFamily:
        return HistogramMetricFamily(self._name, self._documentation, labels=self._labelnames)

    def _counts(self, labels: tuple[str, ...]) -> _Counts:
        if len(labels) != len(self._labelnames):
            raise ValueError(f"{self._name} has the labels {self._labelnames}")
        return self._series.setdefault(labels, _Counts(len(self._bounds) + 1))


def document(collectors: Iterable[Collector]) -> str:
    """A Markdown table of every metric the collectors expose, by name: type, labels, meaning."""
    rows = sorted(row for collector in collectors for row in _rows(collector))
    return "\n".join(["| metric | type | labels | meaning |", "|---|---|---|---|", *rows]) + "\n"


def _rows(collector: Collector) -> Iterator[str]:
    for family in collector.collect():
        # A family of prometheus_client's own knows its labels before it has a series; other collectors' show them.
        names = getattr(collector, "_labelnames", None)
        if names is None:
            names = dict.fromkeys(label for s in family.samples for label in s.labels if label != "le")
        labels = ", ".join(f"`{name}`" for name in names)
        name = f"{family.name}_total" if family.type == "counter" else family.name
        meaning = family.documentation.replace("|", "\\|")
        yield f"| `{name}` | {family.type} | {labels} | {meaning} |"
