"""Ages: the bands in which they are counted, and how they are said. Pure."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from services.ledger.figures import AGE_BOUNDS_S
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


def count_bands(slots: Mapping[int, int], bands: Sequence[Band], now_ms: int) -> tuple[int, ...]:
    """How many are in each band. `slots`: start of a span (Unix ms) → entries.

    By sorting and slices: a desk may have two years of hours.
    """
    starts = sorted(slots)
    numbers = list(map(slots.__getitem__, starts))
    found = []
    end = len(starts)
    for band in bands:
        begin = 0 if band.to_seconds is None else bisect_left(starts, now_ms - band.to_seconds * 1000, 0, end)
        found.append(sum(numbers[begin:end]))
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
