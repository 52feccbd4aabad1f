"""Families whose series stay, made from look to look by what changed: of thousands of series few numbers do."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.samples import Sample

Family = TypeVar("Family", GaugeMetricFamily, CounterMetricFamily)
Rows = Iterable[tuple[Sequence[str], float]]
"""Of each series its label values and its number."""


class Series:
    """Remembers of each family what was shown last. A family must always have the same series in the same order.

    ValueError where it has more or fewer than before.
    """

    def __init__(self) -> None:
        self._shown: dict[str, list[Sample]] = {}

    def gauge(self, name: str, meaning: str, labels: Sequence[str], rows: Rows) -> GaugeMetricFamily:
        """A gauge now."""
        return self._filled(GaugeMetricFamily(name, meaning, labels=labels), rows)

    def counter(self, name: str, meaning: str, labels: Sequence[str], rows: Rows) -> CounterMetricFamily:
        """A counter now."""
        return self._filled(CounterMetricFamily(name, meaning, labels=labels), rows)

    def _filled(self, family: Family, rows: Rows) -> Family:
        shown = self._shown.get(family.name)
        if shown is None:
            for values, number in rows:
                family.add_metric(values, number)
        else:
            family.samples = [
                was if was.value == number else was._replace(value=number)
                for was, (_, number) in zip(shown, rows, strict=True)
            ]
        self._shown[family.name] = family.samples
        return family
