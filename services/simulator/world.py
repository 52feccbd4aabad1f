"""How the world's reports fall by country in one year. The figures are NCMEC's; the file names its source."""

import csv
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import accumulate
from typing import Final

YEARS: Final = (2019, 2020, 2021, 2022, 2023)

_FILE: Final = "ncmec_reports_by_country.csv"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table as published: what stands for a country, and its reports a year."""

    code: str
    name: str
    reports: dict[int, int]


@cache
def rows() -> tuple[Row, ...]:
    """All 252 rows, none left out: `??` (Europe), `ZZ` (no country listed) and the withdrawn `AN` too."""
    text = resources.files("services.simulator").joinpath("data", _FILE).read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return tuple(
        Row(line["code"], line["name"], {year: int(line[str(year)]) for year in YEARS})
        for line in csv.DictReader(lines)
    )


@dataclass(frozen=True, slots=True)
class Shares:
    """Codes and their cumulative counts, to draw from: a code is drawn as often as it was counted."""

    codes: tuple[str, ...]
    cumulative: tuple[int, ...]

    @property
    def total(self) -> int:
        """All reports counted."""
        return self.cumulative[-1]

    def draw(self, uniform: Callable[[], float]) -> str:
        """One code; `uniform` gives a number in [0, 1)."""
        return self.codes[bisect_right(self.cumulative, uniform() * self.cumulative[-1])]


def shares(year: int, leaving_out: Iterable[str] = ()) -> Shares:
    """A year's counts by code (a code that stands twice is added up), without some codes if so wanted.

    Raises ValueError for a year that the table does not hold.
    """
    if year not in YEARS:
        raise ValueError(f"the table has no year {year}; it has {YEARS[0]} to {YEARS[-1]}")
    unwanted = frozenset(leaving_out)
    counts: dict[str, int] = {}
    for row in rows():
        if row.reports[year] and row.code not in unwanted:
            counts[row.code] = counts.get(row.code, 0) + row.reports[year]
    return Shares(tuple(counts), tuple(accumulate(counts.values())))
