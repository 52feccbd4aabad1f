"""A service's database: the engine, the schema's version, and the lease: who may write. SQLite (WAL) or PostgreSQL."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, Table, create_engine, event, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError

from services.runtime.exits import CannotRun, WrongUse

LEASE_MS: Final = 5_000
"""How long a lease holds without being renewed: a standby takes over within this and one look more."""
_MIGRATING: Final = 7_462_001
"""PostgreSQL's lock for changing the schema: any number that nothing else in the database takes."""
CLUSTER: Final = "cluster"


class Deposed(Exception):  # noqa: N818 - said as it reads
    """Another process holds the lease: nothing of this transaction may be written, and nothing remembered holds."""


def connect(url: str) -> Engine:
    """An engine whose every connection is set up. WrongUse for a URL that is none of the two kinds."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise WrongUse(
            "DATABASE_URL: not a database URL; expected sqlite:///path or postgresql://user@host/name"
        ) from None
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise WrongUse(
            f"DATABASE_URL: found the kind {parsed.get_backend_name()!r}; expected sqlite:///path or postgresql://user@host/name"
        )
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed)
    return _postgresql(parsed)


def _postgresql(url: URL) -> Engine:
    """The server ends a transaction in which nothing is said for as long as the lease holds.

    A process that is paused in the middle of one has the lease's row locked: its standby would wait until it wakes.
    """
    options = url.query.get("options", ()), f"-c idle_in_transaction_session_timeout={LEASE_MS}"
    return create_engine(
        url,
        pool_pre_ping=True,
        pool_size=4,
        hide_parameters=True,
        connect_args={"options": " ".join(str(option) for option in options if option)},
    )


def _sqlite(url: Any) -> Engine:
    if url.database in (None, "", ":memory:"):
        raise WrongUse("DATABASE_URL: a database in memory would forget; expected sqlite:///path")
    Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": 15})

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: Any) -> None:
        """WAL lets the page read while the service writes. NORMAL: a power cut may undo the last transactions, whole;
        positions are undone with them, and the topics are read again from there.
        Large pages and late checkpoints: an entry is a kilobyte, and is written to the log and to the file."""
        cursor = connection.cursor()
        for pragma in (
            "page_size=8192",  # of a file that is made now; one that is there keeps its own
            "journal_mode=WAL",
            "wal_autocheckpoint=4000",
            "synchronous=NORMAL",
            "foreign_keys=ON",
            "cache_size=-65536",
            "temp_store=MEMORY",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


def migrate(engine: Engine, service: str) -> None:
    """Bring the schema of `services/<service>/migrations` to this version.

    CannotRun where the database is out of reach or newer than this program.
    """
    config = Config()
    config.set_main_option("script_location", str(files(f"services.{service}") / "migrations"))
    try:
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":  # a standby that starts beside it would make the same tables
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATING})")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except OperationalError as error:
        raise CannotRun(
            f"the {service}'s database is out of reach ({type(error.orig).__name__}): everything it keeps is there; "
            "start it, or set DATABASE_URL"
        ) from None
    except SQLAlchemyError as error:
        raise CannotRun(f"the {service}'s database cannot be used ({type(error).__name__})") from None


def remember_cluster(connection: Connection, notes: Table, service: str, cluster_id: str) -> None:
    """Positions mean something in one cluster only. CannotRun where the database belongs to another."""
    found = connection.execute(select(notes.c.value).where(notes.c.name == CLUSTER)).scalar()
    if found is None:
        connection.execute(notes.insert().values(name=CLUSTER, value=cluster_id))
    elif found != cluster_id:
        raise CannotRun(
            f"this database is the {service} of the cluster {found}, and KAFKA_BOOTSTRAP_SERVERS leads to "
            f"{cluster_id}: its positions mean nothing there; name another database with DATABASE_URL"
        )


@contextmanager
def held_alone(engine: Engine, service: str) -> Iterator[None]:
    """One process for a SQLite file, from start to end: CannotRun while another has it. PostgreSQL has the lease."""
    path = engine.url.database
    if engine.dialect.name != "sqlite" or path is None:
        yield
        return
    with Path(f"{path}.lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise CannotRun(
                f"another {service} (pid {file.read().strip() or 'unknown'}) has {path}: one at a time "
                "writes a SQLite file; end that one, or use PostgreSQL (DATABASE_URL), where a second one stands by"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


@dataclass(frozen=True, slots=True)
class Held:
    """The lease as this process has it."""

    epoch: int
    until_ms: int


def take_lease(engine: Engine, lease: Table, holder: str, now_ms: int) -> Held | None:
    """The lease, where nobody holds it now; None while somebody does. Taking it fences whoever had it before."""
    alone = engine.dialect.name == "sqlite"  # nobody else has the file: `held_alone`
    with engine.begin() as connection:
        seen = connection.execute(select(lease)).one_or_none()
        if seen is None:
            held = {"id": 1, "epoch": 1, "holder": holder, "until_ms": now_ms + LEASE_MS}
            first = (sqlite if alone else postgresql).insert(lease).values(held)
            made = first.on_conflict_do_nothing().returning(lease.c.epoch)  # several may start at once
            return Held(1, now_ms + LEASE_MS) if connection.execute(made).one_or_none() else None
        row = seen
        if row.until_ms <= now_ms and not alone:
            free = connection.execute(select(lease).with_for_update(skip_locked=True)).one_or_none()
            if free is None:
                _end_stalled(connection, lease)
                return None
            row = free
        if row.until_ms > now_ms and row.holder != holder and not alone:
            return None
        taken = connection.execute(
            lease.update()
            .where(lease.c.epoch == row.epoch)
            .values(epoch=row.epoch + 1, holder=holder, until_ms=now_ms + LEASE_MS)
        )
        return Held(row.epoch + 1, now_ms + LEASE_MS) if taken.rowcount else None


def _end_stalled(connection: Connection, lease: Table) -> None:
    """End the holder's transaction, if the server has waited for its next word for as long as a lease holds.

    Where a process stands still between two statements the server does so itself (`_postgresql`); where it does in the
    middle of one, as while it copies rows, nobody would, and its lock would keep every other process waiting.
    """
    connection.execute(
        text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity JOIN pg_locks USING (pid) "
            "WHERE relation = CAST(:lease AS regclass) AND mode = 'RowExclusiveLock' AND granted "
            "AND pid <> pg_backend_pid() AND wait_event = 'ClientRead' "
            "AND state_change < now() - make_interval(secs => :lease_s)"
        ),
        {"lease": lease.name, "lease_s": LEASE_MS / 1000},
    )


@contextmanager
def writing(engine: Engine, lease: Table, epoch: int, now_ms: int) -> Iterator[Connection]:
    """A transaction that only the holder of the lease can make; its first statement renews it. Raises Deposed.

    The row is also the lock under which everything is written: no path of the holder's can overtake another. What takes
    long renews once more at its end, or little would be left of the lease when the lock is given up.
    """
    begun_s = time.monotonic()
    with engine.begin() as connection:
        _renew(connection, lease, epoch, now_ms)
        yield connection
        taken_ms = int((time.monotonic() - begun_s) * 1000)
        if taken_ms > LEASE_MS / 5:
            _renew(connection, lease, epoch, now_ms + taken_ms)


def _renew(connection: Connection, lease: Table, epoch: int, now_ms: int) -> None:
    renewed = connection.execute(lease.update().where(lease.c.epoch == epoch).values(until_ms=now_ms + LEASE_MS))
    if not renewed.rowcount:
        raise Deposed


def give_up_lease(engine: Engine, lease: Table, epoch: int) -> None:
    """So that a standby need not wait."""
    with engine.begin() as connection:
        connection.execute(lease.update().where(lease.c.epoch == epoch).values(until_ms=0))
