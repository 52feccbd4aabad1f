"""The text of a registry, byte by byte as the library writes it, whatever changed since the last look."""

from collections.abc import Iterator
from math import inf, nan

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, Metric, Summary, generate_latest
from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from services.runtime.exposition import Exposition


def test_every_kind_of_metric_is_written_as_the_library_writes_it() -> None:
    registry = CollectorRegistry()
    Counter("c", 'says "x"\\\nand more', ["desk"], registry=registry).labels('q"\\\n').inc(2)
    gauge = Gauge("g", "x", registry=registry)
    Histogram("h", "x", ["lane"], registry=registry).labels("urgent").observe(0.3)
    Summary("s", "x", registry=registry).observe(2)
    Info("i", "x", registry=registry).info({"version": "1"})
    registry.register(_Ages())
    exposition = Exposition(registry)
    for value in (0, 1e9, 1.5, inf, -inf, nan, 7):
        gauge.set(value)
        assert exposition.write() == generate_latest(registry)


def test_series_that_come_go_and_change_places_are_followed() -> None:
    registry = CollectorRegistry()
    shown = _Shown()
    registry.register(shown)
    exposition = Exposition(registry)
    for series in ({"a": 1}, {"a": 1, "b": 2}, {"b": 2, "a": 1}, {"b": 3, "a": 1}, {"c": 3, "a": 1}, {}, {"a": 1}):
        shown.series = dict(series)
        assert exposition.write() == generate_latest(registry)


def test_a_family_that_did_not_change_is_not_written_again() -> None:
    registry = CollectorRegistry()
    shown = _Shown()
    registry.register(shown)
    exposition = Exposition(registry)
    shown.series = {"a": 1}
    exposition.write()
    before = exposition.written["shown"]
    exposition.write()
    assert exposition.written["shown"] is before


class _Shown(Collector):
    def __init__(self) -> None:
        self.series: dict[str, float] = {}

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily("shown", "x", labels=["desk"])
        for desk, value in self.series.items():
            family.add_metric([desk], value, timestamp=12.5 if desk == "b" else None)
        yield family


class _Ages(Collector):
    def collect(self) -> Iterator[Metric]:
        family = GaugeHistogramMetricFamily("ages", "x", labels=["desk"])
        for desk in ("aa", "bb"):
            family.add_metric([desk], [("1.0", 2), ("+Inf", 3)], 9)
        yield family
