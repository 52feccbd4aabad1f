"""`python -m tests.faults.ledger`: the ledger's fault campaign, its table, and a file of it."""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from services.runtime.exits import WrongUse
from tests import postgresql
from tests.faults.command import end, logs, run_as_program
from tests.faults.ledger.breakages import BREAKAGES, BY_NAME, program
from tests.faults.ledger.playing import Plan, Result, prove
from tests.faults.ledger.processes import PROGRAM
from tests.faults.ledger.verdict import KINDS

DATABASES: Final = ("sqlite", "postgresql")
A_KILL_S: Final = {"sqlite": 7.0, "postgresql": 10.5}
"""So long the flow goes on for each kill: a start, a take-over, and up to 4 s of work."""
_SHOWN: Final = 20
_KEPT: Final = 500


def parser() -> argparse.ArgumentParser:
    """The command line."""
    broken = "\n".join(f"  {breakage.name:22}{breakage.says}" for breakage in BREAKAGES)
    parsed = argparse.ArgumentParser(
        prog="python -m tests.faults.ledger",
        description="Kill, pause and replace the ledger while referrals and status events flow; count it all again.",
        epilog=f"breakages:\n{broken}\n\nexit: 0 nothing wrong; 1 something wrong; 2 wrong usage; 3 cannot run here",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parsed.add_argument("--originals", type=int, default=125_000, help="reports that the partner sends (125,000)")
    parsed.add_argument("--kills", type=int, default=50, help="how often the ledger is killed (50)")
    parsed.add_argument("--seconds", type=float, help="how long the records flow (default: by the kills)")
    parsed.add_argument("--databases", default="sqlite,postgresql", help="sqlite, postgresql or both (both)")
    parsed.add_argument("--seed", type=int, default=1, help="of the records and the moments (1)")
    parsed.add_argument("--break", dest="broken", choices=sorted(BY_NAME), help="a broken ledger")
    parsed.add_argument("--json", type=Path, default=Path("var/faults-ledger.json"), help="where the result goes")
    return parsed


def plans(arguments: argparse.Namespace) -> list[Plan]:
    """One a database. Raises WrongUse."""
    chosen = arguments.databases.split(",")
    if not set(chosen) <= set(DATABASES):
        raise WrongUse(f"--databases: found {arguments.databases!r}; expected some of {', '.join(DATABASES)}")
    if arguments.originals < 10 or arguments.kills < 0:
        raise WrongUse("--originals, --kills: expected at least 10, and no negative number")
    if "postgresql" in chosen and postgresql.binaries() is None:
        raise WrongUse(f"{postgresql.MISSING}; or --databases sqlite")
    start = program(arguments.broken) if arguments.broken else PROGRAM
    return [
        Plan(
            name,
            arguments.originals,
            arguments.kills,
            arguments.seconds or max(15.0, arguments.kills * A_KILL_S[name]),
            arguments.seed,
            start,
        )
        for name in chosen
    ]


def table(results: Sequence[Result]) -> Table:
    """One column a database."""
    drawn = Table("", *(result.database for result in results))
    for column in drawn.columns[1:]:
        column.justify = "right"
    for name, cells in rows(results):
        drawn.add_row(name, *cells)
    return drawn


def rows(results: Sequence[Result]) -> list[tuple[str, list[str]]]:
    """Each row's name, and its cells."""
    found = [
        ("records sent", [f"{result.sent:,}" for result in results]),
        ("queue records", [f"{result.queue_records:,}" for result in results]),
        ("status records", [f"{result.status_events:,}" for result in results]),
        ("entries", [f"{result.entries:,}" for result in results]),
        ("kills while they flowed", [str(result.flowing) for result in results]),
    ]
    acts = sorted({act for result in results for act in result.done})
    found += [(act, [str(result.done[act]) for result in results]) for act in acts]
    found += [
        ("fenced", [str(result.fenced) for result in results]),
        ("slowest take-over of a paused one", [_seconds(max(result.takeovers_s, default=None)) for result in results]),
    ]
    counts = [Counter(difference.kind for difference in result.differences) for result in results]
    found += [(f"differences: {kind}", [str(count[kind]) for count in counts]) for kind in KINDS]
    found += [
        ("otherwise wrong", [str(len(result.wrong)) for result in results]),
        ("a dropped record is in doubt after", [_seconds(result.dropped_s) for result in results]),
        ("took", [_seconds(result.took_s) for result in results]),
    ]
    return found


def _seconds(number: float | None) -> str:
    return "-" if number is None else f"{number:.1f} s"


def main(words: Sequence[str] | None = None) -> int:
    """Run the campaigns, show them, write the file. DONE or FOUND."""
    arguments = parser().parse_args(words)
    chosen = plans(arguments)
    console = Console(stderr=True, highlight=False)
    results = []
    with logs("faults-ledger-") as directory:
        for plan in chosen:
            place = directory / plan.database
            place.mkdir()
            results.append(prove(plan, place, lambda said: console.print(said, style="dim", soft_wrap=True)))
    Console(width=None if sys.stdout.isatty() else 100).print(table(results))
    for result in results:
        for said in result.wrong:
            console.print(f"{result.database}: {said}", soft_wrap=True)
        for one in result.differences[:_SHOWN]:
            console.print(
                f"{result.database}: {one.kind} {one.at}: {one.expected} expected, {one.found}", soft_wrap=True
            )
    written = {
        "originals": arguments.originals,
        "kills": arguments.kills,
        "campaigns": [
            {field.name: getattr(result, field.name) for field in fields(result)}
            | {"differences": [asdict(one) for one in result.differences[:_KEPT]]}
            for result in results
        ],
    }
    clean = all(result.clean for result in results)
    return end(arguments, console, directory, clean=clean, written=written)


if __name__ == "__main__":
    run_as_program(main)
