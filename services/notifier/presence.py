"""Which notifiers live, as PostgreSQL knows it: what a dead one had claimed is then anybody's, at once.

Each holds a session's advisory lock that is named after it (PostgreSQL documentation, "Advisory Locks"), on a
connection that does nothing else. The server gives it back when that connection ends: when the process is killed, not
when it is paused. Where a host vanishes without a word the server learns of it late, and the claim's own term is what
counts. A server that began anew knows of nobody until each has spoken again; what is then sent twice bears the same id.
"""

from typing import Final

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from services.notifier.database import Database

_NOTIFIERS: Final = 1_313_820_745
"""Sets these locks apart from any others of the database."""


class Presence:
    """Of one process, in the thread that claims."""

    def __init__(self, database: Database, holder: str) -> None:
        self._database = database
        self._holder = holder
        self._connection: Connection | None = None
        self._known = False

    def show(self) -> None:
        """Before anything is claimed, and now and then: raises where the server cannot be told."""
        if self._database.alone:
            return
        try:
            if self._connection is None:
                self._connection = self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            if self._known:
                self._connection.scalar(select(1))
            else:
                taken = func.pg_try_advisory_lock(_NOTIFIERS, func.hashtext(self._holder))
                self._known = bool(self._connection.scalar(select(taken)))
        except SQLAlchemyError:
            self.end()
            raise

    def end(self) -> None:
        """What is still claimed need not be waited for."""
        connection, self._connection, self._known = self._connection, None, False
        if connection is not None:
            connection.invalidate()  # not back to the pool: there it would go on living
            connection.close()


def is_dead(connection: Connection, holder: str) -> bool:
    """Whether nobody of that name is there; asked within a transaction."""
    return bool(connection.scalar(select(func.pg_try_advisory_xact_lock(_NOTIFIERS, func.hashtext(holder)))))
