"""The ledger's database: `services.runtime.database` with the ledger's own tables."""

from contextlib import AbstractContextManager
from typing import Final

from sqlalchemy import Connection, Engine

from services.ledger.tables import lease, notes
from services.runtime import database
from services.runtime.database import LEASE_MS, Deposed, Held, connect

__all__ = ["DEFAULT_URL", "LEASE_MS", "Deposed", "Held", "connect", "give_up_lease", "held_alone", "migrate",
           "remember_cluster", "take_lease", "writing"]  # fmt: skip

DEFAULT_URL: Final = "sqlite:///var/ledger.db"
SERVICE: Final = "ledger"


def migrate(engine: Engine) -> None:
    """Bring the schema to this version. CannotRun where the database is out of reach or newer than this program."""
    database.migrate(engine, SERVICE)


def remember_cluster(connection: Connection, cluster_id: str) -> None:
    """Positions mean something in one cluster only. CannotRun where the database belongs to another."""
    database.remember_cluster(connection, notes, SERVICE, cluster_id)


def held_alone(engine: Engine) -> AbstractContextManager[None]:
    """One ledger for a SQLite file, from start to end: CannotRun while another has it. PostgreSQL has the lease."""
    return database.held_alone(engine, SERVICE)


def take_lease(engine: Engine, holder: str, now_ms: int) -> Held | None:
    """The lease, where nobody holds it now; None while somebody does. Taking it fences whoever had it before."""
    return database.take_lease(engine, lease, holder, now_ms)


def writing(engine: Engine, epoch: int, now_ms: int) -> AbstractContextManager[Connection]:
    """A transaction that only the holder of the lease can make; its first statement renews it. Raises Deposed."""
    return database.writing(engine, lease, epoch, now_ms)


def give_up_lease(engine: Engine, epoch: int) -> None:
    """So that a standby need not wait."""
    database.give_up_lease(engine, lease, epoch)
