"""The ledger's database: `services.runtime.database` with the ledger's own tables."""

from contextlib import AbstractContextManager
from typing import Final

from sqlalchemy import Connection, Engine, select

from services.ledger.tables import lease, notes
from services.runtime import database
from services.runtime.database import LEASE_MS, Deposed, Held, connect
from services.runtime.exits import CannotRun

__all__ = [
    "DEFAULT_URL",
    "LEASE_MS",
    "Deposed",
    "Held",
    "check_slot",
    "connect",
    "give_up_lease",
    "held_alone",
    "migrate",
    "remember_cluster",
    "remember_slot",
    "take_lease",
    "writing",
]

DEFAULT_URL: Final = "sqlite:///var/ledger.db"
SERVICE: Final = "ledger"
SLOT: Final = "slot_seconds"


def migrate(engine: Engine) -> None:
    """Bring the schema to this version. CannotRun where the database is out of reach or newer than this program."""
    database.migrate(engine, SERVICE)


def remember_cluster(connection: Connection, cluster_id: str) -> None:
    """Positions mean something in one cluster only. CannotRun where the database belongs to another."""
    database.remember_cluster(connection, notes, SERVICE, cluster_id)


def check_slot(connection: Connection, slot_ms: int) -> bool:
    """Whether the width of its slots is remembered. CannotRun where it is another: every tally kept would be wrong."""
    found = connection.execute(select(notes.c.value).where(notes.c.name == SLOT)).scalar()
    if found is not None and int(found) != slot_ms // 1000:
        raise CannotRun(
            f"this database counts by spans of {found} s and REFERRAL_LEDGER_SLOT_SECONDS is {slot_ms // 1000}: the "
            f"width is fixed for the life of a database; set it to {found}, or name another database with DATABASE_URL"
        )
    return found is not None


def remember_slot(connection: Connection, slot_ms: int) -> bool:
    """Fix the width of its slots, at its first start: True then. CannotRun where it was fixed to another."""
    if check_slot(connection, slot_ms):
        return False
    connection.execute(notes.insert().values(name=SLOT, value=str(slot_ms // 1000)))
    return True


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
