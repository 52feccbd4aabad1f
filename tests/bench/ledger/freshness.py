"""How soon a desk's act shows: from the call that produces a status event to a scrape whose counter has moved."""

import re
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from confluent_kafka import Producer
from sqlalchemy import select

from services.ledger import tables
from services.ledger.database import connect
from services.runtime.exits import CannotRun
from services.runtime.kafka import librdkafka_options
from services.runtime.settings import KafkaSettings
from tests.bench.feed import feed, publish_evenly
from tests.bench.latency import SETTLED_S
from tests.bench.ledger.filling import new_reports, send
from tests.bench.ledger.process import LedgerProcess
from tests.bench.ledger.rows import FRESH_P50, FRESH_P99, barred
from tests.bench.processes import START_S, RouterProcess, wait_until
from tests.bench.race import wait_for_start
from tests.bench.rows import Row
from tests.bench.stage import Stage, stage

BACKGROUND: Final = 200
"""Envelopes a second beside it, through the router."""
EVENT_EVERY_S: Final = 0.25
SCRAPE_EVERY_S: Final = 0.1
AFTERWARDS_S: Final = 30.0
FIRST: Final = 4_000
"""Envelopes whose entries are there to be looked at before it begins."""
_LOOKED: Final = re.compile(rb'^referral_looked_total\{desk="([^"]+)",lane="[^"]+"\} (\S+)$', re.MULTILINE)


def measure(kafka: KafkaSettings, deploy: Path, logs: Path, directory: Path, seconds: float) -> Iterator[Row]:
    """p50 and p99 in ms."""
    url = f"sqlite:///{directory}/fresh.db"
    with stage(kafka, deploy, "bench-fresh", 4) as own:
        stream = new_reports(own, int(time.time() * 1000))
        router = RouterProcess(own, logs / "fresh-router.log")
        ledger = LedgerProcess(own, url, logs / "fresh-ledger.log")
        try:
            wait_for_start([router])
            ledger.wait_for_office()
            feed(own, stream, FIRST)
            wait_until(lambda: ledger.written() >= FIRST, "entries to look at", START_S, ledger, router)
            waiting = _entries(url)
            stop = threading.Event()
            load = list(islice(stream, int((SETTLED_S + seconds + AFTERWARDS_S) * BACKGROUND)))
            publishing = threading.Thread(target=publish_evenly, args=[own, load, BACKGROUND, stop, AFTERWARDS_S])
            publishing.start()
            try:
                time.sleep(SETTLED_S)
                took_ms = _look(own, ledger, waiting, seconds)
            finally:
                stop.set()
                publishing.join()
        finally:
            ledger.end()
            router.end()
    of = (
        f"{len(took_ms)} events looked in {seconds:.0f} s after a warm-up of {SETTLED_S:.0f} s, beside {BACKGROUND} "
        f"envelopes/s, SQLite, {own.shape}, "
        f"scraped every {SCRAPE_EVERY_S * 1000:.0f} ms; worst {took_ms[-1]:.0f} ms"
    )
    for name, share in ((FRESH_P50, 0.5), (FRESH_P99, 0.99)):
        yield Row(name, took_ms[min(len(took_ms) - 1, int(len(took_ms) * share))], "ms", barred(name, of))


def _entries(url: str) -> list[tuple[str, list[str]]]:
    """Desk and its waiting reports, of all desks that have some."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    engine = connect(url)
    table = tables.entries
    with engine.connect() as connection:
        for row in connection.execute(select(table.c.desk, table.c.report).where(table.c.state == "waiting")):
            found[row.desk].append(row.report)
    engine.dispose()
    return sorted(found.items())


def _look(own: Stage, ledger: LedgerProcess, waiting: list[tuple[str, list[str]]], seconds: float) -> list[float]:
    """Milliseconds of each event, in order of size. Desks in turn: how many events of one are seen tells which."""
    producer = Producer({**librdkafka_options(own.kafka), "linger.ms": 0})
    called: dict[str, list[float]] = defaultdict(list)
    shown: dict[str, int] = defaultdict(int)
    took_ms: list[float] = []
    turns = ((desk, reports[turn]) for turn in range(max(len(reports) for _, reports in waiting))
             for desk, reports in waiting if turn < len(reports))  # fmt: skip
    start_s = time.perf_counter()
    sent = 0
    while True:
        now_s = time.perf_counter() - start_s
        if now_s < seconds and now_s >= sent * EVENT_EVERY_S and (turn := next(turns, None)) is not None:
            desk, report = turn
            called[desk].append(time.perf_counter())
            send(producer, own, desk, report, "looked", {})
            sent += 1
        producer.poll(0)
        body = ledger.get("/metrics")
        seen_s = time.perf_counter()
        for desk, number in _shown(body or b"").items():
            took_ms += [(seen_s - at_s) * 1000 for at_s in called[desk][shown[desk] : number]]
            shown[desk] = number
        if now_s >= seconds and len(took_ms) >= sent:
            return sorted(took_ms)
        if now_s > seconds + AFTERWARDS_S:
            raise CannotRun(f"{sent - len(took_ms)} of {sent} status events did not show within {AFTERWARDS_S:.0f} s")
        time.sleep(SCRAPE_EVERY_S)


def _shown(body: bytes) -> dict[str, int]:
    """Looks by desk, all lanes."""
    found: defaultdict[str, int] = defaultdict(int)
    for desk, number in _LOOKED.findall(body):
        found[desk.decode()] += int(float(number))
    return found
