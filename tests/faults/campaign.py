"""`python -m tests.faults.campaign`: the fault campaign, its table, and a file of it."""

import argparse
import json
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn

from rich.console import Console

from services.runtime.exits import DONE, FOUND, WrongUse, run_main
from tests.faults.breakages import BREAKAGES
from tests.faults.breakages import BY_NAME as BREAKAGES_BY_NAME
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
    directory = Path(tempfile.mkdtemp(prefix="faults-"))
    try:
        results = [_prove(plan, directory, console) for plan in chosen]
    except (KeyboardInterrupt, SystemExit):
        shutil.rmtree(directory, ignore_errors=True)
        raise
    if arguments.markdown:
        sys.stdout.write(markdown([result.rows for result in results]))
    else:
        console_of_results = Console(width=None if sys.stdout.isatty() else _WIDTH)
        console_of_results.print(table(row for result in results for row in result.rows))
    clean = all(result.clean for result in results)
    for plan, result in zip(chosen, results, strict=True):
        _tell(console, plan, result)
    took_s = (datetime.now(UTC) - began).total_seconds()
    _write(arguments, clean, began, took_s, list(zip(chosen, results, strict=True)))
    if clean:
        shutil.rmtree(directory, ignore_errors=True)
        return DONE
    console.print(f"The logs are in {directory}.")
    return FOUND


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


def _write(
    arguments: argparse.Namespace,
    clean: bool,
    began: datetime,
    took_s: float,
    campaigns: Sequence[tuple[Plan, Result]],
) -> None:
    written: dict[str, Any] = {
        "began": began.isoformat(timespec="seconds"),
        "took_s": round(took_s, 1),
        "seed": arguments.seed,
        "referrals": arguments.referrals,
        "broken": arguments.broken,
        "clean": clean,
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
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(written, indent=1) + "\n")


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    """SIGTERM as Ctrl-C: unwinds, so that no process stays."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _leave)
    try:
        sys.exit(run_main(main))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
