"""Pieces that the page of the world and that of a desk share: ages, turnover, the words for a drain."""

from collections.abc import Sequence

from services.ledger.history import Span
from services.ledger.page import charts
from services.ledger.page.ages import say_age, say_number
from services.ledger.page.frame import LANES, cell, defined, minute, number, row, table
from services.ledger.page.view import Drain
from services.runtime.page.markup import Content, Html, element, fragment


def say_drain(drain: Drain) -> str:
    """In words, so that neither case can be taken for a number."""
    if not drain.known:
        return "not known yet"
    if drain.seconds is None:
        return "never at this pace"
    return say_age(drain.seconds) if drain.seconds else "nothing waits"


def ages(caption: str, labels: Sequence[str], lanes: Sequence[tuple[str, Sequence[int]]], anchor: str) -> Html:
    """By age, a row a band: each lane's number, all of them, and a bar."""
    totals = [sum(numbers) for numbers in zip(*(numbers for _, numbers in lanes), strict=True)]
    most = max(totals, default=0)
    rows = [
        row(
            label,
            *(number(numbers[place]) for _, numbers in lanes),
            number(totals[place]),
            cell(charts.bar([(lane, numbers[place]) for lane, numbers in lanes], most), "bars"),
        )
        for place, label in enumerate(labels)
    ]
    heads: list[Content] = [defined(anchor), *(_key(lane) for lane, _ in lanes), "All lanes"]
    return table(caption, [*heads, element("span", "Bar", class_="unseen")], rows, "ages")


def turnover(history: Sequence[Span], whose: str) -> Html:
    """Arrived against looked at: the chart, and the table beside it.

    The span that runs is in the sums and in the table; drawn, it would look like a fall.
    """
    if not history:
        return element("p", "No history yet: nothing has arrived since this ledger began.", class_="absent")
    drawn = history[:-1] or history
    arrived, looked = sum(span.arrived for span in history), sum(span.looked for span in history)
    label = f"{whose}: {say_number(arrived)} arrived and {say_number(looked)} looked at; the table below says the same"
    rows = [
        row(minute(span.start_ms), number(span.arrived), number(span.looked), number(span.closed))
        for span in reversed(history)
    ]
    heads: list[Content] = ["From", defined("arrived"), defined("looked"), defined("closed")]
    width = f", each point {say_age((drawn[1].start_ms - drawn[0].start_ms) / 1000)}" if len(drawn) > 1 else ""
    return fragment(
        element(
            "p",
            element("span", class_="key line-arrived", aria_hidden="true"),
            f" Arrived: {say_number(arrived)} ",
            element("span", class_="key line-looked", aria_hidden="true"),
            f" Looked at: {say_number(looked)}",
            class_="legend",
        ),
        charts.turnover(drawn, label),
        element(
            "p",
            "From ",
            minute(drawn[0].start_ms),
            " to ",
            minute(history[-1].start_ms),
            f"{width}; the bottom line is 0, the top one {say_number(charts.most(drawn))}. ",
            defined("history", "How this is counted"),
            ".",
            class_="legend",
        ),
        element(
            "details",
            element("summary", "The same as a table"),
            table("Arrived, looked at and closed, the latest first; the first row up to now", heads, rows),
        ),
    )


def _key(lane: str) -> Html:
    return fragment(element("span", class_=f"key fill-{lane}", aria_hidden="true"), " ", LANES[lane])
