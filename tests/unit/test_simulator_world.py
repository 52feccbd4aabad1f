"""The world's figures are the published ones, and a draw follows them."""

import math
from collections import Counter
from random import Random

import pytest

from schemas.countries import settle
from services.simulator.world import YEARS, rows, shares


def test_the_table_is_whole() -> None:
    assert len(rows()) == 252
    totals = {year: sum(row.reports[year] for row in rows()) for year in YEARS}
    assert totals == {2019: 16_987_361, 2020: 21_751_085, 2021: 29_397_681, 2022: 32_059_029, 2023: 36_210_368}


def test_what_names_no_country_is_in_it() -> None:
    unknown = {row.name: row.reports[2023] for row in rows() if row.code == "ZZ"}
    assert unknown == {"No Country Listed": 1_851_762}


def test_the_netherlands_are_in_it() -> None:
    assert [row.reports[2023] for row in rows() if row.code == "NL"] == [72_913]


def test_the_codes_no_desk_can_stand_for_are_a_region_and_a_withdrawn_one() -> None:
    assert {row.code: row.name for row in rows() if settle(row.code) is None} == {
        "??": "Europe",
        "AN": "Netherlands Antilles",
    }


def test_a_code_that_stands_under_two_names_is_counted_once_with_both() -> None:
    of_2021 = shares(2021)
    place = of_2021.codes.index("GF")
    assert of_2021.cumulative[place] - of_2021.cumulative[place - 1] == 313 + 2
    assert len(of_2021.codes) == len(set(of_2021.codes))


@pytest.mark.parametrize("year", YEARS)
def test_the_shares_hold_every_report_of_the_year(year: int) -> None:
    assert shares(year).total == sum(row.reports[year] for row in rows())


def test_a_year_without_figures_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="no year 2018; it has 2019 to 2023"):
        shares(2018)


def test_what_is_left_out_is_never_drawn() -> None:
    rest = shares(2023, ["ZZ"])
    assert "ZZ" not in rest.codes
    assert rest.total == 36_210_368 - 1_851_762


def test_a_draw_reaches_the_first_and_the_last_and_nothing_beyond() -> None:
    of_2023 = shares(2023)
    assert of_2023.draw(lambda: 0.0) == of_2023.codes[0]
    assert of_2023.draw(lambda: 1 - 2**-53) == of_2023.codes[-1]


def chi_square(found: Counter[str], year: int) -> tuple[float, int]:
    """Pearson's statistic against a year's table, and its degrees of freedom; under 5 expected go together."""
    table, drawn = shares(year), found.total()
    weights = dict(zip(table.codes, _steps(table.cumulative), strict=True))
    expected = {code: drawn * weight / table.total for code, weight in weights.items()}
    common = [code for code, count in expected.items() if count >= 5]
    rare_expected = sum(expected.values()) - sum(expected[code] for code in common)
    rare_found = drawn - sum(found[code] for code in common)
    statistic = sum((found[code] - expected[code]) ** 2 / expected[code] for code in common)
    return statistic + (rare_found - rare_expected) ** 2 / rare_expected, len(common)


def upper_bound(degrees: int) -> float:
    """What chance exceeds less than once in 30,000 times (Wilson and Hilferty's approximation, 4 sigma)."""
    spread: float = 2 / (9 * degrees)
    return float(degrees * (1 - spread + 4 * math.sqrt(spread)) ** 3)


def _steps(cumulative: tuple[int, ...]) -> list[int]:
    return [after - before for before, after in zip((0, *cumulative), cumulative, strict=False)]


@pytest.mark.parametrize("year", YEARS)
def test_draws_fall_as_the_reports_of_the_year_did(year: int) -> None:
    uniform, table = Random(year).random, shares(year)
    statistic, degrees = chi_square(Counter(table.draw(uniform) for _ in range(100_000)), year)
    assert statistic < upper_bound(degrees)


def test_draws_of_one_year_do_not_pass_for_another() -> None:
    uniform, table = Random(1).random, shares(2022)
    statistic, degrees = chi_square(Counter(table.draw(uniform) for _ in range(100_000)), 2023)
    assert statistic > upper_bound(degrees)
