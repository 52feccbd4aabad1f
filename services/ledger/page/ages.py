"""Ages: the bands in which they are counted, and how they are said. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from services.ledger.figures import AGE_BOUNDS_S
from services.ledger.spans import Spans

WATCHED_BOUNDS_S: Final = (5, 15, 30, 60, 300, 900, 3_600)
"""Bounds where what is expected is seconds away (deploy/demo)."""
_HOUR_S: Final = 3_600
_UNITS: Final = (("year", 31_536_000), ("month", 2_592_000), ("day", 86_400), ("hour", 3_600), ("minute", 60))


@dataclass(frozen=True, slots=True)
class Band:
    """Ages over one bound, up to and including the next; the last has no end."""

    over_seconds: int
    to_seconds: int | None

    @property
    def label(self) -> str:
        """As a person says it."""
        if self.to_seconds is None:
            return f"over {say_age(self.over_seconds)}"
        return f"up to {say_age(self.to_seconds)}"


def bands(routine_targets: Sequence[int]) -> tuple[Band, ...]:
    """Those of the metrics; finer ones where most desks' longest target is under an hour."""
    bounds = WATCHED_BOUNDS_S if routine_targets and median(routine_targets) < _HOUR_S else AGE_BOUNDS_S
    return tuple(Band(over, to) for over, to in zip((0, *bounds), (*bounds, None), strict=True))


def count_bands(spans: Spans, bands: Sequence[Band], now_ms: int) -> tuple[int, ...]:
    """How many are in each band."""
    found = []
    end: int | None = None
    for band in bands:
        begin = None if band.to_seconds is None else now_ms - band.to_seconds * 1000
        found.append(spans.between(begin, end))
        end = begin
    return tuple(found)


def say_age(seconds: float) -> str:
    """In the largest unit of which there are at least two, or exactly one: `36 hours`, `3 days`, `1 year`."""
    whole = max(0, int(seconds))
    for unit, length in _UNITS:
        if whole >= 2 * length or whole == length:
            return _plural(whole // length, unit)
    return _plural(whole, "second")


def say_number(number: int) -> str:
    """With separators between thousands."""
    return f"{number:,}"


def say_share(part: int, whole: int) -> str:
    """In whole percent, never rounded to all or to none: of 1,000 with one missing it is `over 99 %`."""
    if not whole:
        return "-"
    percent = 100 * part / whole
    if 0 < percent < 1:
        return "under 1 %"
    if 99 < percent < 100:
        return "over 99 %"
    return f"{round(percent)} %"


def _plural(number: int, unit: str) -> str:
    return f"{number:,} {unit}" if number == 1 else f"{number:,} {unit}s"
