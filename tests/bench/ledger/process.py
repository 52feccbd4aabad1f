"""The ledger as a process, and how far it is: told by its database, which costs it less than a scrape would."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, func, select

from services.ledger import tables
from services.ledger.database import connect
from services.runtime.exits import CannotRun
from tests.bench.processes import START_S, ServiceProcess, wait_until
from tests.bench.stage import Stage

LAP_S: Final = 1_200.0
_LOOK_S: Final = 0.05


class LedgerProcess(ServiceProcess):
    """`python -m services.ledger` on one database."""

    def __init__(self, stage: Stage, url: str, output: Path) -> None:
        super().__init__("ledger", stage, {"DATABASE_URL": url}, output)

    def wait_for_office(self) -> float:
        """Return when it has taken over, and the seconds from its start until then."""
        wait_until(lambda: bool(self.events("took_over")), "the ledger in office", START_S, self)
        return time.monotonic() - self.started_s

    def wait_for_end(self) -> None:
        """Return when it has read to the end of everything, and says so. CannotRun where anything is in doubt."""
        wait_until(lambda: self.ready, "the ledger caught up", START_S, self)
        if residue := self.metric("referral_conservation_residue"):
            raise CannotRun(
                f"{residue:.0f} referrals are in doubt after an intake without faults: look into the ledger"
            )

    def written(self) -> int:
        return int(self.metric("referral_opened_total"))


Progress = Callable[[Connection], int]


def taken_in(connection: Connection) -> int:
    """Queue records that are committed, or receipts where those are fewer."""
    table = tables.streams
    found = connection.execute(select(func.sum(table.c.records), func.sum(table.c.receipts))).one()
    return min(found[0] or 0, found[1] or 0)


def reported(connection: Connection) -> int:
    """Status events that are committed."""
    table = tables.counters
    return connection.execute(select(func.sum(table.c.number)).where(table.c.name == "status")).scalar() or 0


def watch(ledger: LedgerProcess, url: str, progress: Progress, goal: int) -> float:
    """Seconds from now until the database has that much. CannotRun where it takes too long."""
    start_s = time.monotonic()
    engine = connect(url)
    try:
        while True:
            with engine.connect() as connection:
                done = progress(connection)
            now_s = time.monotonic() - start_s
            if done >= goal:
                return now_s
            ledger.require_alive()
            if now_s > LAP_S:
                raise CannotRun(f"{goal - done:,} of {goal:,} records were not taken in within {LAP_S:.0f} s")
            time.sleep(_LOOK_S)
    finally:
        engine.dispose()
