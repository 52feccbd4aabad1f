"""What a bench finds: rows of one form, written as JSON and shown as a table."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from rich.table import Table

ROUTER_1: Final = "router-1"
ROUTER_2: Final = "router-2"
CONFLUENT_LOOP: Final = "confluent-loop"
BYTE_COPY: Final = "byte-copy"
FEW_QUEUES: Final = "router-1-few-queues"
MANY_PARTITIONS: Final = "router-1-many-partitions"
LATENCY_P50: Final = "latency-p50"
LATENCY_P99: Final = "latency-p99"
RSS: Final = "rss"
RESTORE: Final = "restore"

RACES: Final = (ROUTER_1, ROUTER_2, CONFLUENT_LOOP, BYTE_COPY, FEW_QUEUES, MANY_PARTITIONS)
NAMES: Final = (*RACES, LATENCY_P50, LATENCY_P99, RSS, RESTORE)
"""What `--only` takes. Ratios come by themselves where both of their rows were measured."""

RATIOS: Final = (
    (ROUTER_1, CONFLUENT_LOOP, "at least 1.0"),
    (ROUTER_2, ROUTER_1, "at least 1.5"),
    (ROUTER_1, BYTE_COPY, "none"),
    (FEW_QUEUES, ROUTER_1, "none"),
    (MANY_PARTITIONS, ROUTER_1, "none"),
)
"""Row, what it is divided by, and the bar it is held to. Taken within a round, so that both saw the same machine."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: its name, value, unit, and of what, with the parameters that matter."""

    row: str
    value: float
    unit: str
    of: str


def ratio_name(row: str, divisor: str) -> str:
    """The name of a ratio's row."""
    return f"{row}/{divisor}"


def write(rows: Sequence[Row], file: Path) -> None:
    """The rows as a JSON list; rows of the file that were not measured now are gone."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([asdict(row) for row in rows], indent=1, ensure_ascii=False) + "\n")


def table(rows: Iterable[Row]) -> Table:
    """The rows as a person reads them."""
    shown = Table()
    shown.add_column("row", no_wrap=True)
    shown.add_column("value", justify="right", no_wrap=True)
    shown.add_column("of", overflow="fold")
    for row in rows:
        shown.add_row(row.row, _figure(row), row.of)
    return shown


def markdown(file: Path) -> str:
    """The rows of a file that `write` made, as docs/performance.md shows them."""
    found = [Row(**fields) for fields in json.loads(file.read_text())]
    lines = ["| row | value | of |", "|---|---:|---|"]
    lines += [f"| `{row.row}` | {_figure(row)} | {row.of} |" for row in found]
    return "\n".join(lines)


def _figure(row: Row) -> str:
    """Three digits are what a shared machine can be trusted with."""
    digits = 0 if row.value >= 100 else 1 if row.value >= 10 else 2
    unit = "" if row.unit == "ratio" else f" {row.unit}"
    return f"{row.value:,.{digits}f}{unit}"
