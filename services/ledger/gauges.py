"""Gauges of series that stay, made from look to look by what changed: of thousands of series few numbers do."""

from collections.abc import Iterable, Sequence

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.samples import Sample


class Gauges:
    """Remembers of each family what was shown last. A family must always have the same series in the same order."""

    def __init__(self) -> None:
        self._shown: dict[str, list[Sample]] = {}

    def family(
        self, name: str, meaning: str, labels: Sequence[str], rows: Iterable[tuple[Sequence[str], float]]
    ) -> GaugeMetricFamily:
        """It now. `rows`: each series' label values and number; ValueError for more or fewer series than before."""
        family = GaugeMetricFamily(name, meaning, labels=labels)
        shown = self._shown.get(name)
        if shown is None:
            for values, number in rows:
                family.add_metric(values, number)
        else:
            family.samples = [
                was if was.value == number else was._replace(value=number)
                for was, (_, number) in zip(shown, rows, strict=True)
            ]
        self._shown[name] = family.samples
        return family
