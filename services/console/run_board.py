"""How a run looks: a table that stays in place on a terminal, a plain line now and then elsewhere."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from schemas.codes import Outcome
from services.console.run_backlog import Backlog, in_doubt, line_of_backlog, silent_desks
from services.console.run_figures import Figures
from services.console.run_telling import Telling, line_of_telling

LINE_SECONDS: Final = 5.0
_WAITING: Final = "waiting for the router's first figures"


@dataclass(frozen=True, slots=True)
class Heading:
    """What to try while it runs: where the metrics are, and topics to read."""

    pages: tuple[str, ...]
    metrics_url: str
    bootstrap: str
    topics: tuple[str, ...]
    simulating: bool

    def lines(self) -> list[str]:
        """For a person, each on its own."""
        source = (
            "a simulated clearing house publishes, simulated desks answer"
            if self.simulating
            else "nothing is simulated"
        )
        return [
            f"pages    {'  '.join(self.pages)}",
            f"metrics  {self.metrics_url}",
            f"try      kcat -b {self.bootstrap} -C -o beginning -t {self.topics[0]}",
            *(f"         … {topic}" for topic in self.topics[1:]),
            f"Ctrl-C ends it and adds up; {source}",
        ]


class Board:
    """Shows figures on stdout until it is closed, or until nobody reads any more: then it says so and is quiet."""

    def __init__(self, heading: Heading, output: TextIO | None = None) -> None:
        self._heading = heading
        self._output = sys.stdout if output is None else output
        self._console = Console(file=self._output, highlight=False)
        self._live: Live | None = None
        self._next_line = 0.0
        self.gone = False
        """True when the reader of our output went away: a closed terminal, a pipe's end."""

    def open(self) -> None:
        """The heading, and on a terminal the table."""
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")
            self._quietly(self._live.start)
        else:
            for line in self._heading.lines():
                self.say(line)

    def show(
        self,
        figures: Figures | None,
        backlog: Backlog | None,
        telling: Telling | None,
        elapsed_s: float,
        message: str = "",
    ) -> None:
        """The newest figures. `message` is what a person should know now, such as that the run is ending."""
        if self._live is not None:
            table = _table(self._heading, figures, backlog, telling, elapsed_s, message)
            live = self._live
            self._quietly(lambda: live.update(table, refresh=True))
        elif elapsed_s >= self._next_line:
            self._next_line = (elapsed_s // LINE_SECONDS + 1) * LINE_SECONDS
            told = "" if telling is None else f" | {line_of_telling(telling)}"
            said = f"{line_of(figures)} | {line_of_backlog(backlog)}{told}"
            self.say(f"{datetime.now():%H:%M:%S} {said}{message and f' | {message}'}")

    def close(self) -> None:
        """Leave the last state of the table where it stands."""
        if self._live is not None:
            live, self._live = self._live, None
            self._quietly(live.stop)

    def say(self, line: str) -> None:
        """A line of text, above the table where there is one."""
        self._quietly(lambda: self._console.print(line, soft_wrap=True, markup=False, emoji=False))

    def _quietly(self, write: Callable[[], object]) -> None:
        if self.gone:
            return
        self.gone = True
        with unheard(self._output):
            write()
            self._output.flush()
            self.gone = False


@contextmanager
def unheard(*outputs: TextIO) -> Iterator[None]:
    """What nobody reads any more (a closed terminal, a pipe's end) is no failure: it goes nowhere from then on."""
    outputs = outputs or (sys.stdout, sys.stderr)
    try:
        yield
    except (OSError, SystemExit):  # SystemExit is rich's answer to a closed pipe
        for output in outputs:
            _silence(output)


def note(line: str) -> None:
    """Something to know that is no result."""
    with unheard(sys.stderr):
        print(line, file=sys.stderr, flush=True)


def _silence(output: TextIO) -> None:
    """Python flushes at its end, and would fail then: let it write to nowhere."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, output.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        return


def line_of(figures: Figures | None) -> str:
    """All figures in one line."""
    if figures is None:
        return _WAITING
    outcomes = " ".join(f"{outcome} {figures.outcomes.get(outcome, 0):,}" for outcome in Outcome)
    busiest = " ".join(f"{desk} {count:,}" for desk, count in figures.busiest) or "none"
    return (
        f"received {figures.received:,} {outcomes} | {_number(figures.per_second)} records/s | "
        f"lag {figures.lag:,} | latency p50 {_number(figures.p50_ms)} ms p99 {_number(figures.p99_ms)} ms | "
        f"busiest {busiest}"
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _table(
    heading: Heading,
    figures: Figures | None,
    backlog: Backlog | None,
    telling: Telling | None,
    elapsed_s: float,
    message: str,
) -> Group:
    """Rows of figures, so that 80 columns are enough, then what there is to read."""
    empty = figures is None
    counted = Table(title=f"referrals, {elapsed_s:,.0f} s", title_justify="left", show_edge=False)
    counted.add_column("received", justify="right")
    for outcome in Outcome:
        counted.add_column(outcome.value, justify="right")
    measured = Table(show_edge=False)
    for name in ("records/s", "lag", "latency p50 ms", "p99 ms"):
        measured.add_column(name, justify="right")
    if figures is not None:
        outcomes = (f"{figures.outcomes.get(outcome, 0):,}" for outcome in Outcome)
        counted.add_row(f"{figures.received:,}", *outcomes)
        rates = (figures.per_second, figures.lag, figures.p50_ms, figures.p99_ms)
        measured.add_row(*map(_number, rates))
    busiest = "  ".join(f"{desk} {count:,}" for desk, count in figures.busiest) if figures else ""
    texts = [f"busiest  {busiest or 'no desk yet'}"]
    if backlog is not None and backlog.silent:
        texts.append(f"silent   {silent_desks(backlog)}")
    if telling is not None:
        texts.append(f"notices  {line_of_telling(telling)}")
    texts += ["", *heading.lines(), message or (_WAITING if empty else "")]
    lines = (Text(text, overflow="ellipsis", no_wrap=True) for text in texts)
    return Group(counted, Text(), measured, Text(), _waiting(backlog), Text(), *lines)


def _waiting(backlog: Backlog | None) -> Table:
    """What nobody has looked at, and what became of the rest, as the ledger counts it."""
    table = Table(show_edge=False)
    for name in ("waiting", "past target", "shelved", "in hand", "closed", "unknown", "in doubt"):
        table.add_column(name, justify="right")
    if backlog is not None:
        held = (backlog.waiting, backlog.overdue, backlog.shelved, backlog.in_hand, backlog.closed, backlog.unknown)
        table.add_row(*(f"{number:,}" for number in held), in_doubt(backlog))
    return table
