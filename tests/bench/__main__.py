"""`python -m tests.bench`: the measurements one after the other, a table and a JSON file of each service."""

import argparse
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from rich.console import Console

from services.runtime.broker import Cluster
from services.runtime.exits import CANNOT_RUN, DONE, FOUND, run_main
from services.runtime.settings import KafkaSettings
from tests.bench import latency, memory, rows
from tests.bench.ledger import freshness, intake, scale
from tests.bench.ledger import rows as ledger_rows
from tests.bench.ledger.databases import databases
from tests.bench.notifier import probes, volume
from tests.bench.notifier import rows as notifier_rows
from tests.bench.race import Race
from tests.bench.rows import NAMES, Row

OUTPUT: Final = Path("var/bench")
LOGS: Final = Path("var/bench/logs")


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """What may be asked for; the defaults are what docs/performance.md tells of."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    every = (*NAMES, *ledger_rows.NAMES, *notifier_rows.NAMES)
    parser.add_argument("--only", default=",".join(every), help="rows to measure, with commas between: %(default)s")
    parser.add_argument("--records", type=int, default=400_000, help="envelopes a lap (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="laps of each contender (%(default)s)")
    parser.add_argument("--seconds", type=float, default=60, help="of the measurements of latency (%(default)s)")
    parser.add_argument("--keys", type=int, default=1_000_000, help="in the window measured (%(default)s)")
    parser.add_argument("--entries", type=int, default=10_000_000, help="waiting in a large ledger (%(default)s)")
    parser.add_argument("--notices", type=int, default=100_000, help="for the notifier, five a group (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="very few of everything: only to see it run")
    parser.add_argument("--markdown", action="store_true", help="measure nothing; print the JSON files as tables")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the JSON files' directory (%(default)s)")
    asked = parser.parse_args(given)
    asked.only = tuple(asked.only.split(","))
    if unknown := sorted(set(asked.only) - set(every)):
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(every)}")
    if asked.quick:
        asked.records, asked.rounds, asked.seconds, asked.keys, asked.entries = 5_000, 1, 3, 10_000, 50_000
        asked.notices = 3_000
    ending = "-quick" if asked.quick else ""
    asked.router, asked.ledger, asked.notifier = (
        asked.output / f"{service}{ending}.json" for service in ("router", "ledger", "notifier")
    )
    return asked


def main() -> int:
    """DONE, or FOUND when contenders that do the same work did not write the same number of records."""
    asked = arguments()
    console = Console()
    if asked.markdown:
        for file in (asked.router, asked.ledger, asked.notifier):
            if file.exists():
                print(rows.markdown(file), end="\n\n")  # noqa: T201 - to be piped
        return DONE
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(CANNOT_RUN))  # so that what was started is ended: PostgreSQL too
    problems: list[str] = []
    LOGS.mkdir(parents=True, exist_ok=True)
    if set(NAMES) & set(asked.only):
        with Cluster() as cluster:
            kafka = KafkaSettings(bootstrap_servers=cluster.bootstrap)
            _show(_measure(asked, kafka, LOGS, console, problems), asked.router, console)
    if set(ledger_rows.NAMES) & set(asked.only):
        _show(_measure_ledger(asked, LOGS, console), asked.ledger, console)
    if set(notifier_rows.NAMES) & set(asked.only):
        _show(_measure_notifier(asked, LOGS, console), asked.notifier, console)
    for problem in problems:
        console.print(f"not the same work: {problem}")
    return FOUND if problems else DONE


def _show(measured: Iterator[Row], file: Path, console: Console) -> None:
    """Write what was found, even where a later measurement could not run."""
    found: list[Row] = []
    try:
        found.extend(measured)
    finally:
        if found:
            rows.write(found, file)
            console.print(rows.table(found))


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


def _measure_ledger(asked: argparse.Namespace, logs: Path, console: Console) -> Iterator[Row]:
    """Each measurement with a broker of its own: what queues hold is read by every ledger of a cluster."""
    deploy, only = Path("deploy"), frozenset(asked.only)
    if own := intake.wanted(only):
        kinds = {kind for kind in ledger_rows.KINDS if any(name.endswith(kind) for name in own)}
        with Cluster() as cluster, databases(kinds) as places:
            kafka, start_ms = KafkaSettings(bootstrap_servers=cluster.bootstrap), int(time.time() * 1000)
            yield from intake.Intake(
                kafka, deploy, logs, places, asked.records, asked.rounds, start_ms, own, console.print
            ).measure()
    if set(ledger_rows.SCALE) & only:
        yield from scale.measure(deploy, logs, asked.entries, asked.records // 4, only, console.print)
    if set(ledger_rows.FRESH) & only:
        console.print(f"freshness: {asked.seconds:.0f} s")
        with Cluster() as cluster, TemporaryDirectory(prefix="bench-fresh-") as place:
            kafka = KafkaSettings(bootstrap_servers=cluster.bootstrap)
            yield from freshness.measure(kafka, deploy, logs, Path(place), asked.seconds)


def _measure_notifier(asked: argparse.Namespace, logs: Path, console: Console) -> Iterator[Row]:
    deploy, only = Path("deploy"), frozenset(asked.only)
    if set(notifier_rows.PROBES) & only:
        console.print(f"notice latency: {asked.seconds:.0f} s after a warm-up of {latency.SETTLED_S:.0f} s")
        yield from probes.measure(deploy, logs, asked.seconds)
    yield from volume.measure(deploy, logs, asked.notices, asked.rounds, only, console.print)


if __name__ == "__main__":
    sys.exit(run_main(main))
