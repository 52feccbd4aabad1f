"""Tallies that fell to zero go: one that is absent says the same, and a start reads all that are there."""

from typing import Final

from sqlalchemy import Connection, delete, select, tuple_

from services.ledger.tables import tallies
from services.ledger.tally import TallyKey

PASSED: Final = 20_000
"""Tallies that are looked at in one transaction: some hundredths of a second."""
_COLUMNS: Final = tuple(tallies.c[name] for name in TallyKey._fields)
_KEY: Final = tuple_(*_COLUMNS)
_START: Final = TallyKey("", "", "", 0)


class Emptied:
    """Goes round the tallies in the order of their key, some at a time."""

    def __init__(self) -> None:
        self._after = _START

    def forget(self, connection: Connection) -> None:
        """Of the next ones, those that are zero; in a transaction in which nobody else counts."""
        ahead = self._after < _KEY
        last = connection.execute(
            select(*_COLUMNS).where(ahead).order_by(*_COLUMNS).offset(PASSED - 1).limit(1)
        ).one_or_none()
        zero = delete(tallies).where(ahead, tallies.c.number == 0)
        connection.execute(zero if last is None else zero.where(tuple(last) >= _KEY))
        self._after = _START if last is None else TallyKey(*last)
