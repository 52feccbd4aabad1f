"""What the outbox holds goes out some at a time, while what comes is read: nothing waits for the broker's answer.

A topic that refuses a message is tried apart from then on, by a producer of its own, until it has taken all that it was
tried with: a right that is missing for one partner's topic holds up no notice.
"""

import time
from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import Engine

from services.ledger import queries
from services.ledger.database import writing
from services.ledger.publisher import Publisher
from services.ledger.saying import Message
from services.runtime.log import Event, Name, logger

PAUSE_S: Final = 0.05
SENT: Final = 10_000
"""Messages on their way at once."""
TRIED: Final = 100
"""Messages of each topic that refused some, when it is tried again."""
TRY_S: Final = 0.5
LAST_S: Final = 2.0
"""How long an ordered stop waits for the broker's answer; what it does not wait for is sent again."""

log = logger()


class _Answer(NamedTuple):
    """The rows that the broker took, the topics that took all of theirs, and those that did not."""

    taken: Sequence[int]
    whole: set[str]
    refusing: set[str]


class _Lane:
    """Rows on their way by one producer; others follow once the broker has taken or refused each."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._rows: Sequence[tuple[int, Message]] = ()
        self.due_s = 0.0

    @property
    def free(self) -> bool:
        """Whether more can be sent now."""
        return not self._rows and time.monotonic() >= self.due_s

    def send(self, rows: Sequence[tuple[int, Message]], pause_s: float) -> None:
        self.due_s = time.monotonic() + pause_s
        self._publisher.send(rows)
        self._rows = rows

    def answer(self, wait_s: float = 0.0) -> _Answer | None:
        """None where nothing is on its way, or there is no answer to it yet."""
        if not self._rows or (taken := self._publisher.answer(wait_s)) is None:
            return None
        rows, self._rows = self._rows, ()
        refusing: set[str] = set()
        if len(taken) < len(rows):
            known = set(taken)
            refusing = {said.topic for number, said in rows if number not in known}
        return _Answer(taken, {said.topic for _, said in rows} - refusing, refusing)


class Outgoing:
    """Of one session. A row is deleted once the broker has acknowledged its message. `apart`: for what refuses some."""

    def __init__(self, engine: Engine, epoch: int, publisher: Publisher, apart: Publisher) -> None:
        self._engine = engine
        self._epoch = epoch
        self._common, self._apart = _Lane(publisher), _Lane(apart)
        self._refusing: set[str] = set()
        self._after = 0
        """The row up to which the outbox holds only what is of topics that refuse some: they need not be passed again.

        SQLite gives the number of the last row anew once that is deleted, so it is one of a row that stays.
        """
        self._is_there = True

    def expect(self, messages: Sequence[object]) -> None:
        """These are stored."""
        self._is_there = self._is_there or bool(messages)

    def turn(self) -> None:
        """Take in the broker's answer, and send what is there where nothing is on its way."""
        self._take_in()
        if self._is_there and self._common.free:
            with self._engine.connect() as connection:
                rows = queries.unsent(connection, SENT, self._after, self._refusing)
            self._is_there = bool(rows)
            if rows and self._refusing:
                self._after = rows[0][0] - 1
            self._common.send(rows, PAUSE_S)
        if self._refusing and self._apart.free:
            with self._engine.connect() as connection:
                tried = [queries.unsent_of(connection, topic, TRIED) for topic in sorted(self._refusing)]
            self._apart.send([row for rows in tried for row in rows], TRY_S)

    def end(self) -> None:
        """Before an ordered stop."""
        self._take_in(LAST_S)

    def _take_in(self, wait_s: float = 0.0) -> None:
        if (answer := self._common.answer(wait_s)) is not None:
            self._delete(answer)
            for topic in answer.refusing - self._refusing:
                log.warning(Event.MESSAGES_REFUSED, topic=Name(topic))
            self._refusing |= answer.refusing
            self._is_there = True  # more may have come
        if (answer := self._apart.answer()) is not None:
            self._delete(answer)
            self._refusing -= answer.whole
            if answer.taken:
                self._after, self._is_there = 0, True

    def _delete(self, answer: _Answer) -> None:
        if answer.taken:
            with writing(self._engine, self._epoch, int(time.time() * 1000)) as connection:
                queries.sent(connection, answer.taken)
