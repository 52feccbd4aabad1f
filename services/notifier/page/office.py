"""What a person or a program may do here: answer, test a desk's channels, enable an endpoint. Blocking."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from services.notifier import outbox, store
from services.notifier.compose import tried_group
from services.notifier.database import Database
from services.notifier.figures import Figures
from services.notifier.ladder import Answer
from services.notifier.ladders import Ladders
from services.notifier.whom import Endpoint, fingerprint, kind_of


@dataclass(frozen=True, slots=True)
class Said:
    """Status and words of an answer; `document` for programs."""

    status: HTTPStatus
    words: str
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Office:
    """`wake`: told of endpoints that have something new; `look`: has the outbox looked at anew."""

    database: Database
    ladders: Ladders
    figures: Figures
    wake: Callable[[Iterable[Endpoint]], None]
    look: Callable[[], None]

    def unknown(self, desk: str) -> Said | None:
        """What is said of a desk that nobody knows. One that was taken out of the configuration is known for as long
        as something is kept of it.
        """
        if desk in self.ladders.whom.by_desk:
            return None
        with self.database.reading() as connection:
            known = store.has_groups(connection, desk)
        return None if known else _said(HTTPStatus.NOT_FOUND, "No such desk.", desk=desk)

    def acknowledge(self, group: str, covers: int | None) -> Said:
        """Somebody has it in hand, up to a notice; without a number up to the newest."""
        with self.database.transaction() as connection:
            came = self.ladders.answer(connection, group, covers, _now_ms())
        if came is None:
            return self.unknown(group.partition("/")[0]) or _said(
                HTTPStatus.NOT_FOUND, "There is no such group, or it ended long ago.", group=group
            )
        answer, through = came
        if answer is Answer.TAKEN:
            with self.figures.lock:
                self.figures.acknowledged[group.partition("/")[0]] += 1
                self.figures.version += 1
            self.look()
        status, words = _ANSWERS[answer]
        return _said(status, words, group=group, covers=through, result=answer.value)

    def test(self, desk: str) -> Said:
        """A marked message to each channel of the desk, through the outbox like any other."""
        if not self.ladders.whom.notify(desk).channels:
            words = f"No channel is configured for {desk}: nobody is told."
            return self.unknown(desk) or _said(HTTPStatus.NOT_FOUND, words, desk=desk)
        with self.database.transaction() as connection:
            endpoints = self.ladders.test(connection, desk, _now_ms())
        self.wake(endpoints)
        return self.tested(desk)

    def tested(self, desk: str) -> Said:
        """What came of the newest test so far. What is disabled gets none until it is enabled."""
        channels = self.ladders.whom.notify(desk).channels
        with self.database.reading() as connection:
            disabled = store.read_disabled(connection)
            found = [
                {"channel": name, "kind": kind_of(channel), "sequence": row.number, "state": row.state,
                 "tries": row.tries, "code": row.code,
                 "disabled": disabled.get(Endpoint(desk, name)) == fingerprint(channel)}
                for name, channel in channels.items()
                for row in outbox.read_group(connection, tried_group(desk, name))
            ]  # fmt: skip
        return _said(HTTPStatus.OK, "", desk=desk, channels=found)

    def enable(self, desk: str, channel: str) -> Said:
        """What was disabled is tried again."""
        channels = self.ladders.whom.notify(desk).channels
        if channel not in channels:
            there = f"There is {', '.join(channels)}." if channels else "It has none."
            words = f"{desk} has no channel of that name. {there}"
            return self.unknown(desk) or _said(HTTPStatus.NOT_FOUND, words, desk=desk, channel=channel)
        with self.database.transaction() as connection:
            was = store.enable(connection, Endpoint(desk, channel))
        if not was:
            return _said(HTTPStatus.NOT_FOUND, "That endpoint is not disabled.", desk=desk, channel=channel)
        self.look()
        return _said(HTTPStatus.OK, "It is tried again.", desk=desk, channel=channel)


_ANSWERS = {
    Answer.TAKEN: (HTTPStatus.OK, "Thank you: nobody else is told of it. What comes after it is told anew."),
    Answer.BEFORE: (HTTPStatus.OK, "Somebody had answered this before."),
    Answer.OVER: (HTTPStatus.GONE, "It is over: all of it was looked at, or its cause has gone."),
    Answer.AHEAD: (HTTPStatus.CONFLICT, "It names a notice that has not come: use the number of a message."),
}


def _said(status: HTTPStatus, words: str, **document: Any) -> Said:
    return Said(status, words, document | ({"message": words} if words else {}))


def _now_ms() -> int:
    return int(time.time() * 1000)
