"""`python -m tests.faults.notifier`: the notifier's fault campaign, its table, and a file of it."""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from services.runtime.exits import WrongUse
from tests import postgresql
from tests.faults.command import end, logs, run_as_program
from tests.faults.notifier.breakages import BREAKAGES, BY_NAME, program
from tests.faults.notifier.playing import DATABASES, SETTLED_S, Plan, Result, prove
from tests.faults.notifier.processes import PROGRAM
from tests.notices.account import KINDS

NOTICES_A_GROUP: Final = 5
_SHOWN: Final = 20
_KEPT: Final = 500


def parser() -> argparse.ArgumentParser:
    """The command line."""
    broken = "\n".join(f"  {breakage.name:24}{breakage.says}" for breakage in BREAKAGES)
    parsed = argparse.ArgumentParser(
        prog="python -m tests.faults.notifier",
        description="Kill the notifier while it tells 150 desks, two of them dead; judge by the sink's own log.",
        epilog=f"breakages:\n{broken}\n\nexit: 0 nothing wrong; 1 something wrong; 2 wrong usage; 3 cannot run here",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parsed.add_argument("--notices", type=int, default=100_000, help="how many, five a group (100,000)")
    parsed.add_argument("--kills", type=int, default=30, help="how often a notifier is killed (30)")
    parsed.add_argument("--rate", type=float, default=1_000, help="notices a second, in shares: one a kill (1,000)")
    parsed.add_argument("--databases", default=",".join(DATABASES), help="some of: %(default)s (two notifiers)")
    parsed.add_argument("--seed", type=int, default=1, help="of the notices, the failures and the moments (1)")
    parsed.add_argument("--patience", type=float, default=SETTLED_S, help="s until all must be told (%(default)s)")
    parsed.add_argument("--break", dest="broken", choices=sorted(BY_NAME), help="a broken notifier")
    parsed.add_argument("--json", type=Path, default=Path("var/faults-notifier.json"), help="where the result goes")
    return parsed


def plans(arguments: argparse.Namespace) -> list[Plan]:
    """One a database. Raises WrongUse."""
    chosen = arguments.databases.split(",")
    if not set(chosen) <= set(DATABASES):
        raise WrongUse(f"--databases: found {arguments.databases!r}; expected some of {', '.join(DATABASES)}")
    if arguments.notices < 1_000 or arguments.kills < 0:
        raise WrongUse("--notices, --kills: expected at least 1000, and no negative number")
    if set(chosen) != {"sqlite"} and postgresql.binaries() is None:
        raise WrongUse(f"{postgresql.MISSING}; or --databases sqlite")
    start = program(arguments.broken) if arguments.broken else PROGRAM
    return [
        Plan(
            name,
            arguments.notices,
            arguments.notices // NOTICES_A_GROUP,
            arguments.kills,
            arguments.rate,
            arguments.seed,
            program=start,
            patience_s=arguments.patience,
        )
        for name in chosen
    ]


def table(results: Sequence[Result]) -> Table:
    """One column a campaign."""
    drawn = Table("", *(result.database for result in results))
    for column in drawn.columns[1:]:
        column.justify = "right"
    counts = [Counter(fault.kind for fault in result.faults) for result in results]
    rows = [
        ("notices, in groups", [f"{result.notices:,}, {result.groups:,}" for result in results]),
        ("kills, before the last was sent", [f"{result.kills}, {result.flowing}" for result in results]),
        ("requests at the sink", [f"{result.requests:,}" for result in results]),
        ("taken", [f"{result.taken:,}" for result in results]),
        ("sent again though taken", [f"{result.again:,}" for result in results]),
        ("pending for the dead", [" + ".join(f"{each:,}" for each in result.pending.values()) for result in results]),
        *((kind, [str(count[kind]) for count in counts]) for kind in KINDS),
        ("otherwise wrong", [str(len(result.wrong)) for result in results]),
        ("took", [f"{result.took_s:.0f} s" for result in results]),
    ]
    for name, cells in rows:
        drawn.add_row(name, *cells)
    return drawn


def main(words: Sequence[str] | None = None) -> int:
    """Run the campaigns, show them, write the file. DONE or FOUND."""
    arguments = parser().parse_args(words)
    chosen = plans(arguments)
    console = Console(stderr=True, highlight=False)
    results = []
    with logs("faults-notifier-") as directory:
        for plan in chosen:
            place = directory / plan.database
            place.mkdir()
            console.print(f"{plan.database}: {plan.notices:,} notices, {plan.kills} kills", style="dim")
            results.append(prove(plan, place, lambda said: console.print(said, style="dim", soft_wrap=True)))
    Console(width=None if sys.stdout.isatty() else 100).print(table(results))
    for result in results:
        for said in result.wrong:
            console.print(f"{result.database}: {said}", soft_wrap=True)
        for fault in result.faults[:_SHOWN]:
            console.print(f"{result.database}: {fault.kind} {fault.of}: {fault.says}", soft_wrap=True)
    written = {
        "notices": arguments.notices,
        "kills": arguments.kills,
        "campaigns": [
            {**asdict(result), "faults": [asdict(fault) for fault in result.faults[:_KEPT]]} for result in results
        ],
    }
    clean = all(result.clean for result in results)
    return end(arguments, console, directory, clean=clean, written=written)


if __name__ == "__main__":
    run_as_program(main)
