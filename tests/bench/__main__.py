"""`python -m tests.bench`: one broker for all, the measurements one after the other, a table and a JSON file."""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from services.runtime.broker import Cluster
from services.runtime.exits import DONE, FOUND, run_main
from services.runtime.settings import KafkaSettings
from tests.bench import latency, memory, rows
from tests.bench.race import Race
from tests.bench.rows import NAMES, Row

OUTPUT: Final = Path("var/bench/router.json")
QUICK_OUTPUT: Final = Path("var/bench/router-quick.json")
LOGS: Final = Path("var/bench/logs")


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """What may be asked for; the defaults are what docs/performance.md tells of."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", default=",".join(NAMES), help="rows to measure, with commas between: %(default)s")
    parser.add_argument("--records", type=int, default=400_000, help="envelopes a lap (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="laps of each contender (%(default)s)")
    parser.add_argument("--seconds", type=float, default=60, help="of the latency measurement (%(default)s)")
    parser.add_argument("--keys", type=int, default=1_000_000, help="in the window measured (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="very few of everything: only to see it run")
    parser.add_argument("--markdown", action="store_true", help="measure nothing; print the JSON file as a table")
    parser.add_argument("--output", type=Path, default=None, help=f"where the JSON goes ({OUTPUT})")
    asked = parser.parse_args(given)
    asked.only = tuple(asked.only.split(","))
    if unknown := sorted(set(asked.only) - set(NAMES)):
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(NAMES)}")
    if asked.quick:
        asked.records, asked.rounds, asked.seconds, asked.keys = 5_000, 1, 3, 10_000
    asked.output = asked.output or (QUICK_OUTPUT if asked.quick else OUTPUT)
    return asked


def main() -> int:
    """DONE, or FOUND when contenders that do the same work did not write the same number of records."""
    asked = arguments()
    console = Console()
    if asked.markdown:
        print(rows.markdown(asked.output))  # noqa: T201 - to be piped
        return DONE
    found: list[Row] = []
    problems: list[str] = []
    LOGS.mkdir(parents=True, exist_ok=True)
    with Cluster() as cluster:
        kafka = KafkaSettings(bootstrap_servers=cluster.bootstrap)
        found.extend(_measure(asked, kafka, LOGS, console, problems))
    rows.write(found, asked.output)
    console.print(rows.table(found))
    for problem in problems:
        console.print(f"not the same work: {problem}")
    return FOUND if problems else DONE


def _measure(
    asked: argparse.Namespace, kafka: KafkaSettings, logs: Path, console: Console, problems: list[str]
) -> Iterator[Row]:
    deploy, start_ms = Path("deploy"), int(time.time() * 1000)
    only: tuple[str, ...] = asked.only
    race = Race(kafka, deploy, logs, asked.records, asked.rounds, start_ms, console.print)
    race.run([name for name in rows.RACES if name in only])
    problems += race.disagreements()
    yield from race.rows()
    if {rows.LATENCY_P50, rows.LATENCY_P99} & set(only):
        console.print(f"latency: {asked.seconds:.0f} s after a warm-up of {latency.WARM_UP_S:.0f} s")
        yield from latency.measure(kafka, deploy, logs, asked.seconds, start_ms)
    if {rows.RSS, rows.RESTORE} & set(only):
        console.print(f"memory: a window of {asked.keys:,} keys")
        yield from memory.measure(kafka, deploy, logs, asked.keys, start_ms)


if __name__ == "__main__":
    sys.exit(run_main(main))
