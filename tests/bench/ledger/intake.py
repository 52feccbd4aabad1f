"""What a ledger takes in a second: entries from full queues, then status events over them; on both databases."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from sqlalchemy import select

from services.ledger import tables
from services.ledger.database import connect
from services.runtime.settings import KafkaSettings
from tests.bench.ledger import bare, rows
from tests.bench.ledger.databases import Databases
from tests.bench.ledger.filling import fill, new_reports, speak
from tests.bench.ledger.process import LedgerProcess, Progress, reported, taken_in, watch
from tests.bench.ledger.rows import BARE, BYTES, INTAKE, INTAKE_RSS, KINDS, SQLITE, STATUS, barred, of_kind
from tests.bench.rows import Row, ratio_name
from tests.bench.stage import Stage, stage

PARTITIONS: Final = 4
SMALL_PART: Final = 4
"""The first so manieth of the records is taken in by itself: memory must not depend on how many there were."""


@dataclass(frozen=True, slots=True)
class Lap:
    """One ledger's way through its topics."""

    rate: float
    """Records a second, from taking over to the last one committed."""
    cpu_us: float
    """Its own processor time a record, its start included."""
    office_s: float
    """From the start of the process until it had taken over."""
    rss_mib: float


@dataclass(slots=True)
class Intake:
    """Laps by row, databases in turn: forwards in one round, backwards in the next."""

    kafka: KafkaSettings
    deploy: Path
    logs: Path
    databases: Databases
    count: int
    rounds: int
    start_ms: int
    only: frozenset[str]
    tell: Callable[[str], None]
    laps: dict[str, list[Lap]] = field(default_factory=dict)
    bare: dict[str, list[float]] = field(default_factory=dict)

    def measure(self) -> Iterator[Row]:
        """Every row that is asked for."""
        with stage(self.kafka, self.deploy, "bench-ledger", PARTITIONS) as own:
            stream = new_reports(own, self.start_ms)
            part = self.count // SMALL_PART
            written = fill(own, self.logs / "ledger-router-1.log", stream, part)
            small = None
            if INTAKE_RSS in self.only:
                small = self._lap(own, "small", self.databases.fresh(SQLITE, "small"), taken_in, written)
                self.databases.drop(SQLITE, "small")
            small_part = written
            written += fill(own, self.logs / "ledger-router-2.log", stream, self.count - part)
            self._run(own, written)
            of = f"{written:,} entries, {own.shape}, one ledger process"
            yield from self._intake_rows(of)
            if small is not None:
                yield from self._memory_rows(small, small_part, written)
            yield from self._byte_rows(written)
            said = self._speak(own)
            yield from self._status_rows(f"{said:,} events looked, taken_up, closed over {of}")

    def _kinds(self, *wanted: str) -> list[str]:
        return [kind for kind in KINDS if any(of_kind(row, kind) in self.only for row in wanted)]

    def _run(self, own: Stage, written: int) -> None:
        """All laps of intake; the last database of each kind stays, under the kind's name."""
        kinds = self._kinds(INTAKE, BARE, STATUS, BYTES)
        if INTAKE_RSS in self.only and SQLITE not in kinds:
            kinds = [SQLITE, *kinds]
        for number in range(self.rounds):
            for kind in kinds if number % 2 == 0 else reversed(kinds):
                if number:
                    self.databases.drop(kind, kind)
                url = self.databases.fresh(kind, kind)
                lap = self._lap(own, of_kind(INTAKE, kind), url, taken_in, written)
                self.laps.setdefault(of_kind(INTAKE, kind), []).append(lap)
                if of_kind(BARE, kind) in self.only:
                    rate = bare.insert(url, self.databases.fresh(kind, "bare"))
                    self.databases.drop(kind, "bare")
                    self.bare.setdefault(kind, []).append(rate)
                    self.tell(f"bare inserts, {kind}: {rate:,.0f}/s")

    def _speak(self, own: Stage) -> int:
        """What desks say of the entries, and the laps of reading it, each on a copy."""
        kinds = self._kinds(STATUS)
        if not kinds:
            return 0
        url = self.databases.copy(kinds[0], kinds[0], "heard")
        engine = connect(url)
        with engine.connect() as connection:
            table = tables.entries
            said = speak(
                own, ((row.report, row.desk) for row in connection.execute(select(table.c.report, table.c.desk)))
            )
        engine.dispose()
        self.databases.drop(kinds[0], "heard")
        for number in range(self.rounds):
            for kind in kinds if number % 2 == 0 else reversed(kinds):
                url = self.databases.copy(kind, kind, "status")
                lap = self._lap(own, of_kind(STATUS, kind), url, reported, said)
                self.laps.setdefault(of_kind(STATUS, kind), []).append(lap)
                self.databases.drop(kind, "status")
        return said

    def _lap(self, own: Stage, name: str, url: str, progress: Progress, goal: int) -> Lap:
        ledger = LedgerProcess(own, url, self.logs / f"{name}.log")
        try:
            office_s = ledger.wait_for_office()
            took_s = watch(ledger, url, progress, goal)
            lap = Lap(goal / took_s, ledger.cpu_s / goal * 1e6, office_s, ledger.peak_rss_mib)
            ledger.wait_for_end()
        finally:
            ledger.end()
        self.tell(f"{name}: {lap.rate:,.0f}/s, {lap.cpu_us:.1f} µs CPU each, peak {lap.rss_mib:.0f} MiB")
        return lap

    def _intake_rows(self, of: str) -> Iterator[Row]:
        for kind in KINDS:
            if of_kind(INTAKE, kind) in self.only:
                yield from self._rate_row(of_kind(INTAKE, kind), "entries/s", of)
            if kind in self.bare:
                rates = self.bare[kind]
                of_bare = f"the same rows by INSERT, {bare.ROWS:,} a transaction; {_spread(rates)}"
                yield Row(of_kind(BARE, kind), median(rates), "entries/s", of_bare)
                pairs = zip(self.laps[of_kind(INTAKE, kind)], rates, strict=True)
                found = [lap.rate / rate for lap, rate in pairs]
                name = ratio_name(of_kind(INTAKE, kind), of_kind(BARE, kind))
                yield Row(name, median(found), "ratio", f"{_spread(found, 2)}; bar: none")

    def _status_rows(self, of: str) -> Iterator[Row]:
        for kind in self._kinds(STATUS):
            yield from self._rate_row(of_kind(STATUS, kind), "events/s", of)

    def _rate_row(self, name: str, unit: str, of: str) -> Iterator[Row]:
        laps = self.laps[name]
        rates = [lap.rate for lap in laps]
        what = (
            f"{of}; {_spread(rates)}, {median(lap.cpu_us for lap in laps):.1f} µs of its CPU each; in office after "
            f"{median(lap.office_s for lap in laps):.1f} s, not counted"
        )
        yield Row(name, median(rates), unit, barred(name, what))

    def _memory_rows(self, small: Lap, few: int, many: int) -> Iterator[Row]:
        whole = median(lap.rss_mib for lap in self.laps[of_kind(INTAKE, SQLITE)])
        of = f"peak (VmHWM) while {many:,} entries were taken in; {small.rss_mib:.0f} with {few:,}; bar: flat"
        yield Row(INTAKE_RSS, whole, "MiB", of)

    def _byte_rows(self, entries: int) -> Iterator[Row]:
        for kind in self._kinds(BYTES):
            size = self.databases.size(kind, kind)
            of = f"a million entries with all tables and indices; measured with {entries:,}"
            yield Row(of_kind(BYTES, kind), size / entries * 1e6 / 2**20, "MiB", of)


def wanted(only: frozenset[str]) -> frozenset[str]:
    """The rows of these that this module measures."""
    return only & {INTAKE_RSS, *(of_kind(row, kind) for row in rows.BY_KIND for kind in KINDS)}


def _spread(found: list[float], digits: int = 0) -> str:
    return f"median of {len(found)} rounds ({min(found):,.{digits}f} to {max(found):,.{digits}f})"
