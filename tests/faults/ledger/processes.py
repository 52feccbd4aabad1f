"""Ledger processes, and what one of them holds: its metrics by HTTP, its tables by SQL. Nothing of its code."""

import sys
import time
import urllib.request
from collections import Counter, defaultdict
from contextlib import suppress
from typing import Any, Final

from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from tests.faults.ledger.reckoning import Key
from tests.faults.ledger.verdict import Held
from tests.faults.routers import RouterProcess

PROGRAM: Final = (sys.executable, "-m", "services.ledger")
Metrics = dict[tuple[str, ...], float]


class LedgerProcess(RouterProcess):
    """A ledger where a router would run: the same life, and figures to ask for."""

    def metrics(self) -> Metrics:
        """Every sample: its name and its labels' values, in their order. Empty while it does not answer."""
        port = self._port()
        if port is None or not self.running:
            return {}
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                page = answer.read().decode()
        except OSError:
            return {}
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
        }

    def value(self, name: str) -> float | None:
        """One metric without labels, without reading the rest; None while it does not answer."""
        port = self._port()
        with suppress(OSError):
            if port is not None and self.running:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                    for line in answer:
                        if line.startswith(name.encode() + b" "):
                            return float(line.split()[1])
        return None

    @property
    def active(self) -> bool:
        """Whether it says that it holds the lease."""
        return self.value("referral_ledger_active") == 1

    def said(self, event: str) -> int:
        """How often its log has this event, over all its lives."""
        return self.log_file.read_text().count(f'"{event}"') if self.log_file.exists() else 0


def sqlalchemy_url(url: str) -> str:
    """As SQLAlchemy takes it: with the driver's name."""
    return url.replace("postgresql://", "postgresql+psycopg://")


def unsent(url: str) -> int | None:
    """Rows of the outbox; None where the database does not answer."""
    engine = create_engine(sqlalchemy_url(url))
    try:
        with engine.connect() as connection:
            return int(connection.execute(text("SELECT count(*) FROM outbox")).scalar_one())
    except OperationalError:
        return None
    finally:
        engine.dispose()


def held(url: str, metrics: Metrics) -> Held:
    """What its tables hold now."""
    entries: dict[Key, dict[str, Any]] = {}
    places: defaultdict[Key, list[int]] = defaultdict(list)
    counters: Counter[tuple[str, str, str]] = Counter()
    tallies: Counter[tuple[str, str, str, int]] = Counter()
    rejected: Counter[str] = Counter()
    engine = create_engine(sqlalchemy_url(url))
    with engine.connect() as connection:
        for row in connection.execute(text("SELECT * FROM entries")):
            found = dict(row._mapping)
            del found["envelope"]
            found["withdrawn"], found["unlooked"] = bool(found["withdrawn"]), bool(found["unlooked"])
            entries[row.partner, row.report, row.desk] = found
        for row in connection.execute(text("SELECT key, place FROM events ORDER BY place")):
            partner, report, desk = row.key.split(":")
            places[partner, report, desk].append(row.place)
        for row in connection.execute(text("SELECT name, desk, code, number FROM counters")):
            counters[row.name, row.desk, row.code] += row.number
        for row in connection.execute(text("SELECT * FROM tallies")):
            if row.kind == "rejected":
                rejected[row.desk] += row.number
            else:
                tallies[row.kind, row.desk, row.lane, row.slot] += row.number
        left = int(connection.execute(text("SELECT count(*) FROM outbox")).scalar_one())
    engine.dispose()
    return Held(entries, places, tallies, counters, rejected, metrics, left)


def wait_until(condition: Any, patience_s: float, every_s: float = 0.1) -> bool:
    """Whether it came true in time."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(every_s)
    return False
