"""The notifier's database: `services.runtime.database` with its own tables; on SQLite one writer at a time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Final

from sqlalchemy import Connection, Engine

from services.notifier.tables import lease
from services.runtime import database
from services.runtime.database import Held

DEFAULT_URL: Final = "sqlite:///var/notifier.db"
SERVICE: Final = "notifier"


class Database:
    """Transactions, from any thread. On SQLite they wait for each other here, and not by trying again and again."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._one_by_one = threading.Lock() if engine.dialect.name == "sqlite" else nullcontext()

    @property
    def alone(self) -> bool:
        """True where no other process can have it (`held_alone`)."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """What is stored, at one moment."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """For what any notifier may write: deliveries, answers."""
        with self._one_by_one, self.engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self, epoch: int, now_ms: int) -> Iterator[Connection]:
        """For what the holder of the lease alone may write. Raises Deposed."""
        with self._one_by_one, database.writing(self.engine, lease, epoch, now_ms) as connection:
            yield connection

    def take_lease(self, holder: str, now_ms: int) -> Held | None:
        """The lease, where nobody holds it now."""
        with self._one_by_one:
            return database.take_lease(self.engine, lease, holder, now_ms)

    def give_up_lease(self, epoch: int) -> None:
        """So that a standby need not wait."""
        with self._one_by_one:
            database.give_up_lease(self.engine, lease, epoch)
