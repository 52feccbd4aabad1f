"""What a command says: results on stdout, all else on stderr; tables for people, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

_UNBOUNDED: Final = 10_000
"""Columns; wider than any table."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def result(line: str) -> None:
    """One line of result, at once (a reader behind a pipe waits for it)."""
    print(line, flush=True)


def record(fields: Any) -> None:
    """One result as a line of JSON."""
    result(json.dumps(fields, ensure_ascii=True, separators=(", ", ": ")))


def document(fields: Any) -> None:
    """The whole result as one JSON document."""
    result(json.dumps(fields, ensure_ascii=True, indent=2))


def note(line: str) -> None:
    """Something to know that is no result."""
    print(line, file=sys.stderr, flush=True)


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows under headings; numbers to the right. A pipe gets every column at its full width."""
    console = Console(highlight=False, markup=False, emoji=False)
    grid = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    filled = [tuple(row) for row in rows]
    for column, heading in enumerate(headings):
        numeric = bool(filled) and all(isinstance(row[column], int | float) for row in filled)
        grid.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for row in filled:
        grid.add_row(*(Text(str(cell)) for cell in row))
    if not console.is_terminal:
        unbounded = console.options.update(max_width=_UNBOUNDED)
        console.width = max(console.width, console.measure(grid, options=unbounded).maximum)
    console.print(grid)


def progress(unit: str) -> Progress:
    """A bar on stderr, shown only on a terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn(f"{{task.fields[done]}} {unit}"),
        TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal,
    )  # fmt: skip


def count(number: int, noun: str) -> str:
    """`1 record`, `2 records`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def printable(name: str, limit: int = 64) -> str:
    """A name that came from outside, safe for a terminal and without look-alikes: ASCII, the rest as escapes."""
    shown = ascii(name[:limit])[1:-1]
    return shown if len(name) <= limit else f"{shown}..."
