"""Fresh databases of both kinds, copies of one, and how large they are."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from sqlalchemy import create_engine, text

from services.ledger.database import connect
from services.runtime.exits import CannotRun
from tests import postgresql
from tests.bench.ledger.rows import POSTGRESQL, SQLITE

_TABLES: Final = "SELECT sum(pg_total_relation_size(relid)) FROM pg_catalog.pg_statio_user_tables"


class Databases:
    """Names stand for databases of a kind; all are gone in the end."""

    def __init__(self, directory: Path, server: str | None) -> None:
        self._directory = directory
        self._server = server

    def fresh(self, kind: str, name: str) -> str:
        """The URL of one that is empty."""
        if kind == SQLITE:
            return f"sqlite:///{self._file(name)}"
        self._ask(f"CREATE DATABASE {name}")
        return self._url(name)

    def copy(self, kind: str, source: str, name: str) -> str:
        """The URL of one that holds what `source` holds; nobody may be connected to that."""
        if kind == SQLITE:
            self._settle(source)
            shutil.copyfile(self._file(source), self._file(name))
            return f"sqlite:///{self._file(name)}"
        self._ask(f"CREATE DATABASE {name} TEMPLATE {source}")
        return self._url(name)

    def drop(self, kind: str, name: str) -> None:
        """Give its space back."""
        if kind == SQLITE:
            for ending in ("", "-wal", "-shm", ".lock"):
                Path(f"{self._file(name)}{ending}").unlink(missing_ok=True)
        else:
            self._ask(f"DROP DATABASE {name} WITH (FORCE)")

    def size(self, kind: str, name: str) -> int:
        """Bytes with all indices: SQLite's file after a checkpoint; PostgreSQL's relations."""
        if kind == SQLITE:
            self._settle(name)
            return self._file(name).stat().st_size
        engine = connect(self._url(name))
        with engine.connect() as connection:
            found = int(connection.execute(text(_TABLES)).scalar_one())
        engine.dispose()
        return found

    def _settle(self, name: str) -> None:
        engine = connect(f"sqlite:///{self._file(name)}")
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all()
        engine.dispose()

    def _file(self, name: str) -> Path:
        return self._directory / f"{name}.db"

    def _url(self, name: str) -> str:
        assert self._server is not None  # asked for only where there is one
        return f"{self._server.rpartition('/')[0]}/{name}"

    def _ask(self, statement: str) -> None:
        assert self._server is not None  # as above
        url = self._server.replace("postgresql:", "postgresql+psycopg:")
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
        engine.dispose()


@contextmanager
def databases(kinds: set[str]) -> Iterator[Databases]:
    """A place for both kinds. CannotRun where PostgreSQL is asked for and is not installed."""
    with ExitStack() as ends:
        server = None
        if POSTGRESQL in kinds:
            if postgresql.binaries() is None:
                raise CannotRun(f"{postgresql.MISSING.split(':')[0]}; or leave its rows out with --only")
            server = ends.enter_context(postgresql.server(durable=True))
        yield Databases(Path(ends.enter_context(TemporaryDirectory(prefix="bench-ledger-"))), server)
