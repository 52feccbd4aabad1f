"""What ten million waiting entries cost, beside ten thousand: scrapes, pages, the start, memory. On SQLite."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from services.runtime.broker import Cluster
from services.runtime.exits import CannotRun
from services.runtime.settings import KafkaSettings
from tests.bench.ledger.building import build
from tests.bench.ledger.filling import fill, new_reports
from tests.bench.ledger.process import LedgerProcess, taken_in, watch
from tests.bench.ledger.rows import FEW, PAGE, RATIO_BARS, RSS, SCALE, SCRAPE, SCRAPE_BUSY, START, barred
from tests.bench.processes import START_S, wait_until
from tests.bench.rows import Row, ratio_name
from tests.bench.stage import Stage, stage

FEW_ENTRIES: Final = 10_000
ASKED: Final = 50
"""How often each is asked for."""
PAUSE_S: Final = 0.1
UNITS: Final = {SCRAPE: "ms", SCRAPE_BUSY: "ms", PAGE: "ms", START: "s", RSS: "MiB"}


@dataclass(frozen=True, slots=True)
class Found:
    """A row's value with this many entries, and what to say of it."""

    value: float
    of: str


def measure(
    deploy: Path, logs: Path, entries: int, envelopes: int, only: frozenset[str], tell: Callable[[str], None]
) -> Iterator[Row]:
    """The rows asked for, with many entries and with few, and what the one is of the other.

    `envelopes`: how many are routed while `SCRAPE_BUSY` is measured.
    """
    few = _measure(deploy, logs, min(FEW_ENTRIES, entries), envelopes, tell)
    many = _measure(deploy, logs, entries, envelopes, tell)
    for name in SCALE:
        if name in only:
            yield Row(name, many[name].value, UNITS[name], barred(name, many[name].of))
            yield Row(name + FEW, few[name].value, UNITS[name], few[name].of)
            ratio = many[name].value / few[name].value
            yield Row(ratio_name(name, name + FEW), ratio, "ratio", f"bar: {RATIO_BARS[name]}")


def _measure(deploy: Path, logs: Path, entries: int, envelopes: int, tell: Callable[[str], None]) -> dict[str, Found]:
    with (
        TemporaryDirectory(prefix="bench-scale-") as name,
        Cluster() as cluster,
        stage(KafkaSettings(bootstrap_servers=cluster.bootstrap), deploy, "bench-scale", 4) as own,
    ):
        file = Path(name) / "ledger.db"
        start_s = time.monotonic()
        build(file, own.configuration, own.partner.id, entries, int(time.time() * 1000), tell)
        tell(f"{entries:,} entries in {time.monotonic() - start_s:.0f} s, {file.stat().st_size / 2**20:,.0f} MiB")
        url = f"sqlite:///{file}"
        ledger = LedgerProcess(own, url, logs / f"ledger-scale-{entries}.log")
        try:
            return _ask(own, ledger, url, entries, envelopes, logs, tell)
        finally:
            ledger.end()


def _ask(
    own: Stage, ledger: LedgerProcess, url: str, entries: int, envelopes: int, logs: Path, tell: Callable[[str], None]
) -> dict[str, Found]:
    with_so_many = f"{entries:,} waiting entries at {len(own.configuration.desks.desks)} desks"
    office_s = ledger.wait_for_office()
    wait_until(lambda: ledger.ready, "the ledger caught up", START_S, ledger)
    ready_s = time.monotonic() - ledger.started_s
    if (
        waiting := int(ledger.metric("referral_entries_waiting") + ledger.metric("referral_entries_unreported"))
    ) != entries:
        raise CannotRun(
            f"the ledger shows {waiting:,} waiting entries of {entries:,}: the database is not built as it counts"
        )
    found = {
        START: Found(
            office_s, f"from process start until it took over, {with_so_many}; caught up after {ready_s:.1f} s"
        )
    }
    idle, size = _times(ledger, "/metrics")
    found[SCRAPE] = Found(median(idle), f"{with_so_many}, {size / 2**20:.1f} MiB, nothing to do; {_tail(idle)}")
    desk = own.configuration.desks.desks[0].id
    pages = {path: _times(ledger, path)[0] for path in ("/", f"/desks/{desk}", "/api/backlog")}
    slowest = max(pages, key=lambda path: median(pages[path]))
    each = ", ".join(f"{path} {median(times):.0f}" for path, times in pages.items())
    found[PAGE] = Found(median(pages[slowest]), f"the slowest of {each} ms; {with_so_many}; {_tail(pages[slowest])}")
    found[RSS] = Found(ledger.peak_rss_mib, f"peak (VmHWM) with {with_so_many}, started and asked, nothing taken in")
    busy = _busy_times(own, ledger, url, envelopes, logs)
    found[SCRAPE_BUSY] = Found(
        median(busy), f"{with_so_many}, while {envelopes:,} envelopes were routed and taken in; {_tail(busy)}"
    )
    for name, value in found.items():
        tell(f"{name}: {value.value:.1f} {UNITS[name]} {value.of}")
    return found


def _times(ledger: LedgerProcess, path: str, count: int = ASKED) -> tuple[list[float], int]:
    """Milliseconds of each answer, and the bytes of the last one."""
    took, size = [], 0
    for _ in range(count):
        start_s = time.perf_counter()
        body = ledger.get(path)
        took.append((time.perf_counter() - start_s) * 1000)
        if body is None:
            raise CannotRun(f"the ledger did not answer {path}: its own words are in {ledger.output}")
        size = len(body)
        time.sleep(PAUSE_S)
    return took, size


def _busy_times(own: Stage, ledger: LedgerProcess, url: str, envelopes: int, logs: Path) -> list[float]:
    """Scrapes from the first envelope routed to the last queue record committed."""
    took: list[float] = []
    failed: list[Exception] = []
    done = threading.Event()

    def load() -> None:
        try:
            written = fill(own, logs / "ledger-scale-router.log", new_reports(own, int(time.time() * 1000)), envelopes)
            watch(ledger, url, taken_in, written)
        except Exception as error:
            failed.append(error)
        finally:
            done.set()

    loading = threading.Thread(target=load)
    loading.start()
    try:
        engaged = ledger.written()
        while not done.is_set():
            times, _ = _times(ledger, "/metrics", 1)
            if took or ledger.written() > engaged:  # the router has begun
                took += times
    finally:
        loading.join()
    if failed:
        raise failed[0]
    return took or _times(ledger, "/metrics", 1)[0]


def _tail(times: list[float]) -> str:
    ordered = sorted(times)
    return f"of {len(times)}: p95 {ordered[int(len(ordered) * 0.95)]:.0f} ms, worst {ordered[-1]:.0f} ms"
