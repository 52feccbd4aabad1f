"""What the topics say, batch after batch, from a process beside this one that reads them (`services.ledger.feeder`).

The next batch is asked for as soon as one is here, so that it is read while this one is stored: never more than one
ahead. Blocking, for the thread of a session; whatever goes wrong is an exception, and another session begins anew from
the positions of the database.
"""

import contextlib
import fcntl
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from multiprocessing.connection import Connection
from typing import Final

from services.ledger.inputs import Directory, Input
from services.ledger.intake import Read, unpacked
from services.ledger.questions import Ask, Hello
from services.runtime.child import Child
from services.runtime.cluster import Place
from services.runtime.settings import KafkaSettings

WAIT_S: Final = 0.5
"""For an answer; then the session goes round once, and waits again."""
SILENT_S: Final = 20.0
"""A process that says nothing for so long is given up. It answers at least ten times a second."""
END_S: Final = 5.0
PIPE_BYTES: Final = 1 << 20
"""What every Linux lets a pipe hold; as it comes it holds a sixteenth, and each side waits for the other as often."""


class FeedFailed(RuntimeError):  # noqa: N818 - said as it reads
    """The process that reads has ended, or says nothing."""


class Feed:
    """One process, as long as a session."""

    def __init__(self, kafka: KafkaSettings, inputs: Mapping[str, Input], known: Directory) -> None:
        (questions, asked), (answered, answers) = os.pipe(), os.pipe()
        _widen(answers)
        program = [sys.executable, "-m", "services.ledger.feeder", str(questions), str(answers)]
        self._child = Child(program, output=sys.stderr.fileno(), passed=(questions, answers))
        os.close(questions)
        os.close(answers)
        self._questions: Connection[Hello | Ask, None] = Connection(asked, readable=False)
        self._answers: Connection[None, bytes] = Connection(answered, writable=False)
        try:
            with self._given_up_later():
                self._questions.send(Hello(kafka, dict(inputs), known))
        except ConnectionError:
            self.close()
            raise FeedFailed("it has ended") from None
        self._fresh: dict[Place, int | None] = {}
        self._asked_s: float | None = None
        self.reached: dict[Place, int] = {}
        """How far each partition is read and stored: the next offset that may hold something."""

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._child.alive

    def start(self, places: Iterable[Place], positions: Mapping[Place, int]) -> None:
        """Read these too, each from its position, or from its beginning where it has none."""
        for place in places:
            if place not in self.reached:
                self._fresh[place] = positions.get(place)
                self.reached[place] = positions.get(place, 0)

    def take(self, at_most: int) -> Read:
        """What came next, empty where nothing did; and asks for `at_most` records more. FeedFailed, with no hope."""
        try:
            if self._asked_s is None:
                self._ask(at_most)
            if not self._answers.poll(WAIT_S):
                self._bear()
                return Read()
            with self._given_up_later():
                content = self._answers.recv_bytes()
            found = unpacked(content)
            self._ask(at_most)
        except (EOFError, OSError):  # OSError: in the middle of an answer
            raise FeedFailed("it has ended") from None
        self.reached |= found.ends
        return found

    def past(self, positions: Mapping[Place, int]) -> None:
        """These were stored. An end met in the same batch is further on: it is behind the markers."""
        for place, offset in positions.items():
            self.reached[place] = max(offset, self.reached[place])

    def close(self) -> None:
        """It ends by itself once nobody listens."""
        self._questions.close()
        self._answers.close()
        self._child.join(END_S)

    def _ask(self, at_most: int) -> None:
        """Only while it waits for a question, so that neither waits for the other to read."""
        known = {place: offset for place, offset in self._fresh.items() if offset is not None}
        with self._given_up_later():
            self._questions.send(Ask(at_most, list(self._fresh), known))
        self._fresh.clear()
        self._asked_s = time.monotonic()

    @contextlib.contextmanager
    def _given_up_later(self) -> Iterator[None]:
        """What is said may be more than a pipe holds: of one that stands still in the middle of it no time-out is left
        but its end, upon which the pipe breaks."""
        later = threading.Timer(SILENT_S, self._child.kill)
        later.daemon = True
        later.start()
        try:
            yield
        finally:
            later.cancel()

    def _bear(self) -> None:
        assert self._asked_s is not None  # asked before it was waited for
        if time.monotonic() - self._asked_s > SILENT_S:
            self._child.kill()
            raise FeedFailed("it says nothing")


def _widen(pipe: int) -> None:
    """Where the system knows how, and has not given all it has to others."""
    size = getattr(fcntl, "F_SETPIPE_SZ", None)
    if size is not None:
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, size, PIPE_BYTES)
