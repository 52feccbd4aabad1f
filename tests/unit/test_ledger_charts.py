"""Charts: what they draw, and that nothing in them needs a script or a style."""

from xml.etree import ElementTree

import pytest

from services.ledger.history import Span
from services.ledger.page import charts
from services.runtime.page.markup import Html, element, fragment

SPANS = [Span(1_000, 40, 10), Span(2_000, 20, 30), Span(3_000, 0, 0)]


def drawn(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def test_a_bar_is_as_long_as_its_share_and_its_parts_follow_each_other() -> None:
    first, second = drawn(charts.bar([("urgent", 10), ("priority", 0), ("routine", 40)], 100))
    assert (first.get("x"), first.get("width"), first.get("class")) == ("0", "100", "fill-urgent")
    assert (second.get("x"), second.get("width"), second.get("class")) == ("100", "400", "fill-routine")


def test_one_of_a_million_is_still_to_be_seen() -> None:
    (part,) = drawn(charts.bar([("urgent", 1)], 1_000_000))
    assert float(part.get("width", 0)) >= 2


def test_an_empty_bar_is_empty() -> None:
    assert len(drawn(charts.bar([("urgent", 0)], 0))) == 0


def test_both_lines_are_drawn_to_one_scale_from_zero() -> None:
    paths = {part.get("class"): part.get("d") for part in drawn(charts.turnover(SPANS, "x")) if part.tag == "path"}
    assert paths == {
        "line line-arrived": "M0 0 L500 120 L1000 240",
        "line line-looked": "M0 180 L500 60 L1000 240",
    }


def test_one_span_is_a_level_line() -> None:
    svg = charts.turnover(SPANS[:1], "x")
    assert 'd="M0 0 L1000 0"' in svg


def test_a_chart_says_what_it_shows() -> None:
    svg = drawn(charts.turnover(SPANS, 'a "label"'))
    assert (svg.get("role"), svg.get("aria-label")) == ("img", 'a "label"')


@pytest.mark.parametrize(("number", "shade"), [(0, 0), (1, 1), (9, 1), (10, 2), (999, 3), (10_000, 5), (9**9, 5)])
def test_a_shade_is_darker_by_powers_of_ten(number: int, shade: int) -> None:
    assert charts.heat(number) == shade


def test_whatever_is_not_markup_is_escaped() -> None:
    made = element("td", "<b>&", [Html("<i></i>"), '"'], class_='"><script>')
    assert made == '<td class="&quot;&gt;&lt;script&gt;">&lt;b&gt;&amp;<i></i>&quot;</td>'
    assert fragment("<") == "&lt;"


@pytest.mark.parametrize("attribute", ["style", "onclick"])
def test_what_the_policy_forbids_cannot_be_written(attribute: str) -> None:
    with pytest.raises(ValueError, match="content security policy"):
        element("p", "x", **{attribute: "x"})
