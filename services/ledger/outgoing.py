"""What the outbox holds goes out some at a time, while what comes is read: nothing waits for the broker's answer."""

import time
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Engine

from services.ledger import queries
from services.ledger.database import writing
from services.ledger.publisher import Publisher

PAUSE_S: Final = 0.05
SENT: Final = 10_000
"""Messages on their way at once."""
LAST_S: Final = 2.0
"""How long an ordered stop waits for the broker's answer; what it does not wait for is sent again."""


class Outgoing:
    """Of one session. A row is deleted once the broker has acknowledged its message."""

    def __init__(self, engine: Engine, epoch: int, publisher: Publisher) -> None:
        self._engine = engine
        self._epoch = epoch
        self._publisher = publisher
        self._is_there = True
        self._sending = 0
        """How many are on their way."""
        self._due_s = 0.0

    def expect(self, messages: Sequence[object]) -> None:
        """These are stored."""
        self._is_there = self._is_there or bool(messages)

    def turn(self) -> None:
        """Take in the broker's answer, and send what is there where nothing is on its way."""
        if self._sending:
            self._take_in(self._publisher.answer())
        if self._is_there and not self._sending and time.monotonic() >= self._due_s:
            self._due_s = time.monotonic() + PAUSE_S
            with self._engine.connect() as connection:
                rows = queries.unsent(connection, SENT)
            self._is_there = bool(rows)
            self._publisher.send(rows)
            self._sending = len(rows)

    def end(self) -> None:
        """Before an ordered stop."""
        if self._sending:
            self._take_in(self._publisher.answer(LAST_S))

    def _take_in(self, acknowledged: Sequence[int] | None) -> None:
        if acknowledged is None:
            return
        with writing(self._engine, self._epoch, int(time.time() * 1000)) as connection:
            queries.sent(connection, acknowledged)
        self._is_there = True  # more may have come, or not all was acknowledged
        self._sending = 0
