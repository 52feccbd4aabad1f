"""What the router's metrics say to a person: totals, rates and latencies of the last seconds. Pure."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from schemas.codes import Outcome

RATE_SECONDS: Final = 5.0
LATENCY_SECONDS: Final = 15.0
BUSIEST: Final = 5
_PREFIX: Final = "referral_router_"


@dataclass(frozen=True, slots=True)
class Reading:
    """One scrape. `at`: seconds on a clock that only goes on. `latency`: records by upper bound in seconds."""

    at: float
    received: int
    outcomes: Mapping[str, int]
    desks: Mapping[str, int]
    lag: int
    latency: Mapping[float, int]
    """Cumulative, as histograms are, over all lanes."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What is shown. Rates and latencies are None while there is nothing to make them of; latencies in ms."""

    received: int
    outcomes: Mapping[str, int]
    per_second: float | None
    lag: int
    p50_ms: float | None
    p99_ms: float | None
    busiest: tuple[tuple[str, int], ...]


def read_metrics(text: str, at: float) -> Reading:
    """A scrape of `/metrics`. Raises ValueError for what is no exposition of metrics."""
    received, lag = 0.0, 0.0
    outcomes: Counter[str] = Counter(dict.fromkeys(Outcome, 0))
    desks: Counter[str] = Counter()
    latency: Counter[float] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            match sample.name.removeprefix(_PREFIX):
                case "received_total":
                    received += sample.value
                case "outcomes_total":
                    outcomes[sample.labels["outcome"]] += int(sample.value)
                case "routed_total":
                    desks[sample.labels["desk"]] += int(sample.value)
                case "ingress_lag_records":
                    lag += sample.value
                case "route_latency_seconds_bucket":
                    latency[float(sample.labels["le"])] += int(sample.value)
    return Reading(at, int(received), outcomes, desks, int(lag), latency)


@dataclass(slots=True)
class History:
    """The last readings; `figures` is made of the newest and of those some seconds older."""

    readings: deque[Reading] = field(default_factory=deque)

    def add(self, reading: Reading) -> None:
        """A newer reading. After a router's restart, when counters fall, what was before is forgotten."""
        if self.readings and reading.received < self.readings[-1].received:
            self.readings.clear()
        self.readings.append(reading)
        while len(self.readings) > 2 and self.readings[1].at <= reading.at - LATENCY_SECONDS:
            self.readings.popleft()

    def figures(self) -> Figures | None:
        """None before the first reading."""
        if not self.readings:
            return None
        newest = self.readings[-1]
        before = self._older(RATE_SECONDS)
        grown = _growth(self._older(LATENCY_SECONDS).latency, newest.latency)
        return Figures(
            received=newest.received,
            outcomes=newest.outcomes,
            per_second=(newest.received - before.received) / (newest.at - before.at) if newest.at > before.at else None,
            lag=newest.lag,
            p50_ms=_in_ms(quantile(grown, 0.5)),
            p99_ms=_in_ms(quantile(grown, 0.99)),
            busiest=_busiest(newest.desks),
        )

    def _older(self, seconds: float) -> Reading:
        """The newest reading that is at least so old, or the oldest there is."""
        limit = self.readings[-1].at - seconds
        return next((one for one in reversed(self.readings) if one.at <= limit), self.readings[0])


def _growth(before: Mapping[float, int], now: Mapping[float, int]) -> list[tuple[float, int]]:
    return [(bound, count - before.get(bound, 0)) for bound, count in sorted(now.items())]


def quantile(buckets: Iterable[tuple[float, int]], share: float) -> float | None:
    """As Prometheus' histogram_quantile: linear within the bucket; the last finite bound for what lies above it."""
    cumulative = [(0.0, 0), *buckets]
    if len(cumulative) == 1 or not (total := cumulative[-1][1]):
        return None
    for (low, below), (high, upto) in pairwise(cumulative):
        if upto >= share * total and upto > below:
            if high == float("inf"):
                return low
            return low + (high - low) * (share * total - below) / (upto - below)
    return None


def _in_ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


def _busiest(desks: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    ordered = sorted(desks.items(), key=lambda item: (-item[1], item[0]))
    return tuple((desk, count) for desk, count in ordered[:BUSIEST] if count)
