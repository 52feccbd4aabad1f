"""`python -m tests.faults.campaign`: the fault campaign, its table, and a file of it."""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from services.runtime.exits import WrongUse
from tests.faults.breakages import BREAKAGES
from tests.faults.breakages import BY_NAME as BREAKAGES_BY_NAME
from tests.faults.command import end, logs, run_as_program
from tests.faults.proving import Plan, Result, prove
from tests.faults.results import document, markdown, table
from tests.faults.schedule import BY_NAME, FAULTS, Fault

_SHOWN: Final = 20
_WIDTH: Final = 120
_KEPT_FINDINGS: Final = 500


def parser() -> argparse.ArgumentParser:
    """The command line."""
    faults = "\n".join(f"  {fault.name:27}{fault.says}" for fault in FAULTS)
    broken = "\n".join(f"  {breakage.name:27}{breakage.says}" for breakage in BREAKAGES)
    parsed = argparse.ArgumentParser(
        prog="python -m tests.faults.campaign",
        description="Kill, pause and cut off routers and brokers while referrals flow, and count every one.",
        epilog=f"faults:\n{faults}\n\nbreakages:\n{broken}\n\n"
        "exit: 0 nothing wrong; 1 something lost, doubled, swallowed or otherwise wrong; 2 wrong usage;\n"
        "3 cannot run here",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parsed.add_argument("--referrals", type=int, default=100_000, help="originals a cluster (default 100,000)")
    parsed.add_argument("--faults", help="names with commas between (default: all)")
    parsed.add_argument("--brokers", default="1,3", help="clusters to run on (default 1,3)")
    parsed.add_argument("--seed", type=int, default=1, help="of the stream and the moments (default 1)")
    parsed.add_argument("--break", dest="broken", choices=sorted(BREAKAGES_BY_NAME), help="a broken router")
    parsed.add_argument("--deploy", type=Path, help="a configuration directory (default: a small one)")
    parsed.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parsed.add_argument("--json", type=Path, default=Path("var/faults.json"), help="where the result goes")
    return parsed


def plans(arguments: argparse.Namespace) -> list[Plan]:
    """One a cluster. Raises WrongUse."""
    try:
        clusters = [int(number) for number in arguments.brokers.split(",")]
    except ValueError:
        raise WrongUse(f"--brokers: found {arguments.brokers!r}; expected 1, 3 or 1,3") from None
    if not clusters or not set(clusters) <= {1, 3}:
        raise WrongUse(f"--brokers: found {arguments.brokers!r}; expected 1, 3 or 1,3")
    if arguments.referrals < 100:
        raise WrongUse(f"--referrals: found {arguments.referrals}; expected at least 100")
    chosen = _faults(arguments)
    deploy, broken = arguments.deploy, arguments.broken
    return [Plan(chosen, nodes, arguments.referrals, arguments.seed, deploy, broken) for nodes in clusters]


def main(words: Sequence[str] | None = None) -> int:
    """Run the campaigns, show them, write the file. DONE or FOUND."""
    arguments = parser().parse_args(words)
    chosen = plans(arguments)
    console = Console(stderr=True, highlight=False)
    began = datetime.now(UTC)
    with logs("faults-") as directory:
        results = [_prove(plan, directory, console) for plan in chosen]
    if arguments.markdown:
        sys.stdout.write(markdown([result.rows for result in results]))
    else:
        console_of_results = Console(width=None if sys.stdout.isatty() else _WIDTH)
        console_of_results.print(table(row for result in results for row in result.rows))
    clean = all(result.clean for result in results)
    for plan, result in zip(chosen, results, strict=True):
        _tell(console, plan, result)
    written = _document(arguments, began, list(zip(chosen, results, strict=True)))
    return end(arguments, console, directory, clean=clean, written=written)


def _prove(plan: Plan, directory: Path, console: Console) -> Result:
    place = directory / f"brokers-{plan.brokers}"
    place.mkdir()
    return prove(plan, place, lambda text: console.print(text, style="dim", soft_wrap=True))


def _faults(arguments: argparse.Namespace) -> tuple[Fault, ...]:
    if arguments.faults is None:
        return FAULTS
    names = [name.strip() for name in arguments.faults.split(",")]
    unknown = [name for name in names if name not in BY_NAME]
    if unknown:
        raise WrongUse(f"--faults: found {', '.join(unknown)}; expected some of {', '.join(BY_NAME)}")
    return tuple(BY_NAME[name] for name in names)


def _tell(console: Console, plan: Plan, result: Result) -> None:
    for text in result.wrong:
        console.print(f"{plan.brokers} broker(s): {text}", soft_wrap=True)
    for wrong, number in Counter(finding.wrong for finding in result.findings).most_common():
        console.print(f"{plan.brokers} broker(s): {wrong}: {number}")
    for finding in result.findings[:_SHOWN]:
        console.print(f"  {finding.wrong} at {finding.at}: {finding.says}", soft_wrap=True)


def _document(
    arguments: argparse.Namespace, began: datetime, campaigns: Sequence[tuple[Plan, Result]]
) -> dict[str, Any]:
    return {
        "began": began.isoformat(timespec="seconds"),
        "took_s": round((datetime.now(UTC) - began).total_seconds(), 1),
        "referrals": arguments.referrals,
        "campaigns": [
            {
                "brokers": plan.brokers,
                "rows": [document(row) for row in result.rows],
                "wrong": list(result.wrong),
                "findings": [
                    {"wrong": finding.wrong, "at": finding.at, "says": finding.says}
                    for finding in result.findings[:_KEPT_FINDINGS]
                ],
            }
            for plan, result in campaigns
        ],
    }


if __name__ == "__main__":
    run_as_program(main)
