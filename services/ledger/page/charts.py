"""Charts as SVG text, coloured by the stylesheet. Each stands beside a table that says the same. Pure."""

from collections.abc import Sequence
from typing import Final

from services.ledger.history import Span
from services.runtime.page.markup import Html, element

WIDTH: Final = 1000
HEIGHT: Final = 240
_BAR_HEIGHT: Final = 10
HEATS: Final = (1, 10, 100, 1_000, 10_000)
"""From how many on a cell is a shade darker."""


def heat(number: int) -> int:
    """The shade of a number: 0 for none, 5 for ten thousand or more."""
    return sum(number >= least for least in HEATS)


def bar(parts: Sequence[tuple[str, int]], most: int) -> Html:
    """A bar of parts (class, number), as long as their sum is of `most`. Said by the cells beside it, so hidden from
    screen readers.
    """
    drawn, start = [], 0.0
    for name, number in parts:
        if number > 0 and most > 0:
            width = max(2.0, WIDTH * number / most)  # one of a million is still there
            drawn.append(element("rect", class_=f"fill-{name}", x=_round(start), y=0, width=_round(width),
                                 height=_BAR_HEIGHT))  # fmt: skip
            start += width
    return element(
        "svg",
        drawn,
        class_="bar",
        viewBox=f"0 0 {WIDTH} {_BAR_HEIGHT}",
        preserveAspectRatio="none",
        aria_hidden="true",
        focusable="false",
    )


def most(history: Sequence[Span]) -> int:
    """The top of `turnover`."""
    return max((max(span.arrived, span.looked) for span in history), default=0)


def turnover(history: Sequence[Span], label: str) -> Html:
    """Arrived and looked at over time, as two lines from one zero. Needs two spans at least to be a line."""
    highest = most(history) or 1
    first, last = history[0].start_ms, history[-1].start_ms

    def path(name: str, numbers: Sequence[int]) -> Html:
        points = [
            (_round(WIDTH * (span.start_ms - first) / max(1, last - first)), _round(HEIGHT - HEIGHT * number / highest))
            for span, number in zip(history, numbers, strict=True)
        ]
        if len(points) == 1:
            points.append((str(WIDTH), points[0][1]))
        return element("path", class_=f"line line-{name}", d="M" + " L".join(f"{x} {y}" for x, y in points))

    grid = [element("line", class_="grid", x1=0, x2=WIDTH, y1=y, y2=y) for y in (0, HEIGHT // 2, HEIGHT)]
    return element(
        "svg",
        grid,
        path("arrived", [span.arrived for span in history]),
        path("looked", [span.looked for span in history]),
        class_="turnover",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        preserveAspectRatio="none",
        role="img",
        aria_label=label,
    )


def _round(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
