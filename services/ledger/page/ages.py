"""Ages: the bands in which they are counted, and how they are said. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from services.ledger.figures import AGE_BOUNDS_S
from services.ledger.spans import Spans
from services.runtime.page.saying import say_age, say_number

__all__ = ["WATCHED_BOUNDS_S", "Band", "bands", "count_bands", "say_age", "say_number", "say_share"]

WATCHED_BOUNDS_S: Final = (5, 15, 30, 60, 300, 900, 3_600)
"""Bounds where what is expected is seconds away (deploy/demo)."""
_HOUR_S: Final = 3_600


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
