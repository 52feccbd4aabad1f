"""How a run looks, on a terminal and elsewhere."""

import io
import os

import pytest

from services.console.run_backlog import Backlog
from services.console.run_board import Board, Heading, line_of
from services.console.run_figures import Figures
from services.console.run_telling import Telling

HEADING = Heading(
    ("http://127.0.0.1:9465/", "http://127.0.0.1:9466/"),
    "http://127.0.0.1:9464/metrics",
    "127.0.0.1:9092",
    ("referral.quarantine.v1", "other.v1"),
    True,
)
FIGURES = Figures(1234, {"routed": 1200, "rejected": 34}, 99.6, 5, 14.2, None, (("in", 700), ("nl", 500)))
BACKLOG = Backlog(4321, 21, 330, 45, 6789, 777, 12, ("fr", "it"), 0, 0, True)

TELLING = Telling(delivered=1_079, pending=3, unanswered=11, exhausted=2, ladders=(), current=True)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_line_holds_every_figure() -> None:
    assert line_of(FIGURES) == (
        "received 1,234 routed 1,200 amended 0 withdrawn 0 duplicate 0 rejected 34 unroutable 0 | 100 records/s | "
        "lag 5 | latency p50 14 ms p99 - ms | busiest in 700 nl 500"
    )


def test_without_a_terminal_a_line_comes_every_five_seconds() -> None:
    output = io.StringIO()
    board = Board(HEADING, output)
    board.open()
    heading = len(output.getvalue().splitlines())
    for elapsed in (0.0, 1.0, 4.9, 5.1, 6.0, 11.0):
        board.show(FIGURES, BACKLOG, TELLING, elapsed)
    assert len(output.getvalue().splitlines()) - heading == 3


def test_the_heading_says_what_to_try() -> None:
    output = io.StringIO()
    Board(HEADING, output).open()
    assert "pages    http://127.0.0.1:9465/  http://127.0.0.1:9466/" in output.getvalue()
    assert "http://127.0.0.1:9464/metrics" in output.getvalue()
    assert "kcat -b 127.0.0.1:9092 -C -o beginning -t referral.quarantine.v1" in output.getvalue()
    assert "other.v1" in output.getvalue()


def test_on_a_terminal_of_80_columns_every_figure_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"COLUMNS": "80", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    output = Terminal()
    board = Board(HEADING, output)
    board.open()
    board.show(FIGURES, BACKLOG, TELLING, 12.0, "ending")
    board.close()
    for words in (
        "1,234",
        "1,200",
        "34",
        "unroutable",
        "p99 ms",
        "in 700",
        "referral.quarantine.v1",
        "ending",
        "4,321",
        "6,789",
        "fr it",
        "1,079",
    ):
        assert words in output.getvalue()


def test_a_reader_that_went_away_is_noticed_and_is_no_failure() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as output:
        board = Board(HEADING, output)
        board.open()
        assert board.gone
        board.show(FIGURES, BACKLOG, None, 0.0)
        board.close()
