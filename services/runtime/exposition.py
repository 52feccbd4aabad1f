"""A registry's text for Prometheus, as `prometheus_client.generate_latest` writes it, in a fraction of its time.

Between two looks few numbers change, and names and labels hardly ever. What was written is kept, each family with its
samples: a family whose samples are the same is not written again; of one whose numbers alone changed the lines of those
that did not are taken from before, and of the others the names and labels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

_APART = ("_created", "_gsum", "_gcount")
"""Endings of samples that the text format has no place for in their family: they follow it as gauges of their own."""


@dataclass(frozen=True, slots=True)
class _Written:
    """A family as it was: its samples, in their order the beginning of each one's line and the line, the whole text."""

    samples: Sequence[Sample]
    starts: Sequence[str]
    lines: Sequence[str]
    text: str


class Exposition:
    """Keeps what was written last. For one thread at a time."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self.written: dict[str, _Written] = {}

    def write(self) -> bytes:
        """The text now, in UTF-8, format version 1.0.0."""
        return "".join(map(self._family, self._registry.collect())).encode()

    def _family(self, metric: Metric) -> str:
        before = self.written.get(metric.name)
        if before is not None and before.samples == metric.samples:
            return before.text
        if before is not None and _is_alike(before.samples, metric.samples):
            starts = before.starts
            lines = _changed(before, metric.samples)
        else:
            starts = [_start(sample) for sample in metric.samples]
            lines = [_line(start, sample) for start, sample in zip(starts, metric.samples, strict=True)]
        text = "".join(_arranged(metric, lines))
        self.written[metric.name] = _Written(metric.samples, starts, lines, text)
        return text


def _is_alike(before: Sequence[Sample], now: Sequence[Sample]) -> bool:
    """Whether only numbers differ."""
    return len(before) == len(now) and all(
        was is is_now or (was.name == is_now.name and was.labels == is_now.labels)
        for was, is_now in zip(before, now, strict=True)
    )


def _changed(before: _Written, now: Sequence[Sample]) -> list[str]:
    """The lines of these samples, which have the names and labels of those before."""
    return [
        line if was is sample or (was.value == sample.value and was[3:] == sample[3:]) else _line(start, sample)
        for was, sample, start, line in zip(before.samples, now, before.starts, before.lines, strict=True)
    ]


def _line(start: str, sample: Sample) -> str:
    return f"{start}{floatToGoString(sample.value)}{_time(sample)}\n"  # type: ignore[no-untyped-call]


class _One:
    """What `generate_latest` asks a registry for, with one family."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterator[Metric]:
        yield self._metric


def _start(sample: Sample) -> str:
    """The line without its number: the library's own, so that escaping stays the library's."""
    family = Metric("line", "", "gauge")
    family.samples = [sample._replace(value=0.0, timestamp=None)]
    return generate_latest(_One(family)).decode().splitlines()[-1].removesuffix("0.0")


def _heading(metric: Metric) -> str:
    """HELP and TYPE, the library's too."""
    family = Metric(metric.name, metric.documentation, metric.type)
    return generate_latest(_One(family)).decode()


def _arranged(metric: Metric, lines: Sequence[str]) -> Iterator[str]:
    """With what stands before them; and behind them those that the format has no place for."""
    yield _heading(metric)
    names = {metric.name + ending for ending in _APART}
    apart: dict[str, list[str]] = {}
    if names.isdisjoint({sample.name for sample in metric.samples}):
        yield from lines
        return
    for sample, line in zip(metric.samples, lines, strict=True):
        if sample.name in names:
            apart.setdefault(sample.name, []).append(line)
        else:
            yield line
    for name in sorted(apart):
        yield _heading(Metric(name, metric.documentation, "gauge"))
        yield from apart[name]


def _time(sample: Sample) -> str:
    return "" if sample.timestamp is None else f" {int(float(sample.timestamp) * 1000)}"
