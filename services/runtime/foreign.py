"""Lines that other libraries log through `logging`: counted, and told rarely, without their words."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

COUNTED_ONLY: Final = (
    "Got error produce response",  # kafka.md 14: by the hundred a second while markers are written
)
"""Beginnings of templates that are never told: harmless, and too many."""
_TELL_AGAIN_S: Final = 60.0

Place = tuple[str, str, str, int]
"""Logger, level, file, line: what is told of a line, and what it is counted under."""


class ForeignLines(logging.Handler):
    """Passes the first line of each place on to `tell`, then at most one a minute, with the count so far.

    A line's arguments, and with f-strings its template, may hold payload: neither leaves here.
    """

    def __init__(
        self, tell: Callable[[logging.LogRecord, int], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._tell = tell
        self._clock = clock
        self._counts: Counter[Place] = Counter()
        self._told_at: dict[Place, float] = {}

    @property
    def counts(self) -> Mapping[Place, int]:
        """How many lines came from each place."""
        return self._counts

    def emit(self, record: logging.LogRecord) -> None:
        """Count the line; tell of it if its place has been quiet."""
        place = (record.name, record.levelname, record.filename, record.lineno)
        self._counts[place] += 1
        if isinstance(record.msg, str) and record.msg.startswith(COUNTED_ONLY):
            return
        now = self._clock()
        if now - self._told_at.get(place, -_TELL_AGAIN_S) >= _TELL_AGAIN_S:
            self._told_at[place] = now
            self._tell(record, self._counts[place])
